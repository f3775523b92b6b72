//! A folder of small, immutable objects: what ledger, checkpoints and versions of a table are kept in.

use std::fmt::Debug;

use bytes::Bytes;

use super::Fault;

/// What a create-if-absent came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object is there now, durably, with our bytes.
    Ours,
    /// Something was there already, and is as it was. It may be ours: of a try that seemed to fail.
    Taken,
}

/// Named objects that are created once, read often and at last deleted. Names are relative, with `/` between parts.
pub trait Blobs: Debug + Send + Sync {
    /// The names of all objects in a folder, sorted; the folder's own part is left out. A missing folder is empty.
    ///
    /// # Errors
    /// The store can't be asked.
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault>;

    /// The bytes of an object; `None` if there is none.
    ///
    /// # Errors
    /// The store can't be asked.
    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault>;

    /// Creates an object, if there is none of that name: in one step, and durable when this returns.
    ///
    /// # Errors
    /// The store can't be asked; the object may be there all the same.
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault>;

    /// Deletes an object, if it is there.
    ///
    /// # Errors
    /// The store can't be asked.
    fn delete(&self, name: &str) -> Result<(), Fault>;
}
