//! What the household, its keeper and the threads of its processes share.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::folder::WorkFolder;
use super::super::lives::Wanted;
use super::super::process::Process;
use crate::ids::{Memory, ProcessRef};
use crate::protocol::{HowEnded, ProcessReport, ProcessState};

pub(super) struct Shared {
    pub(super) folder: WorkFolder,
    pub(super) changes: watch::Sender<u64>,
    pub(super) inner: Mutex<Inner>,
    pub(super) bell: Condvar,
}

#[derive(Default)]
pub(super) struct Inner {
    /// The newest orders.
    pub(super) orders: Arc<[Wanted]>,
    /// Whether there is something for the keeper to do.
    pub(super) is_stale: bool,
    /// Whether nothing is to be started any more.
    pub(super) is_closing: bool,
    pub(super) members: BTreeMap<ProcessRef, Member>,
}

/// A process that was ordered.
pub(super) enum Member {
    Started(Arc<Process>),
    NotStarted(HowEnded),
}

impl Member {
    pub(super) fn report(&self, id: ProcessRef) -> ProcessReport {
        match self {
            Self::Started(process) => process.report(),
            Self::NotStarted(how) => ProcessReport {
                id,
                state: ProcessState::Ended { how: how.clone(), last_lines: Vec::new(), ledger: None, model: None },
                memory: Memory(0),
                stream: None,
                stages: Vec::new(),
            },
        }
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process has changed: the keeper, and whoever listens, look at all of them.
    pub(super) fn stir(&self) {
        self.lock().is_stale = true;
        self.bell.notify_all();
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    pub(super) fn process(&self, id: ProcessRef) -> Option<Arc<Process>> {
        match self.lock().members.get(&id) {
            Some(Member::Started(process)) => Some(Arc::clone(process)),
            Some(Member::NotStarted(_)) | None => None,
        }
    }

    pub(super) fn processes(&self) -> Vec<Arc<Process>> {
        let started = |member: &Member| match member {
            Member::Started(process) => Some(Arc::clone(process)),
            Member::NotStarted(_) => None,
        };
        self.lock().members.values().filter_map(started).collect()
    }

    /// Waits until this holds, or until then. It is looked at whenever a process has changed.
    pub(super) fn wait_until(&self, deadline: Option<Instant>, holds: impl Fn() -> bool) {
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
