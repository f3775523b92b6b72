//! A sink whose only writer is in another process: known by name here, and never opened.

use flightline_engine::contract::{Fault, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkName, SinkSurvey};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offsets, Partition};

/// Says what its sink is. The engine opens sinks that stand with the lead in process 0 only.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) name: SinkName,
    pub(super) selects: Selects,
    pub(super) guarantee: Guarantee,
}

impl Elsewhere {
    fn refusal<T>(&self) -> Result<T, Fault> {
        Err(Fault::permanent(format!("sink {} is written by process 0 alone (bug: it was asked for here)", self.name)))
    }
}

impl Sink for Elsewhere {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn placement(&self) -> Placement {
        Placement::OnLead
    }

    fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    fn selects(&self) -> Selects {
        self.selects
    }

    fn survey(&self, _partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        self.refusal()
    }

    fn adopt(&self, _job: &JobId, _starts: &Offsets) -> Result<(), Fault> {
        self.refusal()
    }

    fn open(&self, _generation: Generation, _partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        self.refusal()
    }
}
