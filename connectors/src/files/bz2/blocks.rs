//! From block to block, and from stream to stream.

use std::io::{self, BufRead, Seek};
use std::ops::Range;

use super::Damage;
use super::bits::Bits;
use super::entropy::read_block;
use super::magic::{Found, MAGIC_BITS, Magic, find};
use super::transform::Workspace;
use super::window::Window;

/// Bytes that are made ready before a block is read: more than any block has.
const BLOCK_BYTES: usize = 3 << 20;

/// Bytes that hold a magic number and a CRC from any bit on.
const MAGIC_BYTES: usize = 11;

/// Bytes looked through first for the beginning of a stream.
const LOOK_BACK: u64 = 4 << 20;

/// The text of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Text {
    /// Byte of the compressed file in which the block begins.
    pub(in super::super) block: u64,
    /// What was compressed.
    pub(in super::super) bytes: Vec<u8>,
}

/// A place in a bzip2 file, between two blocks. Clones of the reader must have places of their own.
pub(in super::super) struct Blocks<R> {
    reader: R,
    window: Window<R>,
    /// Number of the next bit.
    bit: u64,
    /// The stream that it belongs to; `None` before a stream.
    stream: Option<Stream>,
    /// Whether a whole stream has been read, so that the file may end here.
    may_end: bool,
    /// Where the first block was looked for, until it turns out that it is one.
    doubtful: Option<u64>,
    /// Memory of the last block, for the next.
    column: Vec<u8>,
    workspace: Workspace,
}

/// What is known of a stream.
struct Stream {
    /// Most bytes of a block.
    most: usize,
    /// The first bit that was read of it, unless that was its header.
    entered: Option<u64>,
    /// The CRCs of the blocks read so far, combined.
    crc: u32,
    /// Their number.
    blocks: u32,
}

impl Stream {
    const fn new(level: u8, entered: Option<u64>) -> Self {
        Self { most: level as usize * 100_000, entered, crc: 0, blocks: 0 }
    }

    fn add(&mut self, crc: u32) {
        self.crc = self.crc.rotate_left(1) ^ crc;
        self.blocks = self.blocks.wrapping_add(1);
    }
}

impl<R: BufRead + Seek + Clone> Blocks<R> {
    /// All blocks of a file.
    pub(in super::super) fn of(reader: R) -> io::Result<Self> {
        Self::at(reader, 0, None)
    }

    /// The blocks from the first on that begins in `range`, if there is one. It must not hold the file's first byte.
    ///
    /// # Errors
    /// Those of the reader.
    pub(in super::super) fn within(reader: R, range: Range<u64>) -> io::Result<Option<Self>> {
        let mut first = None;
        find(reader.clone(), range.clone(), |found| {
            first = (found.magic == Magic::Block).then_some(found.bit);
            first.is_none()
        })?;
        let Some(bit) = first else { return Ok(None) };
        let mut blocks = Self::at(reader, bit, Some(Stream::new(9, Some(bit))))?;
        blocks.doubtful = Some(range.start);
        Ok(Some(blocks))
    }

    fn at(reader: R, bit: u64, stream: Option<Stream>) -> io::Result<Self> {
        let window = Window::at(reader.clone(), bit / 8)?;
        Ok(Self {
            reader,
            window,
            bit,
            stream,
            may_end: false,
            doubtful: None,
            column: Vec::new(),
            workspace: Workspace::default(),
        })
    }

    /// The text of the next block, if that begins before byte `before` of the file.
    ///
    /// # Errors
    /// `UnexpectedEof` for a file that is cut, `InvalidData` for damage, or what the reader says.
    pub(in super::super) fn next(&mut self, before: u64) -> io::Result<Option<Text>> {
        match (self.read(before), self.doubtful.take()) {
            (Err(_), Some(from)) => {
                *self = self.settled(from)?;
                self.read(before)
            }
            (outcome, _) => outcome,
        }
    }

    /// The byte of the file in which what comes next begins.
    pub(in super::super) fn byte(&self) -> u64 {
        self.bit / 8
    }

    /// The same blocks, found from the start of the file on: for what looked like the first of them is none, or damaged.
    fn settled(&mut self, from: u64) -> io::Result<Self> {
        let mut blocks = self.all_again()?;
        while blocks.read(from)?.is_some() {}
        Ok(blocks)
    }

    /// All blocks of the file, with this reader's memory: a second one would take as much again.
    fn all_again(&mut self) -> io::Result<Self> {
        let (column, workspace) = (std::mem::take(&mut self.column), std::mem::take(&mut self.workspace));
        Ok(Self { column, workspace, ..Self::of(self.reader.clone())? })
    }

    fn read(&mut self, before: u64) -> io::Result<Option<Text>> {
        let Some(most) = self.find_block()? else { return Ok(None) };
        let start = self.bit / 8;
        if start >= before {
            return Ok(None);
        }
        let bytes = self.window.bytes(start, BLOCK_BYTES)?;
        let mut bits = Bits::at(bytes, (self.bit % 8) as usize + MAGIC_BITS as usize);
        let block = read_block(&mut bits, most, std::mem::take(&mut self.column))?;
        let bytes = self.workspace.text(&block)?;
        self.bit = start * 8 + bits.position() as u64;
        if let Some(stream) = &mut self.stream {
            stream.add(block.crc);
        }
        self.column = block.column;
        Ok(Some(Text { block: start, bytes }))
    }

    /// Goes through ends and headers of streams to the next block, and says how large it may be; `None` at the file's end.
    fn find_block(&mut self) -> io::Result<Option<usize>> {
        loop {
            let Some(stream) = &self.stream else {
                if !self.read_header()? {
                    return Ok(None);
                }
                continue;
            };
            let most = stream.most;
            let bytes = self.window.bytes(self.bit / 8, MAGIC_BYTES)?;
            let mut bits = Bits::at(bytes, (self.bit % 8) as usize);
            let number = u64::from(bits.take(24)) << 24 | u64::from(bits.take(24));
            let crc = bits.take(32);
            match Magic::of(number) {
                _ if bits.has_overrun() => return Err(Damage::Cut.into()),
                Some(Magic::Block) => return Ok(Some(most)),
                Some(Magic::End) => {
                    let after = self.bit / 8 * 8 + bits.position() as u64;
                    self.check(crc)?;
                    self.bit = after.next_multiple_of(8);
                    self.stream = None;
                    self.may_end = true;
                }
                None => return Err(Damage::Data.into()),
            }
        }
    }

    /// Reads the header of a stream; `false` at the file's end.
    fn read_header(&mut self) -> io::Result<bool> {
        match self.window.bytes(self.bit / 8, 4)? {
            [] if self.may_end => Ok(false),
            [b'B', b'Z', b'h', level @ b'1'..=b'9', ..] => {
                self.stream = Some(Stream::new(level - b'0', None));
                self.bit += 32;
                Ok(true)
            }
            bytes if bytes.len() < 4 && b"BZh".starts_with(bytes) => Err(Damage::Cut.into()),
            _ => Err(Damage::NoHeader.into()),
        }
    }

    /// Holds the blocks of the present stream, which ends here, against its CRC.
    fn check(&mut self, crc: u32) -> io::Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        let Some(entered) = stream.entered else {
            return if stream.crc == crc { Ok(()) } else { Err(Damage::Data.into()) };
        };
        if stream.crc ^ self.crc_before(entered)?.rotate_left(stream.blocks % 32) == crc {
            return Ok(());
        }
        // It may be a magic number by chance that went into the CRC, and only then this comes to an end.
        let mut whole = self.all_again()?;
        while whole.read(self.bit / 8)?.is_some() {}
        (self.column, self.workspace) = (whole.column, whole.workspace);
        Ok(())
    }

    /// The combined CRCs of the blocks of a stream that come before bit number `bit`, as they say themselves.
    fn crc_before(&self, bit: u64) -> io::Result<u32> {
        let mut back = LOOK_BACK;
        loop {
            let from = (bit / 8).saturating_sub(back);
            let (mut stream, mut is_whole) = (Stream::new(9, None), from == 0);
            find(self.reader.clone(), from..bit / 8 + 1, |Found { magic, bit: at, crc }| {
                match magic {
                    _ if at >= bit => return false,
                    Magic::Block => stream.add(crc),
                    Magic::End => (stream, is_whole) = (Stream::new(9, None), true),
                }
                true
            })?;
            if is_whole {
                return Ok(stream.crc);
            }
            back = back.saturating_mul(8);
        }
    }
}
