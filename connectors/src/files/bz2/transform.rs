//! The second half of decoding a block: from the last column of the sorted matrix to the text.
//!
//! The matrix has all rotations of the block as its rows, in order. Its first column is the last one sorted, and the same bytes
//! stand in the same order in both (M. Burrows and D. Wheeler, "A block-sorting lossless data compression algorithm", 1994): so
//! each row is linked with the one that begins a byte later.

use super::entropy::Block;
use super::walks::{Link, Walks};
use super::{Damage, crc};

/// Memory that one block after another uses.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    links: Vec<Link>,
    walks: Walks,
    runs: Vec<u8>,
}

impl Workspace {
    /// The text of a block, held against the CRC that the block gives.
    // Its three steps aren't inlined: one function of all their loops runs out of registers, and takes a tenth longer.
    pub(super) fn text(&mut self, block: &Block) -> Result<Vec<u8>, Damage> {
        self.link(block);
        self.walks.follow(&mut self.links, block.row, &mut self.runs);
        expand(&self.runs, block.crc)
    }

    #[inline(never)]
    fn link(&mut self, block: &Block) {
        let mut rows = [0_u32; 256];
        let mut sum = 0;
        for (row, count) in rows.iter_mut().zip(block.counts) {
            *row = sum;
            sum += count;
        }
        self.links.resize(block.column.len(), Link::default());
        for (next, byte) in block.column.iter().enumerate() {
            let row = &mut rows[usize::from(*byte)];
            // The counts are those of the column, so each row is met once, and all are below its length.
            self.links[*row as usize] = Link::new(*byte, next as u32);
            *row += 1;
        }
    }
}

/// Undoes the first step of packing: after four equal bytes stands how many more of them there are.
#[inline(never)]
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
