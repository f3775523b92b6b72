//! A master's knowledge where many ask and tell at once: one lock, a store behind it, and word to those who wait.
//!
//! Invariants: what must survive is durable before anybody hears of it. What can't be written down ends the master, since it
//! would otherwise tell what a later one doesn't know.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flightline_engine::clock::Clock;
use tokio::sync::watch;

use super::advance::next_deadline;
use super::history::Histories;
use super::orders::orders;
use super::state::{At, Cluster, NotListened};
use super::store::{Store, StoreError};
use super::views::{cluster_view, job_view};
use crate::entropy::{Entropy, random};
use crate::ids::{JobId, Moment};
use crate::protocol::messages::{AgentId, Heard, Orders};
use crate::view::{ClusterView, JobView};

/// The wall clock, handed in.
pub type WallClock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// A master's knowledge, shared.
pub struct Desk {
    known: Mutex<Known>,
    store: Store,
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
        write!(f, "Desk({:?})", self.store)
    }
}

/// The master can't write down what it knows, and ends.
#[derive(Debug, thiserror::Error)]
#[error("the master can't go on: {0}")]
pub struct Broken(#[from] StoreError);

impl Desk {
    /// What a store holds, to be told and asked.
    #[must_use]
    pub fn new(
        store: Store,
        cluster: Cluster,
        clock: Arc<dyn Clock>,
        wall: WallClock,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let known = Mutex::new(Known { cluster, histories: Histories::default() });
        let since = wall();
        // Agents that have orders of an earlier life of the master must not take ours for those.
        let first = random::<8>(&entropy).map_or(0, |bytes| u64::from_be_bytes(bytes) >> 16);
        let (orders, shown, broken) = (watch::Sender::new(first), watch::Sender::new(0), watch::Sender::new(None));
        Self { known, store, since, clock, wall, entropy, orders, shown, broken }
    }

    /// Changes what is known. When this returns, the change is durable.
    ///
    /// # Errors
    /// It can't be written down; the master ends.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cluster, At) -> T) -> Result<T, Broken> {
        let mut known = self.lock();
        let outcome = change(&mut known.cluster, self.at());
        let changed = known.cluster.take_changed();
        if let Err(error) = self.store.save(&known.cluster, &changed) {
            let broken = Broken(error);
            self.broken.send_replace(Some(broken.to_string()));
            return Err(broken);
        }
        drop(known);
        if !changed.jobs.is_empty() || !changed.workers.is_empty() {
            self.orders.send_modify(|version| *version += 1);
        }
        self.shown.send_modify(|version| *version += 1);
        Ok(outcome)
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
