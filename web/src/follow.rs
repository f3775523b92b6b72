//! The one consumer of the response topic that all streams share: a thread for each partition, from the end on.
//!
//! Invariants: no failure ends a follower, it tries again with growing pauses and [`Feed::health`] says why; every line
//! that is an answer is published once, in the order of its partition; [`Feed::close`] returns when all threads are gone.
//! What was answered before the followers began is not theirs to know: the collection holds it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io, mem};

use crate::answers::{Answer, Answers};
use crate::backend::{Backend, BackendError, Partition};

/// How long a follower asks to wait for a line; so long may it take until it sees that it should stop.
const WAIT: Duration = Duration::from_millis(500);

/// The pause after a first failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The followers of all partitions.
#[derive(Debug)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
    lead: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    backend: Arc<dyn Backend>,
    answers: Arc<Answers>,
    stop: Stop,
    /// Of each partition, or of the search for them while it is not known how many there are.
    standings: Mutex<Vec<Standing>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Starting,
    Following,
    Failing(BackendError),
}

/// Why answers can't be followed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotFollowing {
    Starting,
    Failing(BackendError),
}

impl fmt::Display for NotFollowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("the response topic is not followed yet"),
            Self::Failing(error) => write!(f, "the response topic can't be followed: {error}"),
        }
    }
}

impl Feed {
    /// Starts to follow. The backend need not be reachable yet.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(backend: Arc<dyn Backend>, answers: Arc<Answers>) -> io::Result<Self> {
        let standings = Mutex::new(vec![Standing::Starting]);
        let shared = Arc::new(Shared { backend, answers, stop: Stop::default(), standings });
        let of_lead = Arc::clone(&shared);
        let lead = thread::Builder::new().name("responses".to_owned()).spawn(move || of_lead.follow_all())?;
        Ok(Self { shared, lead: Mutex::new(Some(lead)) })
    }

    /// Whether each partition is followed.
    pub(crate) fn health(&self) -> Result<(), NotFollowing> {
        let standings = self.shared.standings();
        let failing = standings.iter().find_map(|standing| match standing {
            Standing::Failing(error) => Some(NotFollowing::Failing(error.clone())),
            Standing::Starting | Standing::Following => None,
        });
        match failing {
            Some(failing) => Err(failing),
            None if standings.contains(&Standing::Starting) => Err(NotFollowing::Starting),
            None => Ok(()),
        }
    }

    /// Ends all followers, and waits until they are gone: at most as long as one call of the backend takes.
    pub(crate) fn close(&self) {
        self.shared.stop.ask();
        let lead = self.lead.lock().unwrap_or_else(PoisonError::into_inner).take();
        if lead.is_some_and(|lead| lead.join().is_err()) {
            tracing::error!("a follower of the response topic panicked");
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.stop.ask();
    }
}

impl Shared {
    fn follow_all(&self) {
        let counted = self.insist(Partition(0), &Standing::Starting, || match self.backend.response_partitions()? {
            0 => Err(BackendError::Refused("the response topic has no partition".to_owned())),
            count => Ok(count),
        });
        let Some(count) = counted else { return };
        self.standings().resize(count as usize, Standing::Starting);
        thread::scope(|scope| {
            for partition in (1..count).map(Partition) {
                let named = thread::Builder::new().name(format!("responses {partition}"));
                if let Err(error) = named.spawn_scoped(scope, move || self.follow(partition)) {
                    self.set(partition, Standing::Failing(BackendError::Unavailable(format!("no thread: {error}"))));
                }
            }
            self.follow(Partition(0));
        });
    }

    fn follow(&self, partition: Partition) {
        let end = self.insist(partition, &Standing::Following, || self.backend.response_end(partition));
        let Some(mut next) = end else { return };
        loop {
            let lines =
                self.insist(partition, &Standing::Following, || match self.backend.responses(partition, next, WAIT) {
                    Err(gone @ BackendError::Gone { .. }) => {
                        tracing::warn!("{gone}: following goes on at its end");
                        next = self.backend.response_end(partition)?;
                        Ok(Vec::new())
                    }
                    outcome => outcome,
                });
            let Some(lines) = lines else { return };
            for line in lines {
                next = line.offset.next();
                match Answer::parse(&line.payload) {
                    Ok(answer) => self.answers.publish(answer),
                    Err(error) => tracing::debug!("line {} of partition {partition}: {error}", line.offset),
                }
            }
        }
    }

    /// Makes a call until it succeeds, and stands as `then` from there; `None` when it is time to stop.
    fn insist<T>(
        &self,
        partition: Partition,
        then: &Standing,
        mut call: impl FnMut() -> Result<T, BackendError>,
    ) -> Option<T> {
        let mut pause = PAUSES.0;
        while !self.stop.is_asked() {
            match call() {
                Ok(outcome) => {
                    if let Standing::Failing(_) = self.set(partition, then.clone()) {
                        tracing::info!("the response topic can be followed again (partition {partition})");
                    }
                    return Some(outcome);
                }
                Err(error) => {
                    let before = self.set(partition, Standing::Failing(error.clone()));
                    if !matches!(before, Standing::Failing(_)) {
                        tracing::warn!(
                            "the response topic can't be followed (partition {partition}), trying again: {error}"
                        );
                    }
                }
            }
            self.stop.wait(pause);
            pause = (pause * 2).min(PAUSES.1);
        }
        None
    }

    /// Sets a partition's standing, and gives the one before.
    fn set(&self, partition: Partition, standing: Standing) -> Standing {
        let mut standings = self.standings();
        match standings.get_mut(partition.0 as usize) {
            Some(place) => mem::replace(place, standing),
            None => standing,
        }
    }

    fn standings(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request to stop that also wakes those who pause.
#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn ask(&self) {
        let before = mem::replace(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner), true);
        if !before {
            self.changed.notify_all();
        }
    }

    fn is_asked(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, pause: Duration) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // Who was asked to stop, or whose pause is over, does the same thing next: it looks.
        drop(self.changed.wait_timeout_while(asked, pause, |asked| !*asked));
    }
}

#[cfg(test)]
mod tests;
