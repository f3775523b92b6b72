use flightline_engine::ids::ProcessCount;
use proptest::prelude::*;

use super::super::life::Place;
use super::super::spec::Program;
use super::*;
use crate::ids::{Incarnation, Moment, SpecNumber, WorkerName};
use crate::samples;

fn spec(program: Program, supervise: bool) -> JobSpec {
    JobSpec { supervise, ..samples::spec(program, &[]) }
}

fn life(ends: impl IntoIterator<Item = End>) -> Life {
    let place = |(at, end): (usize, End)| Place {
        worker: WorkerName(format!("worker-{at}").into()),
        incarnation: Incarnation(1),
        host: "host".to_owned(),
        port: 7100,
        end: Some(end),
        stages: Vec::new(),
    };
    let places = ends.into_iter().enumerate().map(place).collect();
    Life { number: Generation(3), spec: SpecNumber(1), started: Moment(0), up_since: None, ended: None, places }
}

fn seen(how: HowEnded) -> End {
    End::Seen {
        how,
        last_lines: vec!["a line".to_owned(), "error: the last words".to_owned(), " ".to_owned()],
        ledger: None,
        model: None,
    }
}

fn code(exit: Exit) -> End {
    seen(HowEnded::Code(exit.code()))
}

fn lost() -> End {
    End::Lost { why: "it was not heard for 5 s".to_owned() }
}

fn follows(program: Program, supervise: bool, ends: impl IntoIterator<Item = End>) -> Verdict {
    verdict(&spec(program, supervise), &life(ends))
}

#[test]
fn what_ends_well_is_done_unless_it_should_run_for_ever() {
    assert_eq!(follows(Program::Train, false, [code(Exit::Ok), code(Exit::Ok)]), Verdict::Completed);
    assert!(matches!(follows(Program::Predict, true, [code(Exit::Ok)]), Verdict::Again { .. }));
}

#[test]
fn mistakes_are_not_tried_again_and_accidents_are() {
    for exit in [Exit::Usage, Exit::BadInput, Exit::DamagedModel, Exit::Differs] {
        let Verdict::Failed { why } = follows(Program::Predict, true, [code(exit)]) else {
            panic!("{exit:?} is tried again")
        };
        assert!(why.contains("predict on worker-0") && why.ends_with("): the last words"), "{why}");
    }
    let accidents =
        [code(Exit::Storage), code(Exit::ClusterStart), code(Exit::PeerLost), seen(HowEnded::Signal(9)), lost()];
    for end in accidents {
        assert!(matches!(follows(Program::Train, false, [end.clone()]), Verdict::Again { .. }), "{end:?}");
    }
    assert!(matches!(follows(Program::Train, false, [code(Exit::Bug)]), Verdict::Failed { .. }));
    assert!(matches!(follows(Program::Predict, true, [code(Exit::Bug)]), Verdict::Again { .. }));
    assert!(
        matches!(follows(Program::Model, false, [code(Exit::Storage)]), Verdict::Failed { .. }),
        "a tool says it again"
    );
}

#[test]
fn the_cause_is_told_and_not_what_followed_from_it() {
    let ends = [code(Exit::PeerLost), seen(HowEnded::Ordered), seen(HowEnded::Signal(9)), code(Exit::PeerLost)];
    let Verdict::Again { why, .. } = follows(Program::Train, false, ends) else { panic!("it is not tried again") };
    assert_eq!(why, "process 2 on worker-2 was ended by signal 9");
    let ends = [code(Exit::PeerLost), code(Exit::BadInput)];
    assert!(matches!(follows(Program::Train, false, ends), Verdict::Failed { .. }));
}

#[test]
fn above_the_ledger_there_is_room_for_another_life() {
    let refused = |ledger| {
        follows(
            Program::Predict,
            true,
            [End::Seen { how: HowEnded::Code(8), last_lines: Vec::new(), ledger, model: None }],
        )
    };
    assert!(matches!(refused(Some(17)), Verdict::Again { above: Generation(17), .. }));
    assert!(matches!(refused(Some(2)), Verdict::Again { above: Generation(3), .. }));
    assert!(matches!(refused(None), Verdict::Failed { .. }));
}

#[test]
fn who_waited_ends_as_the_job_did() {
    let failed = JobState::Failed { why: "it can't".to_owned() };
    let code = |state: &JobState, ends: Vec<End>| exit_code(state, Some(&life(ends)));
    assert_eq!(code(&failed, vec![self::code(Exit::PeerLost), self::code(Exit::BadInput)]), 3);
    assert_eq!(code(&failed, vec![seen(HowEnded::Signal(11)), self::code(Exit::PeerLost)]), 139);
    assert_eq!(code(&failed, vec![lost()]), 6);
    assert_eq!(code(&JobState::Completed, vec![self::code(Exit::Ok)]), 0);
    assert_eq!(code(&JobState::Stopped, vec![self::code(Exit::Ok)]), 0);
    assert_eq!(code(&JobState::Killed, vec![seen(HowEnded::Ordered)]), 137);
    assert_eq!(exit_code(&JobState::Stopped, None), 143);
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        (0..12_u8).prop_map(|code| seen(HowEnded::Code(code))),
        Just(seen(HowEnded::Signal(11))),
        Just(seen(HowEnded::Ordered)),
        Just(lost()),
    ]
}

proptest! {
    #[test]
    fn only_what_ended_well_everywhere_is_completed(ends in prop::collection::vec(ends(), 1..6), supervise: bool) {
        let verdict = follows(Program::Train, supervise, ends.clone());
        let all_good = ends.iter().all(End::is_good);
        prop_assert_eq!(verdict == Verdict::Completed, all_good && !supervise);
        let why = why_ending(&spec(Program::Train, supervise), &life(ends));
        prop_assert_eq!(why.is_none(), all_good);
    }

    #[test]
    fn the_order_of_processes_changes_only_names(ends in prop::collection::vec(ends(), 1..6)) {
        let kind = |verdict| match verdict { Verdict::Completed => 0, Verdict::Again { .. } => 1, Verdict::Failed { .. } => 2 };
        // Of several causes the first process's counts: so one cause.
        prop_assume!(ends.iter().filter(|end| weight(end) == Weight::Cause).count() <= 1);
        let mut turned = ends.clone();
        turned.reverse();
        prop_assert_eq!(kind(follows(Program::Train, false, ends)), kind(follows(Program::Train, false, turned)));
    }
}

#[test]
fn what_is_away_is_blamed_on_nobody_that_runs_for_ever() {
    let blamed = |supervise, processes, end| {
        let spec = JobSpec { processes: ProcessCount::new(processes), ..spec(Program::Predict, supervise) };
        let Verdict::Again { blame, .. } = verdict(&spec, &life([end])) else { panic!("it is not tried again") };
        blame
    };
    for exit in [Exit::Storage, Exit::PeerLost, Exit::Ok] {
        assert_eq!(blamed(true, 1, code(exit)), Blame::Elsewhere, "{exit:?}");
    }
    assert_eq!(blamed(true, 2, code(Exit::ClusterStart)), Blame::Elsewhere, "the others may come");
    assert_eq!(blamed(true, 1, code(Exit::ClusterStart)), Blame::Itself, "a port is taken");
    assert_eq!(blamed(false, 1, code(Exit::Storage)), Blame::Itself, "what is done once says so soon");
    assert_eq!(blamed(true, 1, seen(HowEnded::Signal(11))), Blame::Itself);
    assert_eq!(blamed(true, 1, seen(HowEnded::Ordered)), Blame::Nobody);
    assert_eq!(blamed(false, 1, lost()), Blame::Nobody);
}
