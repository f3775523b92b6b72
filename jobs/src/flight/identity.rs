//! Who a row is: a hash of what it says, not of how or where it is written.
//!
//! The canonical form of a flight lists its fields in a fixed order, each as a tag and a value of fixed meaning: numbers
//! as the bits of an `f64` without negative zero, times as microseconds UTC, days as days since 1970, names as a length
//! and bytes. Day fields are functions of the date and are not part of it. Changing anything here changes every model.

use flightline_operators::identity::RowIdentity;
use xxhash_rust::xxh3::xxh3_128;

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

/// Computes identities, with one buffer for all of them.
#[derive(Clone, Debug, Default)]
pub struct Identifier {
    canonical: Vec<u8>,
}

impl Identifier {
    /// The identity of a flight.
    pub fn identify(&mut self, flight: &Flight<'_>) -> RowIdentity {
        self.canonical.clear();
        let facts = &flight.facts;
        self.fixed(Tag::FlightDate, &facts.date.days().to_le_bytes());
        self.name(Tag::Carrier, facts.carrier);
        self.name(Tag::FlightNum, facts.flight_number);
        self.name(Tag::Origin, facts.origin);
        self.name(Tag::Dest, facts.dest);
        self.fixed(Tag::Distance, &facts.distance.bits().to_le_bytes());
        self.fixed(Tag::DepDelay, &facts.departure_delay.bits().to_le_bytes());
        self.fixed(Tag::ArrDelay, &flight.arrival_delay.bits().to_le_bytes());
        self.fixed(Tag::CrsDepTime, &flight.scheduled_departure.micros().to_le_bytes());
        self.fixed(Tag::CrsArrTime, &flight.scheduled_arrival.micros().to_le_bytes());
        RowIdentity(xxh3_128(&self.canonical))
    }

    fn fixed(&mut self, tag: Tag, bytes: &[u8]) {
        self.canonical.push(tag as u8);
        self.canonical.extend_from_slice(bytes);
    }

    fn name(&mut self, tag: Tag, name: &str) {
        self.canonical.push(tag as u8);
        self.canonical.extend_from_slice(&(name.len() as u64).to_le_bytes());
        self.canonical.extend_from_slice(name.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::FlightFacts;
    use super::super::date::FlightDate;
    use super::super::instant::Instant;
    use super::*;
    use flightline_operators::columns::Number;

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
