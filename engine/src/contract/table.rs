//! A table: rows that change now and then, read whole. The engine compares versions and passes on what changed.
//!
//! ```text
//!            read                    changed: false (nothing seen for so long)
//! (made) ─────────► known ◄──────────────────────────────────────────┐
//!    │                ▲ │                                            │
//!    │                │ └────────────── waits for a sign ────────────┤
//!    │                │ read: rows, the same or others               │ changed: true
//!    │                └──────────────── alarmed ◄────────────────────┘
//!    │                                   │   ▲ any fault: the rows in force stay, and read comes again after a pause
//!    │                                   └───┘
//!    └─ Fault::Permanent, or a transient one that lasts ─► the job doesn't start
//! ```

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use super::Fault;

/// All rows of a table: by key, each a text that the job understands (canonical JSON, say).
pub type TableRows = BTreeMap<String, String>;

/// A table that lives elsewhere. In process 0 only.
pub trait TableSource: Debug + Send {
    /// The rows as they are now.
    ///
    /// # Errors
    /// They can't be read (transient), or what is there is no table (permanent, and says which line and why). A live job
    /// goes on with the rows that it has in both cases; a start fails.
    fn read(&mut self) -> Result<TableRows, Fault>;

    /// Waits up to `patience` for a sign that the rows may differ from what was last read. Cheap to call again and
    /// again; a false alarm is allowed, a missed change is not.
    fn changed(&mut self, patience: Duration) -> bool;
}

/// What makes `new` of `old`: rows that go (-1) and rows that come (+1), by key.
pub fn table_changes<'a>(
    old: &'a TableRows,
    new: &'a TableRows,
) -> impl Iterator<Item = ((String, String), isize)> + use<'a> {
    let row = |(key, value): (&String, &String), change| ((key.clone(), value.clone()), change);
    let gone = old.iter().filter(|(key, value)| new.get(*key) != Some(value)).map(move |old| row(old, -1));
    let come = new.iter().filter(|(key, value)| old.get(*key) != Some(value)).map(move |new| row(new, 1));
    gone.chain(come)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_changes() {
        let rows = |rows: &[(&str, &str)]| -> TableRows {
            rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let (old, new) = (rows(&[("a", "1"), ("b", "2"), ("c", "3")]), rows(&[("a", "1"), ("b", "9"), ("d", "4")]));
        let change = |key: &str, value: &str, change| ((key.to_owned(), value.to_owned()), change);
        let found: Vec<_> = table_changes(&old, &new).collect();
        assert_eq!(found, [change("b", "2", -1), change("c", "3", -1), change("b", "9", 1), change("d", "4", 1)]);
        assert_eq!(table_changes(&new, &new).count(), 0);
    }
}
