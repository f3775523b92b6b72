//! Temporary outputs: their names, and sweeping away those whose writer is dead.
//!
//! A temporary is named `.<name>.tmp-<process id>-<number>` beside its final name, and a folder that is just being
//! replaced `.<name>.old-<process id>-<number>`: it is moved back if its name is free. The writer holds a lock on it,
//! which the operating system lets go of when the writer ends, however it ends. So a leftover is a temporary that
//! nobody holds *and* whose process does not live here: the lock alone would be wrong in the instant between making
//! and locking, the id alone on a file system that several machines or containers share.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is known of a temporary's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    /// Nobody holds it.
    Free,
    /// Someone does.
    Held,
    /// The file system can't tell.
    Unknown,
}

/// What a hidden name of ours stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Output that was not finished.
    Unfinished,
    /// What finished output was about to replace.
    Replaced,
}

/// A hidden name of ours, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hidden<'a> {
    kind: Kind,
    /// The name that it is for.
    name: &'a str,
    /// The process that made it.
    writer: u32,
}

const UNFINISHED: &str = "tmp";
const REPLACED: &str = "old";

/// A new name for the temporary of `name`; no two in a process are equal.
pub(crate) fn temporary_name(name: &str) -> String {
    hidden_name(name, UNFINISHED)
}

/// A new name for what was called `name` until it is replaced.
pub(crate) fn replaced_name(name: &str) -> String {
    hidden_name(name, REPLACED)
}

fn hidden_name(name: &str, kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".{name}.{kind}-{}-{number}", std::process::id())
}

/// Clears away what dead writers left in `folder`. What can't be cleared is logged and left.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let Some(hidden) = name.to_str().and_then(parse) else { continue };
        // The lock is held while removing, so that no two sweepers work on one leftover.
        let file = File::open(&path);
        let lock = file.as_ref().map_or(Lock::Unknown, lock_of);
        if !is_leftover(lock, is_alive(hidden.writer)) {
            continue;
        }
        let target = folder.join(hidden.name);
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let cleared = match (hidden.kind, is_folder) {
            (Kind::Replaced, _) if target.symlink_metadata().is_err() => fs::rename(&path, &target),
            (_, true) => fs::remove_dir_all(&path),
            (_, false) => fs::remove_file(&path),
        };
        match cleared {
            Ok(()) => tracing::info!(path = %path.display(), "cleared away what an ended process left"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "can't clear away an unfinished output"),
        }
    }
}

/// Takes a name apart; `None` for a name that is not ours.
fn parse(hidden: &str) -> Option<Hidden<'_>> {
    let (rest, number) = hidden.strip_prefix('.')?.rsplit_once('-')?;
    let (rest, writer) = rest.rsplit_once('-')?;
    let (name, kind) = rest.rsplit_once('.')?;
    let kind = match kind {
        UNFINISHED => Kind::Unfinished,
        REPLACED => Kind::Replaced,
        _ => return None,
    };
    number.parse::<u64>().ok()?;
    let writer = writer.parse().ok()?;
    (!name.is_empty()).then_some(Hidden { kind, name, writer })
}

fn is_leftover(lock: Lock, writer_alive: Option<bool>) -> bool {
    lock == Lock::Free && writer_alive == Some(false)
}

/// Whether a process lives on this machine, where that can be told.
fn is_alive(process: u32) -> Option<bool> {
    let all = Path::new("/proc");
    all.join("self").exists().then(|| all.join(process.to_string()).exists())
}

fn lock_of(file: &File) -> Lock {
    match file.try_lock() {
        Ok(()) => Lock::Free,
        Err(fs::TryLockError::WouldBlock) => Lock::Held,
        Err(fs::TryLockError::Error(_)) => Lock::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_free_temporary_of_a_dead_writer_is_a_leftover() {
        for lock in [Lock::Free, Lock::Held, Lock::Unknown] {
            for alive in [Some(true), Some(false), None] {
                assert_eq!(is_leftover(lock, alive), lock == Lock::Free && alive == Some(false), "{lock:?} {alive:?}");
            }
        }
    }

    #[test]
    fn names_tell_the_writer_and_nothing_else_is_touched() {
        let writer = std::process::id();
        let unfinished = Hidden { kind: Kind::Unfinished, name: "model-1.2", writer };
        assert_eq!(parse(&temporary_name("model-1.2")), Some(unfinished));
        assert_eq!(parse(&replaced_name("model-1.2")), Some(Hidden { kind: Kind::Replaced, ..unfinished }));
        assert_ne!(temporary_name("a"), temporary_name("a"));
        for name in ["a.tmp-1-2", ".a.tmp-1", ".a.tmp-x-1", ".a.tmp-1-", ".tmp-1-2", ".a.new-1-2", "..", ".a.jsonl"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_dead_writers_temporaries_are_swept_and_a_held_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        // Beyond the largest process id that Linux gives.
        let dead = |name: &str| folder.path().join(format!(".{name}.tmp-{}-0", u32::MAX));
        fs::write(dead("a.jsonl"), "half").unwrap();
        fs::create_dir(dead("model")).unwrap();
        fs::write(dead("model").join("model.json"), "half").unwrap();
        fs::write(dead("held"), "").unwrap();
        let held = File::open(dead("held")).unwrap();
        held.lock().unwrap();
        let alive = folder.path().join(temporary_name("alive"));
        fs::write(&alive, "").unwrap();
        fs::write(folder.path().join("whole.jsonl"), "").unwrap();

        sweep(folder.path());

        assert!(!dead("a.jsonl").exists() && !dead("model").exists());
        assert!(dead("held").exists() && alive.exists() && folder.path().join("whole.jsonl").exists());
    }
}
