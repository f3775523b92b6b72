//! From the events of timely's own log to counts, for one worker.
//!
//! A core: it has no clock, since each event brings its time, and takes any events in any order without harm. What it holds is
//! bounded: a worker that builds dataflows without end is not followed beyond [`MOST_IDS`] operators and channels.

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use timely::logging::{ChannelsEvent, MessagesEvent, OperatesEvent, ScheduleEvent, StartStop, TimelyEvent};

use super::graph::{Address, Channel, Endpoint, Graph, Operator, Port};

/// Operators and channels of a worker have numbers from 0, together; higher ones than this are not followed.
const MOST_IDS: usize = 1 << 16;

/// Longer names of operators are cut.
const MOST_NAME_CHARS: usize = 120;

/// What has happened in a worker so far.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    known: Vec<Known>,
    counts: Counts,
    /// Activations that have begun and not ended, each within the one before it.
    active: Vec<Activation>,
}

/// What one of timely's numbers stands for.
#[derive(Clone, Copy, Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Operator(usize),
    Channel(usize),
}

#[derive(Debug)]
struct Activation {
    id: usize,
    since: Duration,
    in_others: Duration,
}

/// The counts of one moment: cheap to copy, because what doesn't change is shared.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    shape: Arc<Shape>,
    operators: Vec<OperatorCounts>,
    channels: Vec<ChannelCounts>,
}

/// What is built, in the order in which it was told.
#[derive(Clone, Debug, Default)]
struct Shape {
    operators: Vec<(Address, String)>,
    channels: Vec<(Address, Endpoint, Endpoint)>,
    truncated: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct OperatorCounts {
    active: Duration,
    activations: u64,
    shut_down: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct ChannelCounts {
    sent: u64,
    received: u64,
    batches: u64,
}

impl Recorder {
    /// Takes an event that was logged at a time.
    pub(super) fn record(&mut self, at: Duration, event: &TimelyEvent) {
        match event {
            TimelyEvent::Schedule(event) => self.scheduled(at, *event),
            TimelyEvent::Messages(event) => self.moved(event),
            TimelyEvent::Operates(event) => self.built(event),
            TimelyEvent::Channels(event) => self.connected(event),
            TimelyEvent::Shutdown(event) => {
                if let Some(operator) = self.operator(event.id) {
                    operator.shut_down = true;
                }
            }
            TimelyEvent::PushProgress(_)
            | TimelyEvent::CommChannels(_)
            | TimelyEvent::Park(_)
            | TimelyEvent::Text(_) => {}
        }
    }

    /// What has happened so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts.clone()
    }

    fn scheduled(&mut self, at: Duration, event: ScheduleEvent) {
        match event.start_stop {
            StartStop::Start => self.active.push(Activation { id: event.id, since: at, in_others: Duration::ZERO }),
            StartStop::Stop => {
                // The last one that began is the one that ends, unless events are lost: then those within it are, too.
                while let Some(ended) = self.active.pop() {
                    if ended.id == event.id {
                        self.worked(&ended, at.saturating_sub(ended.since));
                        break;
                    }
                }
            }
        }
    }

    fn worked(&mut self, ended: &Activation, whole: Duration) {
        if let Some(outer) = self.active.last_mut() {
            outer.in_others = outer.in_others.saturating_add(whole);
        }
        if let Some(operator) = self.operator(ended.id) {
            operator.active = operator.active.saturating_add(whole.saturating_sub(ended.in_others));
            operator.activations += 1;
        }
    }

    fn moved(&mut self, event: &MessagesEvent) {
        let Some(Known::Channel(index)) = self.known.get(event.channel) else { return };
        let Some(channel) = self.counts.channels.get_mut(*index) else { return };
        // Containers count what they hold; none of them holds less than nothing.
        let records = u64::try_from(event.record_count).unwrap_or(0);
        if event.is_send {
            channel.sent = channel.sent.saturating_add(records);
            channel.batches += 1;
        } else {
            channel.received = channel.received.saturating_add(records);
        }
    }

    fn built(&mut self, event: &OperatesEvent) {
        let index = self.counts.operators.len();
        if self.learn(event.id, Known::Operator(index)) {
            self.counts.operators.push(OperatorCounts::default());
            let name = event.name.chars().take(MOST_NAME_CHARS).collect();
            Arc::make_mut(&mut self.counts.shape).operators.push((Address(event.addr.clone()), name));
        }
    }

    fn connected(&mut self, event: &ChannelsEvent) {
        let index = self.counts.channels.len();
        if self.learn(event.id, Known::Channel(index)) {
            self.counts.channels.push(ChannelCounts::default());
            let scope = Address(event.scope_addr.clone());
            let end = |(operator, port)| Endpoint { operator: scope.child(operator), port: Port(port) };
            let (source, target) = (end(event.source), end(event.target));
            Arc::make_mut(&mut self.counts.shape).channels.push((scope, source, target));
        }
    }

    /// Whether this number is followed from now on.
    fn learn(&mut self, id: usize, as_what: Known) -> bool {
        if id >= MOST_IDS {
            Arc::make_mut(&mut self.counts.shape).truncated = true;
            return false;
        }
        if self.known.len() <= id {
            self.known.resize(id + 1, Known::Nothing);
        }
        match self.known.get_mut(id) {
            Some(known @ Known::Nothing) => {
                *known = as_what;
                true
            }
            _ => false,
        }
    }

    fn operator(&mut self, id: usize) -> Option<&mut OperatorCounts> {
        match self.known.get(id) {
            Some(Known::Operator(index)) => self.counts.operators.get_mut(*index),
            _ => None,
        }
    }
}

impl Counts {
    /// As a graph, in normal form.
    pub(super) fn graph(&self) -> Graph {
        let described = || self.shape.operators.iter().zip(&self.operators);
        let shut_down =
            |(described, counts): (&(Address, String), &OperatorCounts)| counts.shut_down.then(|| described.0.clone());
        let shut_down: BTreeSet<Address> = described().filter_map(shut_down).collect();
        // What is in a scope goes with it, and isn't told apart.
        let runs = |address: &Address| {
            !iter::successors(Some(address.clone()), Address::parent).any(|outer| shut_down.contains(&outer))
        };
        let operators = described().map(|((address, name), counts)| Operator {
            address: address.clone(),
            name: name.clone(),
            is_scope: address.parent().is_none(),
            active_nanos: u64::try_from(counts.active.as_nanos()).unwrap_or(u64::MAX),
            activations: counts.activations,
            running: u64::from(runs(address)),
        });
        let channels =
            self.shape.channels.iter().zip(&self.channels).map(|((scope, source, target), counts)| Channel {
                scope: scope.clone(),
                source: source.clone(),
                target: target.clone(),
                records_sent: counts.sent,
                records_received: counts.received,
                batches: counts.batches,
            });
        let graph =
            Graph { operators: operators.collect(), channels: channels.collect(), truncated: self.shape.truncated };
        Graph::merge([graph]).with_scopes_marked()
    }
}

impl Graph {
    /// Says of each operator that others are in that it is a scope.
    fn with_scopes_marked(mut self) -> Self {
        // What is in a scope stands right behind it.
        for index in 1..self.operators.len() {
            let (before, after) = self.operators.split_at_mut(index);
            if let (Some(scope), Some(inner)) = (before.last_mut(), after.first()) {
                scope.is_scope |= inner.address.parent().as_ref() == Some(&scope.address);
            }
        }
        self
    }
}
