//! Who a row is: a hash of what it says, not of how or where it is written.
//!
//! The canonical form of a flight lists its fields in a fixed order, each as a tag and a value of fixed meaning: numbers
//! as the bits of an `f64` without negative zero, times as microseconds UTC, days as days since 1970, names as a length
//! and bytes. Day fields are functions of the date and are not part of it. Changing anything here changes every model.

use std::hash::Hash;

use flightline_operators::columns::{Code, CodedBuilder, Number};
use flightline_operators::identity::RowIdentity;
use xxhash_rust::xxh3::xxh3_128;

use super::columns::FlightColumnsBuilder;
use super::date::FlightDate;
use super::instant::Instant;
use super::raw::CODE_LENGTH;
use super::record::Flight;

/// Tag of a field in the canonical form; never reused for another field.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Tag {
    FlightDate = 1,
    Carrier = 2,
    FlightNum = 3,
    Origin = 4,
    Dest = 5,
    Distance = 6,
    DepDelay = 7,
    ArrDelay = 8,
    CrsDepTime = 9,
    CrsArrTime = 10,
}

/// The bytes of a canonical form.
#[derive(Clone, Debug, Default)]
struct Canonical(Vec<u8>);

impl Canonical {
    fn fixed(&mut self, tag: Tag, bytes: &[u8]) {
        self.0.push(tag as u8);
        self.0.extend_from_slice(bytes);
    }

    fn name(&mut self, tag: Tag, name: &str) {
        self.0.push(tag as u8);
        self.0.extend_from_slice(&(name.len() as u64).to_le_bytes());
        self.0.extend_from_slice(name.as_bytes());
    }

    fn date(&mut self, date: FlightDate) {
        self.fixed(Tag::FlightDate, &date.days().to_le_bytes());
    }

    fn number(&mut self, tag: Tag, number: Number) {
        self.fixed(tag, &number.bits().to_le_bytes());
    }

    fn instant(&mut self, tag: Tag, instant: Instant) {
        self.fixed(tag, &instant.micros().to_le_bytes());
    }
}

/// Computes identities, with one buffer for all of them.
#[derive(Clone, Debug, Default)]
pub struct Identifier {
    canonical: Canonical,
}

impl Identifier {
    /// The identity of a flight.
    pub fn identify(&mut self, flight: &Flight<'_>) -> RowIdentity {
        let (canonical, facts) = (&mut self.canonical, &flight.facts);
        canonical.0.clear();
        canonical.date(facts.date);
        canonical.name(Tag::Carrier, facts.carrier);
        canonical.name(Tag::FlightNum, facts.flight_number);
        canonical.name(Tag::Origin, facts.origin);
        canonical.name(Tag::Dest, facts.dest);
        canonical.number(Tag::Distance, facts.distance);
        canonical.number(Tag::DepDelay, facts.departure_delay);
        canonical.number(Tag::ArrDelay, flight.arrival_delay);
        canonical.instant(Tag::CrsDepTime, flight.scheduled_departure);
        canonical.instant(Tag::CrsArrTime, flight.scheduled_arrival);
        RowIdentity(xxh3_128(&canonical.0))
    }
}

/// One field of a canonical form that many rows share, written once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Piece {
    /// Bytes of the longest: a number, or a name as long as a code can be, with its tag and length.
    const MOST: usize = 1 + 8 + CODE_LENGTH;

    /// A code is no longer than `CODE_LENGTH`: that was checked when it was read.
    fn of(field: &Canonical) -> Self {
        let mut bytes = [0; Self::MOST];
        bytes[..field.0.len()].copy_from_slice(&field.0);
        Self { bytes, length: field.0.len() }
    }
}

/// The fields of flights in the form in which they are hashed, for many rows: indexed by the codes of their columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    fields: [Vec<Piece>; Self::FIELDS],
}

impl Pieces {
    /// All fields but the times, which hardly repeat.
    const FIELDS: usize = 8;

    /// Brings the pieces up to what the columns hold by now.
    pub(super) fn follow(&mut self, columns: &FlightColumnsBuilder, arrival_delays: &CodedBuilder<Number>) {
        let [dates, carriers, flight_numbers, origins, dests, distances, departures, arrivals] = &mut self.fields;
        follow(dates, &columns.dates, |to, date| to.date(*date));
        follow(carriers, &columns.carriers, |to, name| to.name(Tag::Carrier, name));
        follow(flight_numbers, &columns.flight_numbers, |to, name| to.name(Tag::FlightNum, name));
        follow(origins, &columns.origins, |to, name| to.name(Tag::Origin, name));
        follow(dests, &columns.dests, |to, name| to.name(Tag::Dest, name));
        follow(distances, &columns.distances, |to, number| to.number(Tag::Distance, *number));
        follow(departures, &columns.departure_delays, |to, number| to.number(Tag::DepDelay, *number));
        follow(arrivals, arrival_delays, |to, number| to.number(Tag::ArrDelay, *number));
    }

    /// The identity of a flight whose columns have these codes, in the order of the canonical form: date, carrier, flight
    /// number, airports of departure and arrival, distance, delays of departure and arrival.
    pub(super) fn identify(&self, codes: [Code; Self::FIELDS], departure: Instant, arrival: Instant) -> RowIdentity {
        let mut bytes = [0; Self::FIELDS * Piece::MOST + 2 * 9];
        let mut end = 0;
        for (pieces, code) in self.fields.iter().zip(codes) {
            let piece = &pieces[code.index()];
            // Always as many bytes: what is too much is written over by the next field.
            if let Some(place) = bytes.get_mut(end..).and_then(<[u8]>::first_chunk_mut) {
                *place = piece.bytes;
            }
            end += piece.length;
        }
        for (tag, instant) in [(Tag::CrsDepTime, departure), (Tag::CrsArrTime, arrival)] {
            bytes[end] = tag as u8;
            if let Some(place) = bytes.get_mut(end + 1..).and_then(<[u8]>::first_chunk_mut) {
                *place = instant.micros().to_le_bytes();
            }
            end += 9;
        }
        RowIdentity(xxh3_128(&bytes[..end]))
    }
}

/// Writes the pieces of those values that have none yet.
fn follow<V: Clone + Eq + Hash>(pieces: &mut Vec<Piece>, column: &CodedBuilder<V>, write: impl Fn(&mut Canonical, &V)) {
    let mut field = Canonical::default();
    for value in &column.values()[pieces.len()..] {
        field.0.clear();
        write(&mut field, value);
        pieces.push(Piece::of(&field));
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::FlightFacts;
    use super::*;

    fn sample() -> Flight<'static> {
        Flight {
            facts: FlightFacts {
                date: FlightDate::from_ymd(2015, 12, 31).unwrap(),
                carrier: "WN",
                flight_number: "6109",
                origin: "TUS",
                dest: "SAN",
                departure_delay: Number::from(14),
                distance: Number::from(368),
            },
            arrival_delay: Number::from(5),
            scheduled_departure: Instant::from_micros(1_451_559_900_000_000),
            scheduled_arrival: Instant::from_micros(1_451_560_800_000_000),
            day_fields_agree: true,
        }
    }

    #[test]
    fn every_field_counts_and_nothing_else_does() {
        let with = |change: fn(&mut Flight<'static>)| {
            let mut flight = sample();
            change(&mut flight);
            Identifier::default().identify(&flight)
        };
        let same = with(|flight| flight.day_fields_agree = false);
        assert_eq!(same, with(|_| ()));
        let changed = [
            with(|f| f.facts.date = FlightDate::from_ymd(2015, 12, 30).unwrap()),
            with(|f| f.facts.carrier = "W"),
            with(|f| f.facts.flight_number = "06109"),
            with(|f| (f.facts.origin, f.facts.dest) = ("SAN", "TUS")),
            with(|f| (f.facts.origin, f.facts.dest) = ("TUSS", "AN")),
            with(|f| f.facts.distance = Number::from(369)),
            with(|f| (f.facts.departure_delay, f.arrival_delay) = (f.arrival_delay, f.facts.departure_delay)),
            with(|f| f.arrival_delay = Number::from(6)),
            with(|f| f.scheduled_departure = f.scheduled_departure.plus_minutes(1)),
            with(|f| f.scheduled_arrival = f.scheduled_arrival.plus_minutes(1)),
            same,
        ];
        let distinct: std::collections::BTreeSet<RowIdentity> = changed.into_iter().collect();
        assert_eq!(distinct.len(), changed.len());
    }

    #[test]
    fn the_identity_of_the_seeds_sample_row_never_changes() {
        // A change here changes every stored model's id and golden rows: it needs a new format version.
        assert_eq!(format!("{:032x}", Identifier::default().identify(&sample()).0), "bd2c2fd908f1c3c2e90a6bb98e3d084d");
    }
}
