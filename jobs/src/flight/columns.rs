//! Flights as columns: the source of all features.
//!
//! It holds what training rows and requests have in common, and nothing that is derived.

use flightline_operators::columns::{Coded, CodedBuilder, Number};

use super::date::FlightDate;

/// What a training row and a request (with its distance looked up) both say: one flight that may not have landed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlightFacts<'a> {
    /// Day of the flight.
    pub date: FlightDate,
    /// Carrier code.
    pub carrier: &'a str,
    /// Flight number.
    pub flight_number: &'a str,
    /// Airport of departure.
    pub origin: &'a str,
    /// Airport of arrival.
    pub dest: &'a str,
    /// Departure delay in minutes.
    pub departure_delay: Number,
    /// Miles between the airports.
    pub distance: Number,
}

/// The source of all features: flights as columns of one length.
#[derive(Clone, Debug, Default)]
pub struct FlightColumns {
    /// Day of the flight.
    pub dates: Coded<FlightDate>,
    /// Carrier code.
    pub carriers: Coded<Box<str>>,
    /// Flight number.
    pub flight_numbers: Coded<Box<str>>,
    /// Airport of departure.
    pub origins: Coded<Box<str>>,
    /// Airport of arrival.
    pub dests: Coded<Box<str>>,
    /// Departure delay in minutes.
    pub departure_delays: Coded<Number>,
    /// Miles between the airports.
    pub distances: Coded<Number>,
}

impl FlightColumns {
    /// Number of flights.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dates.len()
    }

    /// Whether there is no flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty()
    }

    /// One flight.
    ///
    /// # Panics
    /// When `row` is not below [`FlightColumns::len`], as a slice would.
    #[must_use]
    pub fn facts(&self, row: usize) -> FlightFacts<'_> {
        FlightFacts {
            date: *self.dates.get(row),
            carrier: self.carriers.get(row),
            flight_number: self.flight_numbers.get(row),
            origin: self.origins.get(row),
            dest: self.dests.get(row),
            departure_delay: *self.departure_delays.get(row),
            distance: *self.distances.get(row),
        }
    }
}

/// Builds [`FlightColumns`] flight by flight.
#[derive(Clone, Debug, Default)]
pub struct FlightColumnsBuilder {
    pub(super) dates: CodedBuilder<FlightDate>,
    pub(super) carriers: CodedBuilder<Box<str>>,
    pub(super) flight_numbers: CodedBuilder<Box<str>>,
    pub(super) origins: CodedBuilder<Box<str>>,
    pub(super) dests: CodedBuilder<Box<str>>,
    pub(super) departure_delays: CodedBuilder<Number>,
    pub(super) distances: CodedBuilder<Number>,
}

impl FlightColumnsBuilder {
    /// Appends one flight.
    pub fn push(&mut self, flight: &FlightFacts<'_>) {
        self.dates.push_value(flight.date);
        self.carriers.push(flight.carrier);
        self.flight_numbers.push(flight.flight_number);
        self.origins.push(flight.origin);
        self.dests.push(flight.dest);
        self.departure_delays.push_value(flight.departure_delay);
        self.distances.push_value(flight.distance);
    }

    /// Number of flights so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dates.len()
    }

    /// Whether there is no flight yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty()
    }

    /// The finished columns.
    #[must_use]
    pub fn finish(self) -> FlightColumns {
        FlightColumns {
            dates: self.dates.finish(),
            carriers: self.carriers.finish(),
            flight_numbers: self.flight_numbers.finish(),
            origins: self.origins.finish(),
            dests: self.dests.finish(),
            departure_delays: self.departure_delays.finish(),
            distances: self.distances.finish(),
        }
    }
}
