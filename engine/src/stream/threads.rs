//! The threads of a worker, with names. Those of [`Threads`] are joined when it ends.

use std::thread::{self, JoinHandle};

use super::Ending;
use crate::process::panics::BRIDGE_THREADS;

/// The threads of one worker. A panic in one ends the process.
#[derive(Debug, Default)]
pub(super) struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    /// Starts one.
    pub(super) fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Ending> {
        let thread = begin(name, work)?;
        // Short-lived ones (a model that was loaded) must not pile up.
        self.0.retain(|thread| !thread.is_finished());
        self.0.push(thread);
        Ok(())
    }

    /// Waits until all have ended.
    pub(super) fn join(self) {
        for thread in self.0 {
            // One that panicked has ended the process.
            let _ = thread.join();
        }
    }
}

/// Starts a thread; whether somebody waits for its end is up to the caller.
pub(super) fn begin(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Ending> {
    thread::Builder::new().name(format!("{BRIDGE_THREADS}{name}")).spawn(work).map_err(|error| {
        Ending::Failed(format!("the operating system refused a thread for {name}: {error}; raise its limits"))
    })
}
