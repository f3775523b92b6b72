//! What a process gets, says and writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flightline_engine::ids::{ProcessCount, ProcessIndex};

use super::{
    HANGS, OBEY, begin, end_now, end_of, household, id, log, order, order_with, report, settings, until, wait_for_word,
    wait_until_up, with_wish,
};
use crate::agent::log::LogLimits;
use crate::agent::{Settings, Wanted};
use crate::ids::{Memory, ProcessRef};
use crate::job::spec::Program;
use crate::protocol::LogStream;
use crate::protocol::{HowEnded, ProcessState, Wish};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_process_gets_what_it_needs_and_nothing_is_left_of_that_but_its_log() {
    let (disk, household) = household();
    let one = ProcessRef { process: ProcessIndex::new(1), ..id(4, 2) };
    let script = "echo $all; pwd; env; cat $(dirname $0)/../hostfile $(dirname $0)/../secret; echo ready >&2; read line; \
                  echo sorry >&2; exit 3";
    let wanted = order_with(one, Program::Train, script, |spec| spec.processes = ProcessCount::new(2));
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

    let said = until("all is in its log", || {
        Some(log(&household, one, LogStream::Stdout)).filter(|said| said.ends_with("the secret of 4 and 2"))
    });
    let flags = format!(
        "-w 2 -n 2 -p 1 -h {} --secret-file {} --generation 2 {}\n{}\n",
        hostfile.display(),
        secret.display(),
        carried.display(),
        disk.path().join("root").display()
    );
    assert!(said.starts_with(&flags), "{said}");
    assert!(said.contains("host-0:1\nhost-1:1\nthe secret"), "{said}");
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
fn what_can_not_be_started_is_said_and_whether_another_try_helps() {
    let disk = tempfile::tempdir().unwrap();
    let household = begin(settings(disk.path())).unwrap();
    fs::remove_file(disk.path().join("programs/import")).unwrap();
    // Where its folder should be is a file.
    fs::write(disk.path().join("work/job-3"), "").unwrap();
    let outside = order_with(id(2, 1), Program::Train, "", |spec| spec.args = vec!["--input=/etc".to_owned()]);
    household.apply(vec![
        order(id(1, 1), Program::Import, OBEY),
        outside,
        order(id(3, 1), Program::Train, ""),
        order(id(4, 1), Program::Model, OBEY),
        Wanted { wish: Wish::Drain, life: None, ..order(id(5, 1), Program::Train, "") },
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
