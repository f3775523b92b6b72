//! A thread that writes a worker's answers, behind a bounded channel.
//!
//! The worker hands over between two steps and waits there while the writer is behind. In a batch that is what should
//! happen; a stream must not wait, and acknowledges instead.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use flightline_engine::ids::WorkerIndex;

use super::output::{Target, WholePart};
use super::reading::BadLine;
use crate::failure::{Failure, FailureKind};
use crate::response::Response;

/// What one step of a worker left to write.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) answers: Vec<Response>,
    pub(super) bad: Vec<BadLine>,
}

impl Outbox {
    fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.bad.is_empty()
    }
}

/// Outboxes that may wait for the thread.
const AHEAD: usize = 2;

/// The worker's end.
pub(super) struct Writer {
    outboxes: SyncSender<Outbox>,
    thread: JoinHandle<Result<WholePart, Failure>>,
}

impl Writer {
    /// Starts the thread that writes the part of a worker.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(target: Target, worker: WorkerIndex) -> Result<Self, Failure> {
        let (outboxes, arriving) = sync_channel(AHEAD);
        let started = thread::Builder::new()
            .name(format!("write {worker}"))
            .spawn(move || write(&target, worker, &arriving))
            .map_err(|error| Failure::new(FailureKind::Storage, format!("can't start a thread to write: {error}")));
        started.map(|thread| Self { outboxes, thread })
    }

    /// Hands over what there is, and waits while too much waits already.
    ///
    /// # Errors
    /// Why the thread has ended.
    pub(super) fn send(self, outbox: Outbox) -> Result<Self, Failure> {
        if outbox.is_empty() || self.outboxes.send(outbox).is_ok() {
            return Ok(self);
        }
        Err(self.finish().err().unwrap_or_else(stopped))
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// Why it could not be.
    pub(super) fn finish(self) -> Result<WholePart, Failure> {
        drop(self.outboxes);
        self.thread.join().unwrap_or_else(|_panic| Err(stopped()))
    }
}

fn write(target: &Target, worker: WorkerIndex, arriving: &Receiver<Outbox>) -> Result<WholePart, Failure> {
    let mut part = target.part(worker)?;
    for Outbox { answers, bad } in arriving {
        part.write(&answers)?;
        part.bury(&bad)?;
    }
    part.finish()
}

fn stopped() -> Failure {
    Failure::new(FailureKind::Bug, "internal error (bug): the thread that writes the answers has stopped")
}
