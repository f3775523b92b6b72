//! The agent's line to the master: what is goes there, what shall be comes back.
//!
//! A master that can't be reached, or doesn't understand, stops nothing: the processes go on, and both loops try again. One that
//! doesn't know this agent (any more) is told anew who it is; that an agent ends is said in each report. Only an agent of the same
//! name ends this one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flightline_engine::backoff::Backoff;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::Household;
use super::lives::{Lives, Wanted};
use super::report::within_a_call;
use crate::protocol::Machine;
use crate::protocol::messages::{AgentId, FromAgent, Heard, Orders};
use crate::rpc::call::{CallError, Caller};
use crate::view::{LineState, LineView};

/// Between two reports when nothing happens. A master loses who is silent for a few of these.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long the master may let us wait for new orders.
const WATCH: Duration = Duration::from_secs(20);

/// How long a name may be another machine's before this agent gives up: longer than the master takes to miss that one.
const TAKEN: Duration = Duration::from_secs(8);

/// How long the master may take to tell what a life runs, beyond what any call may take.
const FETCH: Duration = Duration::from_secs(10);

/// Another agent has the same name, so this one can't go on.
#[derive(Debug, Error)]
#[error("another agent has registered as worker {0}: give each worker a name of its own (--name)")]
pub struct Replaced(String);

/// An agent's line to its master.
pub struct Link {
    household: Arc<Household>,
    machine: Machine,
    /// What the master said last.
    lives: Mutex<Lives>,
    /// Changes with that.
    ordered: watch::Sender<u64>,
    /// How it stands with the master.
    standing: watch::Sender<LineState>,
    /// For reports, for orders, and for what they name: a caller makes one call at a time.
    callers: [Arc<Caller>; 3],
}

impl Link {
    /// A line for this agent, by three callers of the same master.
    #[must_use]
    pub fn new(household: Arc<Household>, machine: Machine, callers: [Caller; 3]) -> Self {
        let (ordered, standing) = (watch::Sender::new(0), watch::Sender::new(LineState::Unregistered));
        Self { household, machine, lives: Mutex::default(), ordered, standing, callers: callers.map(Arc::new) }
    }

    /// What this agent says of its machine.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// How it stands with which master.
    #[must_use]
    pub fn line(&self) -> LineView {
        LineView { master: self.callers[0].callee().to_owned(), standing: *self.standing.borrow() }
    }

    /// What the master said last that this worker shall have.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        self.lock().wanted()
    }

    /// Registers. Once at the agent's start, before all else: where an earlier agent of its name is still known, whoever
    /// reports without that is taken for one that was replaced.
    ///
    /// # Errors
    /// Another machine's agent has the name, and goes on having it.
    pub async fn come(&self) -> Result<(), Replaced> {
        let mut trouble = Trouble::new("registering with the master");
        // The machine may have come back with another address before the master has missed it.
        let mut patience = TAKEN;
        loop {
            match self.register(&mut trouble).await {
                Some(Heard::Yes) => return Ok(()),
                Some(Heard::Taken) if patience.is_zero() => return Err(self.replaced()),
                Some(_) => {
                    sleep(HEARTBEAT).await;
                    patience = patience.saturating_sub(HEARTBEAT);
                }
                None => {}
            }
        }
    }

    /// Tries to register; gives what the master says, if it can be reached.
    async fn register(&self, trouble: &mut Trouble) -> Option<Heard> {
        let told = call(&self.callers[0], FromAgent::Register(self.machine.clone()), Duration::ZERO).await;
        let heard = trouble.over(told).await;
        if heard == Some(Heard::Yes) {
            self.stand(LineState::Registered);
            tracing::info!("registered with the master as worker {}", self.machine.worker);
        }
        heard
    }

    fn replaced(&self) -> Replaced {
        Replaced(self.machine.worker.to_string())
    }

    /// Reports and obeys until it is dropped.
    ///
    /// # Errors
    /// The agent must end.
    pub async fn hold(&self) -> Result<(), Replaced> {
        tokio::select! {
            ended = self.report() => ended,
            ended = self.obey() => ended,
            () = self.fetch() => Ok(()),
        }
    }

    /// Says that this worker takes no more jobs, from now on whenever it says something; tries for a moment only.
    pub async fn say_drain(&self) {
        self.stand(LineState::Draining);
        self.say_last(self.present()).await;
    }

    /// Says how its processes have ended, and goodbye; tries for a moment only. Without their ends the master would take them
    /// for lost, and do again what is done.
    pub async fn say_goodbye(&self) {
        self.say_last(self.present()).await;
        self.say_last(FromAgent::Leave { agent: self.agent() }).await;
    }

    async fn say_last(&self, message: FromAgent) {
        let said = timeout(HEARTBEAT, call::<Heard>(&self.callers[0], message, Duration::ZERO)).await;
        if !matches!(said, Ok(Ok(_))) {
            tracing::info!("the master does not hear that this worker goes; it will notice");
        }
    }

    async fn report(&self) -> Result<(), Replaced> {
        let mut changed = self.household.changed();
        let mut trouble = Trouble::new("reporting to the master");
        loop {
            changed.mark_unchanged();
            let told = call(&self.callers[0], self.present(), Duration::ZERO).await;
            if told.is_err() {
                self.stand(LineState::Unheard);
            }
            match trouble.over(told).await {
                None => continue,
                Some(Heard::Yes) => self.stand(LineState::Registered),
                Some(Heard::Replaced | Heard::Taken) => return Err(self.replaced()),
                Some(Heard::Register) => {
                    self.stand(LineState::Unregistered);
                    if self.register(&mut trouble).await == Some(Heard::Taken) {
                        return Err(self.replaced());
                    }
                    continue;
                }
            }
            // A change ends the wait early. The household outlives this line, so its word can't be missing.
            let _ = timeout(HEARTBEAT, changed.changed()).await;
        }
    }

    async fn obey(&self) -> Result<(), Replaced> {
        let mut trouble = Trouble::new("asking the master for orders");
        let mut seen = 0;
        loop {
            let wait_ms = u64::try_from(WATCH.as_millis()).unwrap_or(u64::MAX);
            let told = call(&self.callers[1], FromAgent::Orders { agent: self.agent(), seen, wait_ms }, WATCH).await;
            let Some(orders) = trouble.over::<Orders>(told).await else { continue };
            match orders.heard {
                Heard::Yes => {
                    seen = orders.version;
                    self.order(|lives| lives.order(orders.processes));
                    self.ordered.send_modify(|ordered| *ordered = ordered.wrapping_add(1));
                }
                Heard::Replaced | Heard::Taken => return Err(self.replaced()),
                // The other loop does.
                Heard::Register => sleep(HEARTBEAT / 10).await,
            }
        }
    }

    /// Fetches what the orders name and is not here, without end. What can't be had is tried again, after all else.
    async fn fetch(&self) {
        let mut ordered = self.ordered.subscribe();
        let mut trouble = Trouble::new("fetching what a job runs");
        loop {
            ordered.mark_unchanged();
            let missing = self.lock().missing();
            if missing.is_empty() {
                // The line has the sender, so its word can't be missing.
                let _ = ordered.changed().await;
                continue;
            }
            let (mut told, mut is_all_named) = (Ok(()), true);
            for life in missing {
                let fetched = call(&self.callers[2], FromAgent::Life { agent: self.agent(), life }, FETCH).await;
                told = told.and(fetched.map(|spec| is_all_named &= self.order(|lives| lives.take(life, spec))));
            }
            let _ = trouble.over(told).await;
            if !is_all_named {
                // New orders are on their way.
                sleep(HEARTBEAT / 10).await;
            }
        }
    }

    /// Changes what is known of the orders, and has it done.
    fn order<T>(&self, change: impl FnOnce(&mut Lives) -> T) -> T {
        let mut lives = self.lock();
        let outcome = change(&mut lives);
        // Under the lock: the older of two could come last.
        self.household.apply(lives.wanted());
        outcome
    }

    /// How all of its processes are.
    fn present(&self) -> FromAgent {
        let ending = *self.standing.borrow() == LineState::Draining;
        FromAgent::Report { agent: self.agent(), processes: within_a_call(self.household.reports()), ending }
    }

    /// From now on it stands so. Who ends goes on with that.
    fn stand(&self, standing: LineState) {
        self.standing.send_if_modified(|now| {
            let is_other = *now != LineState::Draining && *now != standing;
            if is_other {
                *now = standing;
            }
            is_other
        });
    }

    fn lock(&self) -> MutexGuard<'_, Lives> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn agent(&self) -> AgentId {
        AgentId { worker: self.machine.worker.clone(), incarnation: self.machine.incarnation }
    }
}

async fn call<A: DeserializeOwned + Send + 'static>(
    caller: &Arc<Caller>,
    message: impl Serialize + Send + 'static,
    wait: Duration,
) -> Result<A, CallError> {
    let caller = Arc::clone(caller);
    let called = spawn_blocking(move || caller.call(&message, wait)).await;
    called.unwrap_or_else(|error| {
        Err(CallError::Unreachable { to: "the master".to_owned(), why: error.to_string(), sent: true })
    })
}

/// Calls that fail and are made again, and one line in the log when that begins and ends.
struct Trouble {
    what: &'static str,
    backoff: Backoff,
    said: Option<String>,
}

impl Trouble {
    fn new(what: &'static str) -> Self {
        Self { what, backoff: Backoff::of(what), said: None }
    }

    /// What a call gave; `None`, after a pause, if it should be made again.
    async fn over<A>(&mut self, told: Result<A, CallError>) -> Option<A> {
        match told {
            Ok(answer) => {
                self.backoff.succeeded();
                if self.said.take().is_some() {
                    tracing::info!("{} works again", self.what);
                }
                Some(answer)
            }
            Err(error) => {
                let why = error.to_string();
                if self.said.as_ref() != Some(&why) {
                    tracing::warn!("{} fails, and is tried again: {why}", self.what);
                    self.said = Some(why);
                }
                // No longer than a heartbeat: a master that comes back wants to hear of us at once.
                sleep(self.backoff.next_wait().min(HEARTBEAT)).await;
                None
            }
        }
    }
}
