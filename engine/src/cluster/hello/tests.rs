use proptest::prelude::*;

use super::*;

const US: Identity = Identity {
    processes: ProcessCount::new(3),
    workers: WorkerCount::new(2),
    process: ProcessIndex::new(0),
    fingerprint: 99,
};

const CALLER: Identity = Identity { process: ProcessIndex::new(1), ..US };

fn call() -> Hello {
    CALLER.hello(Kind::Call, ProcessIndex::new(0))
}

#[test]
fn each_difference_is_told_to_both_with_both_values() {
    let call = call();
    let cases: [(Hello, &[&str]); 5] = [
        (Hello { processes: ProcessCount::new(2), ..call }, &["-n 2", "-n 3"]),
        (Hello { workers: WorkerCount::new(4), ..call }, &["-w 4", "-w 2"]),
        (Hello { receiver: ProcessIndex::new(2), ..call }, &["takes this one for process 2"]),
        (Hello { fingerprint: 1, ..call }, &["other arguments"]),
        (Hello { sender: ProcessIndex::new(0), ..call }, &["process 0 has no business"]),
    ];
    assert_eq!(US.judge_call(&call, false), (Kind::Welcome, None));
    for (theirs, says) in cases {
        let (kind, why) = US.judge_call(&theirs, false);
        assert_eq!(kind, Kind::Refusal(Refusal::Differs));
        let why = why.unwrap();
        says.iter().for_each(|part| assert!(why.contains(part), "{why:?} lacks {part:?}"));
    }
}

#[test]
fn an_index_that_is_taken_is_refused() {
    assert_eq!(US.judge_call(&call(), true).0, Kind::Refusal(Refusal::Taken));
}

#[test]
fn a_caller_understands_each_answer() {
    let peer = ProcessIndex::new(0);
    let answer = |kind| US.hello(kind, CALLER.process);
    let never = |answer| match CALLER.judge_answer(&answer, peer) {
        Verdict::Never(why) => why,
        other => panic!("{answer:?} gives {other:?}"),
    };
    assert_eq!(CALLER.judge_answer(&answer(Kind::Welcome), peer), Verdict::In);
    assert!(never(answer(Kind::Refusal(Refusal::Taken))).contains("another process 1"));
    assert!(never(answer(Kind::Refusal(Refusal::Differs))).contains("its log"));
    let other_workers = Hello { workers: WorkerCount::new(9), ..answer(Kind::Refusal(Refusal::Differs)) };
    assert!(never(other_workers).contains("it was started with -w 9, this one with -w 2"));
    let other_index = Hello { sender: ProcessIndex::new(2), ..answer(Kind::Welcome) };
    assert!(never(other_index).contains("it is process 2"));
    assert!(matches!(CALLER.judge_answer(&call(), peer), Verdict::Again(_)), "met itself");
}

#[test]
fn strangers_are_known_by_their_first_wrong_byte() {
    assert_eq!(Hello::decode(b"G"), Err(NotHello::Stranger));
    assert_eq!(Hello::decode(b"FLTX"), Err(NotHello::Stranger));
    let mut later = call().encode();
    later[9] = 9;
    assert_eq!(Hello::decode(&later[..10]), Err(NotHello::Version(9)));
    assert!(NotHello::Version(9).describe().contains("version 9"));
    assert_eq!(Hello::decode(&farewell()), Ok(None), "cut short, but not a stranger's");
    for (at, value) in [(11, 7), (15, 1), (47, 1)] {
        let mut wrong = call().encode();
        wrong[at] = value;
        assert_eq!(Hello::decode(&wrong), Err(NotHello::Stranger), "byte {at}");
    }
}

fn hellos() -> impl Strategy<Value = Hello> {
    let kinds = prop_oneof![
        Just(Kind::Call),
        Just(Kind::Welcome),
        Just(Kind::Refusal(Refusal::Differs)),
        Just(Kind::Refusal(Refusal::Taken))
    ];
    (kinds, any::<[u32; 4]>(), any::<u64>()).prop_map(|(kind, numbers, fingerprint)| {
        let [processes, workers, sender, receiver] = numbers.map(|number| number as usize);
        Hello {
            kind,
            processes: ProcessCount::new(processes),
            workers: WorkerCount::new(workers),
            sender: ProcessIndex::new(sender),
            receiver: ProcessIndex::new(receiver),
            fingerprint,
        }
    })
}

proptest! {
    #[test]
    fn a_hello_is_read_as_it_was_said_and_only_when_it_is_whole(hello in hellos()) {
        let bytes = hello.encode();
        prop_assert_eq!(Hello::decode(&bytes), Ok(Some(hello)));
        for cut in 0..LENGTH {
            prop_assert_eq!(Hello::decode(&bytes[..cut]), Ok(None));
        }
    }

    #[test]
    fn random_bytes_are_never_a_hello(bytes in prop::collection::vec(any::<u8>(), 8..100)) {
        prop_assume!(bytes[..8] != MAGIC);
        prop_assert_eq!(Hello::decode(&bytes), Err(NotHello::Stranger));
    }
}
