//! The lines of a part of a bzip2 file.
//!
//! A part is a range of compressed bytes, and has the blocks that begin there. A line belongs to the block of the byte
//! *before* it, and the text's first line to the file's first byte: so whoever begins at a block skips what that has up to
//! its first line end, without knowing the block before, and whoever has the block before goes on until that line end. The
//! part that begins the file has its first line also when no block begins in it.
//!
//! Nobody knows how much text comes before a block without decompressing all of it. So places are told by block: beyond
//! the first, the block's byte in the compressed file stands in the file's name, and offsets count from the block's start.
//! They are the same for any number of parts.

use std::io::BufReader;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memrchr};

use super::bz2::{Blocks, Text, WholeText};
use super::decompress::unreadable;
use super::error::FileError;
use super::format::{Compression, Format};
use super::lines::{Limits, Preamble};
use super::listing::InputFile;
use super::object_reader::{Access, ObjectReader};
use super::read::{LineBlock, Meter, preamble_of};
use super::stores::Stores;

/// Byte of the first block of a file, which follows the header of its stream. (An empty stream may come before the first.)
const FIRST_BLOCK: u64 = 4;

type Sink<'a> = &'a mut dyn FnMut(LineBlock) -> ControlFlow<()>;

/// Reads the lines of the blocks that begin in `range` of the compressed bytes.
///
/// # Errors
/// As [`super::read`].
pub(super) fn read_blocks(
    limits: Limits,
    stores: &Stores,
    file: &InputFile,
    range: &Range<u64>,
    meter: &mut Meter<'_>,
    sink: Sink<'_>,
) -> Result<(), FileError> {
    let name = &file.location.name;
    let reader = ObjectReader::open(stores, &file.identity(), Access::Sequential)?;
    let is_first = range.start == 0;
    let is_csv = file.format.format == Format::Csv;
    let bzip2 = Compression::Bzip2;
    let begun = |error| unreadable(name, bzip2, &reader, 0, &error);
    let mut preamble = Preamble { header: None, body: 0, read_ahead: Vec::new() };
    if is_first || is_csv {
        let mut text = BufReader::new(WholeText::of(reader.clone()).map_err(begun)?);
        preamble = preamble_of(name, file, &mut text, is_csv, &reader, limits)?;
    }
    let blocks =
        if is_first { Blocks::of(reader.clone()).map(Some) } else { Blocks::within(reader.clone(), range.clone()) };
    let Some(mut blocks) = blocks.map_err(begun)? else { return Ok(()) };
    let mut lines = BlockLines::new(name, preamble, is_first, limits);
    let (mut fed, mut before) = (0, range.end);
    loop {
        let next = blocks.next(before).map_err(|error| match unreadable(name, bzip2, &reader, fed, &error) {
            FileError::Damaged { file, cause, .. } if !is_first => {
                FileError::Damaged { file, cause, offset: blocks.byte(), what: "compressed file" }
            }
            error => error,
        })?;
        let flow = match next {
            Some(text) => {
                meter.advance_to(text.block.saturating_sub(range.start));
                fed += text.bytes.len() as u64;
                lines.take(text, before == range.end, sink)?
            }
            // The last line of ours goes on in the blocks of others, and the text's first may be in one of them.
            None if before == range.end && lines.goes_on() => {
                before = u64::MAX;
                ControlFlow::Continue(())
            }
            None => {
                let _ = lines.hand_out(sink);
                return Ok(());
            }
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

/// Where the cutting stands.
enum Place {
    /// At the text's start; so many bytes come before its lines.
    Start(u64),
    /// In a line of another's.
    Foreign,
    /// In lines of ours; what is missing of this is its bytes.
    Open(LineBlock),
}

/// Cuts the texts of blocks that follow each other into lines.
struct BlockLines {
    name: Arc<str>,
    header: Option<Arc<[u8]>>,
    longest: usize,
    place: Place,
    /// The lines that are open; the last may be incomplete.
    bytes: Vec<u8>,
    /// Where the last of them begins.
    last: usize,
}

impl BlockLines {
    fn new(name: &Arc<str>, preamble: Preamble, is_first: bool, limits: Limits) -> Self {
        let place = if is_first { Place::Start(preamble.body) } else { Place::Foreign };
        let (name, header) = (Arc::clone(name), preamble.header);
        Self { name, header, longest: limits.longest, place, bytes: Vec::new(), last: 0 }
    }

    /// Whether there is a line of ours whose end was not met.
    fn goes_on(&self) -> bool {
        matches!(self.place, Place::Start(_) | Place::Open(_))
    }

    /// Takes the text of the next block, of which only the end of our last line is wanted unless it is ours. `Break` when
    /// no more is wanted.
    fn take(&mut self, text: Text, is_ours: bool, sink: Sink<'_>) -> Result<ControlFlow<()>, FileError> {
        let Text { block, mut bytes } = text;
        let begins = match self.place {
            Place::Start(skip) if skip > bytes.len() as u64 => {
                self.place = Place::Start(skip - bytes.len() as u64);
                return Ok(ControlFlow::Continue(()));
            }
            Place::Start(skip) if !is_ours => return Ok(self.first_line(block, &bytes, skip as usize, sink)),
            Place::Start(skip) => skip as usize,
            Place::Foreign | Place::Open(_) => match memchr(b'\n', &bytes) {
                Some(end) => end + 1,
                None => {
                    self.go_on(&bytes)?;
                    return Ok(ControlFlow::Continue(()));
                }
            },
        };
        let rest = bytes.split_off(begins);
        self.go_on(&bytes)?;
        if self.hand_out(sink).is_break() || !is_ours {
            return Ok(ControlFlow::Break(()));
        }
        self.begin(block, begins as u64, rest);
        Ok(ControlFlow::Continue(()))
    }

    /// Takes what of the text's first line comes after `skip`: whoever has the block leaves out all of that line.
    fn first_line(&mut self, block: u64, bytes: &[u8], skip: usize, sink: Sink<'_>) -> ControlFlow<()> {
        let end = memchr(b'\n', bytes);
        let until = end.map_or(bytes.len(), |end| end + 1).max(skip);
        self.begin(block, skip as u64, bytes[skip..until].to_vec());
        if end.is_none() {
            return ControlFlow::Continue(());
        }
        let _ = self.hand_out(sink);
        ControlFlow::Break(())
    }

    /// Begins the lines of a block, of which `bytes` is what comes from `offset` on.
    fn begin(&mut self, block: u64, offset: u64, bytes: Vec<u8>) {
        let file = if block == FIRST_BLOCK { Arc::clone(&self.name) } else { place_in(&self.name, block) };
        self.place = Place::Open(LineBlock { file, header: self.header.clone(), bytes: Bytes::new(), offset });
        self.last = memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
        self.bytes = bytes;
    }

    /// Lengthens our last line, if there is one.
    fn go_on(&mut self, more: &[u8]) -> Result<(), FileError> {
        let Place::Open(open) = &self.place else { return Ok(()) };
        self.bytes.extend_from_slice(more);
        if self.bytes.len() - self.last > self.longest {
            let (file, offset) = (open.file.to_string(), open.offset + self.last as u64);
            return Err(FileError::LineTooLong { file, offset, limit: self.longest });
        }
        Ok(())
    }

    /// Hands out the lines that are open.
    fn hand_out(&mut self, sink: Sink<'_>) -> ControlFlow<()> {
        let bytes = std::mem::take(&mut self.bytes);
        match std::mem::replace(&mut self.place, Place::Foreign) {
            Place::Open(open) if !bytes.is_empty() => sink(LineBlock { bytes: bytes.into(), ..open }),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A block's name for messages. Its digits make names sort as the blocks do.
fn place_in(name: &str, block: u64) -> Arc<str> {
    format!("{name} (block at byte {block:012})").into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::super::{Payload, plan, read, resolve};
    use super::*;

    fn pack(text: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes before the first block belonged to nobody who had that block, and where a part ended among them the file's
    /// first row was lost, without a word.
    #[test]
    fn the_first_line_is_read_wherever_the_file_is_cut() {
        let cases = [
            ("one.jsonl.bz2", vec!["a\nb\n"], vec!["a", "b"]),
            ("empty-first.jsonl.bz2", vec!["", "a\nb\n"], vec!["a", "b"]),
            ("header.csv.bz2", vec!["", "h\na", "b\nc"], vec!["ab", "c"]),
            ("no-end.jsonl.bz2", vec!["a", "b"], vec!["ab"]),
        ];
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::new().unwrap();
        for (name, streams, expected) in cases {
            let packed = streams.into_iter().map(|text| pack(text.as_bytes())).collect::<Vec<_>>().concat();
            let path = folder.path().join(name);
            fs::write(&path, &packed).unwrap();
            let files = resolve(&stores, &[path.display().to_string()], None).unwrap();
            for parts in 1..packed.len() + 2 {
                let mut text = Vec::new();
                for split in plan(&files, parts).iter().flatten() {
                    read(&stores, split, None, &mut |payload| {
                        let Payload::Lines(block) = payload else { panic!("text has lines") };
                        text.extend_from_slice(&block.bytes);
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                }
                let text = String::from_utf8(text).unwrap();
                assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{name} in {parts} parts");
            }
        }
    }
}
