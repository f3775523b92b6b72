//! A table in memory.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Troubles;
use crate::contract::{Fault, TableRows, TableSource};

/// A table in memory. Clones share its rows; each notices changes since its own last read.
#[derive(Clone, Debug, Default)]
pub struct MemoryTable {
    shared: Arc<Shared>,
    last_read: u64,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    troubles: Troubles,
}

#[derive(Debug, Default)]
struct State {
    rows: TableRows,
    changes: u64,
}

impl MemoryTable {
    /// A table with these rows.
    #[must_use]
    pub fn new(rows: TableRows) -> Self {
        let table = Self::default();
        table.set(rows);
        table
    }

    /// Takes these rows instead of those that are there.
    pub fn set(&self, rows: TableRows) {
        self.change(|present| *present = rows);
    }

    /// Changes the rows, and wakes who waits for that.
    pub fn change(&self, change: impl FnOnce(&mut TableRows)) {
        let mut state = self.lock();
        change(&mut state.rows);
        state.changes += 1;
        self.shared.changed.notify_all();
    }

    /// The switches for trouble of reads.
    #[must_use]
    pub fn troubles(&self) -> &Troubles {
        &self.shared.troubles
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TableSource for MemoryTable {
    fn read(&mut self) -> Result<TableRows, Fault> {
        let shared = Arc::clone(&self.shared);
        let (rows, changes) = shared.troubles.around(|| {
            let state = self.lock();
            Ok((state.rows.clone(), state.changes))
        })?;
        self.last_read = changes;
        Ok(rows)
    }

    fn changed(&mut self, patience: Duration) -> bool {
        let unread = |state: &mut State| state.changes == self.last_read;
        let waited = self.shared.changed.wait_timeout_while(self.lock(), patience, unread);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.changes != self.last_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::table::{RowNumbers, TableHarness, check};

    struct Harness(MemoryTable);

    impl TableHarness for Harness {
        fn fresh(&mut self) {
            self.0 = MemoryTable::default();
        }

        fn table(&mut self) -> Box<dyn TableSource> {
            Box::new(self.0.clone())
        }

        fn put(&mut self, rows: &RowNumbers) {
            self.0.set(self.expected(rows));
        }

        fn expected(&self, rows: &RowNumbers) -> TableRows {
            rows.iter().map(|(number, value)| (format!("row-{number}"), value.to_string())).collect()
        }
    }

    #[test]
    fn it_passes_the_suite() {
        check(&mut Harness(MemoryTable::default())).unwrap();
    }

    #[test]
    fn a_read_that_failed_has_not_read() {
        let mut table = MemoryTable::new(TableRows::from([("a".into(), "1".into())]));
        table.troubles().fail_after(1);
        assert!(table.read().is_err());
        assert!(table.changed(Duration::ZERO));
        assert_eq!(table.read().unwrap().len(), 1);
        assert!(!table.changed(Duration::ZERO));
    }
}
