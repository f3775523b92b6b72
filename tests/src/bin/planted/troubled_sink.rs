//! A destination that can be made slow, or be taken away for a while, from outside: by a file that says so.
//!
//! The file holds `slow` or `away`, and then the names of the sinks that are meant. What is written goes to the real sink.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flightline_engine::contract::{
    Fault, FlushReason, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkBatch, SinkName, SinkSurvey,
};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offsets, Partition, Reached};

/// How long a slow destination takes for a batch of one partition.
const SLOW: Duration = Duration::from_millis(100);

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Slow,
    Away,
}

/// Where the file is that says what is the matter with a sink.
#[derive(Clone, Debug)]
struct Notice {
    file: PathBuf,
    sink: SinkName,
}

impl Notice {
    fn read(&self) -> Trouble {
        // There is no file as long as nothing is the matter.
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let mut words = text.split_whitespace();
        let trouble = words.next();
        match trouble.filter(|_| words.any(|name| *name == *self.sink.0)) {
            Some("slow") => Trouble::Slow,
            Some("away") => Trouble::Away,
            _ => Trouble::None,
        }
    }

    fn suffer(&self, partitions: usize) -> Result<(), Fault> {
        match self.read() {
            Trouble::None => {}
            Trouble::Slow => thread::sleep(SLOW.saturating_mul(u32::try_from(partitions).unwrap_or(u32::MAX))),
            Trouble::Away => return Err(Fault::transient(format!("{}: a test has taken it away", self.sink))),
        }
        Ok(())
    }
}

/// The destination.
#[derive(Debug)]
pub(crate) struct TroubledSink {
    sink: Arc<dyn Sink>,
    notice: Notice,
}

impl TroubledSink {
    /// A sink with the trouble that a file will tell of.
    pub(crate) fn over(sink: Arc<dyn Sink>, file: PathBuf) -> Self {
        let notice = Notice { file, sink: sink.name().clone() };
        Self { sink, notice }
    }
}

impl Sink for TroubledSink {
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
        Ok(Box::new(TroubledWriter { writer, notice: self.notice.clone() }))
    }
}

struct TroubledWriter {
    writer: Box<dyn OpenSink>,
    notice: Notice,
}

impl OpenSink for TroubledWriter {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.writer.durable()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        self.notice.suffer(batch.answers.len())?;
        self.writer.write(batch)
    }

    fn flush(&mut self, why: FlushReason) -> Result<(), Fault> {
        self.notice.suffer(0)?;
        self.writer.flush(why)
    }

    fn flush_in(&self) -> Option<Duration> {
        self.writer.flush_in()
    }
}
