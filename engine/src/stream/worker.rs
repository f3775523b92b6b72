//! One worker's loop: hears what others say, lets records into the dataflow, and never waits for anything but news.
//!
//! ```text
//! Running ──Stop──► Stopped ──Go──► Running ──Drain──► Draining ──all left──► Flushing ──all flushed──► Drained ──End──► (ended)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use timely::worker::Worker;

use super::bus::{Bus, NAP};
use super::closing::Emitted;
use super::conductor::Conductor;
use super::delivery::Report;
use super::events::Event;
use super::flow::Flow;
use super::inbox::{Inbox, InboxSender};
use super::job::{Bindings, StreamJob};
use super::lane::Lane;
use super::message::Message;
use super::queue::{End, SinkQueue};
use super::reader::Reading;
use super::room::Room;
use super::setup::Shared;
use super::stats::Stats;
use super::threads::Threads;
use super::{Drained, Ending, Epoch};
use crate::contract::SinkName;
use crate::ids::WorkerIndex;
use crate::ledger::{Book, Seq, TableVersion};
use crate::log::{Offsets, Partition, Reached};

/// Records of a partition that leave at one epoch at most.
const EMIT: usize = 4096;

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Stopped,
    Draining,
    Flushing,
    Drained,
}

/// One partition on its worker.
pub(super) struct Source {
    pub(super) lane: Lane,
    pub(super) room: Arc<Room>,
}

/// One writer, seen from its worker.
pub(super) struct Outgoing {
    pub(super) sink: SinkName,
    pub(super) queue: Arc<SinkQueue>,
    /// How long a drain waits for it; `None` for a required sink, which is waited for without end.
    pub(super) patience: Option<Duration>,
    /// `None` when it is not waited for any more.
    pub(super) thread: Option<JoinHandle<()>>,
}

impl Outgoing {
    /// Whether a drain has waited long enough for it. Its thread looks at that itself, and has a moment to say so, but not in
    /// the midst of a call.
    fn is_given_up(&self) -> bool {
        self.patience.is_some_and(|patience| self.queue.ends_since().is_some_and(|since| since >= patience + NAP))
    }
}

/// A worker of a running job.
pub(super) struct StreamWorker<'a, J: StreamJob> {
    pub(super) shared: &'a Arc<Shared<J>>,
    pub(super) index: WorkerIndex,
    pub(super) is_steward: bool,
    pub(super) bus: &'a mut Bus,
    pub(super) inbox: Inbox<Event>,
    pub(super) tell: InboxSender<Event>,
    pub(super) flow: Flow,
    pub(super) sources: BTreeMap<Partition, Source>,
    /// The required sinks, in the order in which rooms count them.
    pub(super) required: Vec<SinkName>,
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) threads: Threads,
    pub(super) book: Book,
    pub(super) bindings: Bindings<J::Ready>,
    pub(super) tables: BTreeMap<TableVersion, Epoch>,
    pub(super) stats: Stats,
    pub(super) state: State,
    pub(super) conductor: Option<Conductor>,
    pub(super) unflushed: BTreeSet<SinkName>,
}

impl<J: StreamJob> StreamWorker<'_, J> {
    /// Works until the job ends.
    pub(super) fn run(mut self, worker: &mut Worker) -> Result<Drained, Ending> {
        let ended = loop {
            match self.turn() {
                Ok(None) => {}
                Ok(Some(drained)) => break Ok(drained),
                Err(ending) => break Err(ending),
            }
            if self.has_more() {
                worker.step();
            } else {
                worker.step_or_park(Some(NAP));
            }
        };
        for Source { room, .. } in self.sources.values() {
            room.close();
        }
        for Outgoing { queue, .. } in &self.outgoing {
            // After a clean end they have ended already.
            queue.end(End::Abandoned);
        }
        if let Some(conductor) = self.conductor.take() {
            conductor.end();
        }
        let Self { threads, inbox, outgoing, .. } = self;
        // Whoever waits for room in the inbox must see that nobody reads it any more.
        drop(inbox);
        for thread in outgoing.into_iter().filter_map(|outgoing| outgoing.thread) {
            // One that panicked has ended the process.
            let _ = thread.join();
        }
        threads.join();
        ended
    }

    /// Hears everything there is to hear, then does what can be done. `Some` when the job is over.
    fn turn(&mut self) -> Result<Option<Drained>, Ending> {
        while let Some(message) = self.bus.hear() {
            match message {
                Message::End { why } => return Ok(Some(why)),
                Message::Failed(ending) => return Err(ending),
                message => self.message(message)?,
            }
        }
        self.inbox.look();
        while let Some(event) = self.inbox.next() {
            self.event(event)?;
        }
        if self.is_steward
            && matches!(self.state, State::Running | State::Stopped)
            && self.shared.setup.stop.is_raised()
        {
            self.bus.tell(Message::Drain { why: Drained::Asked });
        }
        if let Some(bug) = self.flow.bug() {
            self.bus.tell(Message::Failed(Ending::Failed(format!("internal error (bug): {bug}"))));
        }
        self.emit();
        self.finish_what_drains();
        let now = self.shared.setup.clock.now();
        if let Some(conductor) = &mut self.conductor {
            conductor.turn(&self.book, &self.tables, now, self.bus);
        }
        Ok(None)
    }

    fn message(&mut self, message: Message) -> Result<(), Ending> {
        match message {
            Message::Moved { epoch, positions } => {
                self.flow.advance(epoch);
                self.stats.epoch(self.flow.now());
                let now = self.shared.setup.clock.now();
                self.conductor.iter_mut().for_each(|conductor| conductor.moved(&positions, now));
            }
            Message::Durable { sink, reached } => self.durable(&sink, &reached),
            Message::Table { version, epoch } => _ = self.tables.insert(version, epoch),
            Message::Entry { number, line } => self.entry(number, &line)?,
            Message::Prepare { bindings } if self.is_steward => self.prepare(bindings)?,
            Message::Prepared { process, bindings, refused } => {
                if let Some(conductor) = &mut self.conductor
                    && let Some((binding, reason)) = conductor.prepared(process, &bindings, refused, self.bus)
                {
                    self.stats.refused(&binding, &reason);
                }
            }
            Message::Stop if self.state == State::Running => {
                self.state = State::Stopped;
                self.bus.tell(Message::Stopped { worker: self.index, positions: self.positions() });
            }
            Message::Stopped { worker, positions } => {
                if let Some(conductor) = &mut self.conductor {
                    conductor.stopped(worker, &positions, &self.book, self.bus);
                }
            }
            Message::Go if self.state == State::Stopped => self.state = State::Running,
            Message::Retire { oldest_table, needed } => self.retire(oldest_table, &needed),
            Message::Forget { below } => self.forget(below),
            Message::Drain { why } => self.drain(why),
            Message::Drained { worker, positions } => {
                self.conductor.iter_mut().for_each(|conductor| conductor.drained(worker, positions.clone()));
            }
            // What is left of the start's rounds, and what doesn't concern this state.
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<(), Ending> {
        match event {
            Event::Reading(Reading::Read(partition, records)) => {
                self.stats.read(partition, &records);
                if let Some(source) = self.sources.get_mut(&partition) {
                    source.lane.arrived(records);
                }
            }
            Event::Reading(Reading::Failed(ending)) | Event::Report(Report::Failed(ending)) => {
                self.bus.tell(Message::Failed(ending));
            }
            Event::Report(Report::Durable(sink, reached)) => {
                self.stats.durable(&sink, &reached);
                self.bus.tell(Message::Durable { sink, reached });
            }
            Event::Report(Report::Flushed(sink) | Report::GaveUp(sink)) => _ = self.unflushed.remove(&sink),
            Event::News(news) => {
                if let Some(conductor) = &mut self.conductor {
                    conductor.news(news, self.bus, &mut self.flow);
                }
            }
            Event::Loaded(binding, refused) => {
                let process = self.shared.process;
                self.bus.tell(Message::Prepared { process, bindings: vec![binding], refused });
            }
        }
        Ok(())
    }

    /// Lets records in, as far as they are bound.
    fn emit(&mut self) {
        if self.state != State::Running {
            return;
        }
        let mut positions = Offsets::new();
        for (partition, source) in &mut self.sources {
            let as_of = |number: Seq| {
                let version = self.book.binding(number)?.table;
                self.tables.get(&version).copied()
            };
            let Some(emission) = source.lane.emit(&self.book, as_of, EMIT) else { continue };
            positions.insert(*partition, emission.reached.next);
            let records = emission.records.len() as u64;
            let plain = emission.records.iter().map(|bound| &bound.record);
            self.stats.emitted(*partition, (self.flow.now(), emission.reached.next), plain);
            let (from, reached) = (emission.from, emission.reached);
            self.flow.emit(Emitted { partition: *partition, from, reached, records }, emission.records);
        }
        if !positions.is_empty() {
            self.flow.advance(self.flow.now().next());
            self.stats.epoch(self.flow.now());
            self.bus.tell(Message::Moved { epoch: self.flow.now(), positions });
        }
    }

    /// Whether records could leave at once.
    fn has_more(&self) -> bool {
        let can_leave = |(partition, source): (&Partition, &Source)| {
            source.lane.first_waiting().is_some_and(|offset| self.book.at(*partition, offset).is_some())
        };
        self.state == State::Running && self.sources.iter().any(can_leave)
    }

    fn positions(&self) -> Offsets {
        self.sources.iter().map(|(partition, source)| (*partition, source.lane.next())).collect()
    }

    fn durable(&mut self, sink: &SinkName, reached: &BTreeMap<Partition, Reached>) {
        if let Some(place) = self.required.iter().position(|required| required == sink) {
            for (partition, reached) in reached {
                if let Some(source) = self.sources.get(partition) {
                    source.room.durable(place, reached.next);
                    self.stats.released(*partition, source.room.slowest());
                }
            }
        }
        self.conductor.iter_mut().for_each(|conductor| conductor.durable(sink, reached));
    }

    fn drain(&mut self, why: Drained) {
        self.conductor.iter_mut().for_each(|conductor| conductor.drain(why));
        if !matches!(self.state, State::Running | State::Stopped) {
            return;
        }
        self.state = State::Draining;
        self.shared.setup.health.draining();
        self.sources.values().for_each(|source| source.room.close());
        self.flow.close();
    }

    /// Takes the steps of a drain that nobody has to ask for.
    fn finish_what_drains(&mut self) {
        if self.state == State::Draining && self.flow.is_done() {
            self.state = State::Flushing;
            self.outgoing.iter().for_each(|outgoing| outgoing.queue.end(End::Flushed));
        }
        if self.state == State::Flushing {
            self.leave_who_lags();
        }
        if self.state == State::Flushing && self.unflushed.is_empty() {
            self.state = State::Drained;
            self.bus.tell(Message::Drained { worker: self.index, positions: self.positions() });
        }
    }

    /// Leaves those behind whose call takes longer than a drain may: the process ends in the midst of it, as when it is killed.
    fn leave_who_lags(&mut self) {
        for outgoing in &mut self.outgoing {
            if self.unflushed.contains(&outgoing.sink) && outgoing.is_given_up() {
                self.unflushed.remove(&outgoing.sink);
                outgoing.thread = None;
                tracing::warn!(sink = %outgoing.sink, "the job ends in the midst of a call to this sink; the next life brings it up");
            }
        }
    }
}
