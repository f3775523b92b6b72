//! All processes of an agent: what is ordered becomes what is.
//!
//! One thread, the keeper, does what the [`Roster`] says whenever there are new orders or a process has changed, and looks
//! at everybody's memory from time to time. Orders wait in one place, where newer ones replace older ones, and whoever
//! listens is told that something has changed, not what: nothing here can pile up. Only [`Household::logs`] and
//! [`Household::shutdown`] take their time; all else may be called from an async task.

mod keeper;
mod shared;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use flightline_engine::supervised::Telemetry;
use thiserror::Error;
use tokio::sync::watch;

use self::keeper::Keeper;
use self::shared::Shared;
use super::command_line::environment;
use super::folder::{FolderError, WorkFolder};
use super::leftovers::{strip_all, sweep};
use super::lives::Wanted;
use super::log::read;
use super::roster::Roster;
use super::secret::JobSecret;
use super::settings::Settings;
use crate::ids::{Generation, JobId, Memory, Moment, ProcessRef};
use crate::protocol::{LogStream, ProcessReport};
use crate::view::LogPiece;

/// Why an agent can't begin.
#[derive(Debug, Error)]
pub enum HouseholdError {
    /// Its folder can't be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// No threads are left.
    #[error("can't start a thread of the agent: {0}; raise the limit on threads")]
    Thread(#[source] io::Error),
}

/// Why a log can't be read.
#[derive(Debug, Error)]
pub enum LogError {
    /// There is none.
    #[error("there is no log of {0} on this worker: it never ran here, or so long ago that its log was swept away")]
    Unknown(ProcessRef),
    /// The disk refuses.
    #[error("can't read the log of {id}: {reason}")]
    Unreadable {
        /// Whose log.
        id: ProcessRef,
        /// What the system says.
        reason: io::Error,
    },
}

/// The processes of an agent. Ends all of them when it is dropped.
pub struct Household {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Household {
    /// Begins with no process. What an earlier agent left in the folder is swept away, but for logs. `secret` gives the
    /// secret of a life of a job, and `now` the time, by which logs grow old.
    ///
    /// # Errors
    /// The folder can't be used or another agent uses it, or there are no threads left.
    pub fn start(
        settings: Settings,
        secret: impl Fn(JobId, Generation) -> JobSecret + Send + 'static,
        now: impl Fn() -> Moment + Send + 'static,
    ) -> Result<Self, HouseholdError> {
        let folder = WorkFolder::open(&settings.work)?;
        let unusable = |reason| FolderError::Unusable { folder: settings.work.clone(), reason };
        strip_all(&folder).map_err(unusable)?;
        sweep(&folder, settings.keep, now(), &BTreeSet::new()).map_err(unusable)?;
        let shared =
            Arc::new(Shared { folder, changes: watch::Sender::new(0), inner: Mutex::default(), bell: Condvar::new() });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            environment: environment(settings.environment.iter().cloned()),
            settings,
            roster: Roster::default(),
            secret: Box::new(secret),
            now: Box::new(now),
        };
        let keeper = thread::Builder::new().name("keeper".to_owned()).spawn(move || keeper.keep());
        Ok(Self { shared, keeper: Mutex::new(Some(keeper.map_err(HouseholdError::Thread)?)) })
    }

    /// Says which processes there shall be, all of them; whatever was said before counts no more. One that shall run and has
    /// nothing to run yet is not started, and nothing else waits for it. Returns at once.
    pub fn apply(&self, orders: Vec<Wanted>) {
        let mut inner = self.shared.lock();
        inner.orders = orders.into();
        inner.is_stale = true;
        self.shared.bell.notify_all();
    }

    /// How all processes are that were ordered and are not forgotten. One that waits for an older generation to end is not
    /// told of.
    #[must_use]
    pub fn reports(&self) -> Vec<ProcessReport> {
        self.shared.lock().members.iter().map(|(id, member)| member.report(*id)).collect()
    }

    /// Changes whenever a report says something new about a process's state. Memory and figures are as new as the moment
    /// in which one asks for them.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// The newest that a process said of itself; `None` if it has said nothing, or isn't known.
    #[must_use]
    pub fn telemetry(&self, id: ProcessRef) -> Option<Arc<Telemetry>> {
        self.shared.process(id)?.said()
    }

    /// A piece of a process's log: from there on, or its last lines. Also of processes that are forgotten, while it is kept.
    /// Reads the disk.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn logs(
        &self,
        id: ProcessRef,
        stream: LogStream,
        from: Option<u64>,
        at_most: Memory,
    ) -> Result<LogPiece, LogError> {
        // Asked before it is read: a process that ends meanwhile may have written more.
        let runs = self.shared.process(id).is_some_and(|process| !process.has_ended());
        read(self.shared.folder.process(id).path(), stream, from, at_most, runs).map_err(|reason| match reason.kind() {
            io::ErrorKind::NotFound => LogError::Unknown(id),
            _ => LogError::Unreadable { id, reason },
        })
    }

    /// Asks all processes to end, and ends those that are still there after this time. Returns when all are gone; nothing is
    /// started any more. May be called again: a second one with less patience doesn't wait for the first. Takes its time.
    pub fn shutdown(&self, grace: Duration) {
        self.shared.lock().is_closing = true;
        self.shared.bell.notify_all();
        {
            let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            // Its last start may be on its way, and whoever comes second must see that, too.
            if let Some(Err(_)) = keeper.take().map(JoinHandle::join) {
                tracing::error!(
                    "the thread that keeps processes has panicked; nothing was started any more after that"
                );
            }
        }
        let processes = self.shared.processes();
        processes.iter().for_each(|process| process.drain());
        let all_ended = || processes.iter().all(|process| process.has_ended());
        let deadline = Instant::now().checked_add(grace);
        self.shared.wait_until(deadline, all_ended);
        processes.iter().filter(|process| !process.has_ended()).for_each(|process| process.kill());
        self.shared.wait_until(None, all_ended);
    }
}

impl Drop for Household {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
        // The thread of the last process that ended may still hold what is shared.
        self.shared.folder.release();
    }
}

impl fmt::Debug for Household {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Household").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
