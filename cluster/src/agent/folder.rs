//! What stands on the disk for a process: `job-ID/generation-N/process-I/` in the agent's working folder, for the agent's
//! own user alone.
//!
//! | in it | is |
//! |---|---|
//! | `hostfile`, `secret`, `carried/` | what a process starts with; gone as soon as it has ended |
//! | `stdout.log`, `stderr.log` and what follows them | its [log](super::log); kept for a while |
//!
//! One agent works in a folder: it holds the lock of `agent.lock` while it lives.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::command_line::Places;
use super::secret::JobSecret;
use crate::ids::{Generation, JobId, ProcessRef};
use crate::private::{make_folder, to_write};
use crate::protocol::life::LifeSpec;

/// The file that shows whose folder it is, and its lock that somebody works there.
pub(crate) const LOCK: &str = "agent.lock";

/// Why an agent can't work in a folder.
#[derive(Debug, Error)]
pub enum FolderError {
    /// Another agent does.
    #[error("another agent works in {0}: end it, or give this one a folder of its own")]
    InUse(PathBuf),
    /// The disk refuses.
    #[error(
        "can't use {folder} as the agent's working folder: {reason}; it must be able to make folders and files there"
    )]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
}

/// The folder of an agent, and its lock.
#[derive(Debug)]
pub(super) struct WorkFolder {
    path: PathBuf,
    lock: File,
}

impl WorkFolder {
    /// Makes the folder if it isn't there, and takes its lock.
    pub(super) fn open(path: &Path) -> Result<Self, FolderError> {
        let unusable = |reason| FolderError::Unusable { folder: path.to_owned(), reason };
        make_folder(path).map_err(unusable)?;
        // A process starts elsewhere, so its arguments need the whole path.
        let path = path.canonicalize().map_err(unusable)?;
        let lock = to_write().create(true).truncate(false).open(path.join(LOCK));
        let lock = lock.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path)),
            Err(TryLockError::Error(reason)) => Err(unusable(reason)),
        }
    }

    /// Lets another agent work here. A process that is just being started has the lock's file, too, until it runs its program,
    /// so to close it is not enough.
    pub(super) fn release(&self) {
        let _ = self.lock.unlock();
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn generation(&self, job: JobId, generation: Generation) -> PathBuf {
        self.path.join(format!("job-{job}")).join(format!("generation-{generation}"))
    }

    pub(super) fn process(&self, id: ProcessRef) -> ProcessFolder {
        ProcessFolder::at(self.generation(id.job, id.generation).join(format!("process-{}", id.process)))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        self.release();
    }
}

/// The folder of a process.
#[derive(Clone, Debug)]
pub(super) struct ProcessFolder {
    path: PathBuf,
    hostfile: PathBuf,
    secret: PathBuf,
    carried: PathBuf,
}

impl ProcessFolder {
    pub(super) fn at(path: PathBuf) -> Self {
        let [hostfile, secret, carried] = ["hostfile", "secret", "carried"].map(|name| path.join(name));
        Self { path, hostfile, secret, carried }
    }

    /// Where its log is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where what it starts with is.
    pub(super) fn places(&self) -> Places<'_> {
        Places { hostfile: &self.hostfile, secret: &self.secret, carried: &self.carried }
    }

    /// Writes what a process starts with. Whatever stood there is gone: a master that lost its memory counts anew.
    pub(super) fn furnish(&self, life: &LifeSpec, secret: Option<&JobSecret>) -> io::Result<()> {
        ignore_absence(fs::remove_dir_all(&self.path))?;
        make_folder(&self.carried)?;
        let hosts: String = life.hosts.iter().map(|host| format!("{host}\n")).collect();
        write_new(&self.hostfile, &hosts)?;
        if let Some(secret) = secret {
            write_new(&self.secret, secret.expose())?;
        }
        for file in &life.spec.files {
            write_new(&self.carried.join(&file.name), &file.text)?;
        }
        Ok(())
    }

    /// Takes away all but the log: what is left may hold secrets, and nobody needs it any more.
    pub(super) fn strip(&self) -> io::Result<()> {
        ignore_absence(fs::remove_file(&self.secret))?;
        ignore_absence(fs::remove_dir_all(&self.carried))?;
        ignore_absence(fs::remove_file(&self.hostfile))
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    new_file(path)?.write_all(text.as_bytes())
}

/// A file that wasn't there, and that only the agent's user may read.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    to_write().create_new(true).open(path)
}

pub(super) fn ignore_absence(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
