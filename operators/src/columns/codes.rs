//! A code per row, each as narrow as it can be.
//!
//! Rows come in chunks of [`CHUNK_ROWS`], and each chunk has the width of its own largest code: one, two or four bytes. A
//! chunk that meets a wider code is rewritten alone, and a column that grows never moves what it has: so there is no
//! moment at which it takes twice its size. All chunks but the last are full.

use super::Code;

/// Rows of a full chunk.
pub const CHUNK_ROWS: usize = 1 << 16;

/// Codes of some rows, in the width of the largest.
#[derive(Clone, Debug)]
enum Chunk {
    Byte(Vec<u8>),
    Short(Vec<u16>),
    Word(Vec<u32>),
}

impl Chunk {
    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Byte(codes) => codes.len(),
            Self::Short(codes) => codes.len(),
            Self::Word(codes) => codes.len(),
        }
    }

    #[inline]
    fn push(&mut self, code: Code) {
        match self {
            Self::Byte(codes) => match u8::try_from(code.0) {
                Ok(code) => codes.push(code),
                Err(_) => self.widen(code),
            },
            Self::Short(codes) => match u16::try_from(code.0) {
                Ok(code) => codes.push(code),
                Err(_) => self.widen(code),
            },
            Self::Word(codes) => codes.push(code.0),
        }
    }

    /// Rewrites the chunk in a width that has room for `code`, and appends it.
    #[cold]
    fn widen(&mut self, code: Code) {
        let codes = |chunk: &Self| -> Vec<u32> {
            let mut codes = Vec::with_capacity(chunk.len() + 1);
            chunk.for_each(|_, code| codes.push(code.0));
            codes.push(code.0);
            codes
        };
        let all = codes(self);
        *self = match u16::try_from(code.0) {
            // Whatever was narrower before fits, too.
            Ok(_) => Self::Short(all.into_iter().map(|code| code as u16).collect()),
            Err(_) => Self::Word(all),
        };
    }

    #[inline]
    fn get(&self, row: usize) -> Code {
        Code(match self {
            Self::Byte(codes) => codes[row].into(),
            Self::Short(codes) => codes[row].into(),
            Self::Word(codes) => codes[row],
        })
    }

    fn for_each(&self, mut f: impl FnMut(usize, Code)) {
        // Plain loops: what is called in them per row must come out as one piece of code.
        match self {
            Self::Byte(codes) => {
                for (row, code) in codes.iter().enumerate() {
                    f(row, Code((*code).into()));
                }
            }
            Self::Short(codes) => {
                for (row, code) in codes.iter().enumerate() {
                    f(row, Code((*code).into()));
                }
            }
            Self::Word(codes) => {
                for (row, code) in codes.iter().enumerate() {
                    f(row, Code(*code));
                }
            }
        }
    }
}

/// A code per row.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    chunks: Vec<Chunk>,
}

impl Codes {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_ROWS + last.len())
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Appends a row.
    #[inline]
    pub fn push(&mut self, code: Code) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS => chunk.push(code),
            _ => {
                let mut chunk = Chunk::Byte(Vec::new());
                chunk.push(code);
                self.chunks.push(chunk);
            }
        }
    }

    /// The code of one row.
    ///
    /// # Panics
    /// When `row` is not below [`Codes::len`], as a slice would.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> Code {
        self.chunks[row / CHUNK_ROWS].get(row % CHUNK_ROWS)
    }

    /// Gives every row with its code to `f`, in order.
    pub fn for_each(&self, mut f: impl FnMut(usize, Code)) {
        for (chunk, first) in self.chunks.iter().zip((0..).step_by(CHUNK_ROWS)) {
            chunk.for_each(|row, code| f(first + row, code));
        }
    }

    /// What `of_code` gives for each row, in order.
    #[must_use]
    pub fn map<T>(&self, of_code: impl Fn(Code) -> T) -> Vec<T> {
        let mut all = Vec::with_capacity(self.len());
        self.for_each(|_, code| all.push(of_code(code)));
        all
    }

    /// Bytes that the codes take.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let width = |chunk: &Chunk| match chunk {
            Chunk::Byte(_) => 1,
            Chunk::Short(_) => 2,
            Chunk::Word(_) => 4,
        };
        self.chunks.iter().map(|chunk| width(chunk) * chunk.len()).sum()
    }
}

impl Extend<Code> for Codes {
    fn extend<I: IntoIterator<Item = Code>>(&mut self, codes: I) {
        for code in codes {
            self.push(code);
        }
    }
}

impl FromIterator<Code> for Codes {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        let mut all = Self::default();
        all.extend(codes);
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_of_any_width_in_any_order_come_back(
            parts in prop::collection::vec((0_u32..3, 0_usize..50_000), 0..6),
        ) {
            let code = |width: u32, row: usize| row as u32 % 100 + [0, 200, 70_000][width as usize];
            let wanted: Vec<Code> =
                parts.iter().flat_map(|(width, rows)| (0..*rows).map(|row| Code(code(*width, row)))).collect();
            let codes: Codes = wanted.iter().copied().collect();
            prop_assert_eq!(codes.len(), wanted.len());
            prop_assert_eq!(codes.is_empty(), wanted.is_empty());
            prop_assert_eq!(&codes.map(|code| code), &wanted);
            for row in (0..wanted.len()).step_by(997) {
                prop_assert_eq!(codes.get(row), wanted[row]);
            }
            let least: usize = wanted.chunks(CHUNK_ROWS).map(|chunk| {
                let width = match chunk.iter().map(|code| code.0).max() { Some(..=255) => 1, Some(..=65_535) => 2, _ => 4 };
                width * chunk.len()
            }).sum();
            prop_assert_eq!(codes.bytes(), least);
        }
    }
}
