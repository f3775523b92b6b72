//! How a life of the job begins: rounds between all workers, before anything flows.
//!
//! ```text
//! lead: claim ─► all: survey ─► lead: plan ─► all: adopt ─► all: open (fences older lives)
//!                                                              │
//! all: start ◄─ lead: bind ◄─ all: load bindings ◄─ lead: read the ledger again, register, bring up the table
//! ```
//!
//! Invariants: a later life that has begun meanwhile is noticed after everything was fenced; a sink is registered after its
//! destination was adopted; nothing is read before all that is bound can be answered. Only here may a worker wait.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use timely::worker::Worker;

use super::Ending;
use super::bus::Bus;
use super::delivery::{Opener, Writer};
use super::job::{StreamJob, TableSpread};
use super::lead_start::LeadStart;
use super::message::{Message, SinkProgress};
use super::reach::{insist, reach, unseen};
use super::setup::{Shared, StreamSetup};
use crate::contract::{Placement, SinkName, SinkSurvey};
use crate::ids::WorkerIndex;
use crate::ledger::{Book, Generation, LedgerLog, TableVersion};
use crate::log::{OffsetRange, Offsets, Partition};
use crate::recovery;

/// Where a worker stands when records may flow.
pub(super) struct Started {
    pub(super) generation: Generation,
    pub(super) book: Book,
    pub(super) tables: Vec<TableVersion>,
    pub(super) spread: TableSpread,
    pub(super) read_from: Offsets,
    /// What was durable in each sink when it was opened, everywhere.
    pub(super) durable: SinkProgress,
    /// The writers of this worker, by their place in the setup.
    pub(super) writers: Vec<(usize, Writer)>,
    /// In worker 0.
    pub(super) lead: Option<LeadStart>,
}

/// What the log holds of each partition.
type Bounds = BTreeMap<Partition, OffsetRange>;
/// What each destination says.
type Surveys = BTreeMap<SinkName, SinkSurvey>;

/// All rounds, on one worker.
pub(super) fn start<J: StreamJob>(shared: &Shared<J>, bus: &mut Bus, worker: &mut Worker) -> Result<Started, Ending> {
    let rounds = Rounds { shared, index: WorkerIndex::new(worker.index()), workers: worker.peers() };
    let outcome = rounds.run(bus, worker);
    if let Err(ending) = &outcome {
        // Told to all, ourselves included; who waits ends with the same reason.
        bus.tell(Message::Failed(ending.clone()));
        (0..3).for_each(|_| _ = worker.step_or_park(Some(Duration::ZERO)));
    }
    outcome
}

struct Rounds<'a, J: StreamJob> {
    shared: &'a Shared<J>,
    index: WorkerIndex,
    workers: usize,
}

impl<J: StreamJob> Rounds<'_, J> {
    fn run(&self, bus: &mut Bus, worker: &mut Worker) -> Result<Started, Ending> {
        let mut lead = self.claim(bus)?;
        let (generation, book) = bus.first(worker, |message| match message {
            Message::Claimed { generation, book } => Some((*generation, book.clone())),
            _ => None,
        })?;
        let book = read_book(&book)?;
        if self.is_steward() {
            bus.tell(self.survey(&book)?);
        }
        let (bounds, surveys) = self.hear_surveys(bus, worker)?;
        let plan = recovery::plan_start(&book, &self.shared.setup.id, &self.shared.setup.policies(), &bounds, &surveys)
            .map_err(|errors| Ending::Failed(errors.to_string()))?;
        if self.is_steward() {
            self.adopt(&book, &plan.starts)?;
            bus.tell(Message::Adopted { process: self.shared.process });
        }
        bus.one_of_each(worker, self.shared.processes, |message| match message {
            Message::Adopted { process } => Some(process.get()),
            _ => None,
        })?;
        let writers = self.open(generation, &book, &plan.starts)?;
        bus.tell(Message::Opened { worker: self.index, durable: self.progress_of(&writers) });
        let durable = self.hear_opened(bus, worker)?;
        self.check_witnesses(&durable, &bounds)?;
        if let Some(lead) = &mut lead {
            self.begin(lead, plan.register, &durable, &bounds, bus, worker)?;
        } else if self.is_steward() {
            self.load_what_is_asked(bus, worker)?;
        }
        let (book, tables, spread, read_from) = bus.first(worker, |message| match message {
            Message::Start { book, tables, spread, read_from } => {
                Some((book.clone(), tables.clone(), *spread, read_from.clone()))
            }
            _ => None,
        })?;
        let book = read_book(&book)?;
        Ok(Started { generation, book, tables, spread, read_from, durable, writers, lead })
    }

    /// On worker 0: claims a generation and tells it.
    fn claim(&self, bus: &mut Bus) -> Result<Option<LeadStart>, Ending> {
        if self.index.get() != 0 {
            return Ok(None);
        }
        let setup = self.shared.lead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let setup = setup.ok_or_else(|| Ending::Failed("process 0 was started without a lead (bug)".to_owned()))?;
        let StreamSetup { id, nonce, state, .. } = &self.shared.setup;
        let ledger = LedgerLog::new(Arc::clone(state));
        let lead = LeadStart::claim(setup, ledger, id, self.shared.partitions, *nonce)?;
        bus.tell(Message::Claimed { generation: lead.generation, book: write_book(&lead.book)? });
        Ok(Some(lead))
    }

    /// On worker 0: all that must be written and loaded before anything flows; then the word to start.
    fn begin(
        &self,
        lead: &mut LeadStart,
        register: Vec<(SinkName, Offsets)>,
        durable: &SinkProgress,
        bounds: &BTreeMap<Partition, OffsetRange>,
        bus: &mut Bus,
        worker: &mut Worker,
    ) -> Result<(), Ending> {
        lead.register(register)?;
        let read_from = recovery::read_from(&self.shared.setup.policies(), durable, bounds)
            .map_err(|errors| Ending::Failed(errors.to_string()))?;
        let bindings = lead.bring_up(&read_from)?;
        bus.tell(Message::Prepare { bindings });
        self.load_what_is_asked(bus, worker)?;
        bus.one_of_each(worker, self.shared.processes, |message| match message {
            Message::Prepared { process, .. } => Some(process.get()),
            _ => None,
        })?;
        lead.bind(&read_from)?;
        let StreamSetup { spread, limits, .. } = &self.shared.setup;
        let spread = lead.spread(*spread, limits.small_table_rows);
        let tables = lead.rows.keys().copied().collect();
        bus.tell(Message::Start { book: write_book(&lead.book)?, tables, spread, read_from });
        Ok(())
    }

    /// The first worker of a process does what is done once in each.
    fn is_steward(&self) -> bool {
        self.index.get().is_multiple_of(self.workers / self.shared.processes)
    }

    /// The partitions of a sink that this process writes.
    fn written_here(&self, placement: Placement) -> Vec<Partition> {
        match placement {
            Placement::WithPartition => self.shared.owners.of_process(self.shared.process, self.shared.partitions),
            Placement::OnLead if self.shared.process.get() == 0 => (0..self.shared.partitions).map(Partition).collect(),
            Placement::OnLead => Vec::new(),
        }
    }

    fn survey(&self, book: &Book) -> Result<Message, Ending> {
        let setup = &self.shared.setup;
        let mut bounds = BTreeMap::new();
        for partition in self.written_here(Placement::WithPartition) {
            bounds.insert(partition, insist("asking the request log", || setup.source.bounds(partition))?);
        }
        let mut sinks = BTreeMap::new();
        for sink in &setup.sinks {
            let partitions = self.written_here(sink.sink.placement());
            if !partitions.is_empty() {
                let survey = reach(sink, book, "looking at", |sink| sink.survey(&partitions))?;
                sinks.insert(sink.sink.name().clone(), survey.unwrap_or_else(|| unseen(sink, book)));
            }
        }
        Ok(Message::Surveyed { process: self.shared.process, bounds, sinks })
    }

    fn adopt(&self, book: &Book, starts: &BTreeMap<SinkName, Offsets>) -> Result<(), Ending> {
        let setup = &self.shared.setup;
        for sink in &setup.sinks {
            let is_here = !self.written_here(sink.sink.placement()).is_empty();
            if let Some(starts) = starts.get(sink.sink.name()).filter(|_| is_here) {
                reach(sink, book, "adopting", |sink| sink.adopt(&setup.id, starts))?;
            }
        }
        Ok(())
    }

    fn open(
        &self,
        generation: Generation,
        book: &Book,
        starts: &BTreeMap<SinkName, Offsets>,
    ) -> Result<Vec<(usize, Writer)>, Ending> {
        let mut writers = Vec::new();
        for (place, setup) in self.shared.setup.sinks.iter().enumerate() {
            let partitions = match setup.sink.placement() {
                Placement::WithPartition => self.shared.owners.of_worker(self.index, self.shared.partitions),
                Placement::OnLead if self.index.get() == 0 => (0..self.shared.partitions).map(Partition).collect(),
                Placement::OnLead => Vec::new(),
            };
            if partitions.is_empty() {
                continue;
            }
            let opener = Opener {
                sink: Arc::clone(&setup.sink),
                job: self.shared.setup.id.clone(),
                starts: starts.get(setup.sink.name()).cloned().unwrap_or_default(),
                generation,
                partitions,
            };
            let open = reach(setup, book, "opening", |_| opener.open())?;
            writers.push((place, open.map_or(Writer::Away(opener), Writer::Open)));
        }
        Ok(writers)
    }

    fn progress_of(&self, writers: &[(usize, Writer)]) -> SinkProgress {
        let progress = |(place, writer): &(usize, Writer)| match writer {
            Writer::Open(writer) => Some((self.shared.setup.sinks[*place].sink.name().clone(), writer.durable())),
            Writer::Away(_) => None,
        };
        writers.iter().filter_map(progress).collect()
    }

    /// The log must still hold the records that sinks remember having done last.
    fn check_witnesses(&self, durable: &SinkProgress, bounds: &BTreeMap<Partition, OffsetRange>) -> Result<(), Ending> {
        for partition in self.shared.owners.of_worker(self.index, self.shared.partitions) {
            for (sink, reached) in durable.iter().filter_map(|(sink, all)| Some((sink, all.get(&partition)?))) {
                let Some(witness) = reached.witness else { continue };
                if !bounds.get(&partition).is_some_and(|held| held.contains(witness.offset)) {
                    continue;
                }
                let found = insist("asking the request log", || {
                    let mut reader = self.shared.setup.source.open(partition, witness.offset)?;
                    Ok(reader.read(1, Duration::from_secs(1))?.into_iter().next())
                })?;
                recovery::check_witness(reached, found.as_ref()).map_err(|error| {
                    Ending::Failed(format!("partition {partition} of the request log, by sink {sink}: {error}"))
                })?;
            }
        }
        Ok(())
    }

    fn load_what_is_asked(&self, bus: &mut Bus, worker: &mut Worker) -> Result<(), Ending> {
        let asked = bus.first(worker, |message| match message {
            Message::Prepare { bindings } => Some(bindings.clone()),
            _ => None,
        })?;
        for binding in &asked {
            insist("loading a model", || self.shared.load(binding))?;
        }
        bus.tell(Message::Prepared { process: self.shared.process, bindings: asked, refused: None });
        Ok(())
    }

    fn hear_surveys(&self, bus: &Bus, worker: &mut Worker) -> Result<(Bounds, Surveys), Ending> {
        let (mut all_bounds, mut all) = (BTreeMap::new(), BTreeMap::<SinkName, SinkSurvey>::new());
        bus.one_of_each(worker, self.shared.processes, |message| {
            let Message::Surveyed { process, bounds, sinks } = message else { return None };
            all_bounds.extend(bounds);
            for (sink, survey) in sinks {
                let known = all.entry(sink.clone()).or_default();
                known.owner = known.owner.clone().or_else(|| survey.owner.clone());
                known.progress.extend(&survey.progress);
            }
            Some(process.get())
        })?;
        Ok((all_bounds, all))
    }

    fn hear_opened(&self, bus: &Bus, worker: &mut Worker) -> Result<SinkProgress, Ending> {
        let mut all = SinkProgress::new();
        bus.one_of_each(worker, self.workers, |message| {
            let Message::Opened { worker, durable } = message else { return None };
            for (sink, progress) in durable {
                all.entry(sink.clone()).or_default().extend(progress);
            }
            Some(worker.get())
        })?;
        Ok(all)
    }
}

fn write_book(book: &Book) -> Result<String, Ending> {
    serde_json::to_string(book).map_err(|error| Ending::Failed(format!("the ledger can't be sent (bug): {error}")))
}

fn read_book(text: &str) -> Result<Book, Ending> {
    serde_json::from_str(text).map_err(|error| Ending::Failed(format!("the lead's ledger is no ledger (bug): {error}")))
}
