use proptest::prelude::*;

use super::*;

fn call() -> Hello {
    Hello {
        processes: ProcessCount::new(3),
        workers: WorkerCount::new(2),
        sender: ProcessIndex::new(1),
        receiver: ProcessIndex::new(0),
        fingerprint: 99,
        generation: Some(Generation(4)),
        secured: true,
        nonce: Nonce([7; NONCE_LENGTH]),
    }
}

fn is_call(bytes: &[u8]) -> Result<(), NotHello> {
    check(bytes, &[Kind::Call], CALL_LENGTH)
}

#[test]
fn the_lengths_are_those_of_the_table() {
    assert_eq!((CALL_LENGTH, CHALLENGE_LENGTH, PROOF_LENGTH, VERDICT_LENGTH), (84, 116, 48, 56));
    assert_eq!(call().encode(Kind::Call).len(), CALL_LENGTH);
    assert_eq!(call().encode(Kind::Challenge).len() + TAG_LENGTH, CHALLENGE_LENGTH);
    assert_eq!(proof_head().len() + TAG_LENGTH, PROOF_LENGTH);
    assert_eq!(Ruling::Welcome.encode().len() + TAG_LENGTH, VERDICT_LENGTH);
}

/// The bytes of version 1, as it was released: each of the two must be able to name the other one.
#[test]
fn the_head_is_that_of_all_versions() {
    let first_version = *b"FLTLINE\n\0\x01\0\x01\0\0\0\x20";
    assert_eq!(is_call(&first_version), Err(NotHello::Version(1)));
    assert_eq!(farewell(), *b"FLTLINE\n\0\x02\0\x03\0\0\0\0");
}

#[test]
fn strangers_are_known_by_their_first_wrong_byte() {
    assert_eq!(is_call(b"G"), Err(NotHello::Stranger));
    assert_eq!(is_call(b"FLTX"), Err(NotHello::Stranger));
    let mut later = call().encode(Kind::Call);
    later[9] = 9;
    assert_eq!(is_call(&later[..10]), Err(NotHello::Version(9)));
    for at in [10, 11, 12, 15] {
        let mut wrong = call().encode(Kind::Call);
        wrong[at] ^= 1;
        assert_eq!(is_call(&wrong[..=at]), Err(NotHello::Stranger), "byte {at}");
    }
    let mut neither = call().encode(Kind::Call);
    neither[51] = 2;
    assert_eq!(Hello::decode(&neither), Err(NotHello::Stranger), "with a secret, without, or what?");
}

#[test]
fn a_verdict_is_read_as_it_was_said_and_nothing_else_is_one() {
    let verdicts = [Refusal::Differs, Refusal::Taken, Refusal::Generation].map(Ruling::Refusal);
    for ruling in verdicts.into_iter().chain([Ruling::Welcome]) {
        let bytes = ruling.encode();
        assert_eq!(check(&bytes, &[Kind::Welcome, Kind::Refusal], VERDICT_LENGTH), Ok(()));
        assert_eq!(Ruling::decode(&bytes), Ok(ruling));
        for bit in 0..8 * bytes.len() {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let read =
                check(&other, &[Kind::Welcome, Kind::Refusal], VERDICT_LENGTH).and_then(|()| Ruling::decode(&other));
            assert_ne!(read, Ok(ruling), "bit {bit}");
            assert!(ruling == Ruling::Welcome || read != Ok(Ruling::Welcome), "bit {bit}");
        }
    }
}

fn hellos() -> impl Strategy<Value = Hello> {
    let numbers = (any::<[u32; 4]>(), any::<u64>(), any::<u64>(), any::<bool>(), any::<[u8; NONCE_LENGTH]>());
    numbers.prop_map(|(numbers, fingerprint, generation, secured, nonce)| {
        let [processes, workers, sender, receiver] = numbers.map(|number| number as usize);
        Hello {
            processes: ProcessCount::new(processes),
            workers: WorkerCount::new(workers),
            sender: ProcessIndex::new(sender),
            receiver: ProcessIndex::new(receiver),
            fingerprint,
            generation: (generation > 0).then_some(Generation(generation)),
            secured,
            nonce: Nonce(nonce),
        }
    })
}

proptest! {
    #[test]
    fn a_hello_is_read_as_it_was_said_however_it_arrives(hello in hellos()) {
        for (kind, length) in [(Kind::Call, CALL_LENGTH), (Kind::Challenge, CHALLENGE_LENGTH)] {
            let bytes = hello.encode(kind);
            prop_assert_eq!(Hello::decode(&bytes), Ok(hello));
            for cut in 0..=bytes.len() {
                prop_assert_eq!(check(&bytes[..cut], &[kind], length), Ok(()));
            }
        }
        let without_generation = Hello { generation: None, ..hello };
        prop_assert_eq!(Hello::decode(&without_generation.encode(Kind::Call)), Ok(without_generation));
    }

    #[test]
    fn random_bytes_are_never_a_hello(bytes in prop::collection::vec(any::<u8>(), 8..100)) {
        prop_assume!(bytes[..8] != MAGIC);
        prop_assert_eq!(is_call(&bytes), Err(NotHello::Stranger));
    }
}
