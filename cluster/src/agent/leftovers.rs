//! Which logs of generations that are over are kept, and which are swept away.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::folder::{ProcessFolder, WorkFolder, ignore_absence};
use crate::ids::{Generation, JobId, Memory, Moment};

/// How much of the past an agent keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The newest generations, over all jobs.
    pub generations: usize,
    /// Their logs have at most so many bytes together.
    pub bytes: Memory,
    /// None is older than this.
    pub age: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { generations: 200, bytes: Memory(256 << 20), age: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

/// A generation of which something is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leftover {
    job: JobId,
    generation: Generation,
    bytes: u64,
    touched: Moment,
}

/// Which of them are to be swept: from the newest on, each is kept while all limits hold.
fn surplus(mut found: Vec<Leftover>, keep: Keep, now: Moment) -> Vec<Leftover> {
    found.sort_by_key(|left| std::cmp::Reverse((left.touched, left.job, left.generation)));
    let mut bytes = 0_u64;
    let kept = found.iter().enumerate().position(|(place, left)| {
        bytes = bytes.saturating_add(left.bytes);
        place >= keep.generations || bytes > keep.bytes.0 || now.since(left.touched) > keep.age
    });
    found.split_off(kept.unwrap_or(found.len()))
}

/// Sweeps away what is too much. Generations with processes that are known now are neither looked at nor counted.
pub(super) fn sweep(
    folder: &WorkFolder,
    keep: Keep,
    now: Moment,
    in_use: &BTreeSet<(JobId, Generation)>,
) -> io::Result<()> {
    let mut found = Vec::new();
    for (job, generation, path) in generations(folder)? {
        if !in_use.contains(&(job, generation)) {
            let (bytes, touched) = measure(&path)?;
            found.push(Leftover { job, generation, bytes, touched });
        }
    }
    for left in surplus(found, keep, now) {
        let path = folder.generation(left.job, left.generation);
        ignore_absence(fs::remove_dir_all(&path))?;
        if let Some(job) = path.parent() {
            // It stays while there are other generations in it.
            let _ = fs::remove_dir(job);
        }
    }
    Ok(())
}

/// Takes away all but the logs of what an earlier agent left: nothing of it runs any more, for nothing outlives its agent.
pub(super) fn strip_all(folder: &WorkFolder) -> io::Result<()> {
    for (_, _, path) in generations(folder)? {
        for process in entries(&path)? {
            ProcessFolder::at(process.path()).strip()?;
        }
    }
    Ok(())
}

fn generations(folder: &WorkFolder) -> io::Result<Vec<(JobId, Generation, std::path::PathBuf)>> {
    let mut found = Vec::new();
    for job in entries(folder.path())? {
        let Some(id) = number_of(&job, "job-") else { continue };
        for generation in entries(&job.path())? {
            if let Some(number) = number_of(&generation, "generation-") {
                found.push((JobId(id), Generation(number), generation.path()));
            }
        }
    }
    Ok(found)
}

/// Bytes of all files in the processes' folders, and when the newest of them was written.
fn measure(generation: &Path) -> io::Result<(u64, Moment)> {
    let (mut bytes, mut touched) = (0_u64, Moment(0));
    for process in entries(generation)? {
        for file in entries(&process.path())? {
            let Ok(about) = file.metadata() else { continue };
            bytes = bytes.saturating_add(about.len());
            touched = touched.max(about.modified().map_or(Moment(0), Moment::from));
        }
    }
    Ok((bytes, touched))
}

/// What is in a folder; nothing, if it is gone or no folder.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn number_of(entry: &DirEntry, prefix: &str) -> Option<u64> {
    entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use flightline_engine::ids::ProcessIndex;

    use super::*;
    use crate::ids::ProcessRef;

    fn left(generation: u64, bytes: u64, touched: u64) -> Leftover {
        Leftover { job: JobId(1), generation: Generation(generation), bytes, touched: Moment(touched) }
    }

    fn swept(found: &[Leftover], keep: Keep) -> Vec<u64> {
        let mut swept: Vec<u64> =
            surplus(found.to_vec(), keep, Moment(1000)).iter().map(|left| left.generation.0).collect();
        swept.sort_unstable();
        swept
    }

    #[test]
    fn the_newest_are_kept_while_all_limits_hold() {
        let keep = Keep { generations: 3, bytes: Memory(100), age: Duration::from_millis(500) };
        let found = [left(1, 10, 700), left(2, 10, 990), left(3, 10, 800), left(4, 10, 900)];
        assert_eq!(swept(&found, keep), [1]);
        assert_eq!(swept(&found, Keep { bytes: Memory(25), ..keep }), [1, 3]);
        assert_eq!(swept(&found, Keep { age: Duration::from_millis(50), ..keep }), [1, 3, 4]);
        assert_eq!(swept(&found, Keep { generations: 0, ..keep }), [1, 2, 3, 4]);
        assert!(swept(&[], keep).is_empty());
    }

    #[test]
    fn of_what_an_earlier_agent_left_only_logs_stay_and_only_as_many_as_wanted() {
        let disk = tempfile::tempdir().unwrap();
        let folder = WorkFolder::open(disk.path()).unwrap();
        let id = |generation| ProcessRef {
            job: JobId(4),
            generation: Generation(generation),
            process: ProcessIndex::new(0),
        };
        for generation in 1..4 {
            let process = folder.process(id(generation));
            fs::create_dir_all(process.places().carried).unwrap();
            fs::write(process.places().secret, "hush").unwrap();
            fs::write(process.places().carried.join("job.toml"), "hush").unwrap();
            let log = fs::File::create(process.path().join("stderr.log")).unwrap();
            log.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(generation)).unwrap();
        }
        fs::write(disk.path().join("job-4/generation-x"), "somebody else's").unwrap();

        strip_all(&folder).unwrap();
        for generation in 1..4 {
            let left = entries(folder.process(id(generation)).path()).unwrap();
            assert_eq!(left.iter().map(DirEntry::file_name).collect::<Vec<_>>(), ["stderr.log"]);
        }
        let keep = Keep { generations: 1, ..Keep::default() };
        sweep(&folder, keep, Moment(5000), &BTreeSet::from([(JobId(4), Generation(1))])).unwrap();
        let there = (1..4).filter(|generation| folder.process(id(*generation)).path().exists());
        assert_eq!(there.collect::<Vec<_>>(), [1, 3], "the one in use, and the newest of the others");
        assert!(disk.path().join("job-4/generation-x").exists());

        sweep(&folder, Keep { generations: 0, ..keep }, Moment(5000), &BTreeSet::new()).unwrap();
        assert!(!folder.process(id(3)).path().exists());
    }

    #[test]
    fn two_agents_never_work_in_one_folder() {
        use super::super::folder::FolderError;

        let disk = tempfile::tempdir().unwrap();
        let first = WorkFolder::open(disk.path()).unwrap();
        assert!(matches!(WorkFolder::open(disk.path()), Err(FolderError::InUse(_))));
        drop(first);
        assert!(WorkFolder::open(disk.path()).is_ok());
    }
}
