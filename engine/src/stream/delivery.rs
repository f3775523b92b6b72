//! A sink's thread: takes whole stretches, drops what the sink has, writes the rest, says what is durable.
//!
//! Invariants: what the sink is given continues where it stands, without a gap and without an overlap; a transient fault is
//! tried again for as long as it takes; progress is told only when the sink says that it is durable. A drain waits for a
//! required sink without end, and for one that may lag only so long: the next life brings that one up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::catch_up::CatchUp;
use super::inbox::InboxSender;
use super::queue::{End, SinkQueue, Taken};
use super::retry::Trial;
use super::{Ending, Settled, same_log};
use crate::contract::{
    Answers, Fault, FlushReason, Item, JobId, OpenSink, Selects, Sink, SinkBatch, SinkName, Transient,
};
use crate::ledger::Generation;
use crate::log::{Offset, OffsetRange, Offsets, Partition, Reached};
use crate::metrics::{SinkState, StreamMetrics};
use crate::recovery::{self, Undelivered, undelivered};

/// Bytes that are written together, roughly. What a killed process had not finished is written again by the next one, so a
/// slow sink must not be given more than it can finish between two kills.
const WRITE: usize = 512 << 10;
/// How long to sleep when there is nothing to do.
const IDLE: Duration = Duration::from_secs(1);

/// What a sink's thread says to its worker.
#[derive(Debug)]
pub(super) enum Report {
    /// So much is durable now.
    Durable(SinkName, BTreeMap<Partition, Reached>),
    /// It has flushed and ended.
    Flushed(SinkName),
    /// It can't go on, and so the job can't.
    Failed(Ending),
    /// It can't go on, but the job can.
    GaveUp(SinkName),
}

/// The lines of a stretch that a sink wants, in their order.
pub(super) fn lines_for(selects: Selects, settled: &[Settled]) -> Vec<Item> {
    let line = |settled: &Settled| {
        let line = match selects {
            Selects::Answers => settled.answer.as_ref(),
            Selects::DeadLetters => settled.dead_letter.as_ref(),
        }?;
        let (key, standing, body) = (line.key.clone(), line.standing, line.body.clone());
        Some(Item { offset: settled.offset, key, standing, body })
    };
    settled.iter().filter_map(line).collect()
}

/// How a sink is opened: at the start, or when one comes back that need not be there then.
pub(super) struct Opener {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) job: JobId,
    pub(super) starts: Offsets,
    pub(super) generation: Generation,
    pub(super) partitions: Vec<Partition>,
}

impl Opener {
    /// Opens it, if it is as it was left.
    pub(super) fn open(&self) -> Result<Box<dyn OpenSink>, Fault> {
        let survey = self.sink.survey(&self.partitions)?;
        let starts = self.starts.iter().filter(|(partition, _)| self.partitions.contains(partition));
        let starts = starts.map(|(partition, start)| (*partition, *start)).collect();
        recovery::check_left(self.sink.name(), &self.job, &starts, &survey)?;
        self.sink.open(self.generation, &self.partitions)
    }
}

/// A sink before its first write.
pub(super) enum Writer {
    /// It is open.
    Open(Box<dyn OpenSink>),
    /// It is away; this is what the start failed with.
    Away(Opener, Transient),
}

/// One writer of a sink.
pub(super) struct Delivery<E> {
    pub(super) name: SinkName,
    pub(super) selects: Selects,
    pub(super) required: bool,
    pub(super) queue: Arc<SinkQueue>,
    pub(super) catch_up: CatchUp,
    pub(super) report: InboxSender<E>,
    pub(super) metrics: StreamMetrics,
    /// Where the sink stands: what it was given, durable or not.
    pub(super) given: BTreeMap<Partition, Offset>,
    /// Where the live flow begins: a sink that may lag can stand below.
    pub(super) live_from: Offsets,
    /// How long a drain waits for it, if it may lag.
    pub(super) patience: Duration,
    /// What was reported as durable.
    pub(super) durable: BTreeMap<Partition, Reached>,
    pub(super) trial: Trial,
}

/// Why the thread stops.
enum Stop {
    /// It was told to, at once.
    Abandoned,
    /// The job drains, and need not wait for it any longer.
    Behind,
    /// It can't go on.
    Fault(Fault),
}

impl<E: From<Report>> Delivery<E> {
    /// Works until the queue ends or a permanent fault comes.
    pub(super) fn run(mut self, writer: Writer) {
        let report = match self.open(writer).and_then(|mut sink| self.work(sink.as_mut())) {
            Ok(()) => Report::Flushed(self.name.clone()),
            Err(Stop::Abandoned) => return,
            Err(Stop::Behind) => {
                tracing::warn!(sink = %self.name, "the job ends before this sink has everything; the next life brings it up");
                Report::GaveUp(self.name.clone())
            }
            Err(Stop::Fault(fault)) => {
                self.metrics.permanent_fault(&self.name, &fault.to_string());
                match Ending::from(fault) {
                    Ending::Failed(sentence) if self.required => {
                        Report::Failed(Ending::Failed(format!("sink {}: {sentence}", self.name)))
                    }
                    Ending::Failed(sentence) => {
                        self.trial.gave_up(&sentence);
                        tracing::error!(sink = %self.name, "{sentence}; the job goes on without it");
                        Report::GaveUp(self.name.clone())
                    }
                    superseded @ (Ending::Superseded(_) | Ending::NotAbove { .. }) => Report::Failed(superseded),
                }
            }
        };
        // A worker that is gone needs no report.
        let _ = self.report.send(report.into());
    }

    /// Opens a sink that is away, when it comes back.
    fn open(&mut self, writer: Writer) -> Result<Box<dyn OpenSink>, Stop> {
        let (opener, fault) = match writer {
            Writer::Open(sink) => return Ok(sink),
            Writer::Away(opener, fault) => (opener, fault),
        };
        self.wait_after(&fault)?;
        let (source, name) = (Arc::clone(&self.catch_up.source), self.name.clone());
        let sink = self.patiently(|| {
            let sink = opener.open()?;
            // The start has compared only what it found.
            same_log::check(&*source, &name, &sink.durable()).map(|()| sink)
        })?;
        self.given = sink.durable().iter().map(|(partition, reached)| (*partition, reached.next)).collect();
        self.report_durable(sink.as_ref());
        Ok(sink)
    }

    fn work(&mut self, sink: &mut dyn OpenSink) -> Result<(), Stop> {
        // Nothing that comes live tells of a partition in which nothing comes.
        let partitions: Vec<Partition> = self.given.keys().copied().collect();
        for partition in partitions {
            let from = self.live_from.get(&partition).copied().unwrap_or_default();
            self.fetch(sink, partition, from)?;
        }
        loop {
            let patience = sink.flush_in().unwrap_or(IDLE).min(IDLE);
            let Taken { stretches, left_out, end } = self.queue.take(WRITE, patience);
            if end == Some(End::Abandoned) {
                return Err(Stop::Abandoned);
            }
            self.deliver(sink, stretches)?;
            for (partition, reached) in left_out {
                self.fetch(sink, partition, reached.next)?;
            }
            if sink.flush_in().is_some_and(|time| time.is_zero()) {
                self.patiently(|| sink.flush(FlushReason::Due))?;
            }
            self.report_durable(sink);
            if end == Some(End::Flushed) {
                self.patiently(|| sink.flush(FlushReason::Closing))?;
                self.report_durable(sink);
                return Ok(());
            }
        }
    }

    /// Writes stretches together, as far as there is no gap before one.
    fn deliver(&mut self, sink: &mut dyn OpenSink, stretches: Vec<Answers>) -> Result<(), Stop> {
        // A rival of an older life may have brought the destination further than we were.
        for (partition, reached) in sink.durable() {
            let given = self.given.entry(partition).or_default();
            *given = (*given).max(reached.next);
        }
        let mut batch = SinkBatch::default();
        for stretch in stretches {
            let partition = stretch.partition;
            match undelivered(self.given_of(partition), &stretch) {
                Undelivered::Old => {}
                Undelivered::Take(stretch) => self.add(&mut batch, stretch),
                Undelivered::Gap(gap) => {
                    self.write(sink, std::mem::take(&mut batch))?;
                    self.fetch(sink, partition, gap.to)?;
                    if let Undelivered::Take(stretch) = undelivered(self.given_of(partition), &stretch) {
                        self.add(&mut batch, stretch);
                    }
                }
            }
        }
        self.write(sink, batch)
    }

    fn add(&mut self, batch: &mut SinkBatch, stretch: Answers) {
        self.given.insert(stretch.partition, stretch.reached.next);
        match batch.answers.get_mut(&stretch.partition) {
            Some(before) => {
                before.reached = stretch.reached;
                before.items.extend(stretch.items);
            }
            None => _ = batch.answers.insert(stretch.partition, stretch),
        }
    }

    /// Brings the sink up to `to` from the log, without the dataflow.
    fn fetch(&mut self, sink: &mut dyn OpenSink, partition: Partition, to: Offset) -> Result<(), Stop> {
        while self.given_of(partition) < to {
            if self.is_given_up() {
                return Err(Stop::Behind);
            }
            self.metrics.sink_state(&self.name, SinkState::CatchingUp);
            let range = OffsetRange::new(self.given_of(partition), to);
            let (catch_up, selects) = (self.catch_up.clone(), self.selects);
            let stretch = self.patiently(|| catch_up.answers(partition, range, selects))?;
            let mut batch = SinkBatch::default();
            self.add(&mut batch, stretch);
            self.write(sink, batch)?;
            self.report_durable(sink);
        }
        self.metrics.sink_state(&self.name, SinkState::Live);
        Ok(())
    }

    fn write(&mut self, sink: &mut dyn OpenSink, batch: SinkBatch) -> Result<(), Stop> {
        if batch.answers.is_empty() {
            return Ok(());
        }
        self.patiently(|| sink.write(&batch))
    }

    /// Tries until it works, can't work, or the thread is told to end.
    fn patiently<T>(&mut self, mut step: impl FnMut() -> Result<T, Fault>) -> Result<T, Stop> {
        loop {
            match step() {
                Ok(done) => {
                    if self.trial.worked() {
                        self.metrics.sink_state(&self.name, SinkState::Live);
                    }
                    return Ok(done);
                }
                Err(Fault::Transient(fault)) => self.wait_after(&fault)?,
                Err(fault) => return Err(Stop::Fault(fault)),
            }
        }
    }

    /// Tells of a try that has failed, and waits until it is time for the next.
    fn wait_after(&mut self, fault: &Transient) -> Result<(), Stop> {
        let wait = self.trial.failed(fault);
        self.metrics.transient_fault(&self.name, &fault.0);
        self.metrics.sink_state(&self.name, SinkState::Retrying);
        if self.queue.abandoned_within(wait) {
            return Err(Stop::Abandoned);
        }
        if self.is_given_up() { Err(Stop::Behind) } else { Ok(()) }
    }

    /// Whether the job drains and has waited long enough.
    fn is_given_up(&self) -> bool {
        !self.required && self.queue.ends_since().is_some_and(|since| since >= self.patience)
    }

    fn report_durable(&mut self, sink: &dyn OpenSink) {
        let mut news = sink.durable();
        news.retain(|partition, reached| self.durable.get(partition).is_none_or(|known| known.next < reached.next));
        if !news.is_empty() {
            self.durable.extend(news.iter().map(|(partition, reached)| (*partition, *reached)));
            // A worker that is gone needs no report.
            let _ = self.report.send(Report::Durable(self.name.clone(), news).into());
        }
    }

    fn given_of(&self, partition: Partition) -> Offset {
        self.given.get(&partition).copied().unwrap_or_default()
    }
}
