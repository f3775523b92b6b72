//! What rows are: those of real flights, on routes of the country, and good rows to our own reader in both formats.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;

use flightline_connectors::files::{Compression, Existing, Stores};
use flightline_engine::ids::{WorkerCount, WorkerIndex};
use flightline_engine::progress::{Progress, Unit};
use flightline_operators::columns::Number;
use flightline_operators::identity::RowIdentity;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::flight::decode::RowSink;
use crate::flight::encode::json::write_line;
use crate::flight::identity::Identifier;
use crate::flight::{DelayClass, Flight, FlightBatch, FlightBatchBuilder, FlightDate, FlightFacts};
use crate::input::Input;
use crate::table::RouteKey;

/// Rows that shares and shapes are judged by.
const ROWS: u64 = 60_000;

/// A flight that only differs from others in what a history keeps.
fn landed(day: i32, carrier: &str, minutes: i64, delays: (i32, i32)) -> Flight<'_> {
    let date = FlightDate::from_days(day).unwrap();
    let scheduled_departure = date.midnight().plus_minutes(minutes);
    Flight {
        facts: FlightFacts {
            date,
            carrier,
            flight_number: "1",
            origin: "JFK",
            dest: "LAX",
            departure_delay: Number::from(delays.0),
            distance: Number::from(2_475),
        },
        arrival_delay: Number::from(delays.1),
        scheduled_departure,
        scheduled_arrival: scheduled_departure,
        day_fields_agree: true,
    }
}

/// Some made-up flights.
pub(super) fn small_history() -> History {
    let mut history = HistoryBuilder::default();
    for number in 0..500 {
        let carrier = ["UA", "B6", "AA"][number as usize % 3];
        history.push(&landed(15_706 + number % 365, carrier, (number * 17 % 1440).into(), (number - 20, number - 30)));
    }
    history.finish().unwrap()
}

fn read<S: RowSink + Default>(pattern: &str, workers: usize) -> Vec<S> {
    let patterns = [pattern.to_owned()];
    let input = Input::resolve(&Stores::new().unwrap(), &patterns, None, WorkerCount::new(workers)).unwrap();
    let stage = Progress::hidden().stage("read", Unit::Bytes, workers);
    let of_worker = |worker| {
        let mut sink = S::default();
        input.read(WorkerIndex::new(worker), &stage, &mut sink, |_| Ok(ControlFlow::Continue(()))).unwrap();
        sink
    };
    (0..workers).map(of_worker).collect()
}

/// The bundled flights, and the rows of a seed that are drawn from them.
fn bundled() -> &'static (FlightBatch, Flights) {
    static BUNDLED: OnceLock<(FlightBatch, Flights)> = OnceLock::new();
    BUNDLED.get_or_init(|| {
        let path = format!("{}/../data/flights.parquet", env!("CARGO_MANIFEST_DIR"));
        let batch = read::<FlightBatchBuilder>(&path, 1).remove(0).finish();
        let history = read::<HistoryBuilder>(&path, 1).remove(0).finish().unwrap();
        (batch, Flights::new(history, RowSeed(1)))
    })
}

fn shares(delays: impl Iterator<Item = Number>) -> [f64; DelayClass::COUNT] {
    let mut counts = [0_u32; DelayClass::COUNT];
    delays.for_each(|delay| counts[DelayClass::of(delay).index()] += 1);
    let all: u32 = counts.iter().sum();
    counts.map(|count| f64::from(count) / f64::from(all))
}

/// Whoever has a figure of a run on generated rows must be able to have the rows again.
#[test]
fn the_rows_of_a_seed_never_change() {
    let (_, flights) = bundled();
    let mut lines = Vec::new();
    (0..1_000).for_each(|row| write_line(&mut lines, &flights.flight(row)).unwrap());
    assert_eq!(format!("{:016x}", xxh3_64(&lines)), "3dd9ae8a94b2c029");
}

fn distinct<K: Ord>(keys: impl Iterator<Item = K>) -> usize {
    keys.collect::<BTreeSet<K>>().len()
}

#[test]
fn rows_have_the_shape_of_a_year() {
    let (_, flights) = bundled();
    // The quietest airport has one flight in 28,000.
    let rows: Vec<FlightFacts<'_>> = (0..5 * ROWS).map(|row| flights.flight(row).facts).collect();
    assert_eq!(distinct(rows.iter().map(|facts| facts.carrier)), 16);
    assert_eq!(distinct(rows.iter().map(|facts| facts.date)), 365);
    assert_eq!(distinct(rows.iter().map(|facts| facts.origin)), 320);
    assert_eq!(distinct(rows.iter().map(|facts| facts.dest)), 320);
    assert_eq!(distinct(rows.iter().map(|facts| (facts.origin, facts.dest))), 4_600);
    assert_eq!(distinct(rows.iter().map(|facts| facts.flight_number)), 7_000);
}

#[test]
fn a_row_is_a_real_flight_on_a_route_of_the_country() {
    let (real, flights) = bundled();
    let table = flights.network().distances();
    let of = |facts: &FlightFacts<'_>, arrival_delay: Number| {
        (facts.date, facts.carrier.to_owned(), facts.departure_delay, arrival_delay)
    };
    let known: BTreeSet<_> =
        (0..real.len()).map(|row| of(&real.columns.facts(row), *real.arrival_delays.get(row))).collect();
    for row in 0..ROWS / 10 {
        let flight = flights.flight(row);
        let FlightFacts { origin, dest, distance, .. } = flight.facts;
        assert!(known.contains(&of(&flight.facts, flight.arrival_delay)), "{flight:?}");
        let route = RouteKey { origin: origin.into(), dest: dest.into() };
        assert_eq!(table.get(&route), Some(distance), "{flight:?}");
        let minutes = (flight.scheduled_arrival.micros() - flight.scheduled_departure.micros()) / 60_000_000;
        assert!((40..=420).contains(&minutes), "{minutes} minutes for {} miles", distance.get());
    }
}

#[test]
fn labels_are_as_frequent_as_in_the_real_flights() {
    let (real, flights) = bundled();
    let real = shares((0..real.len()).map(|row| *real.arrival_delays.get(row)));
    let made = shares((0..ROWS).map(|row| flights.flight(row).arrival_delay));
    for (real, made) in real.into_iter().zip(made) {
        assert!((real - made).abs() < 0.01, "{made} instead of {real}");
    }
}

/// Rows of a file, as our reader has them.
fn decoded(path: &Path, workers: usize) -> Vec<RowIdentity> {
    let of_part = |part: FlightBatchBuilder| {
        let batch = part.finish();
        assert_eq!((batch.counts.bad_rows(), batch.counts.day_disagreements), (0, 0), "{}", path.display());
        batch.identities.to_vec()
    };
    read::<FlightBatchBuilder>(path.to_str().unwrap(), workers).into_iter().flat_map(of_part).collect()
}

#[test]
fn both_formats_are_good_rows_with_the_same_identities() {
    let (_, flights) = bundled();
    let folder = tempfile::tempdir().unwrap();
    let mut identifier = Identifier::default();
    let rows = Form::Parquet.rows_of_a_piece() / 8;
    let mut expected: Vec<RowIdentity> = (0..rows).map(|row| identifier.identify(&flights.flight(row))).collect();
    let packed = Form::JsonLines(Compression::Bzip2);
    let plain = Form::JsonLines(Compression::None);
    for (name, form) in [("a.parquet", Form::Parquet), ("b.jsonl", plain), ("c.jsonl.bz2", packed)] {
        let path = folder.path().join(name);
        let output = Output::file(&path, form, Existing::Refuse).unwrap();
        let stage = Progress::hidden().stage("generate", Unit::Rows, 1);
        output.write(flights, rows, NonZero::new(2).unwrap(), &stage).unwrap();
        assert!(decoded(&path, 1) == expected, "{name}: in the order of rows");
        let mut shared = decoded(&path, 3);
        shared.sort_unstable();
        let mut sorted = expected.clone();
        sorted.sort_unstable();
        assert!(shared == sorted, "{name}: shared out");
    }
    expected.sort_unstable();
    expected.dedup();
    assert!(expected.len() as u64 > rows * 99 / 100, "too many rows are equal");
}

proptest! {
    #[test]
    fn the_order_of_real_flights_reaches_no_row(
        flights in prop::collection::vec((0_i32..400, "[A-C]{1,2}", 0_i64..1_440, (-60_i32..90, -60_i32..90)), 1..40)
            .prop_flat_map(|flights| (Just(flights.clone()), Just(flights).prop_shuffle())),
        seed: u64, row: u64,
    ) {
        let of = |flights: &[(i32, String, i64, (i32, i32))]| {
            let mut history = HistoryBuilder::default();
            flights.iter().for_each(|(day, carrier, minutes, delays)| history.push(&landed(*day, carrier, *minutes, *delays)));
            Flights::new(history.finish().unwrap(), RowSeed(seed))
        };
        let (read, shuffled) = (of(&flights.0), of(&flights.1));
        prop_assert_eq!(read.flight(row), shuffled.flight(row));
    }
}

#[test]
fn no_flights_are_no_history() {
    assert!(HistoryBuilder::default().finish().is_none());
}
