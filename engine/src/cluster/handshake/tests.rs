use std::sync::atomic::{AtomicU8, Ordering};

use proptest::prelude::*;

use super::*;
use crate::cluster::hello::Refusal;
use crate::cluster::judge::Decision;
use crate::cluster::proof::NONCE_LENGTH;
use crate::ids::{ProcessCount, WorkerCount};
use crate::ledger::Generation;

const LISTENER: Identity = Identity {
    processes: ProcessCount::new(3),
    workers: WorkerCount::new(2),
    process: ProcessIndex::new(0),
    fingerprint: 99,
    generation: Some(Generation(4)),
    secured: true,
};

const CALLER: Identity = Identity { process: ProcessIndex::new(1), ..LISTENER };

/// 1, 2, 3 and so on.
#[derive(Debug, Default)]
struct Counted(AtomicU8);

impl Nonces for Counted {
    fn fresh(&self) -> io::Result<Nonce> {
        Ok(Nonce([1 + self.0.fetch_add(1, Ordering::Relaxed); NONCE_LENGTH]))
    }
}

fn ours() -> MeshSecret {
    MeshSecret::from_bytes(b"the secret of this mesh")
}

/// A side of a conversation: who it is and what it knows.
struct Side {
    us: Identity,
    secret: MeshSecret,
}

const fn side(us: Identity, secret: MeshSecret) -> Side {
    Side { us, secret }
}

/// How a conversation ended on each side, and what was said.
#[derive(Debug)]
struct Ended {
    caller: Option<Result<Verdict, Setback>>,
    listener: Option<Result<Decision, Setback>>,
    messages: Vec<Vec<u8>>,
}

impl Ended {
    fn is_in(&self) -> bool {
        matches!(self.caller, Some(Ok(Verdict::In)))
    }

    fn is_proven(&self) -> bool {
        matches!(self.listener, Some(Ok(_)))
    }
}

/// A conversation in which somebody in between has each message, by its number, before the other side hears it.
fn converse(caller: &Side, listener: &Side, nonces: &dyn Nonces, between: impl Fn(usize, &mut Vec<u8>)) -> Ended {
    let mut ended = Ended { caller: None, listener: None, messages: Vec::new() };
    let nonce = nonces.fresh().unwrap();
    let (mut calling, mut message) = Calling::begin(&caller.us, listener.us.process, &caller.secret, nonce);
    let mut reception = Reception::default();
    loop {
        between(ended.messages.len(), &mut message);
        ended.messages.push(message.clone());
        message = match reception.hear(&message, &listener.us, &listener.secret, nonces) {
            Err(setback) => {
                ended.listener = Some(Err(setback));
                return ended;
            }
            Ok(Reply::Listen) => return ended,
            Ok(Reply::Say(words)) => words,
            Ok(Reply::Decide(hello)) => {
                let decision = listener.us.judge_caller(&hello, false);
                let verdict = std::mem::take(&mut reception).verdict(decision.ruling(), &listener.secret);
                ended.listener = Some(Ok(decision));
                verdict
            }
        };
        between(ended.messages.len(), &mut message);
        ended.messages.push(message.clone());
        message = match calling.hear(&message) {
            Err(setback) => {
                ended.caller = Some(Err(setback));
                return ended;
            }
            Ok(Move::Listen) => return ended,
            Ok(Move::Say(words)) => words,
            Ok(Move::Done(verdict)) => {
                ended.caller = Some(Ok(verdict));
                return ended;
            }
        };
    }
}

fn undisturbed(caller: &Side, listener: &Side) -> Ended {
    converse(caller, listener, &Counted::default(), |_, _| {})
}

#[test]
fn two_that_know_the_secret_come_together_in_four_messages() {
    let ended = undisturbed(&side(CALLER, ours()), &side(LISTENER, ours()));
    assert!(ended.is_in() && ended.listener == Some(Ok(Decision::Welcome)), "{ended:?}");
    let lengths: Vec<usize> = ended.messages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [84, 116, 48, 56]);
}

#[test]
fn the_nonces_of_both_are_new_and_random_ones_are_asked_for_only_to_answer_a_call() {
    let nonces = Counted::default();
    let ended = converse(&side(CALLER, ours()), &side(LISTENER, ours()), &nonces, |_, _| {});
    assert_eq!((ended.messages[0][52..84].to_vec(), ended.messages[1][52..84].to_vec()), (vec![1; 32], vec![2; 32]));
    let _ = Reception::default().hear(b"GET / HTTP/1.1\r\n", &LISTENER, &ours(), &nonces);
    assert_eq!(nonces.0.load(Ordering::Relaxed), 2);
}

#[test]
fn another_secret_is_noticed_by_the_caller_and_suspected_by_the_listener() {
    let other = MeshSecret::from_bytes(b"the secret of another mesh");
    let ended = undisturbed(&side(CALLER, ours()), &side(LISTENER, other));
    assert_eq!((&ended.caller, &ended.listener), (&Some(Err(Setback::OtherSecret)), &None));
    assert!(Setback::OtherSecret.describe().contains("the same --secret-file"));
    // Who goes on all the same is found out.
    let mut reception = Reception::default();
    let mut hear = |bytes: &[u8]| reception.hear(bytes, &LISTENER, &ours(), &Counted::default());
    assert!(matches!(hear(&ended.messages[0]), Ok(Reply::Say(_))));
    let mut proof = hello::proof_head().to_vec();
    proof.extend([0; TAG_LENGTH]);
    assert!(matches!(hear(&proof), Err(Setback::OtherSecret)));
    assert_eq!(reception.suspicion(&LISTENER), Some((CALLER.process, Setback::OtherSecret)));
}

#[test]
fn one_with_a_secret_and_one_without_tell_each_other_apart() {
    for we_are_secured in [true, false] {
        let of = |us: Identity, secured| Identity { secured, ..us };
        let secret = |secured| if secured { ours() } else { MeshSecret::well_known() };
        let caller = side(of(CALLER, we_are_secured), secret(we_are_secured));
        let listener = side(of(LISTENER, !we_are_secured), secret(!we_are_secured));
        let ended = undisturbed(&caller, &listener);
        assert_eq!(ended.caller, Some(Err(Setback::OtherKind { we_are_secured })));
        let mut reception = Reception::default();
        reception.hear(&ended.messages[0], &listener.us, &listener.secret, &Counted::default()).unwrap();
        let theirs = Setback::OtherKind { we_are_secured: !we_are_secured };
        assert_eq!(reception.suspicion(&listener.us), Some((CALLER.process, theirs)));
        let both = [theirs, Setback::OtherKind { we_are_secured }].map(Setback::describe);
        assert!(both.iter().all(|text| text.contains("--insecure") && text.contains("--secret-file")), "{both:?}");
    }
}

#[test]
fn without_a_secret_the_protocol_is_the_same() {
    let of = |us: Identity| side(Identity { secured: false, ..us }, MeshSecret::well_known());
    assert!(undisturbed(&of(CALLER), &of(LISTENER)).is_in());
}

#[test]
fn every_difference_is_told_to_both() {
    let cases = [
        (Identity { processes: ProcessCount::new(2), ..CALLER }, "-n"),
        (Identity { workers: WorkerCount::new(5), ..CALLER }, "-w"),
        (Identity { fingerprint: 1, ..CALLER }, "other arguments"),
    ];
    for (caller, says) in cases {
        let ended = undisturbed(&side(caller, ours()), &side(LISTENER, ours()));
        let Some(Ok(Verdict::Never(why))) = &ended.caller else { panic!("{ended:?}") };
        assert!(why.contains(says), "{why}");
        let Some(Ok(Decision::Refuse(Refusal::Differs, why))) = &ended.listener else { panic!("{ended:?}") };
        assert!(why.contains(says), "{why}");
    }
    let later = Identity { generation: Some(Generation(9)), ..CALLER };
    let ended = undisturbed(&side(later, ours()), &side(LISTENER, ours()));
    assert_eq!(ended.listener, Some(Ok(Decision::Yield(Generation(9)))));
    assert!(matches!(ended.caller, Some(Ok(Verdict::Again(_)))), "{ended:?}");
    let earlier = Identity { generation: Some(Generation(3)), ..CALLER };
    let ended = undisturbed(&side(earlier, ours()), &side(LISTENER, ours()));
    assert_eq!(ended.caller, Some(Ok(Verdict::Yield(Generation(4)))));
    assert!(matches!(ended.listener, Some(Ok(Decision::Refuse(Refusal::Generation, _)))), "{ended:?}");
}

#[test]
fn what_was_said_on_another_connection_is_good_for_nothing() {
    let nonces = Counted::default();
    let (caller, listener) = (side(CALLER, ours()), side(LISTENER, ours()));
    let recorded = converse(&caller, &listener, &nonces, |_, _| {}).messages;
    // To a listener: the whole other side of a conversation that went well.
    let mut reception = Reception::default();
    let hear = |reception: &mut Reception, bytes: &[u8]| reception.hear(bytes, &LISTENER, &ours(), &nonces);
    assert!(matches!(hear(&mut reception, &recorded[0]), Ok(Reply::Say(_))));
    assert!(matches!(hear(&mut reception, &recorded[2]), Err(Setback::OtherSecret)));
    // To a caller.
    let (mut calling, _) = Calling::begin(&CALLER, LISTENER.process, &caller.secret, nonces.fresh().unwrap());
    assert!(matches!(calling.hear(&recorded[1]), Err(Setback::OtherSecret)));
    // A verdict of another conversation at the end of a good one.
    let ended = converse(&caller, &listener, &nonces, |number, message| {
        if number == 3 {
            message.clone_from(&recorded[3]);
        }
    });
    assert_eq!(ended.caller, Some(Err(Setback::OtherSecret)));
}

#[test]
fn what_a_side_said_itself_is_good_for_nothing() {
    let (caller, listener) = (side(CALLER, ours()), side(LISTENER, ours()));
    let ended = converse(&caller, &listener, &Counted::default(), |number, message| {
        if number == 1 {
            message.clone_from(&Calling::begin(&CALLER, LISTENER.process, &ours(), Nonce([1; NONCE_LENGTH])).1);
        }
    });
    assert_eq!(ended.caller, Some(Err(Setback::Ourselves)), "on one host, a port can be met by itself");
    // A process that calls and listens is asked, as a listener, for what it would need as a caller.
    let secret = ours();
    let (mut calling, call) = Calling::begin(&CALLER, LISTENER.process, &secret, Nonce([1; NONCE_LENGTH]));
    let mut reception = Reception::default();
    let us = Identity { process: LISTENER.process, ..CALLER };
    let Ok(Reply::Say(challenge)) = reception.hear(&call, &us, &ours(), &Counted::default()) else { panic!() };
    let Ok(Move::Say(proof)) = calling.hear(&challenge) else { panic!("an honest challenge") };
    let tag_of_challenge = challenge[challenge.len() - TAG_LENGTH..].to_vec();
    let reflected = [&proof[..proof.len() - TAG_LENGTH], &tag_of_challenge].concat();
    assert!(matches!(reception.hear(&reflected, &us, &ours(), &Counted::default()), Err(Setback::OtherSecret)));
}

#[test]
fn an_unproven_refusal_is_no_refusal() {
    let (caller, listener) = (side(CALLER, ours()), side(LISTENER, ours()));
    let mut refusal = Ruling::Refusal(Refusal::Taken).encode();
    refusal.extend([0; TAG_LENGTH]);
    for at in [1, 3] {
        let ended = converse(&caller, &listener, &Counted::default(), |number, message| {
            if number == at {
                message.clone_from(&refusal);
            }
        });
        assert!(matches!(ended.caller, Some(Err(Setback::Stranger | Setback::OtherSecret))), "{ended:?}");
    }
    let (mut calling, _) = Calling::begin(&CALLER, LISTENER.process, &caller.secret, Nonce([1; NONCE_LENGTH]));
    let mut later = hello::farewell();
    later[9] += 1;
    assert!(matches!(calling.hear(&later), Err(Setback::Version(3))));
    assert!(Setback::Version(3).describe().contains("version 3 of the cluster protocol, this one version 2"));
}

#[test]
fn a_side_wants_only_the_message_that_is_due() {
    let mut reception = Reception::default();
    assert_eq!(reception.due(), 84);
    let secret = ours();
    let (mut calling, call) = Calling::begin(&CALLER, LISTENER.process, &secret, Nonce([1; NONCE_LENGTH]));
    assert_eq!(calling.due(), 116);
    let mut hear = |bytes: &[u8]| reception.hear(bytes, &LISTENER, &ours(), &Counted::default()).unwrap();
    for byte in &call[..83] {
        assert!(matches!(hear(&[*byte]), Reply::Listen));
    }
    let Reply::Say(challenge) = hear(&call[83..]) else { panic!() };
    assert_eq!(reception.due(), 48);
    for byte in &challenge[..115] {
        assert!(matches!(calling.hear(&[*byte]), Ok(Move::Listen)));
    }
    assert!(matches!(calling.hear(&challenge[115..]), Ok(Move::Say(_))));
    assert_eq!(calling.due(), 56);
}

#[test]
fn any_flipped_bit_of_any_message_is_no_welcome() {
    let (caller, listener) = (side(CALLER, ours()), side(LISTENER, ours()));
    for (number, length) in [84, 116, 48, 56].into_iter().enumerate() {
        for bit in 0..8 * length {
            let ended = converse(&caller, &listener, &Counted::default(), |at, message| {
                if at == number {
                    message[bit / 8] ^= 1 << (bit % 8);
                }
            });
            assert!(!ended.is_in(), "bit {bit} of message {number}: {ended:?}");
            // With the last message the listener has had its say already.
            assert!(number == 3 || !ended.is_proven(), "bit {bit} of message {number}: {ended:?}");
            assert!(!matches!(ended.caller, Some(Ok(_))), "nobody is refused by it: {ended:?}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_said_in_place_of_a_message_is_no_welcome(
        number in 0_usize..4,
        (from, until) in (0_usize..116, 1_usize..117),
        garbage in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let (caller, listener) = (side(CALLER, ours()), side(LISTENER, ours()));
        let told = undisturbed(&caller, &listener).messages[number].clone();
        let changed = {
            let (from, until) = (from.min(told.len()), until.min(told.len()));
            let mut changed = told.clone();
            changed.splice(from..until.max(from), garbage);
            changed.truncate(told.len());
            changed
        };
        prop_assume!(changed != told);
        let ended = converse(&caller, &listener, &Counted::default(), |at, message| {
            if at == number {
                message.clone_from(&changed);
            }
        });
        prop_assert!(!ended.is_in());
        prop_assert!(number == 3 || !ended.is_proven());
    }

    #[test]
    fn only_the_same_secret_is_a_welcome(ours in prop::collection::vec(any::<u8>(), 16..80), theirs in prop::collection::vec(any::<u8>(), 16..80)) {
        let of = |us, secret: &[u8]| side(us, MeshSecret::from_bytes(secret));
        prop_assert!(undisturbed(&of(CALLER, &ours), &of(LISTENER, &ours)).is_in());
        // HMAC pads its key with zeros: secrets that differ in trailing ones only are one, and no text has them.
        let stripped = |secret: &[u8]| secret.iter().rposition(|byte| *byte != 0).map(|last| secret[..=last].to_vec());
        prop_assume!(stripped(&ours) != stripped(&theirs));
        let ended = undisturbed(&of(CALLER, &ours), &of(LISTENER, &theirs));
        prop_assert!(!ended.is_in() && !ended.is_proven());
    }
}
