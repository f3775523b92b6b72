//! From the number of a row to the flight that it is.

use flightline_operators::columns::Number;

use super::draws::{Draws, RowSeed, mix};
use super::history::{History, PastFlight};
use super::network::{Network, Route};
use crate::flight::{Flight, FlightFacts, Instant};

/// Different flight numbers, about as many as in a year of the US.
const FLIGHT_NUMBERS: u64 = 7_000;

/// Minutes that every flight takes on the ground and to climb.
const TAXI_MINUTES: u64 = 32;

/// Miles that a flight goes in a minute: 480 in an hour.
const MILES_PER_MINUTE: u64 = 8;

/// Minutes by which schedules of flights on one route differ, at most.
const SLACK_MINUTES: u64 = 15;

/// Rows without an end, each by its number.
#[derive(Clone, Debug)]
pub struct Flights {
    history: History,
    network: Network,
    flight_numbers: Vec<Box<str>>,
    seed: RowSeed,
}

impl Flights {
    /// The rows of a seed.
    #[must_use]
    pub fn new(history: History, seed: RowSeed) -> Self {
        let flight_numbers = (1..=FLIGHT_NUMBERS).map(|number| number.to_string().into_boxed_str()).collect();
        Self { history, network: Network::new(), flight_numbers, seed }
    }

    /// The row of a number, from 0.
    #[must_use]
    pub fn flight(&self, row: u64) -> Flight<'_> {
        let mut draws = Draws::of_row(self.seed, row);
        let past = self.history.flights();
        // Below its end, and a history has a flight.
        let past = &past[draws.below(past.len() as u64) as usize];
        let (rank, route) = self.network.draw(&mut draws);
        let minutes = TAXI_MINUTES + u64::from(route.miles) / MILES_PER_MINUTE + draws.below(SLACK_MINUTES + 1);
        Flight {
            facts: FlightFacts {
                date: past.date,
                carrier: self.history.carrier(past.carrier),
                flight_number: self.flight_number(past, rank),
                origin: self.network.airport(route.origin),
                dest: self.network.airport(route.dest),
                departure_delay: past.departure_delay,
                distance: distance(route),
            },
            arrival_delay: past.arrival_delay,
            scheduled_departure: past.scheduled_departure,
            scheduled_arrival: past.scheduled_departure.plus_minutes(minutes as i64),
            day_fields_agree: true,
        }
    }

    /// A carrier's flight of an hour on a route has one number all year.
    fn flight_number(&self, past: &PastFlight, rank: usize) -> &str {
        const MICROS_PER_HOUR: i64 = Instant::MICROS_PER_DAY / 24;
        let hour = past.scheduled_departure.micros().rem_euclid(Instant::MICROS_PER_DAY) / MICROS_PER_HOUR;
        // Three small numbers, side by side.
        let flight = (u64::from(past.carrier) << 32) | ((rank as u64) << 8) | hour.unsigned_abs();
        &self.flight_numbers[(mix(flight) % FLIGHT_NUMBERS) as usize]
    }

    /// The airports and routes of the rows.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }
}

fn distance(route: &Route) -> Number {
    // A country is some thousand miles wide.
    Number::from(route.miles as i32)
}
