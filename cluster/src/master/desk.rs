//! A master's knowledge where many ask and tell at once: two copies of it, a store between them, and word to those who wait.
//!
//! Invariants: what must survive is durable before anybody hears of it. Changes are made one after another to the copy that is
//! ahead, which is locked while they are written down; everybody reads the other one, which is locked for moments only, so
//! nobody but a change ever waits for the disk. What has happened and can't be written down ends the master, since it would
//! otherwise tell what a later one doesn't know.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flightline_engine::clock::Clock;
use tokio::sync::watch;

use super::advance::next_deadline;
use super::history::Histories;
use super::orders::orders;
use super::state::{At, Cluster, NotListened};
use super::store::{Durable, StoreError};
use super::submission::OtherProgram;
use super::upgrade::{NotUpgraded, Upgrade};
use super::views::{cluster_view, job_view};
use crate::entropy::{Entropy, random};
use crate::ids::{JobId, Memory, Moment, SubmissionId};
use crate::job::spec::JobSpec;
use crate::protocol::messages::{AgentId, Heard, Orders, Submitted, Upgraded};
use crate::view::{ClusterView, JobView};

/// The wall clock, handed in.
pub type WallClock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// A master's knowledge, shared.
pub struct Desk {
    /// Locked before the other one.
    ahead: Mutex<Cluster>,
    /// What is durable.
    known: Mutex<Known>,
    store: Box<dyn Durable>,
    since: Moment,
    clock: Arc<dyn Clock>,
    wall: WallClock,
    entropy: Arc<dyn Entropy>,
    orders: watch::Sender<u64>,
    shown: watch::Sender<u64>,
    broken: watch::Sender<Option<String>>,
}

struct Known {
    cluster: Cluster,
    histories: Histories,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Desk(since {})", self.since.0)
    }
}

/// A disk with less room takes no job: what happens to those that are there has to be written down, too.
const RESERVED: u64 = 16 << 20;

/// While something is written, the store needs room for what was there before, and for pages that are not full.
const COPIES: u64 = 4;

/// Why a job is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The disk is as good as full.
    #[error(
        "the master's disk has {room} left, and needs {needed} to take this job and to write down what becomes of those that \
         are there: make room on it"
    )]
    NoRoom {
        /// What is left.
        room: Memory,
        /// What should be.
        needed: Memory,
    },
    /// It was to be the only one of its name.
    #[error(transparent)]
    OtherProgram(#[from] OtherProgram),
    /// It can't be written all the same.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// The master can't write down what it knows, and ends.
#[derive(Debug, thiserror::Error)]
#[error("the master can't go on: {0}")]
pub struct Broken(#[from] StoreError);

impl Desk {
    /// What a store holds, to be told and asked.
    #[must_use]
    pub fn new(
        store: impl Durable,
        cluster: Cluster,
        clock: Arc<dyn Clock>,
        wall: WallClock,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let ahead = Mutex::new(cluster.clone());
        let store = Box::new(store);
        let known = Mutex::new(Known { cluster, histories: Histories::default() });
        let since = wall();
        // Agents that have orders of an earlier life of the master must not take ours for those.
        let first = random::<8>(&entropy).map_or(0, |bytes| u64::from_be_bytes(bytes) >> 16);
        let (orders, shown, broken) = (watch::Sender::new(first), watch::Sender::new(0), watch::Sender::new(None));
        Self { ahead, known, store, since, clock, wall, entropy, orders, shown, broken }
    }

    /// Changes what is known. When this returns, the change is durable. Waits for the disk: never on an async task.
    ///
    /// # Errors
    /// It can't be written down; the master ends.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cluster, At) -> T) -> Result<T, Broken> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = change(&mut ahead, self.at());
        let changed = ahead.take_changed();
        if let Err(error) = self.store.save(&ahead, &changed) {
            let broken = Broken(error);
            self.broken.send_replace(Some(broken.to_string()));
            ahead.follow(&self.lock().cluster, &changed);
            return Err(broken);
        }
        self.lock().cluster.follow(&ahead, &changed);
        drop(ahead);
        if !changed.jobs.is_empty() || !changed.workers.is_empty() {
            self.orders.send_modify(|version| *version += 1);
        }
        self.shown.send_modify(|version| *version += 1);
        Ok(outcome)
    }

    /// Takes a job in, unless the disk has too little room for it: then nothing has happened, and the master goes on. One of a
    /// submission that was taken before is that one. With `unless_running` it is taken only if none of its name is there that is
    /// not over. When this returns, the job is durable.
    ///
    /// # Errors
    /// With `unless_running`: that one runs another program. There is no room, or as [`Desk::change`].
    pub fn submit(
        &self,
        spec: JobSpec,
        submission: Option<SubmissionId>,
        unless_running: bool,
    ) -> Result<Submitted, NotTaken> {
        let too_little = self.has_room(&spec);
        self.change(|cluster, at| {
            let taken_before = submission.and_then(|id| cluster.submitted(id)).map(Submitted::New);
            let of_name = if unless_running && taken_before.is_none() { cluster.of_name(&spec)? } else { None };
            match taken_before.or(of_name) {
                Some(there) => Ok(there),
                None => too_little.map(|()| Submitted::New(cluster.submit_as(submission, spec, at))),
            }
        })?
    }

    /// Lets a job go on otherwise, unless the disk has too little room to write that down: then nothing has happened. When this
    /// returns, it is durable.
    ///
    /// # Errors
    /// There is no room, or as [`Desk::change`]; in what it gives, why the job can't be upgraded.
    pub fn upgrade(&self, id: JobId, upgrade: Upgrade) -> Result<Result<Upgraded, NotUpgraded>, NotTaken> {
        self.has_room(&upgrade.spec)?;
        Ok(self.change(|cluster, at| cluster.upgrade(id, upgrade, at))?)
    }

    fn has_room(&self, spec: &JobSpec) -> Result<(), NotTaken> {
        let bytes = serde_json::to_string(spec).map_or(u64::MAX, |text| text.len() as u64);
        let needed = Memory(bytes.saturating_mul(COPIES).saturating_add(RESERVED));
        match self.store.room().filter(|room| *room < needed) {
            Some(room) => Err(NotTaken::NoRoom { room, needed }),
            None => Ok(()),
        }
    }

    /// Time goes by. Called often.
    ///
    /// # Errors
    /// As [`Desk::change`].
    pub fn tick(&self) -> Result<(), Broken> {
        self.change(Cluster::tick)
    }

    /// How long nothing happens by itself, at most `longest`.
    #[must_use]
    pub fn pause(&self, longest: Duration) -> Duration {
        let next = next_deadline(&self.lock().cluster);
        next.map_or(longest, |next| next.since((self.wall)()).min(longest))
    }

    /// Takes a sample for the charts. Called each second.
    pub fn sample(&self) {
        let now = (self.wall)();
        let mut known = self.lock();
        let Known { cluster, histories } = &mut *known;
        histories.sample(cluster, now);
    }

    /// What an agent shall have, as soon as it is something else than what it has seen, or the time is over.
    pub async fn orders(&self, agent: &AgentId, seen: u64, wait: Duration) -> Orders {
        let mut versions = self.orders.subscribe();
        // Nothing new within that time is no reason to say nothing.
        let _ = tokio::time::timeout(wait, versions.wait_for(|version| *version != seen)).await;
        let known = self.lock();
        let version = *self.orders.borrow();
        let worker = known.cluster.workers().get(&agent.worker);
        let heard = match worker.map(|worker| worker.machine.incarnation == agent.incarnation) {
            None => Heard::Register,
            Some(true) => Heard::Yes,
            Some(false) => Heard::Replaced,
        };
        let processes =
            if heard == Heard::Yes { orders(&known.cluster, &agent.worker, agent.incarnation) } else { Vec::new() };
        Orders { heard, version, processes }
    }

    /// How the cluster is.
    #[must_use]
    pub fn cluster(&self) -> ClusterView {
        cluster_view(&self.lock().cluster, self.since, self.at())
    }

    /// How a job is.
    #[must_use]
    pub fn job(&self, id: JobId) -> Option<JobView> {
        let known = self.lock();
        job_view(&known.cluster, &known.histories, id, (self.wall)())
    }

    /// Reads what is known.
    pub fn read<T>(&self, read: impl FnOnce(&Cluster) -> T) -> T {
        read(&self.lock().cluster)
    }

    /// Changes with everything that pages show.
    #[must_use]
    pub fn shown(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// Why the master can't go on, when it can't.
    #[must_use]
    pub fn broken(&self) -> watch::Receiver<Option<String>> {
        self.broken.subscribe()
    }

    fn at(&self) -> At {
        let chance =
            random::<4>(&self.entropy).map_or(0.5, |bytes| f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX));
        At { now: (self.wall)(), up: self.clock.now(), chance }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an agent hears.
#[must_use]
pub fn heard(listened: Result<(), NotListened>) -> Heard {
    match listened {
        Ok(()) => Heard::Yes,
        Err(NotListened::Unknown(_)) => Heard::Register,
        Err(NotListened::Replaced(_)) => Heard::Replaced,
        Err(NotListened::Taken(_)) => Heard::Taken,
    }
}

#[cfg(test)]
mod tests;
