//! Which rows a forest is grown from, and which judge it.
//!
//! A service predicts days to come, while a random split judges by days that the forest knows. Therefore every
//! hold-out brings a companion of the other kind, so that both qualities stand side by side: beside the last days a
//! few random rows of the known days, beside random rows or days the last few days. A row's role is a hash of its key
//! or a function of its day and the counts of all days: never of who read it.

use std::collections::BTreeMap;
use std::rc::Rc;

use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use crate::columns::{Code, Coded};
use crate::flow::{VecStream, fold_at_end, join_at_end, pair_at_end};
use crate::folds::{FoldRule, blocks};
use crate::identity::{Purpose, RowKey, Seed, Share};
use crate::table::{Day, LabelledRows, Role, RoledRows};

/// How rows are held out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HoldOut {
    /// No row is: the test rows come from elsewhere.
    None,
    /// Random rows of all days; the companion is the last days.
    Random(Share),
    /// All rows of random days; the companion is the last days.
    Days(Share),
    /// The last days; the companion is random rows of the days before.
    Last(Share),
}

/// The companion's share of the rows: enough to see a point of accuracy, little to lose.
pub const COMPANION_SHARE: f64 = 0.05;

/// Rows on each day.
pub type DayCounts = BTreeMap<Day, u64>;

/// The first of the last days that together hold at most `share` of the rows; `None` when the last day alone holds more.
#[must_use]
pub fn first_of_last_days(counts: &DayCounts, share: Share) -> Option<Day> {
    let limit = counts.values().sum::<u64>() as f64 * share.get();
    let held = counts.iter().rev().scan(0, |held, (day, count)| {
        *held += count;
        Some((*day, *held))
    });
    held.take_while(|(_, held)| *held as f64 <= limit).last().map(|(day, _)| day)
}

/// The same, but the last day at least; `None` when there are fewer than two days.
#[must_use]
pub fn first_of_last_days_at_least_one(counts: &DayCounts, share: Share) -> Option<Day> {
    let last = counts.keys().next_back().filter(|_| counts.len() > 1);
    last.map(|last| first_of_last_days(counts, share).unwrap_or(*last))
}

/// The first of the days of which no row is trained on, for they are the future.
fn first_future_day(counts: &DayCounts, hold_out: HoldOut) -> Option<Day> {
    match hold_out {
        HoldOut::None => None,
        HoldOut::Last(share) => first_of_last_days_at_least_one(counts, share),
        HoldOut::Random(_) | HoldOut::Days(_) => {
            Share::new(COMPANION_SHARE).and_then(|share| first_of_last_days(counts, share))
        }
    }
}

/// The role of each row, given the rows on each day over all workers.
#[must_use]
pub fn roles(rows: &LabelledRows, keys: &[RowKey], counts: &DayCounts, hold_out: HoldOut, seed: Seed) -> Vec<Role> {
    let companion = Share::new(COMPANION_SHARE);
    let first_future_day = first_future_day(counts, hold_out);
    let in_future = |day: Day| first_future_day.is_some_and(|first| day >= first);
    let by_row = |purpose, key: RowKey, share: Share| share.holds(seed.draw(purpose, [key.0]));
    let held_day = |day: Day| match hold_out {
        HoldOut::Days(share) => share.holds(seed.draw(Purpose::HoldOut, [day.0 as u64])),
        _ => false,
    };
    let days: Vec<(bool, bool)> = rows.days.values().iter().map(|day| (in_future(*day), held_day(*day))).collect();
    let role = |row: usize, code: Code| {
        let (key, (in_future, held_day)) = (keys[row], days[code.index()]);
        match hold_out {
            HoldOut::None => Role::Train,
            HoldOut::Last(_) if in_future => Role::HeldOut,
            HoldOut::Last(_) if companion.is_some_and(|share| by_row(Purpose::Companion, key, share)) => {
                Role::Companion
            }
            HoldOut::Random(_) | HoldOut::Days(_) if in_future => Role::Companion,
            HoldOut::Random(share) if by_row(Purpose::HoldOut, key, share) => Role::HeldOut,
            HoldOut::Days(_) if held_day => Role::HeldOut,
            HoldOut::Random(_) | HoldOut::Days(_) | HoldOut::Last(_) => Role::Train,
        }
    };
    let mut roles = Vec::with_capacity(rows.len());
    rows.days.codes().for_each(|row, code| roles.push(role(row, code)));
    roles
}

/// The days of some rows, with the number of rows on each.
#[must_use]
pub fn day_counts(days: &Coded<Day>) -> Vec<(Day, u64)> {
    days.values().iter().copied().zip(days.counts(|_| true)).filter(|(_, rows)| *rows > 0).collect()
}

/// Gives every row its role, and with a rule of folds its block; the workers agree on the rows of each day first.
///
/// `rows` and `keys` carry one element per worker, in equal row order.
pub fn assign_roles<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Rc<LabelledRows>>,
    keys: VecStream<'scope, T, Rc<Vec<RowKey>>>,
    hold_out: HoldOut,
    folds: Option<FoldRule>,
    seed: Seed,
) -> VecStream<'scope, T, Rc<RoledRows>> {
    let scope = rows.scope();
    scope.region_named("AssignRoles", |inner| {
        assign_in(rows.enter(inner), keys.enter(inner), hold_out, folds, seed).leave(scope)
    })
}

fn assign_in<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Rc<LabelledRows>>,
    keys: VecStream<'scope, T, Rc<Vec<RowKey>>>,
    hold_out: HoldOut,
    folds: Option<FoldRule>,
    seed: Seed,
) -> VecStream<'scope, T, Rc<RoledRows>> {
    let counts = fold_at_end(rows.clone(), Pipeline, "CountDays", Vec::new(), Vec::push, |tables| {
        tables.iter().flat_map(|rows| day_counts(&rows.days)).collect()
    });
    let counts = counts.broadcast();
    let keyed = pair_at_end(rows, keys, "KeyedRows", |rows, keys| (rows, keys));
    join_at_end(keyed, Pipeline, counts, Pipeline, "Roles", move |keyed, day_counts| {
        let mut counts = DayCounts::new();
        for (day, count) in day_counts {
            *counts.entry(day).or_default() += count;
        }
        let mut known = counts.clone();
        if let Some(first) = first_future_day(&counts, hold_out) {
            known.split_off(&first);
        }
        let with_roles = |(rows, keys): (Rc<LabelledRows>, Rc<Vec<RowKey>>)| {
            let roles = roles(&rows, &keys, &counts, hold_out, seed);
            let blocks = folds.map(|rule| blocks(&rows, &keys, &known, rule, seed)).unwrap_or_default();
            Rc::new(RoledRows { rows, keys, roles, blocks })
        };
        keyed.into_iter().map(with_roles).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::CodedBuilder;

    fn counts(of_days: &[(i32, u64)]) -> DayCounts {
        of_days.iter().map(|(day, count)| (Day(*day), *count)).collect()
    }

    #[test]
    fn a_day_that_no_row_has_is_no_day() {
        let mut days = CodedBuilder::default();
        let [_, seen] = [Day(9), Day(3)].map(|day| days.code(&day));
        days.extend([seen, seen]);
        assert_eq!(day_counts(&days.finish()), [(Day(3), 2)]);
    }

    #[test]
    fn the_last_days_hold_at_most_their_share() {
        let share = |share| Share::new(share).unwrap();
        let even = counts(&[(1, 10), (2, 10), (3, 10), (4, 10), (5, 10)]);
        assert_eq!(first_of_last_days(&even, share(0.4)), Some(Day(4)));
        assert_eq!(first_of_last_days(&even, share(0.59)), Some(Day(4)));
        assert_eq!(first_of_last_days(&even, share(0.99)), Some(Day(2)), "a day is always left to learn from");
        assert_eq!(first_of_last_days(&even, share(0.01)), None);
        assert_eq!(first_of_last_days_at_least_one(&even, share(0.01)), Some(Day(5)));
        assert_eq!(first_of_last_days_at_least_one(&counts(&[(1, 10)]), share(0.2)), None);
    }
}
