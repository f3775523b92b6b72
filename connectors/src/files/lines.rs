//! Cutting text into blocks of whole lines, and choosing the lines that belong to one worker.
//!
//! A line belongs to the place where its first byte lies, and its place to one worker: a byte range of a plain file,
//! or every n-th stride of a text that can't be entered in the middle. [`LineCutter`] is fed the text from some
//! offset on, in chunks of any size, and hands out the lines that it owns. It looks for line ends only at the
//! borders between places and at the ends of blocks, so what it skips and what it passes on costs next to nothing.
//!
//! A line ends with LF (a CR before it stays part of the line) or with the text.

use std::io::{self, BufRead, Read};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memrchr};

use super::error::FileError;
use super::read::LineBlock;

/// How much text goes into a block, and how long a line may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A block is handed out when it has this size (a single longer line makes it larger).
    pub(crate) block: usize,
    /// A longer line is an error.
    pub(crate) longest: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { block: 1 << 20, longest: 64 << 20 }
    }
}

/// Which places of a text belong to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// One range of bytes.
    Range(Range<u64>),
    /// Of strides of `stride` bytes, those whose number is `index` modulo `count`. Offsets count from `base` on,
    /// which is where a member starts in the whole text of its archive.
    Strides {
        /// The worker's turn.
        index: u64,
        /// How many take turns.
        count: u64,
        /// Bytes in a stride.
        stride: u64,
        /// Offset of this text in the text that is shared out.
        base: u64,
    },
}

/// A run of lines that all belong to us, or all do not.
#[derive(Debug, Clone, Copy)]
struct Region {
    owned: bool,
    /// The region ends with the first line that starts here or later.
    border: u64,
}

impl Ownership {
    /// The region of a line that starts at `offset`.
    fn region(&self, offset: u64) -> Region {
        match self {
            Self::Range(range) if offset < range.start => Region { owned: false, border: range.start },
            Self::Range(range) if offset < range.end => Region { owned: true, border: range.end },
            Self::Range(_) => Region { owned: false, border: u64::MAX },
            Self::Strides { count: 1, .. } => Region { owned: true, border: u64::MAX },
            Self::Strides { index, count, stride, base } => {
                let number = (base + offset) / stride;
                Region { owned: number % count == *index, border: (number + 1) * stride - base }
            }
        }
    }

    /// True if no line that starts at `offset` or later is ours.
    fn is_over(&self, offset: u64) -> bool {
        matches!(self, Self::Range(range) if offset >= range.end)
    }
}

/// Hands out the lines of a text that one worker owns. See the module's documentation.
pub(crate) struct LineCutter {
    file: Arc<str>,
    header: Option<Arc<[u8]>>,
    ownership: Ownership,
    limits: Limits,
    /// Offset of the next byte that will be fed.
    position: u64,
    region: Region,
    /// Lines of ours that are not handed out yet; the last may be incomplete.
    buffer: Vec<u8>,
    /// Offset of the buffer's first byte.
    start: u64,
}

type Sink<'a> = &'a mut dyn FnMut(LineBlock) -> ControlFlow<()>;

impl LineCutter {
    /// A cutter for text that will be fed from `position` on. For a range that starts later, the byte before its
    /// start must be fed, too: it tells whether a line starts there.
    pub(crate) fn new(
        file: Arc<str>,
        header: Option<Arc<[u8]>>,
        ownership: Ownership,
        limits: Limits,
        position: u64,
    ) -> Self {
        let region = ownership.region(position);
        Self { file, header, ownership, limits, position, region, buffer: Vec::new(), start: position }
    }

    /// Offset up to which the text was fed.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Takes the next chunk of the text. `Break` means that no more text is wanted.
    ///
    /// # Errors
    /// [`FileError::LineTooLong`] for a line of ours beyond the limit.
    pub(crate) fn feed(&mut self, mut chunk: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, FileError> {
        while !chunk.is_empty() {
            let (piece, rest, ends) = self.cut_region(chunk);
            if self.region.owned {
                self.append(piece);
                if self.hand_out(ends, sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.position += piece.len() as u64;
            chunk = rest;
            if ends {
                self.region = self.ownership.region(self.position);
            }
            if !self.region.owned && self.ownership.is_over(self.position) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes the end of the text.
    ///
    /// # Errors
    /// As [`LineCutter::feed`].
    pub(crate) fn finish(mut self, sink: Sink<'_>) -> Result<ControlFlow<()>, FileError> {
        self.hand_out(true, sink)
    }

    /// Splits off what still belongs to the present region, and says whether the region ends there.
    fn cut_region<'a>(&self, chunk: &'a [u8]) -> (&'a [u8], &'a [u8], bool) {
        // The line before the border may end with the very byte before it.
        let from = self.region.border.saturating_sub(1).saturating_sub(self.position);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let found = chunk.get(from..).and_then(|tail| memchr(b'\n', tail));
        match found {
            Some(at) => {
                let (piece, rest) = chunk.split_at(from + at + 1);
                (piece, rest, true)
            }
            None => (chunk, &[], false),
        }
    }

    fn append(&mut self, piece: &[u8]) {
        if self.buffer.is_empty() {
            self.start = self.position;
        }
        self.buffer.extend_from_slice(piece);
    }

    /// Hands out what is complete: everything at the end of a region, else whole lines once they fill a block.
    fn hand_out(&mut self, all: bool, sink: Sink<'_>) -> Result<ControlFlow<()>, FileError> {
        if self.buffer.is_empty() || (!all && self.buffer.len() < self.limits.block) {
            return Ok(ControlFlow::Continue(()));
        }
        let whole = if all { Some(self.buffer.len()) } else { memrchr(b'\n', &self.buffer).map(|at| at + 1) };
        // Only the first line can be longer than a chunk, so it is the only one to look at.
        if memchr(b'\n', &self.buffer).unwrap_or(self.buffer.len()) > self.limits.longest {
            let file = self.file.to_string();
            return Err(FileError::LineTooLong { file, offset: self.start, limit: self.limits.longest });
        }
        let Some(whole) = whole else { return Ok(ControlFlow::Continue(())) };
        let rest = self.buffer.split_off(whole);
        let bytes = Bytes::from(std::mem::replace(&mut self.buffer, rest));
        let offset = self.start;
        self.start += whole as u64;
        let (file, header) = (Arc::clone(&self.file), self.header.clone());
        Ok(sink(LineBlock { file, bytes, header, offset }))
    }
}

/// The start of a text: what is not rows.
pub(crate) struct Preamble {
    /// The first line without its line end, when the format has a header and the text is not empty.
    pub(crate) header: Option<Arc<[u8]>>,
    /// Offset of the first byte after it: where rows start.
    pub(crate) body: u64,
    /// Bytes from `body` on that were read already and come before the rest of the reader.
    pub(crate) read_ahead: Vec<u8>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a byte order mark, if there is one, and with `has_header` the first line.
///
/// # Errors
/// The reader's error. A header beyond the limit is `Ok(None)`.
pub(crate) fn read_preamble(
    reader: &mut dyn BufRead,
    has_header: bool,
    limits: Limits,
) -> io::Result<Option<Preamble>> {
    let mut start = Vec::with_capacity(BYTE_ORDER_MARK.len());
    (&mut *reader).take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut start)?;
    let mark = if start == BYTE_ORDER_MARK { BYTE_ORDER_MARK.len() } else { 0 };
    if !has_header {
        return Ok(Some(Preamble { header: None, body: mark as u64, read_ahead: start.split_off(mark) }));
    }
    let mut line = start.split_off(mark);
    let mut read_ahead = Vec::new();
    match memchr(b'\n', &line) {
        Some(at) => read_ahead = line.split_off(at + 1),
        None => {
            (&mut *reader).take(limits.longest as u64 + 1).read_until(b'\n', &mut line)?;
        }
    }
    if line.len() > limits.longest {
        return Ok(None);
    }
    let body = (mark + line.len()) as u64;
    let header = (!line.is_empty()).then(|| {
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        line.strip_suffix(b"\r").unwrap_or(line).into()
    });
    Ok(Some(Preamble { header, body, read_ahead }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &[u8], ownership: &Ownership, limits: Limits, chunk: usize) -> Result<Vec<(u64, Vec<u8>)>, FileError> {
        let position = match ownership {
            Ownership::Range(range) => range.start.saturating_sub(1),
            Ownership::Strides { .. } => 0,
        };
        let mut blocks = Vec::new();
        let mut sink = |block: LineBlock| {
            blocks.push((block.offset, block.bytes.to_vec()));
            ControlFlow::Continue(())
        };
        let mut cutter = LineCutter::new("t".into(), None, ownership.clone(), limits, position);
        for chunk in text[position as usize..].chunks(chunk) {
            if cutter.feed(chunk, &mut sink)?.is_break() {
                return Ok(blocks);
            }
        }
        let _ = cutter.finish(&mut sink)?;
        Ok(blocks)
    }

    /// Every block is where it says it is and made of whole lines, and together they are the text.
    fn assert_cover(text: &[u8], mut blocks: Vec<(u64, Vec<u8>)>) {
        blocks.sort();
        let mut at = 0;
        for (offset, bytes) in blocks {
            assert_eq!(offset, at, "blocks join");
            at += bytes.len() as u64;
            assert!(bytes.ends_with(b"\n") || at == text.len() as u64, "whole lines");
            assert_eq!(&text[offset as usize..at as usize], &bytes[..]);
        }
        assert_eq!(at, text.len() as u64);
    }

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        // Many line ends, so that ranges meet empty lines, CRLF and starts of lines.
        proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'b')], 0..200)
    }

    proptest! {
        #[test]
        fn ranges_give_every_line_once(
            text in texts(), cuts in proptest::collection::vec(0_u64..220, 0..6), block in 1_usize..40, chunk in 1_usize..40,
        ) {
            let size = text.len() as u64;
            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.min(size)).chain([0, size]).collect();
            cuts.sort_unstable();
            let limits = Limits { block, longest: 1000 };
            let mut blocks = Vec::new();
            for pair in cuts.windows(2) {
                let mine = cut(&text, &Ownership::Range(pair[0]..pair[1]), limits, chunk).unwrap();
                for (offset, bytes) in &mine {
                    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at as u64 + 1));
                    for start in starts.filter(|start| *start < bytes.len() as u64) {
                        prop_assert!((pair[0]..pair[1]).contains(&(offset + start)), "a line of another's range");
                    }
                }
                blocks.extend(mine);
            }
            assert_cover(&text, blocks);
        }

        #[test]
        fn strides_give_every_line_once(
            text in texts(), count in 1_u64..6, stride in 1_u64..50, base in 0_u64..100, block in 1_usize..40, chunk in 1_usize..40,
        ) {
            let limits = Limits { block, longest: 1000 };
            let mut blocks = Vec::new();
            for index in 0..count {
                blocks.extend(cut(&text, &Ownership::Strides { index, count, stride, base }, limits, chunk).unwrap());
            }
            assert_cover(&text, blocks);
        }

        #[test]
        fn the_preamble_and_the_rest_are_the_text(text in texts(), mark: bool, has_header: bool, buffer in 1_usize..9) {
            let text = if mark { [BYTE_ORDER_MARK, &text].concat() } else { text };
            let mut reader = io::BufReader::with_capacity(buffer, &text[..]);
            let preamble = read_preamble(&mut reader, has_header, Limits::default()).unwrap().unwrap();
            let mut rest = preamble.read_ahead;
            reader.read_to_end(&mut rest).unwrap();
            prop_assert_eq!(&rest, &text[preamble.body as usize..]);
            if let Some(header) = &preamble.header {
                prop_assert!(has_header && memchr(b'\n', header).is_none() && !header.ends_with(b"\r\n"));
                prop_assert!(!header.starts_with(BYTE_ORDER_MARK));
            }
        }
    }

    #[test]
    fn blocks_are_about_as_large_as_asked_for() {
        let text = b"0123456789\n".repeat(1000);
        let blocks =
            cut(&text, &Ownership::Range(0..text.len() as u64), Limits { block: 100, longest: 50 }, 64).unwrap();
        assert!(blocks.len() > 60);
        assert!(blocks.iter().rev().skip(1).all(|(_, bytes)| bytes.len() < 100 + 64));
    }

    #[test]
    fn a_line_beyond_the_limit_is_an_error_with_its_offset() {
        let text = [&b"short\n"[..], &[b'x'; 101], b"\nshort\n"].concat();
        let limits = Limits { block: 10, longest: 100 };
        let whole = Ownership::Range(0..text.len() as u64);
        for chunk in [1, 7, 50] {
            let error = cut(&text, &whole, limits, chunk).unwrap_err();
            assert!(matches!(error, FileError::LineTooLong { offset: 6, limit: 100, .. }), "{error}");
        }
        assert!(cut(&text, &whole, Limits { longest: 101, ..limits }, 7).is_ok());
    }

    #[test]
    fn a_range_inside_of_a_line_owns_nothing_and_stops_at_its_end() {
        let text = [&[b'x'; 100][..], b"\ny\n"].concat();
        let mut cutter = LineCutter::new("t".into(), None, Ownership::Range(10..20), Limits::default(), 9);
        let flow = cutter.feed(&text[9..40], &mut |_| panic!("owns nothing")).unwrap();
        assert!(flow.is_break());
    }

    #[test]
    fn a_sink_that_has_enough_stops_the_cutting() {
        let text = b"a\nb\nc\n";
        let mut seen = 0;
        let limits = Limits { block: 1, longest: 10 };
        let mut cutter = LineCutter::new("t".into(), None, Ownership::Range(0..6), limits, 0);
        let flow = cutter.feed(&text[..2], &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert!(flow.unwrap().is_break());
        assert_eq!(seen, 1);
    }
}
