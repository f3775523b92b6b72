use proptest::prelude::*;

use super::*;
use crate::cluster::proof::NONCE_LENGTH;

const US: Identity = Identity {
    processes: ProcessCount::new(3),
    workers: WorkerCount::new(2),
    process: ProcessIndex::new(0),
    fingerprint: 99,
    generation: Some(Generation(4)),
    secured: true,
};

const CALLER: Identity = Identity { process: ProcessIndex::new(1), ..US };

const NONCE: Nonce = Nonce([0; NONCE_LENGTH]);

fn call() -> Hello {
    CALLER.hello(US.process, NONCE)
}

fn challenge() -> Hello {
    US.hello(CALLER.process, NONCE)
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
    assert_eq!(US.judge_caller(&call, false), Decision::Welcome);
    for (theirs, says) in cases {
        let decision = US.judge_caller(&theirs, false);
        let Decision::Refuse(Refusal::Differs, why) = &decision else { panic!("{decision:?}") };
        says.iter().for_each(|part| assert!(why.contains(part), "{why:?} lacks {part:?}"));
        assert_eq!(decision.ruling(), Ruling::Refusal(Refusal::Differs));
    }
}

#[test]
fn an_index_that_is_taken_is_refused() {
    assert_eq!(US.judge_caller(&call(), true).ruling(), Ruling::Refusal(Refusal::Taken));
}

#[test]
fn a_caller_understands_each_answer() {
    let peer = US.process;
    let never = |challenge: Hello, ruling| match CALLER.judge_ruling(&challenge, ruling, peer) {
        Verdict::Never(why) => why,
        other => panic!("{challenge:?} and {ruling:?} give {other:?}"),
    };
    let differs = Ruling::Refusal(Refusal::Differs);
    assert_eq!(CALLER.judge_ruling(&challenge(), Ruling::Welcome, peer), Verdict::In);
    assert!(never(challenge(), Ruling::Refusal(Refusal::Taken)).contains("another process 1"));
    assert!(never(challenge(), differs).contains("its log"));
    let other_workers = Hello { workers: WorkerCount::new(9), ..challenge() };
    assert!(never(other_workers, differs).contains("it was started with -w 9, this one with -w 2"));
    let other_index = Hello { sender: ProcessIndex::new(2), ..challenge() };
    assert!(never(other_index, Ruling::Welcome).contains("it is process 2"));
}

#[test]
fn the_lower_generation_ends_whichever_side_it_is_on() {
    let of = |generation| Identity { generation, ..CALLER };
    let later = of(Some(Generation(5)));
    assert_eq!(US.judge_caller(&later.hello(US.process, NONCE), false), Decision::Yield(Generation(5)));
    let Verdict::Again(why) = later.judge_ruling(&challenge(), Ruling::Refusal(Refusal::Generation), US.process) else {
        panic!("who is later waits for the one that belongs to it");
    };
    assert!(why.contains("generation 4") && why.contains("generation 5"), "{why}");
    for (earlier, named) in [(Some(Generation(3)), "generation 3"), (None, "no generation")] {
        let decision = US.judge_caller(&of(earlier).hello(US.process, NONCE), true);
        let Decision::Refuse(Refusal::Generation, why) = &decision else { panic!("{decision:?}") };
        assert!(why.contains(named) && why.contains("generation 4"), "{why}");
        let verdict = of(earlier).judge_ruling(&challenge(), decision.ruling(), US.process);
        assert_eq!(verdict, Verdict::Yield(Generation(4)));
    }
}

fn hellos() -> impl Strategy<Value = Hello> {
    let near = |number: usize| number.saturating_sub(1)..number + 2;
    let numbers = (near(3), near(2), 0_usize..4, 0_usize..4, 98_u64..101, 0_u64..7);
    numbers.prop_map(|(processes, workers, sender, receiver, fingerprint, generation)| Hello {
        processes: ProcessCount::new(processes),
        workers: WorkerCount::new(workers),
        sender: ProcessIndex::new(sender),
        receiver: ProcessIndex::new(receiver),
        fingerprint,
        generation: (generation > 0).then_some(Generation(generation)),
        ..call()
    })
}

proptest! {
    /// Both sides judge for themselves: a listener that lets everybody in gets nobody who differs.
    #[test]
    fn whoever_differs_is_neither_let_in_nor_goes_in(other in hellos(), taken: bool) {
        let agrees = other == Hello { sender: other.sender, ..call() } && (1..3).contains(&other.sender.get());
        prop_assert_eq!(US.judge_caller(&other, taken) == Decision::Welcome, agrees && !taken);
        let agrees = other == challenge();
        prop_assert_eq!(CALLER.judge_ruling(&other, Ruling::Welcome, US.process) == Verdict::In, agrees);
    }

    #[test]
    fn exactly_the_lower_generation_ends(ours in 0_u64..5, theirs in 0_u64..5) {
        let of = |number: u64, identity| Identity { generation: (number > 0).then_some(Generation(number)), ..identity };
        let (listener, caller) = (of(ours, US), of(theirs, CALLER));
        let decision = listener.judge_caller(&caller.hello(US.process, NONCE), false);
        let verdict = caller.judge_ruling(&listener.hello(CALLER.process, NONCE), decision.ruling(), US.process);
        prop_assert_eq!(matches!(decision, Decision::Yield(_)), ours < theirs);
        prop_assert_eq!(matches!(verdict, Verdict::Yield(_)), theirs < ours);
        prop_assert_eq!(verdict == Verdict::In && decision == Decision::Welcome, ours == theirs);
    }
}
