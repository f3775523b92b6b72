//! Histograms on their way to the owners of nodes: within a process as they are, between two of them as bytes.
//!
//! Within a process batches are moved and nothing is written. Between processes an [`Encoding`] writes them, of which a
//! build has one, [`Wire`]: [`WordBytes`], or with feature `abomonation` the unsound peer that it is compared with. All
//! processes of a cluster must have the same, which [`Encoding::NAME`] is for: it belongs in what they agree on before
//! they start.

#[cfg(any(test, feature = "abomonation"))]
mod abomonated;
mod words;

use std::io::{self, Write};
use std::marker::PhantomData;

use thiserror::Error;
use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::container::{DrainContainer, PushInto, SizableContainer};
use timely::dataflow::channels::ContainerBytes;

use super::histogram::{FULL_WORDS, HistogramBatch};

#[cfg(any(test, feature = "abomonation"))]
pub use abomonated::Abomonated;
pub use words::WordBytes;

/// How histograms cross from process to process in this build.
#[cfg(not(feature = "abomonation"))]
pub type Wire = WordBytes;
/// How histograms cross from process to process in this build.
#[cfg(feature = "abomonation")]
pub type Wire = Abomonated;

/// A way to write batches of histograms as bytes.
pub trait Encoding: Clone + Default + Send + 'static {
    /// Its name. Processes whose names differ can't read each other.
    const NAME: &'static str;

    /// What whoever starts a build with it must know.
    const WARNING: Option<&'static str> = None;

    /// Bytes that [`Encoding::write`] writes: a multiple of 8.
    fn length(batches: &[HistogramBatch]) -> usize;

    /// Writes the batches.
    ///
    /// # Errors
    /// Those of `writer`, of which none is this encoding's.
    fn write<W: Write>(batches: &[HistogramBatch], writer: &mut W) -> io::Result<()>;

    /// Reads what [`Encoding::write`] has written.
    ///
    /// # Errors
    /// Bytes that it can't have written; not all of them are found out.
    fn read(bytes: &[u8]) -> Result<Vec<HistogramBatch>, BrokenMessage>;
}

/// Bytes that are no batches of histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "histograms came in a broken message of {bytes} bytes; all processes must run one build: install it anew on all hosts"
)]
pub struct BrokenMessage {
    /// Its length.
    pub bytes: usize,
}

/// Batches of histograms that are exchanged together.
#[derive(Clone, Debug, Default)]
pub struct HistogramBatches<E = Wire> {
    batches: Vec<HistogramBatch>,
    words: usize,
    encoding: PhantomData<E>,
}

impl<E> HistogramBatches<E> {
    /// Takes all batches out.
    pub fn take(&mut self) -> Vec<HistogramBatch> {
        self.words = 0;
        std::mem::take(&mut self.batches)
    }
}

impl<E> FromIterator<HistogramBatch> for HistogramBatches<E> {
    fn from_iter<I: IntoIterator<Item = HistogramBatch>>(batches: I) -> Self {
        let batches: Vec<HistogramBatch> = batches.into_iter().collect();
        let words = batches.iter().map(|batch| batch.words.len()).sum();
        Self { batches, words, encoding: PhantomData }
    }
}

impl<E> Accountable for HistogramBatches<E> {
    fn record_count(&self) -> i64 {
        self.batches.len() as i64
    }
}

impl<E> DrainContainer for HistogramBatches<E> {
    type Item<'a>
        = HistogramBatch
    where
        Self: 'a;
    type DrainIter<'a>
        = std::vec::Drain<'a, HistogramBatch>
    where
        Self: 'a;

    fn drain(&mut self) -> Self::DrainIter<'_> {
        self.words = 0;
        self.batches.drain(..)
    }
}

impl<E> SizableContainer for HistogramBatches<E> {
    fn at_capacity(&self) -> bool {
        self.words >= FULL_WORDS
    }

    /// Nothing to do: what takes memory comes with the batches.
    fn ensure_capacity(&mut self, _stash: &mut Option<Self>) {}
}

impl<E> PushInto<HistogramBatch> for HistogramBatches<E> {
    fn push_into(&mut self, batch: HistogramBatch) {
        self.words += batch.words.len();
        self.batches.push(batch);
    }
}

impl<E: Encoding> ContainerBytes for HistogramBatches<E> {
    #[expect(clippy::panic, reason = "there is no other way to refuse, and a message lost would end in a wrong model")]
    fn from_bytes(bytes: Bytes) -> Self {
        match E::read(&bytes) {
            Ok(batches) => batches.into_iter().collect(),
            Err(broken) => panic!("{broken}"),
        }
    }

    fn length_in_bytes(&self) -> usize {
        E::length(&self.batches)
    }

    #[expect(clippy::panic, reason = "the room was measured by `length_in_bytes`, and is memory")]
    fn into_bytes<W: Write>(&self, writer: &mut W) {
        if let Err(error) = E::write(&self.batches, writer) {
            panic!("histograms can't be written into the room that was measured for them: {error}; please report this");
        }
    }
}

#[cfg(test)]
mod tests;
