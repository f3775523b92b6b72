//! How many rows may be read before the reading is ended.
//!
//! A file of text doesn't say how many rows it has. Whoever has room for so many only counts them while they are read, over
//! all workers of a process, and ends the run with a failure like any other of the input.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Failure;

/// Room for rows in the memory of this process, shared by its workers.
#[derive(Debug)]
pub struct Room {
    most: u64,
    taken: AtomicU64,
    failure: Failure,
}

impl Room {
    /// Room for `most` rows; one more, and the run ends with `failure`.
    #[must_use]
    pub const fn new(most: u64, failure: Failure) -> Self {
        Self { most, taken: AtomicU64::new(0), failure }
    }

    /// Takes room for more rows.
    ///
    /// # Errors
    /// There is none left.
    pub(super) fn take(&self, rows: u64) -> Result<(), Failure> {
        let before = self.taken.fetch_add(rows, Ordering::Relaxed);
        if before.saturating_add(rows) > self.most { Err(self.failure.clone()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn the_room_is_that_of_all_who_take_from_it() {
        let room = Room::new(10, Failure::new(FailureKind::Usage, "too many"));
        let taken = [4, 6, 0, 1, 0].map(|rows| room.take(rows).is_ok());
        assert_eq!(taken, [true, true, true, false, false]);
    }
}
