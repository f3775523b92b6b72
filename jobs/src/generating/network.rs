//! The made-up country: airports on a map, the routes between them, how often each is flown, and how long it is.
//!
//! It is one and the same for every seed. The numbers are those of the US in a year: 320 airports, 4,600 routes, each way
//! counted, few of them busy and most of them quiet. Whole numbers only, so that no machine makes another country.

use flightline_operators::columns::Number;

use super::draws::{Draws, mix};
use crate::table::{DistanceRow, DistanceTable};

/// Airports of the country.
const AIRPORTS: u64 = 320;

/// Routes, which are pairs of airports in both directions.
const ROUTES: u64 = 4_600;

/// Width and height of the map, in miles: about those of the contiguous US.
const MAP_MILES: (u64, u64) = (2_600, 1_400);

/// No route is shorter, in miles.
const SHORTEST_MILES: u64 = 65;

/// The largest airports, one of which each airport has a route to.
const HUBS: u64 = 12;

/// The larger, the less do the largest airports stand out: so the first has 8% of the flights, about what Atlanta has.
const SPREAD: u64 = 16;

/// A route of rank r is flown in proportion to 1 / (r + 10): Zipf's law with Mandelbrot's shift. Without the shift every
/// ninth flight would be on one route; with it the busiest has 1.5% of all, and the quietest 0.004%.
const SHIFT: u64 = 10;

/// The weight of a route of rank 1 - `SHIFT`; large, so that rounding leaves ratios as they are.
const WEIGHT: u64 = 1 << 40;

/// A prime that does not divide 26, so that its multiples are different codes.
const CODE_STEP: u64 = 6_551;

/// One route, one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Index of the airport of departure.
    pub(super) origin: usize,
    /// Index of the airport of arrival.
    pub(super) dest: usize,
    /// Its length, the same as the way back, in whole miles.
    pub(super) miles: u32,
}

/// Airports and routes.
#[derive(Clone, Debug)]
pub struct Network {
    /// Codes, the largest airport first.
    airports: Vec<Box<str>>,
    /// The busiest route first; both ways stand together.
    routes: Vec<Route>,
    /// The sum of the weights up to each route, itself included.
    reached: Vec<u64>,
}

impl Network {
    /// The country, which is always the same.
    #[must_use]
    pub fn new() -> Self {
        let airports = (0..AIRPORTS).map(|airport| code(airport * CODE_STEP)).collect();
        let routes = pairs().into_iter().flat_map(|(one, other)| {
            let miles = miles(one, other);
            let route = |origin: u64, dest: u64| Route { origin: origin as usize, dest: dest as usize, miles };
            [route(one, other), route(other, one)]
        });
        let weights = (1..=ROUTES).map(|rank| WEIGHT / (rank + SHIFT));
        let reached = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { airports, routes: routes.collect(), reached: reached.collect() }
    }

    /// The code of an airport.
    ///
    /// # Panics
    /// Never for an airport of a route of this network.
    pub(super) fn airport(&self, index: usize) -> &str {
        &self.airports[index]
    }

    /// A route by its rank from 0, the busiest, and that rank; drawn as often as it is flown.
    pub(super) fn draw(&self, draws: &mut Draws) -> (usize, &Route) {
        let drawn = draws.below(self.reached.last().copied().unwrap_or_default());
        let rank = self.reached.partition_point(|reached| *reached <= drawn);
        // What is drawn is below the last sum, so some route reaches beyond it.
        (rank, &self.routes[rank])
    }

    /// The length of each route.
    #[must_use]
    pub fn distances(&self) -> DistanceTable {
        let mut table = DistanceTable::default();
        for Route { origin, dest, miles } in &self.routes {
            let (origin, dest) = (self.airport(*origin).into(), self.airport(*dest).into());
            table.insert(DistanceRow { origin, dest, distance: Number::from(*miles as i32) });
        }
        table
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// Three letters for a number; numbers that differ modulo 26^3 have different letters.
fn code(number: u64) -> Box<str> {
    let letter = |place: u64| char::from(b'A' + (number / place % 26) as u8);
    String::from_iter([letter(676), letter(26), letter(1)]).into_boxed_str()
}

/// The pairs of airports that have routes, the busiest first: each airport with one of the hubs, so that none is left out and
/// all hang together, then those that are largest together, give or take chance.
fn pairs() -> Vec<(u64, u64)> {
    let to_a_hub = |airport: u64| mix(airport) % airport.min(HUBS);
    let mut pairs = Vec::new();
    for other in 1..AIRPORTS {
        for one in 0..other {
            // At most 336 * 336 * 4096: the smaller, the busier.
            let quietness = (one + SPREAD) * (other + SPREAD) * (1024 + mix((one << 32) | other) % 3072);
            pairs.push((to_a_hub(other) != one, quietness, (one, other)));
        }
    }
    pairs.sort_unstable();
    pairs.truncate((ROUTES / 2) as usize);
    pairs.sort_unstable_by_key(|(_, quietness, pair)| (*quietness, *pair));
    pairs.into_iter().map(|(_, _, pair)| pair).collect()
}

/// Miles between two airports on the map, as the crow flies.
fn miles(one: u64, other: u64) -> u32 {
    let place = |airport: u64| (mix(2 * airport) % MAP_MILES.0, mix(2 * airport + 1) % MAP_MILES.1);
    let ((x, y), (other_x, other_y)) = (place(one), place(other));
    let (across, along) = (x.abs_diff(other_x), y.abs_diff(other_y));
    // The map's diagonal is far below what a u32 can say.
    (across * across + along * along).isqrt().max(SHORTEST_MILES) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::generating::RowSeed;
    use crate::table::RouteKey;

    #[test]
    fn the_country_has_the_size_of_the_us() {
        let network = Network::new();
        let codes: BTreeSet<&str> = network.airports.iter().map(AsRef::as_ref).collect();
        assert_eq!((codes.len(), network.routes.len(), network.reached.len()), (320, 4_600, 4_600));
        assert!(codes.iter().all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
        let pairs: BTreeSet<(usize, usize)> = network.routes.iter().map(|route| (route.origin, route.dest)).collect();
        assert_eq!(pairs.len(), 4_600);
        assert!(pairs.iter().all(|(origin, dest)| origin != dest && pairs.contains(&(*dest, *origin))));
        let origins: BTreeSet<usize> = pairs.iter().map(|(origin, _)| *origin).collect();
        assert_eq!(origins.len(), 320, "an airport has no route");
    }

    #[test]
    fn a_route_is_as_long_as_the_way_back_and_no_longer_than_the_map() {
        let (network, table) = (Network::new(), Network::new().distances());
        assert_eq!(table.len(), 4_600);
        for route in &network.routes {
            let (origin, dest) = (network.airport(route.origin), network.airport(route.dest));
            let miles = |origin: &str, dest: &str| {
                table.get(&RouteKey { origin: origin.into(), dest: dest.into() }).map(Number::get)
            };
            assert_eq!(
                (miles(origin, dest), miles(dest, origin)),
                (Some(route.miles.into()), Some(route.miles.into()))
            );
            assert!((65..=2_953).contains(&route.miles), "{} miles", route.miles);
        }
        let lengths: BTreeSet<u32> = network.routes.iter().map(|route| route.miles).collect();
        assert!(lengths.len() > 1_000, "only {} lengths", lengths.len());
    }

    /// The country is part of what a seed means: another one would be other rows under the same seed.
    #[test]
    fn it_is_always_the_same_country() {
        let mut lines = Vec::new();
        Network::new().distances().write_json_lines(&mut lines).unwrap();
        assert_eq!(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&lines)), "db15be0604337638");
    }

    #[test]
    fn routes_are_drawn_as_the_law_says() {
        const DRAWN: u64 = 400_000;
        let network = Network::new();
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        for row in 0..DRAWN {
            *counts.entry(network.draw(&mut Draws::of_row(RowSeed(9), row)).0).or_default() += 1;
        }
        assert_eq!(counts.len(), 4_600, "some route is never flown");
        let all: f64 = (1..=4_600).map(|rank| 1.0 / f64::from(rank + 10)).sum();
        // In bands of ranks, twice as wide each, since a quiet route alone says little.
        let mut first = 0_u32;
        while first < 4_600 {
            let end = (2 * first + 1).min(4_600);
            let expected = (first..end).map(|rank| 1.0 / f64::from(rank + 11)).sum::<f64>() / all * DRAWN as f64;
            let found: u64 = (first..end).filter_map(|rank| counts.get(&(rank as usize))).sum();
            let deviation = (found as f64 - expected) / expected.sqrt();
            assert!(deviation.abs() < 5.0, "ranks {first} to {end}: {found}, not {expected}");
            first = end;
        }
    }
}
