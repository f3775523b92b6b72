//! A few things that were used last, so that they need not be made again.

/// Up to a number of values by key; who was not asked for longest leaves first.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    limit: usize,
    /// The one used last stands last.
    entries: Vec<(K, V)>,
}

impl<K: Clone + PartialEq, V: Clone> Recent<K, V> {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, entries: Vec::new() }
    }

    /// The value of a key, made now if it is not there.
    ///
    /// # Errors
    /// Those of `make`; nothing changes then.
    pub(super) fn get_or_make<E>(&mut self, key: &K, make: impl FnOnce(&K) -> Result<V, E>) -> Result<V, E> {
        let entry = match self.entries.iter().position(|(known, _)| known == key) {
            Some(place) => self.entries.remove(place),
            None => {
                let value = make(key)?;
                if self.entries.len() >= self.limit {
                    self.entries.remove(0);
                }
                (key.clone(), value)
            }
        };
        let value = entry.1.clone();
        self.entries.push(entry);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_asked_for_longest_leaves_first() {
        let mut recent = Recent::new(2);
        let mut made = Vec::new();
        let mut ask = |key: u8| {
            let value = recent.get_or_make(&key, |key| {
                made.push(*key);
                if *key == 9 { Err("no") } else { Ok(u32::from(*key) * 10) }
            });
            assert_eq!(value, if key == 9 { Err("no") } else { Ok(u32::from(key) * 10) });
        };
        [1, 2, 1, 9, 3, 1, 2].into_iter().for_each(&mut ask);
        assert_eq!(made, [1, 2, 9, 3, 2]);
    }
}
