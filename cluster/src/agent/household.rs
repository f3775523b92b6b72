//! All processes of an agent: what is ordered becomes what is.
//!
//! One thread, the keeper, does what the [`Roster`] says whenever there are new orders or a process has changed, and looks
//! at everybody's memory from time to time. Orders wait in one place, where newer ones replace older ones, and whoever
//! listens is told that something has changed, not what: nothing here can pile up. Only [`Household::logs`] and
//! [`Household::shutdown`] take their time; all else may be called from an async task.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flightline_engine::supervised::Telemetry;
use thiserror::Error;
use tokio::sync::watch;

use super::command_line::{arguments, environment};
use super::folder::{FolderError, WorkFolder};
use super::leftovers::{Keep, strip_all, sweep};
use super::log::{LogLimits, read};
use super::process::{Listener, Process, Start};
use super::roster::{Action, Refused, Roster};
use super::secret::JobSecret;
use crate::guard::{Roots, check_resolved};
use crate::ids::{Generation, JobId, Memory, Moment, ProcessRef};
use crate::protocol::{HowEnded, LogStream, ProcessOrder, ProcessReport, ProcessState, Wish};
use crate::view::LogPiece;

/// Where an agent works, and within which limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent's own folder; made if it isn't there.
    pub work: PathBuf,
    /// The folder of our programs, an absolute path: that of the agent's own executable.
    pub programs: PathBuf,
    /// Where jobs may have their files. The first is their working directory.
    pub roots: Roots,
    /// The agent's own variables, of which processes have some.
    pub environment: Vec<(OsString, OsString)>,
    /// What is kept of generations that are over.
    pub keep: Keep,
    /// How much of a running process's log is kept.
    pub log: LogLimits,
    /// Between two looks at the memory of all processes.
    pub look_every: Duration,
}

impl Settings {
    /// How often an agent looks at memory if nobody says otherwise.
    pub const LOOK_EVERY: Duration = Duration::from_secs(1);

    /// Those of an agent that nobody has told more: this process's variables, and our programs beside its own executable.
    ///
    /// # Errors
    /// The system doesn't say where that is.
    pub fn new(work: PathBuf, roots: Roots) -> io::Result<Self> {
        let executable = std::env::current_exe()?;
        Ok(Self {
            work,
            programs: executable.parent().map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?,
            roots,
            environment: std::env::vars_os().collect(),
            keep: Keep::default(),
            log: LogLimits::default(),
            look_every: Self::LOOK_EVERY,
        })
    }
}

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

struct Shared {
    folder: WorkFolder,
    changes: watch::Sender<u64>,
    inner: Mutex<Inner>,
    bell: Condvar,
}

#[derive(Default)]
struct Inner {
    /// The newest orders.
    orders: Arc<[ProcessOrder]>,
    /// Whether there is something for the keeper to do.
    is_stale: bool,
    /// Whether nothing is to be started any more.
    is_closing: bool,
    members: BTreeMap<ProcessRef, Member>,
}

/// A process that was ordered.
enum Member {
    Started(Arc<Process>),
    NotStarted(HowEnded),
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

    /// Says which processes there shall be, all of them; whatever was said before counts no more. Returns at once.
    pub fn apply(&self, orders: Vec<ProcessOrder>) {
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
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // Its last start may be on its way; one that panicked starts nothing any more.
            let _ = keeper.join();
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

impl Member {
    fn report(&self, id: ProcessRef) -> ProcessReport {
        match self {
            Self::Started(process) => process.report(),
            Self::NotStarted(how) => ProcessReport {
                id,
                state: ProcessState::Ended { how: how.clone(), last_lines: Vec::new(), ledger: None },
                memory: Memory(0),
                stream: None,
                stages: Vec::new(),
            },
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process has changed: the keeper, and whoever listens, look at all of them.
    fn stir(&self) {
        self.lock().is_stale = true;
        self.bell.notify_all();
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn process(&self, id: ProcessRef) -> Option<Arc<Process>> {
        match self.lock().members.get(&id) {
            Some(Member::Started(process)) => Some(Arc::clone(process)),
            Some(Member::NotStarted(_)) | None => None,
        }
    }

    fn processes(&self) -> Vec<Arc<Process>> {
        let started = |member: &Member| match member {
            Member::Started(process) => Some(Arc::clone(process)),
            Member::NotStarted(_) => None,
        };
        self.lock().members.values().filter_map(started).collect()
    }

    /// Waits until this holds, or until then. It is looked at whenever a process has changed.
    fn wait_until(&self, deadline: Option<Instant>, holds: impl Fn() -> bool) {
        let mut inner = self.lock();
        while !holds() {
            inner = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return,
                Some(left) => self.bell.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.bell.wait(inner).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// What the keeper thread has for itself.
struct Keeper {
    shared: Arc<Shared>,
    settings: Settings,
    environment: Vec<(OsString, OsString)>,
    roster: Roster,
    secret: Box<dyn Fn(JobId, Generation) -> JobSecret + Send>,
    now: Box<dyn Fn() -> Moment + Send>,
}

impl Keeper {
    fn keep(mut self) {
        let mut next_look = Instant::now() + self.settings.look_every;
        while let Some(orders) = self.wait_for_work(next_look) {
            if let Some(orders) = orders {
                self.fulfil(&orders);
            }
            if Instant::now() >= next_look {
                self.shared.processes().iter().for_each(|process| process.look_at_memory());
                next_look = Instant::now() + self.settings.look_every;
            }
        }
    }

    /// The orders, if there is something to do for them; nothing in them, if it is only time to look; `None` at the end.
    #[allow(clippy::option_option, reason = "the end, a look, and work are three answers, and only this loop asks")]
    fn wait_for_work(&self, next_look: Instant) -> Option<Option<Arc<[ProcessOrder]>>> {
        let mut inner = self.shared.lock();
        loop {
            if inner.is_closing {
                return None;
            }
            if std::mem::take(&mut inner.is_stale) {
                return Some(Some(Arc::clone(&inner.orders)));
            }
            let left = next_look.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(None);
            }
            inner = self.shared.bell.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn fulfil(&mut self, orders: &[ProcessOrder]) {
        let mut ordered = BTreeMap::<ProcessRef, Wish>::new();
        for order in orders {
            // An order that is there twice is the stricter one.
            let wish = ordered.entry(order.id).or_insert(order.wish);
            *wish = order.wish.max(*wish);
        }
        for process in self.shared.processes().iter().filter(|process| process.has_ended()) {
            self.roster.ended(process.id());
        }
        let mut is_tidy = true;
        for action in self.roster.reconcile(&ordered) {
            match action {
                Action::Start(id) => self.start(id, orders),
                Action::Refuse(id, why) => self.refuse(id, why),
                Action::Drain(id) => self.shared.process(id).iter().for_each(|process| process.drain()),
                Action::Kill(id) => self.shared.process(id).iter().for_each(|process| process.kill()),
                Action::Forget(id) => {
                    is_tidy = false;
                    drop(self.shared.lock().members.remove(&id));
                }
            }
        }
        if !is_tidy {
            self.tidy();
        }
    }

    fn start(&mut self, id: ProcessRef, orders: &[ProcessOrder]) {
        let started = match orders.iter().find(|order| order.id == id) {
            Some(order) => self.start_as_ordered(order),
            None => Err(HowEnded::NotStarted { why: "nobody ordered it".to_owned(), permanent: false }),
        };
        let member = started.map(Member::Started).unwrap_or_else(|how| {
            tracing::warn!(%id, %how, "a process is not there");
            self.roster.ended(id);
            Member::NotStarted(how)
        });
        self.shared.lock().members.insert(id, member);
        // It may have ended already, before it was to be found here.
        self.shared.stir();
    }

    fn start_as_ordered(&self, order: &ProcessOrder) -> Result<Arc<Process>, HowEnded> {
        check_resolved(order, &self.settings.roots)
            .map_err(|refusal| HowEnded::NotStarted { why: refusal.to_string(), permanent: true })?;
        let folder = self.shared.folder.process(order.id);
        let unfurnished = |error: io::Error| HowEnded::NotStarted {
            why: format!("its folder {} can't be made: {error}", folder.path().display()),
            permanent: false,
        };
        let spreads = order.program.spreads() && order.processes.get() > 1;
        let secret = spreads.then(|| (self.secret)(order.id.job, order.id.generation));
        folder.furnish(order, secret.as_ref()).map_err(unfurnished)?;

        let program = self.settings.programs.join(order.program.name());
        let mut command = Command::new(&program);
        command
            .args(arguments(order, folder.places()))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.settings.roots.working_directory());
        let start = Start {
            id: order.id,
            command,
            folder: folder.clone(),
            log: self.settings.log,
            memory: order.memory,
            is_up_at_once: !order.program.spreads(),
        };
        let shared = Arc::downgrade(&self.shared);
        let changed: Listener = Arc::new(move || {
            if let Some(shared) = shared.upgrade() {
                shared.stir();
            }
        });
        Process::start(start, changed).map_err(|error| {
            let _ = folder.strip();
            self.not_started(&program, &error)
        })
    }

    fn not_started(&self, program: &std::path::Path, error: &io::Error) -> HowEnded {
        let home = self.settings.roots.working_directory();
        if !home.is_dir() {
            let why = format!("{}, where jobs start, is no folder: make it", home.display());
            return HowEnded::NotStarted { why, permanent: false };
        }
        // Neither a program that isn't there nor one that can't be run gets better by another try.
        let permanent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
        HowEnded::NotStarted { why: format!("{} can't be run: {error}", program.display()), permanent }
    }

    fn refuse(&self, id: ProcessRef, why: Refused) {
        let why = match why {
            Refused::Stale => format!("this worker has had {id} or a later generation of that job before"),
            Refused::Unneeded => "it was to end before it was started".to_owned(),
        };
        self.shared.lock().members.insert(id, Member::NotStarted(HowEnded::NotStarted { why, permanent: false }));
        self.shared.stir();
    }

    /// Sweeps away what is too much now. What can't be removed stays, and is tried again the next time.
    fn tidy(&self) {
        let in_use = self.shared.lock().members.keys().map(|id| (id.job, id.generation)).collect();
        if let Err(error) = sweep(&self.shared.folder, self.settings.keep, (self.now)(), &in_use) {
            tracing::warn!(%error, "logs that are too many can't be removed");
        }
    }
}

#[cfg(test)]
mod tests;
