//! The second half of decoding a block: from the last column of the sorted matrix to the text.
//!
//! To undo the sorting is to follow links through an array of some megabytes, each step waiting for the one before: memory
//! decides how long it takes. But rows are sorted by the text that follows, so rows beside each other lead to rows that are
//! near each other. To look up a step from every row, in their order, is therefore cheap, and so are the steps twice as
//! long that two of them make. Only strides of [`WALK`] bytes are walked one after another; what lies between any two
//! places of that walk depends on no other, and the processor waits for many of them at once.

use super::entropy::Block;
use super::{Damage, crc};

/// Bytes of a stride that is known with its bytes: they and the row that it leads to fill 64 bits.
const STRIDE: usize = 4;

/// How often strides are made twice as long for the walk.
const DOUBLINGS: usize = 3;

/// Bytes between two places of the walk.
const WALK: usize = STRIDE << DOUBLINGS;

/// Places of the walk that go on together, step by step: so many look-ups can be waited for at the same time.
const TOGETHER: usize = 32;

/// Memory that one block after another uses.
#[derive(Default)]
pub(super) struct Workspace {
    /// By row: the bytes of a stride, and above them the row behind it.
    strides: Vec<u64>,
    /// By row: the row behind a longer stride.
    longer: Vec<u32>,
    doubled: Vec<u32>,
    runs: Vec<u8>,
}

impl Workspace {
    /// The text of a block, held against the CRC that the block gives. Spoils its column.
    pub(super) fn text(&mut self, block: &mut Block) -> Result<Vec<u8>, Damage> {
        link(block);
        self.stride(&block.column);
        self.walk(&block.column, block.row);
        expand(&self.runs, block.crc)
    }

    /// Looks ahead from each row. All rows are below the column's length, those that links name as well.
    fn stride(&mut self, column: &[u32]) {
        let step = |link: u32| column[(link >> 8) as usize];
        self.strides.clear();
        self.strides.extend(column.iter().map(|link| {
            let second = step(*link);
            let third = step(second);
            let fourth = step(third);
            let bytes = link & 255 | (second & 255) << 8 | (third & 255) << 16 | fourth << 24;
            u64::from(fourth >> 8) << 32 | u64::from(bytes)
        }));
        self.longer.clear();
        self.longer.extend(self.strides.iter().map(|stride| (stride >> 32) as u32));
        for _ in 0..DOUBLINGS {
            let longer = &self.longer;
            self.doubled.clear();
            self.doubled.extend(longer.iter().map(|row| longer[*row as usize]));
            std::mem::swap(&mut self.longer, &mut self.doubled);
        }
    }

    /// Follows the links once through all rows, from the one behind `row` on.
    fn walk(&mut self, column: &[u32], row: usize) {
        let mut places = vec![0; column.len().div_ceil(WALK)];
        let mut row = column[row] >> 8;
        for place in &mut places {
            *place = row;
            row = self.longer[row as usize];
        }
        self.runs.clear();
        self.runs.resize(places.len() * WALK, 0);
        for (rows, runs) in places.chunks_mut(TOGETHER).zip(self.runs.chunks_mut(TOGETHER * WALK)) {
            for step in 0..WALK / STRIDE {
                for (row, bytes) in rows.iter_mut().zip(runs.chunks_exact_mut(WALK)) {
                    let stride = self.strides[*row as usize];
                    bytes[step * STRIDE..][..STRIDE].copy_from_slice(&(stride as u32).to_le_bytes());
                    *row = (stride >> 32) as u32;
                }
            }
        }
        self.runs.truncate(column.len());
    }
}

/// Puts above each byte of the column the row that follows.
fn link(block: &mut Block) {
    let mut places = [0_u32; 256];
    let mut sum = 0;
    for (place, count) in places.iter_mut().zip(block.counts) {
        *place = sum;
        sum += count;
    }
    for row in 0..block.column.len() {
        let place = &mut places[usize::from(block.column[row] as u8)];
        // The counts are those of the column, so each place is below its length.
        block.column[*place as usize] |= (row as u32) << 8;
        *place += 1;
    }
}

/// Undoes the first step of packing: after four equal bytes stands how many more of them there are.
fn expand(runs: &[u8], expected: u32) -> Result<Vec<u8>, Damage> {
    let mut text = Vec::with_capacity(runs.len() + runs.len() / 8);
    let (mut copied, mut at, mut equal) = (0, 1, 1);
    while at < runs.len() {
        equal = if runs[at] == runs[at - 1] { equal + 1 } else { 1 };
        at += 1;
        if equal == 4 {
            text.extend_from_slice(&runs[copied..at]);
            let more = *runs.get(at).ok_or(Damage::Data)?;
            text.resize(text.len() + usize::from(more), runs[at - 1]);
            copied = at + 1;
            at += 2;
            equal = 1;
        }
    }
    text.extend_from_slice(runs.get(copied..).unwrap_or_default());
    if crc::crc(&text) == expected { Ok(text) } else { Err(Damage::Data) }
}
