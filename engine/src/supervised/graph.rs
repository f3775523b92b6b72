//! What workers run, as a picture: operators in scopes, and channels between them, with what has happened in each.
//!
//! All workers build the same dataflow, so an operator has the same [`Address`] in each of them: it is the operator's id in
//! the whole cluster. Every number is a sum over workers, and [`Graph::merge`] sums over processes; counts of one process are
//! of the workers that run now, and begin anew when a job begins a new life.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The path from the worker's root to an operator or scope: the dataflow's index, the indices of nested scopes, the
/// operator's own. `[scope.., 0]` is no operator but the edge of `scope`: what enters and leaves it passes there. As text:
/// `0.3.1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(pub Vec<usize>);

impl Address {
    /// The address of what has this index in this scope.
    #[must_use]
    pub fn child(&self, index: usize) -> Self {
        Self(self.0.iter().copied().chain([index]).collect())
    }

    /// The scope that it is in; `None` for a whole dataflow.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, scope) = self.0.split_last()?;
        (!scope.is_empty()).then(|| Self(scope.to_vec()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, index) in self.0.iter().enumerate() {
            write!(f, "{}{index}", if depth == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// The number of an input or an output of an operator, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(pub usize);

/// An end of a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Whose port it is; the edge of the channel's own scope, if the last index is 0.
    pub operator: Address,
    /// An output if the channel begins here, else an input.
    pub port: Port,
}

/// The dataflows of a process or of a whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Dataflows, scopes and operators, by address; no address is there twice.
    pub operators: Vec<Operator>,
    /// Channels, by scope and ends; none is there twice.
    pub channels: Vec<Channel>,
    /// Whether there was more than a message may hold. What is deepest is left out first.
    #[serde(default)]
    pub truncated: bool,
}

/// An operator, a scope or a dataflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Where it is: its id.
    pub address: Address,
    /// What it is called; not unique.
    pub name: String,
    /// Whether others are in it. A dataflow is a scope whose address has one index.
    pub is_scope: bool,
    /// Time that it has worked, in nanoseconds, without what is in it. An activation counts when it has ended.
    pub active_nanos: u64,
    /// How often it was activated.
    pub activations: u64,
    /// Workers in which it has not shut down.
    pub running: u64,
}

/// A channel between two operators of one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Where it is.
    pub scope: Address,
    /// Where it begins.
    pub source: Endpoint,
    /// Where it ends.
    pub target: Endpoint,
    /// Records that were put into it.
    pub records_sent: u64,
    /// Records that were taken out of it. Of one process this may be more than was put in: a channel that exchanges brings
    /// records of other processes.
    pub records_received: u64,
    /// Batches that were put into it.
    pub batches: u64,
}

impl Channel {
    /// Records that wait in it, if it was merged over all processes of the job. Processes tell of different moments, so this
    /// is exact only at rest.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.records_sent.saturating_sub(self.records_received)
    }

    fn key(&self) -> (&Address, &Endpoint, &Endpoint) {
        (&self.scope, &self.source, &self.target)
    }
}

impl Graph {
    /// The sum of several graphs, those of a job's processes: each operator and channel once, sorted, with its numbers added
    /// up. The order of the graphs makes no difference.
    #[must_use]
    pub fn merge(graphs: impl IntoIterator<Item = Self>) -> Self {
        let mut operators = BTreeMap::<Address, Operator>::new();
        let mut channels = BTreeMap::<(Address, Endpoint, Endpoint), Channel>::new();
        let mut truncated = false;
        for graph in graphs {
            truncated |= graph.truncated;
            for operator in graph.operators {
                match operators.get_mut(&operator.address) {
                    Some(sum) => sum.add(operator),
                    None => drop(operators.insert(operator.address.clone(), operator)),
                }
            }
            for channel in graph.channels {
                let (scope, source, target) = channel.key();
                let key = (scope.clone(), source.clone(), target.clone());
                match channels.get_mut(&key) {
                    Some(sum) => sum.add(&channel),
                    None => drop(channels.insert(key, channel)),
                }
            }
        }
        Self { operators: operators.into_values().collect(), channels: channels.into_values().collect(), truncated }
    }
}

impl Operator {
    fn add(&mut self, other: Self) {
        // Equal in processes of one job; if it ever isn't, which one comes first must not decide.
        self.name = std::mem::take(&mut self.name).min(other.name);
        self.is_scope |= other.is_scope;
        self.active_nanos = self.active_nanos.saturating_add(other.active_nanos);
        self.activations = self.activations.saturating_add(other.activations);
        self.running = self.running.saturating_add(other.running);
    }
}

impl Channel {
    fn add(&mut self, other: &Self) {
        self.records_sent = self.records_sent.saturating_add(other.records_sent);
        self.records_received = self.records_received.saturating_add(other.records_received);
        self.batches = self.batches.saturating_add(other.batches);
    }
}
