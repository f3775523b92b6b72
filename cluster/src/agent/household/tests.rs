//! A household with real processes. The programs are all one small script, which runs the script that the order carries.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::ids::{ProcessCount, ProcessIndex};
use tempfile::TempDir;

use super::{Household, HouseholdError, LogError, Settings};
use crate::agent::log::LogLimits;
use crate::agent::{FolderError, JobSecret, Keep};
use crate::guard::Roots;
use crate::ids::{Cores, Generation, JobId, Memory, Moment, ProcessRef};
use crate::job::spec::{CarriedFile, Program};
use crate::protocol::{HowEnded, LogStream, ProcessOrder, ProcessReport, ProcessState, Wish};

/// Longer than anything takes: who waits so long hangs.
const HANGS: Duration = Duration::from_secs(120);

/// Runs until the agent's end of the cord is closed.
const OBEY: &str = "cat >/dev/null";

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < HANGS, "this never happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn settings(disk: &Path) -> Settings {
    let (root, programs) = (disk.join("root"), disk.join("programs"));
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(&programs).unwrap();
    // Another process writes them: one of ours that is being started at that moment would hold the file open for writing,
    // and what is open for writing can't be run.
    let names = Program::ALL.map(Program::name).join(" ");
    let write = format!(
        "for name in {names}; do printf '#!/bin/sh\\nfor last; do :; done\\nall=\"$*\"\\nexport all\\nexec /bin/sh \"$last\"\\n' \
         > $name; chmod 700 $name; done"
    );
    assert!(Command::new("sh").args(["-c", &write]).current_dir(&programs).status().unwrap().success());
    Settings {
        work: disk.join("work"),
        programs,
        roots: Roots::new([root]).unwrap(),
        environment: std::env::vars_os().chain([("FLIGHTLINE_TOKEN".into(), "hush".into())]).collect(),
        keep: Keep::default(),
        log: LogLimits::default(),
        look_every: Duration::from_millis(20),
    }
}

fn begin(settings: Settings) -> Result<Household, HouseholdError> {
    let secret = |job, generation| JobSecret::new(format!("the secret of {job} and {generation}"));
    Household::start(settings, secret, || Moment(0))
}

fn household() -> (TempDir, Household) {
    let disk = tempfile::tempdir().unwrap();
    let household = begin(settings(disk.path())).unwrap();
    (disk, household)
}

fn id(job: u64, generation: u64) -> ProcessRef {
    ProcessRef { job: JobId(job), generation: Generation(generation), process: ProcessIndex::new(0) }
}

fn order(id: ProcessRef, program: Program, script: &str) -> ProcessOrder {
    ProcessOrder {
        id,
        wish: Wish::Run,
        program,
        args: vec!["{carried}/run.sh".to_owned()],
        files: vec![CarriedFile { name: "run.sh".to_owned(), text: script.to_owned() }],
        cores: Cores(2),
        memory: Memory(8 << 30),
        processes: ProcessCount::new(1),
        hosts: vec!["127.0.0.1:1".to_owned()],
    }
}

fn with_wish(order: &ProcessOrder, wish: Wish) -> Vec<ProcessOrder> {
    vec![ProcessOrder { wish, ..order.clone() }]
}

fn report(household: &Household, id: ProcessRef) -> Option<ProcessReport> {
    household.reports().into_iter().find(|report| report.id == id)
}

fn is_up(household: &Household, id: ProcessRef) -> bool {
    report(household, id).is_some_and(|report| matches!(report.state, ProcessState::Up { .. }))
}

fn wait_until_up(household: &Household, id: ProcessRef) {
    until("it is up", || is_up(household, id).then_some(()));
}

fn end_of(household: &Household, id: ProcessRef) -> (HowEnded, Vec<String>) {
    until("it has ended", || match report(household, id)?.state {
        ProcessState::Ended { how, last_lines, .. } => Some((how, last_lines)),
        ProcessState::Starting { .. } | ProcessState::Up { .. } => None,
    })
}

fn log(household: &Household, id: ProcessRef, stream: LogStream) -> String {
    household.logs(id, stream, Some(0), Memory(1 << 20)).map(|piece| piece.text).unwrap_or_default()
}

fn wait_for_word(household: &Household, id: ProcessRef, word: &str) {
    until(word, || log(household, id, LogStream::Stderr).contains(word).then_some(()));
}

/// Whether a process is there and does something. One that nobody has waited for yet is gone all the same.
fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_process_gets_what_it_needs_and_nothing_is_left_of_that_but_its_log() {
    let (disk, household) = household();
    let one = ProcessRef { process: ProcessIndex::new(1), ..id(4, 2) };
    let script = "echo $all; pwd; env; cat $(dirname $0)/../hostfile $(dirname $0)/../secret; echo ready >&2; read line; \
                  echo sorry >&2; exit 3";
    let wanted = ProcessOrder {
        processes: ProcessCount::new(2),
        hosts: vec!["a:1".to_owned(), "b:2".to_owned()],
        ..order(one, Program::Train, script)
    };
    household.apply(vec![wanted]);
    wait_for_word(&household, one, "ready");
    assert!(
        matches!(report(&household, one).unwrap().state, ProcessState::Starting { .. }),
        "it has not said that it works"
    );

    let folder = disk.path().canonicalize().unwrap().join("work/job-4/generation-2/process-1");
    let [hostfile, secret, carried] = ["hostfile", "secret", "carried/run.sh"].map(|name| folder.join(name));
    assert_eq!([&folder, &folder.join("carried")].map(|path| mode(path)), [0o700; 2]);
    assert_eq!([&hostfile, &secret, &carried, &folder.join("stdout.log")].map(|path| mode(path)), [0o600; 4]);

    let said = log(&household, one, LogStream::Stdout);
    let flags = format!(
        "-w 2 -n 2 -p 1 -h {} --secret-file {} --generation 2 {}\n{}\n",
        hostfile.display(),
        secret.display(),
        carried.display(),
        disk.path().join("root").display()
    );
    assert!(said.starts_with(&flags), "{said}");
    assert!(said.ends_with("a:1\nb:2\nthe secret of 4 and 2"), "{said}");
    assert!(said.contains("\nFLIGHTLINE_CORD=stdin\n") && said.contains("\nPATH="), "{said}");
    assert!(!said.contains("hush"), "{said}");

    // It reads a line of its cord, and so gets to its end when the agent lets go of that.
    household.shared.process(one).unwrap().close();
    assert_eq!(end_of(&household, one), (HowEnded::Code(3), vec!["ready".to_owned(), "sorry".to_owned()]));
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["stderr.log", "stdout.log"]);
}

#[test]
fn what_a_process_says_of_itself_brings_it_up_and_is_kept() {
    let (_disk, household) = household();
    let one = id(1, 1);
    let stage = |done| {
        format!(
            r#"{{"stages":[{{"name":"read","unit":"rows","total":9,"done":{done},"state":"running","seconds":1.0}}]}}"#
        )
    };
    let script =
        format!("echo '{{}}' >&0; echo no telemetry >&0; echo '{}' >&0; echo '{}' >&0; {OBEY}", stage(1), stage(2));
    household.apply(vec![order(one, Program::Train, &script)]);
    wait_until_up(&household, one);
    until("it has said more", || (report(&household, one)?.stages[0].done == 2).then_some(()));
    assert_eq!(household.telemetry(one).unwrap().stages[0].done, 2);
    until("its memory was looked at", || (report(&household, one)?.memory > Memory(0)).then_some(()));
}

#[test]
fn the_ledgers_generation_is_told_of_a_process_that_was_refused_by_it() {
    let (_disk, household) = household();
    let one = id(1, 1);
    household.apply(vec![order(one, Program::Predict, r#"echo '{"ledger_generation":7}' >&0; exit 8"#)]);
    end_of(&household, one);
    let ProcessState::Ended { how, ledger, .. } = report(&household, one).unwrap().state else {
        panic!("it has ended")
    };
    assert_eq!((how, ledger), (HowEnded::Code(8), Some(7)));
}

#[tokio::test]
async fn whoever_listens_is_told_of_each_change() {
    let (_disk, household) = household();
    let one = id(1, 1);
    let mut changes = household.changed();
    household.apply(vec![order(one, Program::Model, "exit 0")]);
    let ended = async {
        while end_now(&household, one).is_none() {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(HANGS, ended).await.unwrap();
    assert_eq!(end_now(&household, one), Some(HowEnded::Code(0)));
}

fn end_now(household: &Household, id: ProcessRef) -> Option<HowEnded> {
    match report(household, id)?.state {
        ProcessState::Ended { how, .. } => Some(how),
        ProcessState::Starting { .. } | ProcessState::Up { .. } => None,
    }
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
    household.apply(vec![ProcessOrder { memory: limit, ..order(one, Program::Train, &script) }]);
    let (HowEnded::TooMuchMemory { used, limit: told }, _) = end_of(&household, one) else {
        panic!("it may not end so")
    };
    assert!(used > limit && told == limit, "{used}");
}

#[test]
fn a_process_that_writes_without_end_neither_waits_nor_fills_the_disk() {
    let disk = tempfile::tempdir().unwrap();
    let limits = LogLimits { beginning: Memory(64 << 10), end: Memory(64 << 10) };
    let household = begin(Settings { log: limits, ..settings(disk.path()) }).unwrap();
    let one = id(1, 1);
    household.apply(vec![order(one, Program::Model, "echo first >&2; yes error >&2 & yes")]);
    for stream in [LogStream::Stdout, LogStream::Stderr] {
        until("it has written much more than is kept", || {
            let piece = household.logs(one, stream, None, Memory(100)).ok()?;
            (piece.next > 4 << 20).then_some(())
        });
    }
    household.apply(with_wish(&order(one, Program::Model, ""), Wish::Kill));
    let (how, last_lines) = end_of(&household, one);
    assert_eq!((how, last_lines[0].as_str()), (HowEnded::Ordered, "error"));

    let folder = disk.path().join("work/job-1/generation-1/process-0");
    let bytes: u64 = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= (2 * (64 + 96)) << 10, "{bytes}");
    let beginning = household.logs(one, LogStream::Stderr, Some(0), Memory(1 << 20)).unwrap();
    assert!(beginning.text.starts_with("first\nerror\n") && beginning.more);
    let rest = household.logs(one, LogStream::Stderr, Some(beginning.next), Memory(1 << 20)).unwrap();
    assert!(rest.from > beginning.next, "the middle is gone, and one sees that");
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
fn what_can_not_be_started_is_said_and_whether_another_try_helps() {
    let disk = tempfile::tempdir().unwrap();
    let household = begin(settings(disk.path())).unwrap();
    fs::remove_file(disk.path().join("programs/import")).unwrap();
    // Where its folder should be is a file.
    fs::write(disk.path().join("work/job-3"), "").unwrap();
    let outside = ProcessOrder { args: vec!["--input=/etc".to_owned()], ..order(id(2, 1), Program::Train, "") };
    household.apply(vec![
        order(id(1, 1), Program::Import, OBEY),
        outside,
        order(id(3, 1), Program::Train, ""),
        order(id(4, 1), Program::Model, OBEY),
        ProcessOrder { wish: Wish::Drain, ..order(id(5, 1), Program::Train, "") },
    ]);
    for (job, part, is_permanent) in [
        (1, "programs/import can't be run", true),
        (2, "argument 1 names \"/etc\"", true),
        (3, "its folder", false),
        (5, "it was to end before", false),
    ] {
        let (HowEnded::NotStarted { why, permanent }, _) = end_of(&household, id(job, 1)) else { panic!("{part}") };
        assert!(why.contains(part) && permanent == is_permanent, "{why}");
    }
    wait_until_up(&household, id(4, 1));
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
        .args(["--exact", "agent::household::tests::an_agent_of_its_own", "--ignored"])
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
