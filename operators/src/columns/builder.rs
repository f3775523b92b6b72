//! Building a [`Coded`] column row by row.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::{Code, Coded, Codes, StableHasher};

/// Builds a [`Coded`] column value by value. A value gets its code when it is first seen.
#[derive(Clone, Debug)]
pub struct CodedBuilder<V> {
    by_value: HashMap<V, Code, StableHasher>,
    values: Vec<V>,
    codes: Codes,
}

impl<V> Default for CodedBuilder<V> {
    fn default() -> Self {
        Self { by_value: HashMap::default(), values: Vec::new(), codes: Codes::default() }
    }
}

impl<V: Clone + Eq + Hash> CodedBuilder<V> {
    /// Appends a row with this value; it is cloned only when it is new. A borrowed form (`str` for `Box<str>`) will do.
    pub fn push<Q>(&mut self, value: &Q)
    where
        V: Borrow<Q>,
        Q: Hash + Eq + ToOwned + ?Sized,
        for<'a> V: From<&'a Q>,
    {
        let code = self.known(value).unwrap_or_else(|| self.insert(V::from(value)));
        self.codes.push(code);
    }

    /// Appends a row with a small value that is cheap to copy.
    pub fn push_value(&mut self, value: V) {
        let code = self.code(&value);
        self.codes.push(code);
    }

    /// The code of a value that the column has had before.
    #[must_use]
    pub fn known<Q>(&self, value: &Q) -> Option<Code>
    where
        V: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.by_value.get(value).copied()
    }

    /// The code of a value, for rows to come.
    pub fn code(&mut self, value: &V) -> Code {
        self.known(value).unwrap_or_else(|| self.insert(value.clone()))
    }

    /// Appends rows with codes that this builder has given.
    ///
    /// # Panics
    /// When it has not given one of them.
    pub fn extend(&mut self, codes: impl IntoIterator<Item = Code>) {
        let given = self.values.len();
        for code in codes {
            assert!(code.index() < given, "the code of no value");
            self.codes.push(code);
        }
    }

    /// The values so far, indexed by code.
    #[must_use]
    pub fn values(&self) -> &[V] {
        &self.values
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
        Coded { values: self.values, codes: Arc::new(self.codes) }
    }

    #[cold]
    fn insert(&mut self, value: V) -> Code {
        let code = Code(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
        assert!(code.0 < u32::MAX, "a column holds fewer than 2^32 - 1 distinct values");
        self.values.push(value.clone());
        self.by_value.insert(value, code);
        code
    }
}
