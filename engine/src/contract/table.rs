//! A table: rows that change now and then, read whole. The engine compares versions and passes on what changed.

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
