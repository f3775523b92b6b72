//! Following the links of a block from row to row, on many walks at once.
//!
//! The text is one walk through all rows, and each of its steps waits for memory. But one can set out from any row. So walks
//! start at rows that are spread evenly, and each goes on until it meets the start of another: the bytes on its way are a piece
//! of the text. Many walks go on side by side, and the processor waits for all their look-ups at once. At last the pieces
//! are joined, from the first row's on. (Ranking a list by walks from random places: M. Reid-Miller, "List ranking and list
//! scan on the Cray C-90", SPAA 1994.)
//!
//! Invariants: the links are a permutation of the rows. So each walk ends, no row is on two, and the words of all pieces are no
//! more than an eighth of the rows and one for each piece. A text that is the same several times over is a shorter circle, gone
//! around as often; rows of other circles are walked for nothing.
//!
//! What this does not do: find out whether the text is right. Links of a damaged block make a text, too.

use std::iter::StepBy;
use std::ops::Range;

/// Rows from one start to the next.
const SPACING: usize = 1024;

/// Walks that go on side by side.
const LANES: usize = 32;

/// Steps between two looks at where the walks have come to: so many bytes are a word.
const STEPS: usize = size_of::<u64>();

/// Words that a lane keeps room for: four times its share of a block.
const MOST_KEPT: usize = 4 * 900_000 / STEPS / LANES;

/// A row's first byte, a mark if a walk starts there, and the row of the text without that byte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link(u32);

impl Link {
    const START: u32 = 1 << 8;

    /// `next` is below 2^23; blocks are of 900,000 rows at most.
    pub(super) fn new(byte: u8, next: u32) -> Self {
        Self(next << 9 | u32::from(byte))
    }

    fn next(self) -> u32 {
        self.0 >> 9
    }

    fn is_start(self) -> bool {
        self.0 & Self::START != 0
    }
}

/// Memory for walks through one block after another.
#[derive(Debug, Default)]
pub(super) struct Walks {
    /// By lane: the bytes on the ways of its walks, each from a new word on.
    words: [Vec<u64>; LANES],
    /// By the number of their start.
    pieces: Vec<Piece>,
}

/// What lies between two starts.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    lane: usize,
    /// Its first word.
    word: usize,
    /// Bytes.
    length: usize,
    /// The number of the start behind it.
    next: usize,
}

/// A walk that has not met a start yet.
#[derive(Debug)]
struct Walk {
    start: usize,
    lane: usize,
    /// Its first word.
    word: usize,
}

impl Walks {
    /// The bytes of all rows in the order of the text, which is row number `first`. The links are a permutation of the rows, of
    /// which `first` is one, and no walk has marked them before.
    #[inline(never)]
    pub(super) fn follow(&mut self, links: &mut [Link], first: usize, text: &mut Vec<u8>) {
        // The first row is a start as well, and no two starts have the same number.
        let starts = (first % SPACING..links.len()).step_by(SPACING);
        starts.clone().for_each(|start| links[start].0 |= Link::START);
        self.walk(links, starts);
        self.join(first / SPACING, links.len(), text);
    }

    fn walk(&mut self, links: &[Link], mut starts: StepBy<Range<usize>>) {
        for words in &mut self.words {
            words.clear();
            // One walk may be all the way; the next such one is in another lane.
            words.shrink_to(MOST_KEPT);
        }
        self.pieces.clear();
        self.pieces.resize(starts.len(), Piece::default());
        let mut rows = [0; LANES];
        let mut walks = Vec::with_capacity(LANES);
        for (lane, start) in starts.by_ref().take(LANES).enumerate() {
            rows[lane] = start as u32;
            walks.push(Walk { start: start / SPACING, lane, word: 0 });
        }
        while !walks.is_empty() {
            let before = rows;
            let way = advance(links, &mut rows[..walks.len()]);
            // From the last on: where a walk ends for good, the last takes its place.
            for at in (0..walks.len()).rev() {
                let walk = &mut walks[at];
                let words = &mut self.words[walk.lane];
                let is_first = words.len() == walk.word;
                words.push(way.bytes[at]);
                if way.met[at] & Link::START == 0 {
                    continue;
                }
                let Some((steps, next)) = meeting(links, before[at], is_first) else { continue };
                let length = (words.len() - 1 - walk.word) * STEPS + steps;
                self.pieces[walk.start] = Piece { lane: walk.lane, word: walk.word, length, next: next / SPACING };
                if let Some(start) = starts.next() {
                    rows[at] = start as u32;
                    *walk = Walk { start: start / SPACING, lane: walk.lane, word: words.len() };
                } else {
                    rows[at] = rows[walks.len() - 1];
                    walks.swap_remove(at);
                }
            }
        }
    }

    /// Lays pieces end to end, `length` bytes from start number `first` on.
    fn join(&self, first: usize, length: usize, text: &mut Vec<u8>) {
        text.clear();
        let mut piece = self.pieces[first];
        // No piece is empty, so this ends.
        while text.len() < length {
            let end = text.len() + piece.length;
            let words = &self.words[piece.lane][piece.word..][..piece.length.div_ceil(STEPS)];
            words.iter().for_each(|word| text.extend_from_slice(&word.to_le_bytes()));
            text.truncate(end);
            piece = self.pieces[piece.next];
        }
        text.truncate(length);
    }
}

/// What walks met on [`STEPS`] steps.
struct Way {
    /// The bytes, the first one lowest.
    bytes: [u64; LANES],
    /// All links, laid over each other.
    met: [u32; LANES],
}

/// Takes [`STEPS`] steps from each row, all of them in turn.
fn advance(links: &[Link], rows: &mut [u32]) -> Way {
    let mut way = Way { bytes: [0; LANES], met: [0; LANES] };
    for _ in 0..STEPS {
        for ((row, bytes), met) in rows.iter_mut().zip(&mut way.bytes).zip(&mut way.met) {
            let link = links[*row as usize];
            *bytes = *bytes >> 8 | u64::from(link.0) << 56;
            *met |= link.0;
            *row = link.next();
        }
    }
    way
}

/// After how many of [`STEPS`] steps from `row` a start is met, and its row. That a walk sets out from does not count.
fn meeting(links: &[Link], row: u32, is_first: bool) -> Option<(usize, usize)> {
    let rows = std::iter::successors(Some(row as usize), |row| Some(links[*row].next() as usize));
    rows.enumerate().take(STEPS).skip(usize::from(is_first)).find(|(_, row)| links[*row].is_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each row's link and the text's row, by sorting all rotations.
    fn sorted(text: &[u8]) -> (Vec<Link>, usize) {
        let doubled = text.repeat(2);
        let mut rows: Vec<usize> = (0..text.len()).collect();
        rows.sort_by_key(|start| (&doubled[*start..][..text.len()], *start));
        let mut row_of = vec![0; text.len()];
        rows.iter().enumerate().for_each(|(row, start)| row_of[*start] = row as u32);
        let links = rows.iter().map(|start| Link::new(text[*start], row_of[(start + 1) % text.len()])).collect();
        (links, row_of[0] as usize)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn walks_find_the_text_that_was_sorted(
            words in proptest::collection::vec(proptest::collection::vec(97_u8..101, 1..9), 1..20),
            picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..1200),
            times in 1_usize..4,
        ) {
            let once: Vec<u8> = picks.iter().flat_map(|pick| pick.get(&words)).copied().collect();
            let text = once.repeat(times);
            let mut walks = Walks::default();
            let mut found = Vec::new();
            for text in [&text, &once] {
                let (mut links, first) = sorted(text);
                walks.follow(&mut links, first, &mut found);
                prop_assert_eq!(&found, text);
            }
        }

        #[test]
        fn any_permutation_is_walked_to_its_end(
            length in prop_oneof![1_usize..4, 1022_usize..1027, 2047_usize..2050, 32 * 1024 - 1..32 * 1024 + 2_usize, 1_usize..80_000],
            shuffles in 0_u64..=u64::MAX, few: bool, first: prop::sample::Index,
        ) {
            let mut order: Vec<u32> = (0..length as u32).collect();
            let mut state = shuffles;
            // All rows change places, or one in a thousand: then there are long circles, or many short ones.
            for row in (1..length).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if !few || state >> 32 & 1023 == 0 {
                    order.swap(row, (state >> 33) as usize % (row + 1));
                }
            }
            let mut expected = Vec::new();
            let first = first.index(length);
            let mut row = first;
            for _ in 0..length {
                expected.push(order[row] as u8);
                row = order[row] as usize;
            }
            let (mut walks, mut found) = (Walks::default(), Vec::new());
            for _ in 0..2 {
                let mut links: Vec<Link> = order.iter().map(|next| Link::new(*next as u8, *next)).collect();
                walks.follow(&mut links, first, &mut found);
                prop_assert!(found == expected, "{length} rows, from {first}");
            }
        }
    }
}
