//! How a document lies in a collection's file: who wrote it, and its body.
//!
//! A first byte says how to read the rest: 0, a body that somebody put there; 1 or 2, a provisional or final answer, then
//! the request's partition (4 bytes) and offset (8 bytes), both little-endian, then the body.

use flightline_engine::contract::Standing;
use flightline_engine::log::{Offset, Partition};

/// What a sink notes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// Of the request.
    pub(super) partition: Partition,
    /// Of the request.
    pub(super) offset: Offset,
    /// Whether a better answer may take its place.
    pub(super) standing: Standing,
}

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// The request that it answers; `None` if no sink wrote it.
    pub(super) answered: Option<Answered>,
    /// Its text, without its id.
    pub(super) body: &'a [u8],
}

impl<'a> Document<'a> {
    /// As it is stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(13 + self.body.len());
        match self.answered {
            None => bytes.push(0),
            Some(Answered { partition, offset, standing }) => {
                bytes.push(if standing == Standing::Provisional { 1 } else { 2 });
                bytes.extend(partition.0.to_le_bytes());
                bytes.extend(offset.0.to_le_bytes());
            }
        }
        bytes.extend_from_slice(self.body);
        bytes
    }

    /// From what is stored; `None` if it isn't one.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let standing = match kind {
            0 => return Some(Self { answered: None, body: rest }),
            1 => Standing::Provisional,
            2 => Standing::Final,
            _ => return None,
        };
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let (offset, body) = rest.split_first_chunk::<8>()?;
        let (partition, offset) = (u32::from_le_bytes(*partition), u64::from_le_bytes(*offset));
        Some(Self {
            answered: Some(Answered { partition: Partition(partition), offset: Offset(offset), standing }),
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_document_reads_back_as_it_was_written(
            answered: Option<(u32, u64, bool)>,
            body: Vec<u8>,
        ) {
            let answered = answered.map(|(partition, offset, last)| Answered {
                partition: Partition(partition),
                offset: Offset(offset),
                standing: if last { Standing::Final } else { Standing::Provisional },
            });
            let document = Document { answered, body: &body };
            let stored = document.encode();
            prop_assert_eq!(Document::decode(&stored), Some(document));
        }

        #[test]
        fn any_bytes_are_a_document_or_none(bytes: Vec<u8>) {
            if let Some(document) = Document::decode(&bytes) {
                prop_assert_eq!(document.encode(), bytes);
            }
        }
    }
}
