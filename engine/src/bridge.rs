//! How threads and asynchronous clients hand rows to the dataflow of a batch job. (A stream has its own way, for events with
//! answers: the inbox of `stream`.)
//!
//! A named thread produces, a bounded channel carries, and a timely source hands on. The worker never waits: it takes
//! what is there, at most `depth` items at a time so that others on it get their turn, and is woken by the producer
//! when there is more. The producer waits while `depth` items wait for the worker.
//!
//! Invariants: items leave in the order in which one sender gave them; the source's capability is dropped only when
//! every sender is gone *and* all that they gave has left; a producer that panics ends the process and never looks
//! like one that is done. What this does not do: bound what operators downstream hold (only they can).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use thiserror::Error;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, Stream};
use timely::progress::Timestamp;
use timely::scheduling::SyncActivator;

use crate::process::panics;

/// Runs `produce` on a thread of its own, and gives what it sends as a stream at `T`'s minimum.
///
/// `depth` (taken as 1 if 0) is how many items may wait for the worker; items should be batches, not single rows.
/// Each worker that calls this has a producer of its own. If the dataflow is dropped early, the producer learns it at
/// its next [`BridgeSender::send`] and is expected to return.
///
/// If the operating system refuses a thread, the process ends: the dataflow can't be what its builder said.
pub fn bridge<'scope, T: Timestamp, D: Send + 'static>(
    scope: Scope<'scope, T>,
    name: &str,
    depth: usize,
    produce: impl FnOnce(BridgeSender<D>) + Send + 'static,
) -> Stream<'scope, T, Vec<D>> {
    panics::watch_own_threads();
    let depth = depth.max(1);
    source::<_, CapacityContainerBuilder<Vec<D>>, _, _>(scope, name, |capability, info| {
        let (items, arrived) = sync_channel(depth);
        let wake = Arc::new(Wake {
            asked: AtomicBool::new(false),
            worker: scope.worker().sync_activator_for(info.address.to_vec()),
        });
        let again = scope.activator_for(info.address);
        start_producer(name, BridgeSender { items: Some(items), wake: Arc::clone(&wake) }, produce);

        let mut open = Some((capability, arrived));
        move |output| {
            let Some((capability, arrived)) = &open else { return };
            // Before looking: whoever sends from here on asks anew.
            wake.asked.store(false, Ordering::SeqCst);
            let (mut taken, state) = take(arrived, depth);
            if !taken.is_empty() {
                output.session(capability).give_container(&mut taken);
            }
            match state {
                Waiting::More => again.activate(),
                Waiting::Nothing => {}
                Waiting::Ended => open = None,
            }
        }
    })
}

/// What the channel holds after a look at it.
#[derive(Debug, PartialEq, Eq)]
enum Waiting {
    More,
    Nothing,
    Ended,
}

fn take<D>(arrived: &Receiver<D>, most: usize) -> (Vec<D>, Waiting) {
    let mut taken = Vec::new();
    while taken.len() < most {
        match arrived.try_recv() {
            Ok(item) => taken.push(item),
            Err(TryRecvError::Empty) => return (taken, Waiting::Nothing),
            Err(TryRecvError::Disconnected) => return (taken, Waiting::Ended),
        }
    }
    (taken, Waiting::More)
}

fn start_producer<D: Send + 'static>(
    name: &str,
    sender: BridgeSender<D>,
    produce: impl FnOnce(BridgeSender<D>) + Send + 'static,
) {
    let started =
        thread::Builder::new().name(format!("{}{name}", panics::BRIDGE_THREADS)).spawn(move || produce(sender));
    if let Err(error) = started {
        // The sender is gone with the closure: going on would look like a producer that found nothing.
        panics::end_as_bug(&format!("the operating system refused a thread for the bridge {name:?}: {error}"));
    }
}

/// Wakes the source, at most once until it has looked.
#[derive(Debug)]
struct Wake {
    asked: AtomicBool,
    worker: SyncActivator,
}

impl Wake {
    fn ask(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            // Fails only if the worker is gone; then the next send finds the channel closed.
            let _ = self.worker.activate();
        }
    }
}

/// The dataflow no longer takes anything: its producer should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the dataflow that this bridge feeds is gone")]
pub struct Closed;

/// The producer's end of a [`bridge`]. The stream ends when the last clone is dropped.
pub struct BridgeSender<D> {
    items: Option<SyncSender<D>>,
    wake: Arc<Wake>,
}

impl<D> BridgeSender<D> {
    /// Hands an item to the worker. Waits while as many as the bridge is deep are waiting already.
    ///
    /// # Errors
    /// [`Closed`] when the dataflow is gone; the item is lost then, as everything in that dataflow.
    pub fn send(&self, item: D) -> Result<(), Closed> {
        self.items.as_ref().ok_or(Closed)?.send(item).map_err(|_| Closed)?;
        self.wake.ask();
        Ok(())
    }
}

impl<D> Clone for BridgeSender<D> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), wake: Arc::clone(&self.wake) }
    }
}

impl<D> fmt::Debug for BridgeSender<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeSender").finish_non_exhaustive()
    }
}

impl<D> Drop for BridgeSender<D> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Reached on threads that are not ours (a runtime's, say) and so not watched by the panic hook.
            panics::end_as_bug("a producer panicked while it fed a dataflow");
        }
        // The channel first: the worker that is woken must find it closed.
        self.items = None;
        self.wake.ask();
    }
}

#[cfg(test)]
mod tests;
