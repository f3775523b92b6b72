//! A gate in a job's commit paths: at one place its life stops, as if somebody had stopped the process, and at last it
//! wakes up and goes on from there.
//!
//! Once the place is reached, nothing of that life passes any gate: what it does meanwhile stays in its memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::contract::{
    Blobs, Created, Fault, FlushReason, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkBatch, SinkName,
    SinkSurvey,
};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offsets, Partition, Reached};
use flightline_jobs::service::Replace;

/// Before or after something becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It is decided and nothing is written.
    Before,
    /// It is durable and nobody knows.
    After,
}

/// A place in a commit path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pass {
    /// A batch of the sink of this name.
    Sink(&'static str, Moment),
    /// An entry of the ledger.
    Ledger(Moment),
}

/// Where a life of a job stops. Clones are one gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    /// Closes at this place.
    Armed(Pass),
    Closed,
}

impl Gate {
    /// Lets it close when somebody comes to this place.
    pub fn close_at(&self, place: Pass) {
        *self.state() = State::Armed(place);
    }

    /// Whether somebody came there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(*self.state(), State::Closed)
    }

    /// Lets all go on.
    pub fn open(&self) {
        *self.state() = State::Open;
        self.0.changed.notify_all();
    }

    fn pass(&self, is_here: impl Fn(&Pass) -> bool) {
        let mut state = self.state();
        if matches!(&*state, State::Armed(place) if is_here(place)) {
            *state = State::Closed;
        }
        drop(self.0.changed.wait_while(state, |state| matches!(state, State::Closed)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the gate into all sinks and before the ledger.
#[derive(Clone, Debug)]
pub struct Gated(pub Gate);

impl Replace for Gated {
    fn sink(&self, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
        Arc::new(GatedSink { sink, gate: self.0.clone() })
    }

    fn state(&self, state: Arc<dyn Blobs>) -> Arc<dyn Blobs> {
        Arc::new(GatedState { state, gate: self.0.clone() })
    }
}

#[derive(Debug)]
struct GatedSink {
    sink: Arc<dyn Sink>,
    gate: Gate,
}

impl Sink for GatedSink {
    fn name(&self) -> &SinkName {
        self.sink.name()
    }

    fn placement(&self) -> Placement {
        self.sink.placement()
    }

    fn guarantee(&self) -> Guarantee {
        self.sink.guarantee()
    }

    fn selects(&self) -> Selects {
        self.sink.selects()
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        self.sink.survey(partitions)
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        self.sink.adopt(job, starts)
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let writer = self.sink.open(generation, partitions)?;
        Ok(Box::new(GatedWriter { name: self.name().clone(), writer, gate: self.gate.clone() }))
    }
}

struct GatedWriter {
    name: SinkName,
    writer: Box<dyn OpenSink>,
    gate: Gate,
}

/// The sink that gathers what is written, and makes it durable when it is flushed.
const GATHERS: &str = "files";

impl GatedWriter {
    fn pass(&self, now: Moment) {
        self.gate.pass(|place| matches!(place, Pass::Sink(name, moment) if **name == *self.name.0 && *moment == now));
    }

    /// Something that may make more durable, with the gate before and after it.
    fn commit<R>(&mut self, step: impl FnOnce(&mut dyn OpenSink) -> Result<R, Fault>) -> Result<R, Fault> {
        self.pass(Moment::Before);
        let known = self.writer.durable();
        let done = step(self.writer.as_mut())?;
        if self.writer.durable() != known {
            self.pass(Moment::After);
        }
        Ok(done)
    }
}

impl OpenSink for GatedWriter {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.writer.durable()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        if *self.name.0 == *GATHERS {
            self.gate.pass(|_| false);
            return self.writer.write(batch);
        }
        self.commit(|writer| writer.write(batch))
    }

    fn flush(&mut self, why: FlushReason) -> Result<(), Fault> {
        self.commit(|writer| writer.flush(why))
    }

    fn flush_in(&self) -> Option<Duration> {
        self.writer.flush_in()
    }
}

#[derive(Debug)]
struct GatedState {
    state: Arc<dyn Blobs>,
    gate: Gate,
}

impl Blobs for GatedState {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.state.list(folder)
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.state.read(name)
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        let is_entry = name.starts_with("ledger/");
        self.gate.pass(|place| is_entry && *place == Pass::Ledger(Moment::Before));
        let created = self.state.create(name, bytes)?;
        self.gate.pass(|place| is_entry && *place == Pass::Ledger(Moment::After));
        Ok(created)
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.gate.pass(|_| false);
        self.state.delete(name)
    }
}
