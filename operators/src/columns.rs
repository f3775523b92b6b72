//! Dictionary-coded columns: the form in which rows wait between being read and being binned.
//!
//! Every column, numeric ones as well, keeps its values in a dictionary and a small code per row. Counting values,
//! deriving one feature from another and binning then cost one step per value of the dictionary and an array look-up per
//! row. A column that is derived from another shares its codes, and so takes no memory per row. Codes are local to one
//! column of one worker: their order says nothing, and no code ever crosses the wire.

mod builder;
mod codes;
mod hasher;
mod number;

use std::collections::HashMap;
use std::sync::Arc;

pub use builder::CodedBuilder;
pub use codes::{CHUNK_ROWS, Codes};
pub use hasher::{FoldHasher, StableHasher};
pub use number::Number;

/// The code of a value within one [`Coded`] column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u32);

impl Code {
    /// The code as an index into the column's dictionary.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One column: a dictionary, and the [`Code`] of each row. Clones share the codes.
#[derive(Clone, Debug)]
pub struct Coded<V> {
    values: Vec<V>,
    codes: Arc<Codes>,
}

impl<V> Default for Coded<V> {
    fn default() -> Self {
        Self { values: Vec::new(), codes: Arc::default() }
    }
}

impl<V> Coded<V> {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether the column has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The dictionary, indexed by code. In a derived column a value may have several codes, and a value need not occur in
    /// any row: [`Coded::counts`] tells.
    #[must_use]
    pub fn values(&self) -> &[V] {
        &self.values
    }

    /// The code of each row.
    #[must_use]
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The value of one row.
    ///
    /// # Panics
    /// When `row` is not below [`Coded::len`], as a slice would.
    #[must_use]
    pub fn get(&self, row: usize) -> &V {
        &self.values[self.codes.get(row).index()]
    }

    /// How many of the rows that `keep` names have each value, indexed by code.
    #[must_use]
    pub fn counts(&self, keep: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut counts = vec![0; self.values.len()];
        self.codes.for_each(|row, code| counts[code.index()] += u64::from(keep(row)));
        counts
    }

    /// A column computed from this one, once per value of the dictionary; the codes are the same.
    #[must_use]
    pub fn derive<W>(&self, f: impl Fn(&V) -> W) -> Coded<W> {
        Coded { values: self.values.iter().map(f).collect(), codes: Arc::clone(&self.codes) }
    }

    /// A column computed from two of equal length, once per pair that occurs.
    ///
    /// # Panics
    /// When the lengths differ.
    #[must_use]
    pub fn derive_with<W, X>(&self, other: &Coded<W>, f: impl Fn(&V, &W) -> X) -> Coded<X> {
        assert_eq!(self.len(), other.len(), "columns of one table have one length");
        let mut pairs = Pairs::of(self.values.len(), other.values.len());
        let (mut values, mut codes) = (Vec::new(), Codes::default());
        self.codes.for_each(|row, a| {
            let b = other.codes.get(row);
            let code = pairs.code(a, b, || {
                values.push(f(&self.values[a.index()], &other.values[b.index()]));
                Code((values.len() - 1) as u32)
            });
            codes.push(code);
        });
        Coded { values, codes: Arc::new(codes) }
    }
}

/// The codes of pairs of codes: a plain table where all pairs that there might be are few, else a map.
enum Pairs {
    Table { width: usize, codes: Vec<Option<Code>> },
    Map(HashMap<(Code, Code), Code, StableHasher>),
}

impl Pairs {
    /// 8 MiB of them: as many as 1,024 airports make.
    const MOST_IN_TABLE: usize = 1 << 20;

    fn of(values: usize, of_other: usize) -> Self {
        match values.checked_mul(of_other) {
            Some(pairs) if pairs <= Self::MOST_IN_TABLE => Self::Table { width: of_other, codes: vec![None; pairs] },
            _ => Self::Map(HashMap::default()),
        }
    }

    fn code(&mut self, a: Code, b: Code, new: impl FnOnce() -> Code) -> Code {
        match self {
            Self::Table { width, codes } => *codes[a.index() * *width + b.index()].get_or_insert_with(new),
            Self::Map(codes) => *codes.entry((a, b)).or_insert_with(new),
        }
    }
}

/// The values of one feature, for all rows of a table.
#[derive(Clone, Debug)]
pub enum FeatureColumn {
    /// Ordered numbers: a split is a threshold.
    Numeric(Coded<Number>),
    /// Names without an order: a split is a set.
    Categorical(Coded<Box<str>>),
}

impl FeatureColumn {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes().len()
    }

    /// Whether the column has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes().is_empty()
    }

    /// The code of each row.
    #[must_use]
    pub fn codes(&self) -> &Codes {
        match self {
            Self::Numeric(column) => column.codes(),
            Self::Categorical(column) => column.codes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_column_gives_back_what_was_pushed_and_what_is_derived(rows in prop::collection::vec("[a-c]{0,2}", 0..60)) {
            let mut builder = CodedBuilder::<Box<str>>::default();
            rows.iter().for_each(|row| builder.push(row.as_str()));
            let column = builder.finish();
            let read: Vec<&str> = (0..column.len()).map(|row| column.get(row).as_ref()).collect();
            prop_assert_eq!(read, rows.iter().map(String::as_str).collect::<Vec<_>>());

            let pairs = column.derive_with(&column.derive(|v| v.len()), |v, n| format!("{v}{n}"));
            for (row, value) in rows.iter().enumerate() {
                prop_assert_eq!(pairs.get(row), &format!("{}{}", value, value.len()));
            }
        }

        #[test]
        fn pairs_of_many_values_are_told_apart_like_those_of_few(rows in prop::collection::vec((0_i32..9, 0_i32..9), 1..60)) {
            // The second pair of columns has dictionaries too large for a table, the same rows in it.
            let column = |get: fn(&(i32, i32)) -> i32, more: i32| {
                let mut builder = CodedBuilder::<Number>::default();
                (0..more).for_each(|value| _ = builder.code(&Number::from(-1 - value)));
                rows.iter().for_each(|row| builder.push_value(Number::from(get(row))));
                builder.finish()
            };
            for more in [0, 1100] {
                let (a, b) = (column(|row| row.0, more), column(|row| row.1, more));
                let sums = a.derive_with(&b, |a, b| (a.get(), b.get()));
                for (row, (a, b)) in rows.iter().enumerate() {
                    prop_assert_eq!(sums.get(row), &(f64::from(*a), f64::from(*b)));
                }
                let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
                prop_assert_eq!(sums.values().len(), distinct.len());
            }
        }
    }
}
