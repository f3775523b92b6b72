//! A thread that does something over and over until it is asked to end.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

/// The thread. Dropped, it is asked to end, and nobody waits for that.
#[derive(Debug)]
pub(crate) struct Worker {
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(name: &str, work: impl FnOnce(&Stop) + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let of_thread = Arc::clone(&stop);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&of_thread))?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) {
        self.stop.ask();
    }

    /// Asks it to end, and waits until it has: at most as long as what it does takes.
    pub(crate) fn end(&self) {
        self.stop.ask();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let name = thread.as_ref().and_then(|thread| thread.thread().name()).unwrap_or_default().to_owned();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread `{name}` of the page panicked");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

/// A request to stop that also wakes those who pause.
#[derive(Debug, Default)]
pub(crate) struct Stop {
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

    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until it is asked.
    pub(crate) fn wait(&self, pause: Duration) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // Who was asked to stop, or whose pause is over, does the same thing next: it looks.
        drop(self.changed.wait_timeout_while(asked, pause, |asked| !*asked));
    }
}
