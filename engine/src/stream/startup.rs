//! How a life of the job begins: rounds between all workers, before anything flows.
//!
//! ```text
//! lead: claim ─► all: survey ─► lead: plan ─► all: adopt ─► all: open (fences older lives)
//!                                                              │
//!                                                              ▼
//! lead: register ◄─ lead: read the ledger again ◄─ all: ask what the log holds, and whether it is the same one
//!       │
//!       ▼
//! lead: bring up the table ─► all: load bindings ─► lead: bind ─► all: start
//! ```
//!
//! Invariants: a later life that has begun meanwhile is noticed after everything was fenced; a sink is registered after its
//! destination was adopted; nothing is read before all that is bound can be answered. Only here may a worker wait.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use timely::worker::Worker;

use super::Ending;
use super::bus::Bus;
use super::delivery::Writer;
use super::job::{StreamJob, TableSpread};
use super::lead_start::LeadStart;
use super::message::{Message, SinkProgress};
use super::setup::{Shared, StreamSetup};
use crate::contract::{SinkName, SinkSurvey};
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
pub(super) type Bounds = BTreeMap<Partition, OffsetRange>;
/// What each destination says.
type Surveys = BTreeMap<SinkName, SinkSurvey>;

/// All rounds, on one worker, from the claim on.
pub(super) fn start<J: StreamJob>(shared: &Shared<J>, bus: &mut Bus, worker: &mut Worker) -> Result<Started, Ending> {
    let (index, workers) = (WorkerIndex::new(worker.index()), worker.peers());
    let lead = claim(shared, index, bus)?;
    let (generation, book) = bus.first(worker, |message| match message {
        Message::Claimed { generation, book } => Some((*generation, book.clone())),
        _ => None,
    })?;
    let book = read_book(&book)?;
    let rounds = Rounds { shared, index, workers, partitions: book.partitions() };
    rounds.run((lead, generation, book), bus, worker)
}

pub(super) struct Rounds<'a, J: StreamJob> {
    pub(super) shared: &'a Shared<J>,
    pub(super) index: WorkerIndex,
    workers: usize,
    /// Of the request log.
    pub(super) partitions: u32,
}

/// On worker 0: claims a generation and tells it.
fn claim<J: StreamJob>(shared: &Shared<J>, index: WorkerIndex, bus: &mut Bus) -> Result<Option<LeadStart>, Ending> {
    if index.get() != 0 {
        return Ok(None);
    }
    let setup = shared.lead.lock().unwrap_or_else(PoisonError::into_inner).take();
    let setup = setup.ok_or_else(|| Ending::Failed("process 0 was started without a lead (bug)".to_owned()))?;
    let StreamSetup { name, nonce, state, source, .. } = &shared.setup;
    let partitions = shared.insistence().insist("asking the request log", || source.partitions())?;
    let (ledger, proposed) = (LedgerLog::new(Arc::clone(state)), shared.proposed);
    let lead = LeadStart::claim(setup, ledger, name, partitions, *nonce, proposed, shared.insistence())?;
    shared.setup.metrics.ledger_claimed(lead.generation, Arc::clone(&shared.setup.clock));
    bus.tell(Message::Claimed { generation: lead.generation, book: write_book(&lead.book)? });
    Ok(Some(lead))
}

impl<J: StreamJob> Rounds<'_, J> {
    fn run(
        &self,
        (mut lead, generation, book): (Option<LeadStart>, Generation, Book),
        bus: &mut Bus,
        worker: &mut Worker,
    ) -> Result<Started, Ending> {
        if self.is_steward() {
            bus.tell(self.survey(&book)?);
        }
        let (bounds, surveys) = self.hear_surveys(bus, worker)?;
        let plan = recovery::plan_start(&book, &self.shared.setup.policies(), &bounds, &surveys)
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
        // An older life may have answered until the last sink was opened, and the log grows: what it held before is too little.
        if self.is_steward() {
            bus.tell(Message::Bounds { process: self.shared.process, bounds: self.bounds()? });
        }
        let bounds = self.hear_bounds(bus, worker)?;
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
        let (policies, found) = (self.shared.setup.policies(), lead.look_again()?);
        let read_from = recovery::check_kept(&policies, durable, &found)
            .and_then(|()| recovery::read_from(&policies, durable, bounds))
            .map_err(|errors| Ending::Failed(errors.to_string()))?;
        lead.register(register)?;
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

    fn load_what_is_asked(&self, bus: &mut Bus, worker: &mut Worker) -> Result<(), Ending> {
        let asked = bus.first(worker, |message| match message {
            Message::Prepare { bindings } => Some(bindings.clone()),
            _ => None,
        })?;
        for binding in &asked {
            self.shared.insistence().insist("loading a model", || self.shared.load(binding))?;
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

    fn hear_bounds(&self, bus: &Bus, worker: &mut Worker) -> Result<Bounds, Ending> {
        let mut all = Bounds::new();
        bus.one_of_each(worker, self.shared.processes, |message| {
            let Message::Bounds { process, bounds } = message else { return None };
            all.extend(bounds);
            Some(process.get())
        })?;
        Ok(all)
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
