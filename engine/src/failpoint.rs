//! Named places on the commit paths at which a crash test can kill the process, as `kill -9` would, or stop it, as a
//! machine does that sleeps.
//!
//! `FLIGHTLINE_FAILPOINT=NAME` kills at the first time that the place is passed, `FLIGHTLINE_FAILPOINT=NAME:3` at the
//! third; with `:pause` at the end the process is stopped instead, until somebody sends it SIGCONT. [`ALL`] is the table
//! of all names; `docs/failpoints.md` shows it. Without the variable a place costs one atomic load. Nothing is unwound,
//! flushed or dropped, and no core is dumped: what is not on disk yet is lost, and that is what the tests are after. It is
//! a tool of tests: never set the variable on a job that matters.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use thiserror::Error;

use crate::console;
use crate::process::Exit;

/// The variable that arms a failpoint.
pub const VARIABLE: &str = "FLIGHTLINE_FAILPOINT";

/// All failpoints: the name, and what has happened when the process dies there. Sinks of dead letters pass those of
/// their kind, too.
pub const ALL: &[(&str, &str)] = &[
    ("topic-sink/before-commit", "Answers and progress stand in an open transaction of a topic; nothing is durable."),
    ("topic-sink/after-commit", "Answers and progress of a topic are durable; the engine doesn't know yet."),
    (
        "collection-sink/before-commit",
        "Answers and progress stand in an open transaction of a collection; nothing is durable.",
    ),
    ("collection-sink/after-commit", "Answers and progress of a collection are durable; the engine doesn't know yet."),
    ("mongodb-sink/before-answers", "A batch of answers is ready; none of them is in the collection of MongoDB."),
    (
        "mongodb-sink/before-progress",
        "The answers of a batch are in the collection of MongoDB, at a majority; its progress is not.",
    ),
    (
        "mongodb-sink/after-progress",
        "Answers and progress of a collection of MongoDB are durable; the engine doesn't know yet.",
    ),
    ("file-sink/before-put", "A file's bytes are complete in memory; the file isn't there."),
    ("file-sink/after-put", "The file is there; the writer doesn't know yet, and the engine neither."),
    ("kafka-sink/after-claim", "A topic of answers is claimed; where its partitions begin isn't written."),
    ("kafka-sink/before-fence", "A life is announced; no older one is fenced off."),
    ("kafka-sink/after-fence", "Older lives are fenced off; how far they came isn't read."),
    ("kafka-sink/before-begin", "Answers are about to be written; no transaction is open."),
    ("kafka-sink/after-begin", "A transaction has begun; nothing is in it."),
    ("kafka-sink/before-commit", "Answers and progress stand in an open transaction; nothing is committed."),
    ("kafka-sink/after-commit", "Answers and progress are committed; the engine doesn't know yet."),
    ("kafka-sink/before-send", "At least once: answers are about to be sent."),
    ("kafka-sink/after-acks", "At least once: answers were acknowledged; progress isn't written."),
    ("kafka-sink/before-progress", "At least once: progress is about to be written."),
    ("kafka-sink/after-progress", "At least once: progress is written; the engine doesn't know yet."),
    (
        "hdfs/under-construction",
        "An object's bytes are with HDFS under a staging name; that file isn't closed, and its lease is held.",
    ),
    (
        "hdfs/before-rename",
        "An object is whole and durable in HDFS under its staging name; it doesn't have its own yet.",
    ),
    ("ledger/before-create", "An entry is decided; it isn't written."),
    ("ledger/after-create", "An entry is durable; nobody has acted on it."),
    ("table/before-create", "A new version of the table is known; it isn't written."),
    ("table/after-create", "A new version of the table is durable; no entry names it."),
    ("checkpoint/after-create", "A checkpoint is durable; nothing that it replaces is deleted."),
    ("cut/stopped", "All sources stand still for a cut; its entry isn't written."),
    ("cut/written", "The entry of a cut is durable; the sources still stand."),
    ("drain/flushed", "All sinks are flushed for a clean end; the closing entry isn't written."),
];

/// Why the variable arms nothing. The start must end: a crash test that never crashes would pass for the wrong reason.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FailpointError {
    /// No such name.
    #[error("{VARIABLE}: there is no failpoint `{0}`; there are {names}", names = names())]
    Unknown(String),
    /// What follows the colon is no count.
    #[error(
        "{VARIABLE}: `{count}` in `{value}` is not a number from 1; write `{name}:3` to die the third time, `{name}:3:pause` to \
         stop there"
    )]
    Count {
        /// The whole variable.
        value: String,
        /// What stands before the colon.
        name: String,
        /// What stands after it.
        count: String,
    },
    /// Not even text.
    #[error("{VARIABLE} is not valid UTF-8; unset it, or name a failpoint")]
    NotText,
}

impl FailpointError {
    /// The exit code that says it to scripts.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// What becomes of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Killed,
    Paused,
}

/// A place where something becomes of the process when it is passed for the `at`-th time.
#[derive(Debug)]
struct Armed {
    name: &'static str,
    at: u64,
    fate: Fate,
    passed: AtomicU64,
}

impl Armed {
    /// Reads `NAME` or `NAME:COUNT`, and `:pause` after either.
    fn parse(value: &str) -> Result<Self, FailpointError> {
        let (place, fate) = value.strip_suffix(":pause").map_or((value, Fate::Killed), |place| (place, Fate::Paused));
        let (name, count) = place.split_once(':').unwrap_or((place, "1"));
        let known = ALL.iter().find(|(known, _)| *known == name);
        let (name, _) = known.ok_or_else(|| FailpointError::Unknown(name.to_owned()))?;
        match count.parse() {
            Ok(at @ 1..) => Ok(Self { name, at, fate, passed: AtomicU64::new(0) }),
            _ => Err(FailpointError::Count {
                value: value.to_owned(),
                name: (*name).to_owned(),
                count: count.to_owned(),
            }),
        }
    }

    /// Counts a passing; true for the one that is meant.
    fn fires(&self, name: &str) -> bool {
        self.name == name && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }
}

/// What the variable says, read when it is first asked for.
fn armed() -> &'static Result<Option<Armed>, FailpointError> {
    static ARMED: OnceLock<Result<Option<Armed>, FailpointError>> = OnceLock::new();
    ARMED.get_or_init(|| match std::env::var_os(VARIABLE) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => Armed::parse(value.to_str().ok_or(FailpointError::NotText)?).map(Some),
    })
}

/// Says whether the variable can be obeyed. A job asks once, before it does anything else; an armed failpoint is logged.
///
/// # Errors
/// The variable names no failpoint, or its count is none: end with [`FailpointError::exit`].
pub fn check_environment() -> Result<(), FailpointError> {
    if let Some(armed) = armed().as_ref().map_err(Clone::clone)? {
        let fate = match armed.fate {
            Fate::Killed => "kill itself",
            Fate::Paused => "stop",
        };
        tracing::warn!(name = armed.name, at = armed.at, "a failpoint is armed: this process will {fate} there");
    }
    Ok(())
}

/// Passes a failpoint. Kills or stops the process here and now if this is the passing that [`VARIABLE`] names.
pub fn hit(name: &str) {
    debug_assert!(ALL.iter().any(|(known, _)| *known == name), "failpoint {name} is not in the table");
    if let Ok(Some(armed)) = armed()
        && armed.fires(name)
    {
        match armed.fate {
            Fate::Killed => {
                console::line(&format!("failpoint {name}: killing this process"));
                // The signal can't be caught; `abort` is for a system that refuses to send it.
                let _ = kill_process(getpid(), Signal::KILL);
                std::process::abort();
            }
            Fate::Paused => {
                console::line(&format!("failpoint {name}: pausing this process"));
                // All threads stop; a system that refuses lets the test wait in vain.
                let _ = kill_process(getpid(), Signal::STOP);
            }
        }
    }
}

fn names() -> String {
    ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Output};

    use super::*;

    #[test]
    fn a_name_alone_means_the_first_passing() {
        let armed = Armed::parse("ledger/after-create").unwrap();
        assert!(!armed.fires("ledger/before-create"));
        assert!(armed.fires("ledger/after-create"));
        assert!(!armed.fires("ledger/after-create"), "it fires once");
    }

    #[test]
    fn a_count_skips_the_earlier_passings() {
        let armed = Armed::parse("cut/stopped:3").unwrap();
        assert_eq!([(); 4].map(|()| armed.fires("cut/stopped")), [false, false, true, false]);
    }

    #[test]
    fn a_process_may_be_stopped_instead() {
        for (value, at, fate) in [
            ("cut/stopped:3:pause", 3, Fate::Paused),
            ("cut/stopped:pause", 1, Fate::Paused),
            ("cut/stopped:3", 3, Fate::Killed),
        ] {
            let armed = Armed::parse(value).unwrap();
            assert_eq!((armed.name, armed.at, armed.fate), ("cut/stopped", at, fate), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_obeyed_is_refused_in_a_sentence() {
        let unknown = Armed::parse("ledger/after").unwrap_err();
        assert!(unknown.to_string().contains("no failpoint `ledger/after`"), "{unknown}");
        assert!(unknown.to_string().contains("drain/flushed"), "{unknown}");
        for count in ["", "0", "-1", "x", "1:2", "pause:1"] {
            let error = Armed::parse(&format!("cut/written:{count}")).unwrap_err();
            assert!(error.to_string().contains("`cut/written:3`"), "{error}");
        }
    }

    #[test]
    fn no_name_stands_twice_and_each_says_what_has_happened() {
        assert_eq!(ALL.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), ALL.len());
        assert!(ALL.iter().all(|(_, happened)| happened.ends_with('.')));
    }

    #[test]
    fn the_docs_show_this_table() {
        let mut table = String::from("| name | what has happened when the process dies there |\n|---|---|\n");
        for (name, happened) in ALL {
            writeln!(table, "| `{name}` | {happened} |").unwrap();
        }
        let docs = include_str!("../../docs/failpoints.md");
        assert!(docs.contains(&table), "docs/failpoints.md should hold this table:\n{table}");
        assert_eq!(docs.matches("\n| `").count(), ALL.len(), "and no other names");
    }

    /// Not a test of its own: what the tests below run in another process.
    #[test]
    #[ignore = "run by the tests below, in a process of its own"]
    fn child() {
        if let Err(error) = check_environment() {
            println!("{error}");
            error.exit().end();
        }
        for passing in 1..=3 {
            println!("passing {passing}");
            hit("file-sink/after-put");
        }
        Exit::Ok.end();
    }

    fn child_with(value: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "failpoint::tests::child", "--nocapture"])
            .env(VARIABLE, value)
            .output()
            .unwrap()
    }

    #[test]
    fn an_armed_failpoint_kills_at_its_passing() {
        let output = child_with("file-sink/after-put:2");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.signal(), Some(9), "{stdout}{stderr}");
        assert!(stdout.contains("passing 2") && !stdout.contains("passing 3"), "{stdout}");
        assert!(stderr.contains("failpoint file-sink/after-put"), "{stderr}");
    }

    #[test]
    fn unarmed_or_another_one_lets_the_process_live() {
        for value in ["", "cut/written", "file-sink/after-put:4"] {
            let output = child_with(value);
            assert_eq!(output.status.code(), Some(0), "{value:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("passing 3"));
        }
    }

    #[test]
    fn an_unknown_name_ends_the_start() {
        let output = child_with("file-sink/after-putt");
        assert_eq!(output.status.code(), Some(i32::from(Exit::Usage.code())));
        assert!(String::from_utf8_lossy(&output.stdout).contains("no failpoint `file-sink/after-putt`"));
    }
}
