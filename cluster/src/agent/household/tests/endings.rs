//! How processes come to their end, and that none is left.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{
    HANGS, OBEY, begin, end_now, end_of, household, id, is_up, log, order, order_with, settings, until, wait_for_word,
    wait_until_up, with_wish,
};
use crate::agent::FolderError;
use crate::agent::household::{HouseholdError, LogError};
use crate::ids::Memory;
use crate::job::spec::Program;
use crate::protocol::LogStream;
use crate::protocol::{HowEnded, Wish};

/// Whether a process is there and does something. One that nobody has waited for yet is gone all the same.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[test]
fn who_is_not_ordered_any_more_is_ended_and_forgotten_but_its_log_stays() {
    let (_disk, household) = household();
    let one = id(1, 1);
    household.apply(vec![order(one, Program::Model, &format!("echo here >&2; echo $$; {OBEY}"))]);
    wait_until_up(&household, one);
    wait_for_word(&household, one, "here");
    until("its number is written", || log(&household, one, LogStream::Stdout).ends_with('\n').then_some(()));
    let pid = log(&household, one, LogStream::Stdout);
    assert!(is_alive(&pid));
    household.apply(Vec::new());
    until("it is forgotten", || household.reports().is_empty().then_some(()));
    assert!(!is_alive(&pid));
    assert_eq!(log(&household, one, LogStream::Stderr), "here\n");
    let unknown = household.logs(id(9, 9), LogStream::Stderr, None, Memory(1));
    assert!(matches!(unknown, Err(LogError::Unknown(_))));
}

#[test]
fn a_drain_is_a_request_and_a_kill_is_none() {
    let (_disk, household) = household();
    let one = id(1, 1);
    // A shell looks at its traps between two commands.
    let script = "trap 'echo asked >&2' TERM; echo ready >&2; while :; do sleep 0.1; done";
    let wanted = order(one, Program::Model, script);
    household.apply(vec![wanted.clone()]);
    wait_for_word(&household, one, "ready");
    household.apply(with_wish(&wanted, Wish::Drain));
    wait_for_word(&household, one, "asked");
    household.apply(with_wish(&wanted, Wish::Drain));
    assert!(is_up(&household, one));
    household.apply(with_wish(&wanted, Wish::Kill));
    let (how, last_lines) = end_of(&household, one);
    assert_eq!(how, HowEnded::Ordered);
    assert_eq!(last_lines.iter().filter(|line| *line == "asked").count(), 1, "asked once: {last_lines:?}");
}

#[test]
fn a_process_that_ends_by_another_hand_says_so() {
    let (_disk, household) = household();
    household.apply(vec![order(id(1, 1), Program::Model, "kill -9 $$"), order(id(2, 1), Program::Train, "exit 6")]);
    assert_eq!(end_of(&household, id(1, 1)).0, HowEnded::Signal(9));
    assert_eq!(end_of(&household, id(2, 1)).0, HowEnded::Code(6));
}

#[test]
fn a_newer_generation_takes_the_place_of_the_older_one() {
    let (_disk, household) = household();
    let (old, new) = (id(1, 1), id(1, 2));
    let first = order(old, Program::Model, &format!("trap '' TERM; {OBEY}"));
    household.apply(vec![first.clone()]);
    wait_until_up(&household, old);
    household.apply(vec![first, order(new, Program::Model, OBEY)]);
    wait_until_up(&household, new);
    assert_eq!(end_of(&household, old).0, HowEnded::Ordered);
}

#[test]
fn a_process_that_uses_too_much_memory_is_ended() {
    let (_disk, household) = household();
    let one = id(1, 1);
    let script = format!(
        "x=xxxxxxxx; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do x=$x$x; done; {OBEY}"
    );
    let limit = Memory(48 << 20);
    household.apply(vec![order_with(one, Program::Train, &script, |spec| spec.memory = limit)]);
    let (HowEnded::TooMuchMemory { used, limit: told }, _) = end_of(&household, one) else {
        panic!("it may not end so")
    };
    assert!(used > limit && told == limit, "{used}");
}

#[test]
fn what_a_process_leaves_behind_ends_with_it() {
    let (_disk, household) = household();
    let one = id(1, 1);
    household.apply(vec![order(one, Program::Model, "sleep 1000 & echo $!; exit 0")]);
    assert_eq!(end_of(&household, one).0, HowEnded::Code(0));
    let left_behind = log(&household, one, LogStream::Stdout);
    until("it is gone", || (!is_alive(&left_behind)).then_some(()));
}

#[test]
fn a_shutdown_waits_for_those_that_end_as_they_were_asked() {
    let (_disk, household) = household();
    let one = id(1, 1);
    household.apply(vec![order(
        one,
        Program::Model,
        "trap 'echo done; exit 5' TERM; echo ready >&2; while :; do sleep 0.1; done",
    )]);
    wait_for_word(&household, one, "ready");
    household.shutdown(HANGS);
    assert_eq!(end_now(&household, one), Some(HowEnded::Code(5)));
    assert_eq!(log(&household, one, LogStream::Stdout), "done\n");
    household.shutdown(HANGS);
    household.apply(vec![order(id(2, 1), Program::Model, OBEY)]);
    assert_eq!(household.reports().len(), 1, "nothing starts any more");
}

#[test]
fn a_shutdown_ends_those_that_do_not() {
    let (_disk, household) = household();
    let one = id(1, 1);
    household.apply(vec![order(one, Program::Model, &format!("trap '' TERM; echo $$; echo ready >&2; {OBEY}"))]);
    wait_for_word(&household, one, "ready");
    household.shutdown(Duration::from_millis(1));
    assert_eq!(end_now(&household, one), Some(HowEnded::Ordered));
    assert!(!is_alive(&log(&household, one, LogStream::Stdout)));
}

#[test]
fn an_agent_that_is_dropped_leaves_no_process_and_its_folder_to_the_next() {
    let disk = tempfile::tempdir().unwrap();
    let settings = settings(disk.path());
    let first = begin(settings.clone()).unwrap();
    assert!(matches!(begin(settings.clone()), Err(HouseholdError::Folder(FolderError::InUse(_)))));
    first.apply(vec![order(id(1, 1), Program::Model, &format!("echo $$ >&2; {OBEY}"))]);
    let pid = until("it has said its number", || {
        Some(log(&first, id(1, 1), LogStream::Stderr)).filter(|pid| pid.ends_with('\n'))
    });
    drop(first);
    assert!(!is_alive(&pid));
    let second = begin(settings).unwrap();
    assert_eq!(log(&second, id(1, 1), LogStream::Stderr), pid, "the log is still there");
}

/// The folder in which [`an_agent_of_its_own`] is to work, in the environment of the process that is to be one.
const FOLDER_OF_AGENT: &str = "FLIGHTLINE_TEST_AGENT_FOLDER";

#[test]
#[ignore = "is the agent that `no_process_outlives_an_agent_that_is_killed` starts and kills"]
fn an_agent_of_its_own() {
    let disk = PathBuf::from(std::env::var_os(FOLDER_OF_AGENT).expect("only started by that test"));
    let household = begin(settings(&disk)).unwrap();
    let script = |name: &str| format!("touch {name}.here; {OBEY}; touch {name}.gone");
    household.apply(vec![
        order(id(1, 1), Program::Model, &script("one")),
        order(id(2, 1), Program::Train, &script("two")),
        order(id(3, 1), Program::Predict, &script("three")),
    ]);
    loop {
        thread::park();
    }
}

#[test]
fn no_process_outlives_an_agent_that_is_killed() {
    let disk = tempfile::tempdir().unwrap();
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "agent::household::tests::endings::an_agent_of_its_own", "--ignored"])
        .env(FOLDER_OF_AGENT, disk.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let is_there = |name: String| disk.path().join("root").join(name).exists().then_some(());
    for name in ["one", "two", "three"] {
        until("all have begun", || is_there(format!("{name}.here")));
        assert_eq!(is_there(format!("{name}.gone")), None);
    }
    agent.kill().unwrap();
    agent.wait().unwrap();
    for name in ["one", "two", "three"] {
        until("all are gone", || is_there(format!("{name}.gone")));
    }
}
