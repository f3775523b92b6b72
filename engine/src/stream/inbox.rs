//! Events from threads to a worker's loop: bounded, in order for each sender, and the worker is woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use timely::scheduling::SyncActivator;

/// The worker is gone; whoever talks to it should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// A worker's end.
pub(super) struct Inbox<E> {
    arrived: Receiver<E>,
    asked: Arc<AtomicBool>,
}

/// A thread's end. Dropping all of them means nothing: threads say themselves how they ended.
pub(super) struct InboxSender<E> {
    events: SyncSender<E>,
    asked: Arc<AtomicBool>,
    worker: SyncActivator,
}

/// An inbox in which `depth` events may wait.
pub(super) fn inbox<E>(depth: usize, worker: SyncActivator) -> (Inbox<E>, InboxSender<E>) {
    let (events, arrived) = sync_channel(depth.max(1));
    let asked = Arc::new(AtomicBool::new(false));
    (Inbox { arrived, asked: Arc::clone(&asked) }, InboxSender { events, asked, worker })
}

impl<E> Inbox<E> {
    /// To be called before looking: whoever sends from here on wakes the worker anew.
    pub(super) fn look(&self) {
        self.asked.store(false, Ordering::SeqCst);
    }

    /// The next event, if one is there.
    pub(super) fn next(&self) -> Option<E> {
        self.arrived.try_recv().ok()
    }
}

impl<E> InboxSender<E> {
    /// Hands an event to the worker. Waits while the inbox is full.
    pub(super) fn send(&self, event: E) -> Result<(), Gone> {
        self.events.send(event).map_err(|_| Gone)?;
        if !self.asked.swap(true, Ordering::SeqCst) {
            // Fails only if the worker is gone; then the next send finds the channel closed.
            let _ = self.worker.activate();
        }
        Ok(())
    }
}

impl<E> Clone for InboxSender<E> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone(), asked: Arc::clone(&self.asked), worker: self.worker.clone() }
    }
}
