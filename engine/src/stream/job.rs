//! What a streaming job computes. The engine reads, binds, closes epochs and writes; the job turns records into lines.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use timely::dataflow::{Scope, StreamVec};

use super::Epoch;
use crate::contract::{Fault, Standing};
use crate::ledger::{Binding, Seq};
use crate::log::{LogRecord, Partition};

/// A streaming job.
pub trait StreamJob: Send + Sync + 'static {
    /// What a binding is when it is ready to answer.
    type Ready: Send + Sync + 'static;

    /// Loads what a binding names and checks it, before any record carries it. On a thread of its own; may take long.
    ///
    /// # Errors
    /// Permanent if this build or these files can't serve it; says what is needed.
    fn load(&self, binding: &Binding) -> Result<Self::Ready, Fault>;

    /// Builds the dataflow, alike on every worker. Every record gives exactly one [`Settled`], at the record's epoch, on
    /// any worker; the engine brings it to the partition's owner and restores the order.
    fn build<'scope>(
        &self,
        scope: Scope<'scope, Epoch>,
        inputs: JobInputs<'scope, Self::Ready>,
    ) -> StreamVec<'scope, Epoch, Settled>;
}

/// What a job's dataflow starts from.
pub struct JobInputs<'scope, R> {
    /// Records of this worker's partitions, in order within each partition.
    pub records: StreamVec<'scope, Epoch, BoundRecord>,
    /// Changes of the table's rows, key and value, each on one worker. Its frontier advances also when the table is idle.
    pub table: StreamVec<'scope, Epoch, TableChange>,
    /// How the table is spread over the workers.
    pub spread: TableSpread,
    /// The bindings that records may carry.
    pub bindings: Bindings<R>,
    /// The table must be readable as of this epoch and all later ones.
    pub oldest_table: Rc<Cell<Epoch>>,
}

/// A change of a row, as differential dataflow has it.
pub type TableChange = ((String, String), Epoch, isize);

/// How a table is spread over the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableSpread {
    /// Every worker holds all of it, and records stay where they are.
    Everywhere,
    /// Every worker holds a share, and records travel to their key.
    ByKey,
}

/// A record with the binding that its answer must have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BoundRecord {
    /// The partition that it stands in.
    pub partition: Partition,
    /// The record.
    pub record: LogRecord,
    /// The ledger's entry that binds it; [`Bindings`] knows what that says.
    pub binding: Seq,
    /// The epoch at which the table is what the binding says. Not above the record's own.
    pub as_of: Epoch,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Of the record.
    pub partition: Partition,
    /// Of the record.
    pub offset: crate::log::Offset,
    /// Its answer, unless nobody can be told.
    pub answer: Option<Line>,
    /// Its dead letter, if it has one.
    pub dead_letter: Option<Line>,
    /// Why there is no better answer, as a short and fixed word to count by.
    pub error: Option<Box<str>>,
}

/// A line for a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What a collection stores it under.
    pub key: Box<str>,
    /// Whether it may be replaced.
    pub standing: Standing,
    /// The line, without a line feed.
    pub body: Bytes,
}

/// A binding that is ready.
pub struct ReadyBinding<R> {
    /// What the ledger says.
    pub binding: Binding,
    /// What the job made of it.
    pub ready: Arc<R>,
}

impl<R> Clone for ReadyBinding<R> {
    fn clone(&self) -> Self {
        Self { binding: self.binding.clone(), ready: Arc::clone(&self.ready) }
    }
}

/// A worker's view of the bindings in use. Every binding that a record carries is in it before the record is.
pub struct Bindings<R>(Rc<RefCell<HashMap<Seq, ReadyBinding<R>>>>);

impl<R> Bindings<R> {
    /// The binding of an entry; `None` only for a number that no record carries.
    #[must_use]
    pub fn get(&self, number: Seq) -> Option<ReadyBinding<R>> {
        self.0.borrow().get(&number).cloned()
    }

    /// Adds a binding.
    pub fn insert(&self, number: Seq, binding: ReadyBinding<R>) {
        self.0.borrow_mut().insert(number, binding);
    }

    /// Forgets the bindings that `keep` refuses.
    pub fn retain(&self, mut keep: impl FnMut(Seq) -> bool) {
        self.0.borrow_mut().retain(|number, _| keep(*number));
    }
}

impl<R> Default for Bindings<R> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<R> Clone for Bindings<R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<R> fmt::Debug for Bindings<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.borrow().keys()).finish()
    }
}
