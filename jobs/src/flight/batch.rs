//! Labelled flights in columns: the form in which rows leave the reader.

use std::sync::Arc;

use flightline_operators::columns::{Coded, CodedBuilder, Number};
use flightline_operators::identity::{CopyNumber, RowIdentity};

use super::bulk::{self, Bulk};
use super::column::Column;
use super::columns::{FlightColumns, FlightColumnsBuilder};
use super::counts::{BadReason, ReadCounts};
use super::decode::{RawColumns, RowSink};
use super::identity::Identifier;
use super::raw::RawRow;
use super::record::Flight;
use crate::input::BatchSink;
use crate::request::Request;

/// From so many rows on there are likely many more.
const MANY: usize = 1 << 16;

/// Identities that take 32 MiB: the least that every allocator maps by itself, so that what is made longer later is moved and
/// not copied, and no half of it stays behind.
const MANY_MORE: usize = 1 << 21;

/// Room for some more identities.
pub(super) fn make_room(identities: &mut Vec<RowIdentity>, rows: usize) {
    if identities.capacity() - identities.len() < rows {
        identities.reserve(if identities.len() < MANY { rows } else { rows.max(MANY_MORE) });
    }
}

/// Flights that have landed, as columns of one length, and the counts of the rows they were read from.
#[derive(Clone, Debug, Default)]
pub struct FlightBatch {
    /// What features are made of.
    pub columns: FlightColumns,
    /// Arrival delay in minutes.
    pub arrival_delays: Coded<Number>,
    /// Who each row is.
    pub identities: Arc<Vec<RowIdentity>>,
    /// What was read: as many good rows as the columns are long.
    pub counts: ReadCounts,
}

impl FlightBatch {
    /// Number of flights.
    #[must_use]
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether there is no flight; there may be counts of bad rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// A flight as the request that a client would have sent for it.
    ///
    /// # Panics
    /// When `row` is not below [`FlightBatch::len`], as a slice would.
    #[must_use]
    pub fn request(&self, row: usize, copy: CopyNumber) -> Request {
        Request::from_training_row(&self.columns.facts(row), self.identities[row], copy)
    }
}

/// Builds a [`FlightBatch`] row by row, or from many rows of a columnar file at once.
#[derive(Clone, Debug, Default)]
pub struct FlightBatchBuilder {
    pub(super) columns: FlightColumnsBuilder,
    pub(super) arrival_delays: CodedBuilder<Number>,
    pub(super) identities: Vec<RowIdentity>,
    pub(super) counts: ReadCounts,
    pub(super) bulk: Bulk,
    identifier: Identifier,
}

impl FlightBatchBuilder {
    /// Appends a flight, and counts it as a good row.
    pub fn push(&mut self, flight: &Flight<'_>) {
        self.columns.push(&flight.facts);
        self.arrival_delays.push_value(flight.arrival_delay);
        make_room(&mut self.identities, 1);
        self.identities.push(self.identifier.identify(flight));
        self.counts.good += 1;
        self.counts.day_disagreements += u64::from(!flight.day_fields_agree);
    }

    /// Number of flights so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether there is no flight yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// The finished batch.
    #[must_use]
    pub fn finish(self) -> FlightBatch {
        FlightBatch {
            columns: self.columns.finish(),
            arrival_delays: self.arrival_delays.finish(),
            identities: Arc::new(self.identities),
            counts: self.counts,
        }
    }
}

impl RowSink for FlightBatchBuilder {
    const NEEDED: &'static [Column] = &Column::OF_A_FLIGHT;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        self.push(&Flight::from_raw(row)?);
        Ok(())
    }

    fn take_columns(&mut self, columns: &RawColumns<'_>) -> Vec<usize> {
        bulk::take(self, columns)
    }

    fn counts(&mut self) -> &mut ReadCounts {
        &mut self.counts
    }
}

impl BatchSink for FlightBatchBuilder {
    type Batch = FlightBatch;

    /// Never: a worker trains on all its rows, and would only put batches together again.
    fn is_full(&self) -> bool {
        false
    }

    fn finish(self) -> FlightBatch {
        Self::finish(self)
    }
}
