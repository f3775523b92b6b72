//! Labelled flights in columns: the form in which rows leave the reader.

use flightline_operators::columns::{Coded, CodedBuilder, Number};
use flightline_operators::identity::{CopyNumber, RowIdentity};

use super::column::Column;
use super::columns::{FlightColumns, FlightColumnsBuilder};
use super::counts::{BadReason, ReadCounts};
use super::decode::RowSink;
use super::identity::Identifier;
use super::raw::RawRow;
use super::record::Flight;
use crate::input::BatchSink;
use crate::request::Request;

/// Flights that have landed, as columns of one length, and the counts of the rows they were read from.
#[derive(Clone, Debug, Default)]
pub struct FlightBatch {
    /// What features are made of.
    pub columns: FlightColumns,
    /// Arrival delay in minutes.
    pub arrival_delays: Coded<Number>,
    /// Who each row is.
    pub identities: Vec<RowIdentity>,
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

/// Builds a [`FlightBatch`] row by row, or from other batches.
#[derive(Clone, Debug, Default)]
pub struct FlightBatchBuilder {
    columns: FlightColumnsBuilder,
    arrival_delays: CodedBuilder<Number>,
    identities: Vec<RowIdentity>,
    counts: ReadCounts,
    identifier: Identifier,
}

impl FlightBatchBuilder {
    /// Appends a flight, and counts it as a good row.
    pub fn push(&mut self, flight: &Flight<'_>) {
        self.columns.push(&flight.facts);
        self.arrival_delays.push_value(flight.arrival_delay);
        self.identities.push(self.identifier.identify(flight));
        self.counts.good += 1;
        self.counts.day_disagreements += u64::from(!flight.day_fields_agree);
    }

    /// Appends all flights and counts of another batch.
    pub fn append(&mut self, batch: &FlightBatch) {
        self.columns.append(&batch.columns);
        self.arrival_delays.append(&batch.arrival_delays);
        self.identities.extend_from_slice(&batch.identities);
        self.counts.merge(&batch.counts);
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
            identities: self.identities,
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

    fn counts(&mut self) -> &mut ReadCounts {
        &mut self.counts
    }
}

impl BatchSink for FlightBatchBuilder {
    type Batch = FlightBatch;

    fn rows(&self) -> usize {
        self.len()
    }

    fn finish(self) -> FlightBatch {
        Self::finish(self)
    }
}
