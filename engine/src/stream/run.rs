//! Runs a streaming job in one process, until it is asked to drain or must end.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use timely::worker::Worker;

use super::bus::{Bus, NAP};
use super::collector::collect;
use super::conductor::{Conductor, LeadThreads};
use super::delivery::{Delivery, Writer};
use super::events::Event;
use super::flow::{Flow, FlowPlan, Outlet};
use super::inbox::{InboxSender, inbox};
use super::job::{Bindings, StreamJob};
use super::keeper::{Over, keep_ledger, tell_newest, watch_model, watch_partitions, watch_table};
use super::lane::Lane;
use super::lead::Lead;
use super::lead_start::LeadStart;
use super::message::Message;
use super::queue::SinkQueue;
use super::reader::{LogEnds, read_partition};
use super::retry::Trial;
use super::room::Room;
use super::setup::{LeadSetup, Shared, StreamSetup};
use super::startup::{Started, start};
use super::stats::Stats;
use super::threads::{Threads, begin};
use super::worker::{Outgoing, Source, State, StreamWorker};
use super::{Drained, Ending, Epoch, StreamError};
use crate::cluster::{self, ClusterPlan};
use crate::contract::{SinkName, TableRows, table_changes};
use crate::ids::{ProcessCount, WorkerCount, WorkerIndex};
use crate::ledger::TableVersion;
use crate::log::{Offset, Offsets, Partition};

/// Events that may wait for a worker.
const INBOX: usize = 64;
/// How long a worker that has failed waits until its dataflows have ended.
const ENDING: Duration = Duration::from_secs(2);

/// Runs the workers of this process, connected with those of the others, until the job has drained on all of them.
/// Process 0 must have a `lead`.
///
/// # Errors
/// The processes don't come together, something must be mended first, or a later life of the job is at work.
pub fn run<J: StreamJob>(
    plan: ClusterPlan,
    setup: StreamSetup<J>,
    lead: Option<LeadSetup>,
) -> Result<Drained, StreamError> {
    let shared = Arc::new(Shared::new(setup, lead, &plan));
    let ends = cluster::run(plan, move |worker| run_worker(&shared, worker))?;
    let ends = ends.into_iter().collect::<Result<Vec<Drained>, Ending>>()?;
    // All workers hear the same.
    Ok(ends.first().copied().unwrap_or(Drained::Asked))
}

fn run_worker<J: StreamJob>(shared: &Arc<Shared<J>>, worker: &mut Worker) -> Result<Drained, Ending> {
    let mut bus = Bus::build(worker);
    let outcome = live(shared, &mut bus, worker);
    if let Err(ending) = &outcome {
        // Told to all, ourselves included: who waits for this worker ends with the same reason.
        bus.tell(Message::Failed(ending.clone()));
        drop(bus);
        end_dataflows(worker);
    }
    outcome
}

/// Waits until the dataflows of a worker that has failed have ended, as they do when all workers have left them. One that
/// another worker never built, because it failed before, would never end: it is given up.
fn end_dataflows(worker: &mut Worker) {
    let begun = Instant::now();
    while worker.has_dataflows() && begun.elapsed() < ENDING {
        worker.step_or_park(Some(NAP));
    }
    worker.installed_dataflows().into_iter().for_each(|dataflow| worker.drop_dataflow(dataflow));
}

fn live<J: StreamJob>(shared: &Arc<Shared<J>>, bus: &mut Bus, worker: &mut Worker) -> Result<Drained, Ending> {
    let started = start(shared, bus, worker)?;
    let assembled = assemble(shared, bus, started, worker)?;
    shared.setup.health.running();
    assembled.run(worker)
}

/// Builds the dataflow and starts the threads.
fn assemble<'a, J: StreamJob>(
    shared: &'a Arc<Shared<J>>,
    bus: &'a mut Bus,
    started: Started,
    worker: &mut Worker,
) -> Result<StreamWorker<'a, J>, Ending> {
    let index = WorkerIndex::new(worker.index());
    let is_steward = index.get().is_multiple_of(worker.peers() / shared.processes);
    if is_steward {
        *shared.book.write().unwrap_or_else(PoisonError::into_inner) = started.book.clone();
    }
    let (inbox, tell) = inbox(INBOX, bus.waker(worker));
    let mut threads = Threads::default();
    let setup = &shared.setup;
    let names = started.writers.iter().map(|(place, _)| setup.sinks[*place].sink.name().clone());
    let stats = Stats::new(setup.metrics.clone(), started.generation, Arc::clone(&setup.clock), names);
    stats.entries(started.book.next_seq());

    let (outgoing, outlets) = start_writers(shared, started.writers, &started.read_from, &tell)?;
    let bindings = Bindings::default();
    let sinks = setup.sinks.iter().map(|sink| (sink.sink.placement(), sink.sink.name().clone())).collect();
    let plan = FlowPlan {
        bindings: bindings.clone(),
        spread: started.spread,
        owners: shared.owners,
        outlets,
        sinks,
        on_whole: stats.on_whole(),
    };
    let mut flow = Flow::build(worker, setup.job.as_ref(), plan);
    let rows = feed_tables(&mut flow, &started.tables, started.lead.as_ref());
    let tables: BTreeMap<TableVersion, Epoch> = started.tables.iter().copied().zip((1..).map(Epoch)).collect();
    flow.advance(Epoch(tables.len() as u64 + 1));
    stats.epoch(flow.now());

    let required: Vec<SinkName> =
        setup.sinks.iter().filter(|sink| sink.required).map(|sink| sink.sink.name().clone()).collect();
    let mut sources = BTreeMap::new();
    let partitions = started.book.partitions();
    let here = shared.owners.of_process(shared.process, partitions).len().max(1);
    for partition in shared.owners.of_worker(index, partitions) {
        let from = started.read_from.get(&partition).copied().unwrap_or_default();
        let durable = |sink: &SinkName| {
            let reached = started.durable.get(sink).and_then(|all| all.get(&partition));
            reached.map_or(Offset(0), |reached| reached.next)
        };
        let share = setup.limits.in_flight_bytes / here;
        let room = Arc::new(Room::new(share, required.iter().map(durable).collect()));
        let batch = setup.limits.read_batch_bytes.min(share);
        start_reader(shared, partition, (from, batch), &room, &tell, &mut threads)?;
        sources.insert(partition, Source { lane: Lane::new(partition, from), room });
    }
    let mut conductor = None;
    if let Some(lead) = started.lead {
        let decisions = Lead::new(
            started.generation,
            ProcessCount::new(shared.processes),
            WorkerCount::new(worker.peers()),
            lead.in_force.clone(),
            started.read_from.clone(),
            setup.clock.now(),
        );
        stats.in_force(&lead.in_force, None);
        let replay_offsets = lead.setup.replay_offsets;
        let running = start_lead_threads(lead, &rows, setup, &tell, &mut threads)?;
        let (sinks, workers) = (setup.policies(), worker.peers());
        let mut conducts = Conductor::new(started.generation, decisions, running, rows, sinks, replay_offsets, workers);
        started.durable.iter().for_each(|(sink, reached)| conducts.durable(sink, reached));
        conductor = Some(conducts);
    }
    let unflushed = outgoing.iter().map(|outgoing| outgoing.sink.clone()).collect();
    let worker = StreamWorker {
        shared,
        index,
        is_steward,
        bus,
        inbox,
        tell,
        flow,
        sources,
        required,
        outgoing,
        threads,
        bindings,
        tables,
        stats,
        state: State::Running,
        conductor,
        unflushed,
        book: started.book,
    };
    for (number, binding) in worker.book.in_use(&started.read_from) {
        worker.make_ready(number, binding)?;
    }
    Ok(worker)
}

/// Feeds the versions in use, each at its epoch, and gives the rows of the last one.
fn feed_tables(flow: &mut Flow, tables: &[TableVersion], lead: Option<&LeadStart>) -> TableRows {
    let mut fed = TableRows::new();
    for (version, epoch) in tables.iter().zip((1..).map(Epoch)) {
        flow.advance(epoch);
        if let Some(rows) = lead.and_then(|lead| lead.rows.get(version)) {
            flow.change_table(table_changes(&fed, rows));
            fed.clone_from(rows);
        }
    }
    fed
}

type Writers = Vec<(usize, Writer)>;

fn start_writers<J: StreamJob>(
    shared: &Arc<Shared<J>>,
    writers: Writers,
    read_from: &Offsets,
    tell: &InboxSender<Event>,
) -> Result<(Vec<Outgoing>, Vec<Outlet>), Ending> {
    let (mut outgoing, mut outlets) = (Vec::new(), Vec::new());
    for (place, writer) in writers {
        let setup = &shared.setup.sinks[place];
        let (name, selects) = (setup.sink.name().clone(), setup.sink.selects());
        let capacity = (!setup.required).then_some(shared.setup.limits.lagging_queue_bytes);
        let queue = Arc::new(SinkQueue::new(capacity));
        // Its own partitions alone: those of others move on without it.
        let known = match &writer {
            Writer::Open(sink) => sink.durable(),
            Writer::Away(..) => BTreeMap::new(),
        };
        for (partition, reached) in &known {
            shared.setup.metrics.durable(&name, *partition, reached.next);
        }
        let delivery = Delivery {
            name: name.clone(),
            selects,
            required: setup.required,
            live_from: read_from.clone(),
            patience: shared.setup.limits.drain_patience,
            given: known.iter().map(|(partition, reached)| (*partition, reached.next)).collect(),
            durable: known,
            queue: Arc::clone(&queue),
            catch_up: shared.catch_up(),
            report: tell.clone(),
            metrics: shared.setup.metrics.clone(),
            trial: Trial::new(format!("sink {name}"), &shared.setup.health),
        };
        let thread = begin(&format!("sink-{name}"), move || delivery.run(writer))?;
        outlets.push(Outlet { placement: setup.sink.placement(), selects, queue: Arc::clone(&queue) });
        let patience = (!setup.required).then_some(shared.setup.limits.drain_patience);
        outgoing.push(Outgoing { sink: name, queue, patience, thread: Some(thread) });
    }
    Ok((outgoing, outlets))
}

fn start_reader<J: StreamJob>(
    shared: &Arc<Shared<J>>,
    partition: Partition,
    (from, batch): (Offset, usize),
    room: &Arc<Room>,
    tell: &InboxSender<Event>,
    threads: &mut Threads,
) -> Result<(), Ending> {
    let what = format!("opening partition {partition} of the request log");
    let reader = shared.insistence().insist(&what, || shared.setup.source.open(partition, from))?;
    let (room, tell) = (Arc::clone(room), tell.clone());
    let (source, metrics) = (Arc::clone(&shared.setup.source), shared.setup.metrics.clone());
    let trial = Trial::new(format!("requests, partition {partition}"), &shared.setup.health);
    threads.start(&format!("read-{partition}"), move || {
        let ends = LogEnds::new(source, partition, metrics);
        read_partition(partition, reader, batch, &room, &tell, ends, trial);
    })
}

fn start_lead_threads<J>(
    lead: LeadStart,
    rows: &TableRows,
    setup: &StreamSetup<J>,
    tell: &InboxSender<Event>,
    threads: &mut Threads,
) -> Result<LeadThreads, Ending> {
    // Holds one entry at most: the lead sends the next when the one before is durable.
    let (ledger, tasks) = channel();
    // Holds one: the next comes when the one before is collected.
    let (collector, needless) = channel();
    let over = Arc::new(Over::default());
    let (tells, log, versions) = (tell.clone(), lead.ledger.clone(), Arc::clone(&lead.setup.versions));
    threads.start("collect", move || collect(&log, &versions, &needless, &tells))?;
    let requests = Arc::clone(&setup.source);
    let (tells, overs, known) = (tell.clone(), Arc::clone(&over), lead.book.partitions());
    threads.start("watch-partitions", move || watch_partitions(requests.as_ref(), known, &tells, &overs))?;
    let (log, below, metrics) = (lead.ledger.clone(), lead.book.next_seq(), setup.metrics.clone());
    threads.start("ledger-newest", move || tell_newest(&log, below, &metrics))?;
    let (tells, overs, keeps, metrics) = (tell.clone(), Arc::clone(&over), lead.book, setup.metrics.clone());
    let trial = Trial::new("ledger", &setup.health);
    threads.start("ledger", move || keep_ledger(&lead.ledger, keeps, &tasks, &tells, &overs, &metrics, trial))?;
    let (tells, overs, model) = (tell.clone(), Arc::clone(&over), lead.in_force.model.clone());
    threads.start("watch-model", move || watch_model(lead.setup.model, model, &tells, &overs))?;
    let (tells, overs, rows) = (tell.clone(), Arc::clone(&over), rows.clone());
    let (table, versions) = (lead.setup.table, lead.setup.versions);
    let trial = Trial::new("table", &setup.health);
    threads.start("watch-table", move || watch_table(table, &versions, rows, &tells, &overs, trial))?;
    Ok(LeadThreads { ledger, collector, over })
}
