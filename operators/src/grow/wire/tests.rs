//! Each encoding against what went in, and the default one against bytes that nobody wrote.

use proptest::prelude::*;
use timely::bytes::arc::BytesMut;

use super::super::histogram::NodeEnd;
use super::*;
use crate::forest::NodeIndex;
use crate::grow::QueuedTree;

fn batch() -> impl Strategy<Value = HistogramBatch> {
    let node = (any::<u32>(), any::<u64>(), prop::collection::vec(any::<u32>(), 0..9));
    // More than are turned into bytes at once, now and then.
    let one = prop_oneof![9 => Just(1_usize), 1 => Just(700)];
    (any::<u32>(), prop::collection::vec(node, 0..7), one).prop_map(|(owner, nodes, times)| {
        let mut batch = HistogramBatch { owner, ..HistogramBatch::default() };
        for (tree, node, words) in nodes {
            (0..times).for_each(|_| batch.words.extend(&words));
            batch.nodes.push(NodeEnd { tree: QueuedTree(tree), node: NodeIndex(node), end: batch.words.len() as u32 });
        }
        batch
    })
}

fn written<E: Encoding>(batches: &[HistogramBatch]) -> Vec<u8> {
    let container: HistogramBatches<E> = batches.iter().cloned().collect();
    let mut bytes = Vec::new();
    container.into_bytes(&mut bytes);
    assert_eq!((bytes.len(), bytes.len() % 8), (container.length_in_bytes(), 0));
    bytes
}

fn comes_back<E: Encoding>(batches: &[HistogramBatch]) -> Result<(), TestCaseError> {
    let bytes = BytesMut::from(written::<E>(batches)).freeze();
    let mut read = HistogramBatches::<E>::from_bytes(bytes);
    prop_assert_eq!(read.record_count(), batches.len() as i64);
    prop_assert_eq!(read.take(), batches);
    Ok(())
}

proptest! {
    #[test]
    fn batches_come_back_as_they_went(batches in prop::collection::vec(batch(), 0..5)) {
        comes_back::<WordBytes>(&batches)?;
        comes_back::<Abomonated>(&batches)?;
    }

    /// A message cut short anywhere, or with one number changed: refused or read, and no index is out of bounds.
    #[test]
    fn a_broken_message_is_refused_or_harmless(
        batches in prop::collection::vec(batch(), 1..3), place in any::<prop::sample::Index>(), byte in 1_u8..,
    ) {
        let bytes = written::<WordBytes>(&batches);
        let place = place.index(bytes.len());
        let whole_batches: Vec<usize> = (0..=batches.len()).map(|end| WordBytes::length(&batches[..end])).collect();
        let cut = WordBytes::read(&bytes[..place]);
        prop_assert_eq!(cut.is_ok(), whole_batches.contains(&place), "{} of {} bytes", place, bytes.len());
        let mut changed = bytes;
        changed[place] ^= byte;
        for batch in WordBytes::read(&changed).into_iter().flatten() {
            let words: usize = batch.histograms().map(|(_, _, words)| words.len()).sum();
            prop_assert!(words <= batch.words.len());
        }
    }
}

#[test]
fn a_container_is_full_when_a_batch_is() {
    let of = |words| HistogramBatch { words: vec![1; words], ..HistogramBatch::default() };
    let mut container = HistogramBatches::<Wire>::default();
    assert!(container.is_empty() && !container.at_capacity());
    container.push_into(of(FULL_WORDS / 2));
    assert!(!container.is_empty() && !container.at_capacity());
    container.push_into(of(FULL_WORDS / 2));
    assert!(container.at_capacity());
    assert_eq!(container.drain().count(), 2);
    assert!(container.is_empty() && !container.at_capacity());
}
