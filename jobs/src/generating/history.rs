//! The real flights that rows are drawn from: what of them goes into a row.

use std::collections::BTreeMap;

use flightline_operators::columns::Number;

use crate::flight::counts::BadReason;
use crate::flight::decode::RowSink;
use crate::flight::raw::RawRow;
use crate::flight::{Column, Flight, FlightDate, Instant, ReadCounts};

/// What a row takes from a real flight, all of it together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PastFlight {
    /// Day of the flight.
    pub(super) date: FlightDate,
    /// Its carrier, as an index.
    pub(super) carrier: u32,
    /// Scheduled departure.
    pub(super) scheduled_departure: Instant,
    /// Departure delay in minutes.
    pub(super) departure_delay: Number,
    /// Arrival delay in minutes.
    pub(super) arrival_delay: Number,
}

/// Real flights in an order that only depends on what they are.
#[derive(Clone, Debug)]
pub struct History {
    flights: Vec<PastFlight>,
    carriers: Vec<Box<str>>,
}

impl History {
    /// The flights; at least one.
    pub(super) fn flights(&self) -> &[PastFlight] {
        &self.flights
    }

    /// The code of a carrier.
    ///
    /// # Panics
    /// Never for the carrier of a flight of this history.
    pub(super) fn carrier(&self, index: u32) -> &str {
        &self.carriers[index as usize]
    }
}

/// Collects a [`History`] from the rows of files.
#[derive(Clone, Debug, Default)]
pub struct HistoryBuilder {
    flights: Vec<PastFlight>,
    carriers: BTreeMap<Box<str>, u32>,
    counts: ReadCounts,
}

impl HistoryBuilder {
    /// Appends a flight.
    pub fn push(&mut self, flight: &Flight<'_>) {
        let carrier = match self.carriers.get(flight.facts.carrier) {
            Some(carrier) => *carrier,
            None => {
                // As many as rows in memory, at most.
                let carrier = self.carriers.len() as u32;
                *self.carriers.entry(flight.facts.carrier.into()).or_insert(carrier)
            }
        };
        self.flights.push(PastFlight {
            date: flight.facts.date,
            carrier,
            scheduled_departure: flight.scheduled_departure,
            departure_delay: flight.facts.departure_delay,
            arrival_delay: flight.arrival_delay,
        });
    }

    /// What was read.
    #[must_use]
    pub const fn read(&self) -> &ReadCounts {
        &self.counts
    }

    /// The history; `None` without a flight.
    #[must_use]
    pub fn finish(self) -> Option<History> {
        let Self { mut flights, carriers, .. } = self;
        // From the order of reading to that of names.
        let mut ranks = vec![0; carriers.len()];
        for (rank, index) in (0..).zip(carriers.values()) {
            ranks[*index as usize] = rank;
        }
        flights.iter_mut().for_each(|flight| flight.carrier = ranks[flight.carrier as usize]);
        flights.sort_unstable();
        (!flights.is_empty()).then(|| History { flights, carriers: carriers.into_keys().collect() })
    }
}

impl RowSink for HistoryBuilder {
    const NEEDED: &'static [Column] = &Column::OF_A_FLIGHT;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        let flight = Flight::from_raw(row)?;
        self.counts.good += 1;
        self.push(&flight);
        Ok(())
    }

    fn counts(&mut self) -> &mut ReadCounts {
        &mut self.counts
    }
}
