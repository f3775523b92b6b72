//! The lines of one partition that wait to become a file.
//!
//! Lines are kept as the bytes of the file, in chunks that a failed put leaves where they are, so that the next try needs
//! no copy. The buffer is pure: what time it is, is told to it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use flightline_engine::log::Offset;
use object_store::PutPayload;

/// Bytes of a chunk, about: a store writes one at a time.
const CHUNK: usize = 1 << 20;

/// A line's place and length.
#[derive(Clone, Copy, Debug)]
struct Held {
    offset: Offset,
    /// Bytes, the line feed among them.
    length: usize,
}

/// Lines in the order of their offsets.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Chunks of whole lines.
    full: VecDeque<Bytes>,
    open: BytesMut,
    lines: VecDeque<Held>,
    bytes: usize,
    /// When the oldest line came.
    since: Option<Duration>,
}

impl Buffer {
    /// Whether there is no line.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Bytes of all lines with their line feeds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest line came.
    pub(super) const fn since(&self) -> Option<Duration> {
        self.since
    }

    /// The offset of the last line.
    pub(super) fn last(&self) -> Option<Offset> {
        self.lines.back().map(|held| held.offset)
    }

    /// Adds a line, without its line feed, above all others.
    pub(super) fn push(&mut self, offset: Offset, line: &[u8], now: Duration) {
        debug_assert!(self.last().is_none_or(|last| last < offset), "lines come in order");
        self.open.extend_from_slice(line);
        self.open.extend_from_slice(b"\n");
        let length = line.len() + 1;
        self.lines.push_back(Held { offset, length });
        self.bytes += length;
        self.since.get_or_insert(now);
        if self.open.len() >= CHUNK {
            self.seal();
        }
    }

    /// The file of all lines.
    pub(super) fn payload(&mut self) -> PutPayload {
        self.seal();
        self.full.iter().cloned().collect()
    }

    /// All lines without their line feeds.
    pub(super) fn lines(&mut self) -> impl Iterator<Item = (Offset, Bytes)> + '_ {
        self.seal();
        let mut chunks = self.full.iter().cloned();
        let mut rest = Bytes::new();
        self.lines.iter().map(move |held| {
            if rest.is_empty() {
                rest = chunks.next().unwrap_or_default();
            }
            let line = rest.split_to(held.length.min(rest.len()));
            (held.offset, line.slice(..line.len().saturating_sub(1)))
        })
    }

    /// Forgets all lines below an offset: they are in a file.
    pub(super) fn drop_below(&mut self, end: Offset) {
        self.seal();
        while let Some(held) = self.lines.front().copied().filter(|held| held.offset < end) {
            self.lines.pop_front();
            self.bytes -= held.length;
            if let Some(chunk) = self.full.front_mut() {
                chunk.advance(held.length);
                if chunk.is_empty() {
                    self.full.pop_front();
                }
            }
        }
        if self.is_empty() {
            self.since = None;
        }
    }

    /// Forgets all lines.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            self.full.push_back(self.open.split().freeze());
            // The rest of its room would hold on to the chunk for as long as the next one grows.
            self.open = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(offset: u64, length: usize) -> Vec<u8> {
        vec![b'a' + u8::try_from(offset % 26).unwrap(); length]
    }

    fn payload(buffer: &mut Buffer) -> Vec<u8> {
        Bytes::from(buffer.payload()).to_vec()
    }

    proptest! {
        #[test]
        fn a_buffer_is_the_list_of_its_lines(
            lengths in proptest::collection::vec(prop_oneof![9 => 0_usize..50, 1 => Just(CHUNK / 2 + 7)], 0..40),
            drops in proptest::collection::vec((0_usize..40, 0_u64..90), 0..4),
        ) {
            let mut buffer = Buffer::default();
            let mut model: Vec<(u64, Vec<u8>)> = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                for (_, end) in drops.iter().filter(|(at, _)| *at == number) {
                    buffer.drop_below(Offset(*end));
                    model.retain(|(offset, _)| offset >= end);
                }
                let offset = 2 * number as u64;
                buffer.push(Offset(offset), &line(offset, *length), Duration::from_secs(offset));
                model.push((offset, line(offset, *length)));
            }
            let whole: Vec<u8> = model.iter().flat_map(|(_, line)| [&line[..], b"\n"].concat()).collect();
            prop_assert_eq!(buffer.bytes(), whole.len());
            prop_assert!(payload(&mut buffer) == whole, "the file is the lines");
            prop_assert!(payload(&mut buffer) == whole, "and again, after a failed put");
            let held: Vec<(u64, Vec<u8>)> = buffer.lines().map(|(offset, line)| (offset.0, line.to_vec())).collect();
            prop_assert!(held == model);
            prop_assert_eq!(buffer.last().map(|last| last.0), model.last().map(|(offset, _)| *offset));
            prop_assert_eq!(buffer.since().is_some(), !model.is_empty());
            buffer.clear();
            prop_assert!(buffer.is_empty() && buffer.bytes() == 0 && payload(&mut buffer).is_empty());
        }
    }

    #[test]
    fn its_age_is_that_of_the_oldest_line_since_it_was_empty() {
        let mut buffer = Buffer::default();
        buffer.push(Offset(1), b"a", Duration::from_secs(1));
        buffer.push(Offset(2), b"b", Duration::from_secs(2));
        assert_eq!(buffer.since(), Some(Duration::from_secs(1)));
        buffer.drop_below(Offset(3));
        buffer.push(Offset(3), b"c", Duration::from_secs(3));
        assert_eq!(buffer.since(), Some(Duration::from_secs(3)));
    }
}
