use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"a secret of sixteen bytes or more";
const START: Duration = Duration::from_secs(1000);

fn door() -> Door {
    Door::new([7; 32], Arc::new(|role| (role != Role::Master).then(|| SECRET.to_vec())))
}

/// A caller's side of a session.
struct Caller {
    welcome: Welcome,
    hello: Hello,
    key: SessionKey,
}

impl Caller {
    fn new(door: &Door, number: u8, secret: &[u8], now: Duration) -> Self {
        let hello = Hello { role: Role::Agent, nonce: hex(&[number; 32]) };
        let welcome = door.welcome(&hello, [number; 16], now).unwrap();
        let session = Session {
            role: hello.role,
            id: from_hex(&welcome.session).unwrap(),
            caller: [number; 32],
            callee: from_hex(&welcome.nonce).unwrap(),
        };
        Self { key: SessionKey::of(secret, &session), welcome, hello }
    }

    fn call(&self, number: u64, body: &str) -> Call {
        Call {
            role: self.hello.role,
            nonce: self.hello.nonce.clone(),
            session: self.welcome.session.clone(),
            issued: self.welcome.issued,
            number,
            body: body.to_owned(),
            tag: self.key.tag_call(number, body),
        }
    }
}

fn refusal(admitted: Result<Admitted, Closed>) -> Closed {
    admitted.map(|_| ()).unwrap_err()
}

#[test]
fn calls_are_let_in_once_and_in_order() {
    let mut door = door();
    let caller = Caller::new(&door, 1, SECRET, START);
    assert_eq!(door.admit(&caller.call(1, "a"), START).unwrap().role, Role::Agent);
    assert_eq!(refusal(door.admit(&caller.call(1, "a"), START)), Closed::Replayed);
    assert!(door.admit(&caller.call(5, "b"), START).is_ok());
    assert_eq!(refusal(door.admit(&caller.call(4, "c"), START)), Closed::Replayed);
}

#[test]
fn a_hello_costs_nothing_and_a_wrong_secret_gets_nowhere() {
    let mut door = door();
    let stranger = Caller::new(&door, 1, b"another secret", START);
    assert_eq!(refusal(door.admit(&stranger.call(1, "a"), START)), Closed::Tag);
    assert!(door.sessions.is_empty());
    let master = Hello { role: Role::Master, nonce: hex(&[1; 32]) };
    assert_eq!(door.welcome(&master, [1; 16], START), Err(Closed::Role));
}

#[test]
fn what_was_said_to_one_life_is_refused_by_the_next() {
    let mut first = door();
    let call = Caller::new(&first, 1, SECRET, START).call(1, "stop job 1");
    assert!(first.admit(&call, START).is_ok());
    let mut next = Door::new([8; 32], Arc::new(|_| Some(SECRET.to_vec())));
    assert_eq!(refusal(next.admit(&call, START)), Closed::Tag);
}

#[test]
fn a_session_that_was_forgotten_never_begins_again() {
    let mut door = door();
    let call = Caller::new(&door, 1, SECRET, START).call(1, "a");
    assert!(door.admit(&call, START).is_ok());
    let later = START + IDLE;
    assert!(door.admit(&Caller::new(&door, 2, SECRET, later).call(1, "b"), later).is_ok());
    assert_eq!(door.sessions.len(), 1, "the idle one is forgotten");
    assert_eq!(refusal(door.admit(&call, later)), Closed::Over);
}

/// All in one moment, so that the one that goes for want of room is still young.
#[test]
fn a_session_that_had_to_go_for_want_of_room_never_begins_again() {
    let mut door = door();
    let one = |door: &Door, number: usize, now| {
        let hello = Hello { role: Role::User, nonce: hex(&[9; 32]) };
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let welcome = door.welcome(&hello, id, now).unwrap();
        let callee = from_hex(&welcome.nonce).unwrap();
        let key = SessionKey::of(SECRET, &Session { role: Role::User, id, caller: [9; 32], callee });
        Caller { welcome, hello, key }.call(1, "a")
    };
    let first = one(&door, 0, START);
    assert!(door.admit(&first, START).is_ok());
    let later = START + Duration::from_millis(1);
    for number in 1..=MOST {
        let call = one(&door, number, later);
        assert!(door.admit(&call, later).is_ok());
    }
    assert_eq!(door.sessions.len(), MOST);
    assert_eq!(refusal(door.admit(&first, later)), Closed::Over);
}

proptest! {
    #[test]
    fn a_call_with_anything_changed_is_refused(which in 0..6_u8, at: prop::sample::Index, number in 1..9_u64) {
        let mut door = door();
        let mut call = Caller::new(&door, 1, SECRET, START).call(number, "{\"stop\":17}");
        let flip = |text: &mut String| {
            let mut bytes = std::mem::take(text).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            *text = String::from_utf8(bytes).unwrap();
        };
        match which {
            0 => call.role = Role::User,
            1 => flip(&mut call.nonce),
            2 => flip(&mut call.session),
            3 => call.issued -= 1,
            4 => call.number += 1,
            _ => flip(&mut call.body),
        }
        prop_assert_eq!(refusal(door.admit(&call, START)), Closed::Tag);
        prop_assert!(door.sessions.is_empty());
    }
}
