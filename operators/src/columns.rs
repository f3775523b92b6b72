//! Dictionary-coded columns: the form in which rows wait between being read and being binned.
//!
//! Every column, numeric ones as well, keeps each distinct value once and a small code per row. Counting values,
//! deriving one feature from another and binning then cost one step per *distinct* value and an array look-up per
//! row. Codes are local to one column of one worker: their order says nothing, and no code ever crosses the wire.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

/// A hasher with a fixed key: a process may iterate such a map only where the order can't reach a result.
pub type StableHasher = BuildHasherDefault<Xxh3Default>;

/// The code of a value within one [`Coded`] column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u32);

impl Code {
    /// The code as an index into the column's dictionary.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A finite number without negative zero, so that equal numbers have equal bits: `Eq` and `Ord` hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Number(u64);

impl TryFrom<f64> for Number {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value).ok_or("a number must be finite")
    }
}

impl From<Number> for f64 {
    fn from(number: Number) -> Self {
        number.get()
    }
}

impl Number {
    /// Takes a finite `f64`; `None` for NaN and the infinities. `-0.0` becomes `0.0`.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self((value + 0.0).to_bits()))
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }

    /// The bits of the number: equal exactly when the numbers are.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.get().total_cmp(&other.get())
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self(f64::from(value).to_bits())
    }
}

/// One column: a dictionary of distinct values, and a [`Code`] per row.
#[derive(Clone, Debug)]
pub struct Coded<V> {
    values: Vec<V>,
    codes: Vec<Code>,
}

impl<V> Default for Coded<V> {
    fn default() -> Self {
        Self { values: Vec::new(), codes: Vec::new() }
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

    /// The distinct values, indexed by code. Each occurs in a row, unless the column came from [`Coded::derive`].
    #[must_use]
    pub fn values(&self) -> &[V] {
        &self.values
    }

    /// The code of each row.
    #[must_use]
    pub fn codes(&self) -> &[Code] {
        &self.codes
    }

    /// The value of one row.
    ///
    /// # Panics
    /// When `row` is not below [`Coded::len`], as a slice would.
    #[must_use]
    pub fn get(&self, row: usize) -> &V {
        &self.values[self.codes[row].index()]
    }

    /// How many of the rows that `keep` names have each value, indexed by code.
    #[must_use]
    pub fn counts(&self, keep: impl Fn(usize) -> bool) -> Vec<u64> {
        let mut counts = vec![0; self.values.len()];
        for (row, code) in self.codes.iter().enumerate() {
            counts[code.index()] += u64::from(keep(row));
        }
        counts
    }
}

impl<V: Clone + Eq + Hash> Coded<V> {
    /// A column computed from this one, once per distinct value.
    #[must_use]
    pub fn derive<W: Clone + Eq + Hash>(&self, f: impl Fn(&V) -> W) -> Coded<W> {
        let mut interner = Interner::default();
        let recode: Vec<Code> = self.values.iter().map(|value| interner.code(&f(value))).collect();
        interner.finish(self.codes.iter().map(|code| recode[code.index()]).collect())
    }

    /// A column computed from two of equal length, once per distinct pair.
    ///
    /// # Panics
    /// When the lengths differ.
    #[must_use]
    pub fn derive_with<W: Clone + Eq + Hash, X: Clone + Eq + Hash>(
        &self,
        other: &Coded<W>,
        f: impl Fn(&V, &W) -> X,
    ) -> Coded<X> {
        assert_eq!(self.len(), other.len(), "columns of one table have one length");
        let mut interner = Interner::default();
        let mut pairs: HashMap<(Code, Code), Code, StableHasher> = HashMap::default();
        let codes = self.codes.iter().zip(&other.codes).map(|(&a, &b)| {
            *pairs.entry((a, b)).or_insert_with(|| interner.code(&f(&self.values[a.index()], &other.values[b.index()])))
        });
        let codes = codes.collect();
        interner.finish(codes)
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
        match self {
            Self::Numeric(column) => column.len(),
            Self::Categorical(column) => column.len(),
        }
    }

    /// Whether the column has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Builds a [`Coded`] column value by value, or from the columns of several batches.
#[derive(Clone, Debug)]
pub struct CodedBuilder<V> {
    interner: Interner<V>,
    codes: Vec<Code>,
}

impl<V> Default for CodedBuilder<V> {
    fn default() -> Self {
        Self { interner: Interner::default(), codes: Vec::new() }
    }
}

impl<V: Clone + Eq + Hash> CodedBuilder<V> {
    /// Appends a row with this value; it is cloned only when it is new. A borrowed form (`str` for `Box<str>`) will do.
    pub fn push<Q>(&mut self, value: &Q)
    where
        V: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned + ?Sized,
        for<'a> V: From<&'a Q>,
    {
        let code = self.interner.code_of(value);
        self.codes.push(code);
    }

    /// Appends a row with a small value that is cheap to copy.
    pub fn push_value(&mut self, value: V) {
        let code = self.interner.code(&value);
        self.codes.push(code);
    }

    /// Appends all rows of `column`, one dictionary look-up per distinct value.
    pub fn append(&mut self, column: &Coded<V>) {
        let recode: Vec<Code> = column.values.iter().map(|value| self.interner.code(value)).collect();
        self.codes.extend(column.codes.iter().map(|code| recode[code.index()]));
    }

    /// Number of rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether no row was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The finished column.
    #[must_use]
    pub fn finish(self) -> Coded<V> {
        self.interner.finish(self.codes)
    }
}

/// Gives each distinct value a code, in order of first appearance.
#[derive(Clone, Debug)]
struct Interner<V> {
    by_value: HashMap<V, Code, StableHasher>,
    values: Vec<V>,
}

impl<V> Default for Interner<V> {
    fn default() -> Self {
        Self { by_value: HashMap::default(), values: Vec::new() }
    }
}

impl<V: Clone + Eq + Hash> Interner<V> {
    fn code(&mut self, value: &V) -> Code {
        if let Some(code) = self.by_value.get(value) {
            return *code;
        }
        self.insert(value.clone())
    }

    fn code_of<Q>(&mut self, value: &Q) -> Code
    where
        V: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        for<'a> V: From<&'a Q>,
    {
        if let Some(code) = self.by_value.get(value) {
            return *code;
        }
        self.insert(V::from(value))
    }

    fn insert(&mut self, value: V) -> Code {
        let code = Code(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        assert!(code.0 < u32::MAX, "a column holds fewer than 2^32 - 1 distinct values");
        self.values.push(value.clone());
        self.by_value.insert(value, code);
        code
    }

    fn finish(self, codes: Vec<Code>) -> Coded<V> {
        Coded { values: self.values, codes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn negative_zero_is_zero_and_nan_is_refused() {
        assert_eq!(Number::new(-0.0), Number::new(0.0));
        assert_eq!(Number::new(f64::NAN), None);
        assert_eq!(Number::new(f64::INFINITY), None);
    }

    proptest! {
        #[test]
        fn a_column_gives_back_what_was_pushed_in_any_batching(
            rows in prop::collection::vec("[a-c]{0,2}", 0..60), cut in 0_usize..60,
        ) {
            let cut = cut.min(rows.len());
            let batch = |rows: &[String]| {
                let mut builder = CodedBuilder::<Box<str>>::default();
                rows.iter().for_each(|row| builder.push(row.as_str()));
                builder.finish()
            };
            let mut merged = CodedBuilder::default();
            merged.append(&batch(&rows[..cut]));
            merged.append(&batch(&rows[cut..]));
            let merged = merged.finish();
            let read: Vec<&str> = (0..merged.len()).map(|row| merged.get(row).as_ref()).collect();
            prop_assert_eq!(read, rows.iter().map(String::as_str).collect::<Vec<_>>());

            let pairs = merged.derive_with(&merged.derive(|v| v.len()), |v, n| format!("{v}{n}"));
            for (row, value) in rows.iter().enumerate() {
                prop_assert_eq!(pairs.get(row), &format!("{}{}", value, value.len()));
            }
        }
    }
}
