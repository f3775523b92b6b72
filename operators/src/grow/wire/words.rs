//! The default encoding: every number as the four or eight bytes that it has in memory of most machines, little end
//! first.
//!
//! A batch is a head of four words (owner, nodes, words, zero), four words for each node (tree, end, low and high half
//! of its index) and its words, with a zero where their number is odd. Writing and reading is copying, on a machine of
//! little end; the compiler sees that.

use std::io::{self, Write};

use super::super::histogram::{HistogramBatch, NodeEnd};
use super::{BrokenMessage, Encoding};
use crate::forest::NodeIndex;
use crate::grow::QueuedTree;

/// Bytes of a word.
const WORD: usize = size_of::<u32>();

/// Bytes of the head of a batch, and of a node.
const GROUP: usize = 4 * WORD;

/// Words that are turned into bytes at once.
const AT_ONCE: usize = 1 << 10;

/// Words as bytes, little end first: safe, and as fast as copying.
#[derive(Clone, Copy, Debug, Default)]
pub struct WordBytes;

impl Encoding for WordBytes {
    const NAME: &'static str = "words";

    fn length(batches: &[HistogramBatch]) -> usize {
        batches.iter().map(|batch| GROUP * (1 + batch.nodes.len()) + WORD * even(batch.words.len())).sum()
    }

    fn write<W: Write>(batches: &[HistogramBatch], writer: &mut W) -> io::Result<()> {
        for HistogramBatch { owner, nodes, words } in batches {
            write_group([*owner, nodes.len() as u32, words.len() as u32, 0], writer)?;
            for NodeEnd { tree, node, end } in nodes {
                write_group([tree.0, *end, node.0 as u32, (node.0 >> u32::BITS) as u32], writer)?;
            }
            write_words(words, writer)?;
            writer.write_all(&[0; WORD][..WORD * (even(words.len()) - words.len())])?;
        }
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<Vec<HistogramBatch>, BrokenMessage> {
        let mut rest = bytes;
        let mut batches = Vec::new();
        while !rest.is_empty() {
            batches.push(read_batch(&mut rest).ok_or(BrokenMessage { bytes: bytes.len() })?);
        }
        Ok(batches)
    }
}

/// `words`, and one more if that makes them whole pairs.
fn even(words: usize) -> usize {
    words.next_multiple_of(2)
}

fn write_group<W: Write>(words: [u32; 4], writer: &mut W) -> io::Result<()> {
    writer.write_all(words.map(u32::to_le_bytes).as_flattened())
}

fn write_words<W: Write>(words: &[u32], writer: &mut W) -> io::Result<()> {
    let mut bytes = [[0; WORD]; AT_ONCE];
    for words in words.chunks(AT_ONCE) {
        bytes.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        writer.write_all(bytes.as_flattened().split_at(words.len() * WORD).0)?;
    }
    Ok(())
}

/// Takes a batch off the front; `None` where there is no whole one, or one that contradicts itself.
fn read_batch(bytes: &mut &[u8]) -> Option<HistogramBatch> {
    let [owner, nodes, words, 0] = group(take(bytes, GROUP)?.first_chunk()?) else { return None };
    let (nodes, words) = (nodes as usize, words as usize);
    let of_nodes = take(bytes, nodes.checked_mul(GROUP)?)?;
    let of_words = take(bytes, even(words).checked_mul(WORD)?)?;
    let node = |bytes: &[u8; GROUP]| {
        let [tree, end, low, high] = group(bytes);
        NodeEnd { tree: QueuedTree(tree), node: NodeIndex(u64::from(high) << u32::BITS | u64::from(low)), end }
    };
    let nodes: Vec<NodeEnd> = of_nodes.as_chunks().0.iter().map(node).collect();
    let ends_fit =
        nodes.is_sorted_by_key(|node| node.end) && nodes.last().is_none_or(|last| last.end as usize <= words);
    let of_words = of_words.as_chunks().0.iter().take(words);
    let words = of_words.map(|bytes| u32::from_le_bytes(*bytes)).collect();
    ends_fit.then_some(HistogramBatch { owner, nodes, words })
}

/// Four words, the first one lowest.
fn group(bytes: &[u8; GROUP]) -> [u32; 4] {
    let all = u128::from_le_bytes(*bytes);
    [0, 1, 2, 3].map(|word| (all >> (word * u32::BITS)) as u32)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}
