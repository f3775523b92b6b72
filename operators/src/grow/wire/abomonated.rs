//! The unsound encoding, for comparison: memory as it lies there. See the crate `flightline-abomonated`.

use std::io::{self, Write};

use flightline_abomonated::{AlignedCopy, length, write};

use super::super::histogram::{HistogramBatch, NodeEnd};
use super::{BrokenMessage, Encoding};
use crate::forest::NodeIndex;
use crate::grow::QueuedTree;

/// The owner, and each node with its tree and where it ends. Numbers only: the other crate takes no types of ours.
type Head = (u64, Vec<(u64, u32, u32)>);

/// Memory as it lies there, by the crate `abomonation`. Unsound; for a mesh that is trusted wholly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abomonated;

fn head(batch: &HistogramBatch) -> Head {
    let nodes = batch.nodes.iter().map(|end| (end.node.0, end.tree.0, end.end));
    (batch.owner.into(), nodes.collect())
}

impl Encoding for Abomonated {
    const NAME: &'static str = "abomonation";

    const WARNING: Option<&'static str> = Some(
        "this build has feature `abomonation`: what other processes send is taken for memory, unchecked (RUSTSEC-2021-0120), \
         so whoever can write to a connection of the mesh can do anything in this process; build without it unless you \
         trust every host and wire",
    );

    fn length(batches: &[HistogramBatch]) -> usize {
        batches.iter().map(|batch| length(&head(batch)) + length(&batch.words)).sum()
    }

    fn write<W: Write>(batches: &[HistogramBatch], writer: &mut W) -> io::Result<()> {
        for batch in batches {
            write(&head(batch), writer)?;
            write(&batch.words, writer)?;
        }
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<Vec<HistogramBatch>, BrokenMessage> {
        let broken = BrokenMessage { bytes: bytes.len() };
        let mut copy = AlignedCopy::of(bytes);
        let mut batches = Vec::new();
        while !copy.is_read() {
            let (owner, nodes) = copy.read::<Head>().ok_or(broken)?;
            let owner = u32::try_from(*owner).map_err(|_| broken)?;
            let node = |(node, tree, end): &(u64, u32, u32)| NodeEnd {
                tree: QueuedTree(*tree),
                node: NodeIndex(*node),
                end: *end,
            };
            let nodes = nodes.iter().map(node).collect();
            let words = copy.read::<Vec<u32>>().ok_or(broken)?.clone();
            batches.push(HistogramBatch { owner, nodes, words });
        }
        Ok(batches)
    }
}
