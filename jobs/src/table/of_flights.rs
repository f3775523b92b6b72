//! Reads routes and their distances out of flights, for `distances` to make a table of.

use super::DistanceRow;
use crate::flight::column::Column;
use crate::flight::counts::{BadReason, ReadCounts};
use crate::flight::decode::RowSink;
use crate::flight::raw::RawRow;
use crate::input::{BATCH_ROWS, BatchSink};

/// Collects the distances of flights: one row per flight.
#[derive(Clone, Debug, Default)]
pub struct DistanceRows {
    /// The rows read so far.
    pub rows: Vec<DistanceRow>,
    /// What was read.
    pub counts: ReadCounts,
}

impl RowSink for DistanceRows {
    const NEEDED: &'static [Column] = &Column::OF_A_DISTANCE;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        self.rows.push(DistanceRow::from_raw(row)?);
        self.counts.good += 1;
        Ok(())
    }

    fn counts(&mut self) -> &mut ReadCounts {
        &mut self.counts
    }
}

impl BatchSink for DistanceRows {
    type Batch = Self;

    fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS
    }

    fn finish(self) -> Self {
        self
    }
}
