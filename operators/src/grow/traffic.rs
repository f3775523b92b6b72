//! What growing a forest sends from worker to worker, level by level.
//!
//! Bytes are those of the messages: of histograms as [`super::wire`] writes them, of decisions as timely's default does,
//! `bincode` with numbers of fixed length. Between workers of one process nothing is written at all: there it is what
//! would be.

use serde::{Deserialize, Serialize};

use super::owner::Decision;
use crate::forest::Rule;

/// Bytes of the length of a list.
const LENGTH: usize = 8;

/// What was sent for one level of all trees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelTraffic {
    /// Nodes that were decided about.
    pub nodes: u64,
    /// Bytes of histograms from a worker to the owner of the node, where that is another one.
    pub histogram_bytes: u64,
    /// Bytes of decisions from owners to all other workers.
    pub decision_bytes: u64,
}

/// What was sent for each level, from the root on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The root's level first.
    pub levels: Vec<LevelTraffic>,
}

impl Traffic {
    /// Adds what another worker says of itself.
    pub fn merge(&mut self, other: &Self) {
        for (level, more) in other.levels.iter().enumerate() {
            let sum = self.level(level as u8);
            sum.nodes += more.nodes;
            sum.histogram_bytes += more.histogram_bytes;
            sum.decision_bytes += more.decision_bytes;
        }
    }

    pub(super) fn level(&mut self, level: u8) -> &mut LevelTraffic {
        let level = usize::from(level);
        if self.levels.len() <= level {
            self.levels.resize(level + 1, LevelTraffic::default());
        }
        &mut self.levels[level]
    }
}

pub(super) fn bytes_of_decision(decision: &Decision) -> u64 {
    let counts = LENGTH + decision.counts.0.len() * size_of::<u64>();
    let split = decision.split.as_ref().map_or(0, |(split, _)| {
        let rule = match &split.rule {
            Rule::AtMost(_) => size_of::<u16>(),
            Rule::In(set) => LENGTH + set.0.len() * size_of::<u64>(),
        };
        size_of::<u16>() + size_of::<u32>() + rule + size_of::<f64>() + counts
    });
    (size_of::<u32>() + size_of::<u64>() + counts + 1 + split) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::{BinSet, ClassCounts, NodeIndex, Split};
    use crate::grow::QueuedTree;
    use crate::space::FeatureIndex;

    fn written<D: Serialize>(message: &D) -> u64 {
        bincode::serialized_size(message).unwrap()
    }

    #[test]
    fn bytes_are_what_the_serializer_writes() {
        let counts = ClassCounts(vec![4, 5, 6].into());
        let decision = |split| Decision { tree: QueuedTree(1), node: NodeIndex(9), counts: counts.clone(), split };
        let split = |rule| Some((Split { feature: FeatureIndex(2), rule, gain: 1.5 }, counts.clone()));
        for split in [None, split(Rule::AtMost(7)), split(Rule::In(BinSet::of([3, 70], 80)))] {
            let decision = decision(split);
            assert_eq!(bytes_of_decision(&decision), written(&decision));
        }
    }
}
