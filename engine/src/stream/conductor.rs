//! Worker 0's side of the loop: carries out what [`Lead`] decides, and feeds the table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::bus::Bus;
use super::collector::Needless;
use super::flow::Flow;
use super::keeper::{Keep, News, Over};
use super::lead::{Lead, Order};
use super::message::Message;
use super::{Drained, Ending};
use crate::contract::{SinkName, TableRows, table_changes};
use crate::failpoint;
use crate::ids::{ProcessIndex, WorkerIndex};
use crate::ledger::collect::collectable;
use crate::ledger::{Binding, Book, Generation, TableVersion, decide};
use crate::log::{Offset, Offsets, Partition, Reached};
use crate::recovery::SinkPolicy;
use crate::stream::Epoch;

/// How often to look whether a table, a model or an entry is no longer needed.
const RETIRE_EVERY: Duration = Duration::from_secs(1);
/// Entries that are collected together at least: each collecting writes a checkpoint.
const COLLECTED_TOGETHER: u64 = 8;

/// The lead's threads.
pub(super) struct LeadThreads {
    pub(super) ledger: Sender<Keep>,
    pub(super) collector: Sender<Needless>,
    pub(super) over: Arc<Over>,
}

/// What worker 0 has beside what every worker has.
pub(super) struct Conductor {
    generation: Generation,
    lead: Lead,
    threads: LeadThreads,
    /// The rows of the table as they were fed last.
    rows: TableRows,
    sinks: Vec<SinkPolicy>,
    durable: BTreeMap<SinkName, Offsets>,
    replay_offsets: u64,
    collecting: bool,
    retired_at: Duration,
    stopped_at: Option<Duration>,
    drained: BTreeMap<usize, Offsets>,
    workers: usize,
    closing: bool,
    /// Why it drains, if it does: what somebody asks for goes before.
    drained_for: Option<Drained>,
}

impl Conductor {
    pub(super) fn new(
        generation: Generation,
        lead: Lead,
        threads: LeadThreads,
        rows: TableRows,
        sinks: Vec<SinkPolicy>,
        replay_offsets: u64,
        workers: usize,
    ) -> Self {
        Self {
            generation,
            lead,
            threads,
            rows,
            durable: sinks.iter().map(|sink| (sink.name.clone(), Offsets::new())).collect(),
            sinks,
            replay_offsets,
            collecting: false,
            retired_at: Duration::ZERO,
            stopped_at: None,
            drained: BTreeMap::new(),
            workers,
            closing: false,
            drained_for: None,
        }
    }

    /// The binding that new offsets get.
    pub(super) fn in_force(&self) -> &Binding {
        self.lead.in_force()
    }

    /// Something that the lead's threads say.
    pub(super) fn news(&mut self, news: News, bus: &mut Bus, flow: &mut Flow) {
        match news {
            News::Appended(number, line) => bus.tell(Message::Entry { number, line }),
            News::Model(model) => self.lead.want(|binding| binding.model = model),
            News::Table(version, rows) => self.feed(version, rows, bus, flow),
            News::Collected(below) => {
                self.collecting = false;
                self.keep(Keep::Forget(below), bus);
                bus.tell(Message::Forget { below });
            }
            News::Grown(partitions) => {
                tracing::info!(
                    partitions,
                    "the request log has got new partitions: draining, to begin again with them"
                );
                bus.tell(Message::Drain { why: Drained::LogGrew });
            }
            News::Failed(ending) => bus.tell(Message::Failed(ending)),
        }
    }

    /// Lets a version of the table in, at an epoch of its own.
    fn feed(&mut self, version: TableVersion, rows: TableRows, bus: &mut Bus, flow: &mut Flow) {
        flow.advance(flow.now().next());
        let epoch = flow.now();
        flow.change_table(table_changes(&self.rows, &rows));
        self.rows = rows;
        bus.tell(Message::Table { version, epoch });
        flow.advance(epoch.next());
        bus.tell(Message::Moved { epoch: flow.now(), positions: Offsets::new() });
        self.lead.want(|binding| binding.table = version);
    }

    pub(super) fn moved(&mut self, positions: &Offsets, now: Duration) {
        self.lead.moved(positions, now);
    }

    pub(super) fn durable(&mut self, sink: &SinkName, reached: &BTreeMap<Partition, Reached>) {
        let known = self.durable.entry(sink.clone()).or_default();
        known.extend(reached.iter().map(|(partition, reached)| (*partition, reached.next)));
    }

    /// Gives the binding that is refused by this, and why.
    pub(super) fn prepared(
        &mut self,
        process: ProcessIndex,
        bindings: &[Binding],
        refused: Option<String>,
        bus: &mut Bus,
    ) -> Option<(Binding, String)> {
        let orders = self.lead.prepared(process, bindings, refused);
        let refusal = orders.iter().find_map(|order| match order {
            Order::Refused(binding, reason) => Some((binding.clone(), reason.clone())),
            _ => None,
        });
        self.carry_out(orders, bus);
        refusal
    }

    pub(super) fn stopped(&mut self, worker: WorkerIndex, positions: &Offsets, book: &Book, bus: &mut Bus) {
        failpoint::hit("cut/stopped");
        let orders = self.lead.stopped(worker, positions, book);
        self.carry_out(orders, bus);
    }

    /// An entry is in the ledger, and in this worker's book.
    pub(super) fn appended(&mut self, now: Duration, bus: &mut Bus) -> Option<Duration> {
        let orders = self.lead.appended();
        let went_on = orders.contains(&Order::Go);
        if went_on {
            failpoint::hit("cut/written");
        }
        self.carry_out(orders, bus);
        if self.closing {
            self.tell_end(bus);
        }
        let stopped = self.stopped_at.take_if(|_| went_on);
        stopped.map(|since| now.saturating_sub(since))
    }

    /// Begins what is due.
    pub(super) fn turn(&mut self, book: &Book, tables: &BTreeMap<TableVersion, Epoch>, now: Duration, bus: &mut Bus) {
        let orders = self.lead.turn(book);
        if orders.contains(&Order::Stop) {
            self.stopped_at = Some(now);
        }
        self.carry_out(orders, bus);
        if now.saturating_sub(self.retired_at) >= RETIRE_EVERY {
            self.retired_at = now;
            self.retire(book, tables, bus);
            self.collect(book, bus);
        }
        if self.drained.len() == self.workers && !self.lead.is_appending() && !self.closing {
            self.close(book, bus);
        }
    }

    /// Tells which bindings may still be asked for: those at or above what all required sinks have.
    fn retire(&self, book: &Book, tables: &BTreeMap<TableVersion, Epoch>, bus: &mut Bus) {
        let mut needed = Offsets::new();
        for partition in (0..book.partitions()).map(Partition) {
            let required = self.sinks.iter().filter(|sink| sink.required);
            needed.insert(partition, self.slowest(required, partition));
        }
        let in_use = book.in_use(&needed);
        let versions = in_use.values().map(|binding| binding.table).chain([self.lead.in_force().table]);
        let oldest = versions.filter_map(|version| tables.get(&version)).min();
        if let Some(oldest_table) = oldest.copied() {
            bus.tell(Message::Retire { oldest_table, needed });
        }
    }

    /// Has what no sink needs and nobody may replay any more collected.
    fn collect(&mut self, book: &Book, bus: &mut Bus) {
        let floor = (0..book.partitions()).map(Partition).map(|partition| {
            let slowest = self.slowest(self.sinks.iter(), partition);
            (partition, Offset(slowest.0.saturating_sub(self.replay_offsets)))
        });
        let below = collectable(book, &self.durable, &floor.collect());
        let enough = below.0 >= book.first_seq().0 + COLLECTED_TOGETHER;
        if let Some(oldest_table) = book.oldest_table_from(below).filter(|_| enough && !self.collecting) {
            self.collecting = true;
            let needless = Needless { book: book.clone(), below, oldest_table };
            if self.threads.collector.send(needless).is_err() {
                bus.tell(Message::Failed(Ending::Failed("the collecting thread is gone (bug)".to_owned())));
            }
        }
    }

    /// What all of these sinks have of a partition.
    fn slowest<'a>(&self, sinks: impl Iterator<Item = &'a SinkPolicy>, partition: Partition) -> Offset {
        sinks.map(|sink| self.durable.get(&sink.name)?.get(&partition).copied()).min().flatten().unwrap_or_default()
    }

    pub(super) fn drain(&mut self, why: Drained) {
        if why == Drained::Asked || self.drained_for.is_none() {
            self.drained_for = Some(why);
        }
        self.lead.drain();
    }

    pub(super) fn drained(&mut self, worker: WorkerIndex, positions: Offsets) {
        self.drained.insert(worker.get(), positions);
    }

    /// The last entry of this life: our ranges end where we stopped.
    fn close(&mut self, book: &Book, bus: &mut Bus) {
        self.closing = true;
        failpoint::hit("drain/flushed");
        let positions: Offsets = self.drained.values().flatten().map(|(p, o)| (*p, *o)).collect();
        match decide::close(book, self.generation, &positions) {
            Some(entry) => self.keep(Keep::Entry(entry), bus),
            None => self.tell_end(bus),
        }
    }

    fn tell_end(&self, bus: &mut Bus) {
        bus.tell(Message::End { why: self.drained_for.unwrap_or(Drained::Asked) });
    }

    /// The lead's threads need not go on.
    pub(super) fn end(&self) {
        self.threads.over.set();
    }

    fn carry_out(&mut self, orders: Vec<Order>, bus: &mut Bus) {
        for order in orders {
            match order {
                Order::Prepare(binding) => bus.tell(Message::Prepare { bindings: vec![binding] }),
                Order::Stop => bus.tell(Message::Stop),
                Order::Go => bus.tell(Message::Go),
                Order::Append(entry) => self.keep(Keep::Entry(entry), bus),
                Order::Refused(binding, reason) => {
                    tracing::error!(model = %binding.model, table = %binding.table, "refused, what is in force goes on: {reason}");
                }
            }
        }
    }

    fn keep(&self, task: Keep, bus: &mut Bus) {
        if self.threads.ledger.send(task).is_err() {
            bus.tell(Message::Failed(Ending::Failed("the ledger's thread is gone (bug)".to_owned())));
        }
    }
}
