//! Sequences of lines as one.

use std::iter::Peekable;

use bytes::Bytes;
use flightline_engine::log::Offset;

use crate::failure::Failure;

/// Lines of several sequences: always the one with the lowest offset of those that are next. So they come in order as far as
/// each sequence is in order, and what steps back in one comes at once.
pub(super) struct Merged<I: Iterator>(Vec<Peekable<I>>);

impl<I: Iterator<Item = Result<(Offset, Bytes), Failure>>> Merged<I> {
    pub(super) fn new(sequences: impl IntoIterator<Item = I>) -> Self {
        Self(sequences.into_iter().map(Iterator::peekable).collect())
    }
}

impl<I: Iterator<Item = Result<(Offset, Bytes), Failure>>> Iterator for Merged<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let heads = self.0.iter_mut().filter_map(|sequence| {
            // An error comes before all lines: none of them may be the next one.
            let offset = sequence.peek()?.as_ref().ok().map(|(offset, _)| *offset);
            Some((offset, sequence))
        });
        let (_, lowest) = heads.min_by_key(|(offset, _)| *offset)?;
        lowest.next()
    }
}
