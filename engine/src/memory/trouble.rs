//! The faults that a test orders from a connector in memory.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::contract::Fault;

/// Switches for trouble. All may be turned at any time, from any thread.
#[derive(Debug, Default)]
pub struct Troubles {
    before: AtomicU32,
    after: AtomicU32,
    away: AtomicBool,
    broken: Mutex<Option<String>>,
    pause: Mutex<Duration>,
    stuck: Mutex<bool>,
    freed: Condvar,
}

impl Troubles {
    /// The next `calls` calls fail with a transient fault and change nothing.
    pub fn fail_before(&self, calls: u32) {
        self.before.store(calls, Ordering::SeqCst);
    }

    /// The next `calls` calls do all they should, and then fail with a transient fault: only their answer is lost.
    pub fn fail_after(&self, calls: u32) {
        self.after.store(calls, Ordering::SeqCst);
    }

    /// While true, every call fails with a transient fault and changes nothing.
    pub fn be_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// From now on every call fails for good with this sentence; `None` mends it.
    pub fn be_broken(&self, sentence: Option<&str>) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = sentence.map(str::to_owned);
    }

    /// Every call takes this long.
    pub fn be_slow(&self, pause: Duration) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = pause;
    }

    /// While true, no call comes back, or begins its work.
    pub fn be_stuck(&self, stuck: bool) {
        *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) = stuck;
        self.freed.notify_all();
    }

    /// Lives through what was ordered around a call.
    pub(super) fn around<T>(&self, call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let pause = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        if !pause.is_zero() {
            thread::sleep(pause);
        }
        let stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.freed.wait_while(stuck, |stuck| *stuck));
        if let Some(sentence) = &*self.broken.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Fault::permanent(sentence));
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(Fault::transient("the memory connector is away, as it was told to"));
        }
        if spend(&self.before) {
            return Err(Fault::transient("the memory connector failed before it did anything, as it was told to"));
        }
        let done = call()?;
        if spend(&self.after) {
            return Err(Fault::transient("the memory connector did all and then failed, as it was told to"));
        }
        Ok(done)
    }
}

/// Takes one from a count, if there is one.
fn spend(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
