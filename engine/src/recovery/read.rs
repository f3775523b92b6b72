//! Where to read from: the smallest progress of the sinks that the job waits for.

use std::collections::BTreeMap;

use super::{SinkPolicy, StartError, StartErrors};
use crate::contract::SinkName;
use crate::log::{OffsetRange, Offsets, Partition, Reached};

/// How far a sink is: what it says is durable, or the ledger's mark of it, whichever is further. A sink that only knows its
/// last line would otherwise be given again what had no line for it.
#[must_use]
pub fn with_marks(
    durable: &BTreeMap<Partition, Reached>,
    marks: &BTreeMap<Partition, Reached>,
) -> BTreeMap<Partition, Reached> {
    let mut furthest = durable.clone();
    for (partition, mark) in marks {
        furthest.entry(*partition).or_insert(*mark).advance(*mark);
    }
    furthest
}

/// The offset from which each partition is read: the smallest progress of the required sinks, or of all if none is required.
/// A sink that may lag catches up by itself. `durable` is what the sinks say once no older generation writes there any
/// more, `marks` is what the ledger says of them, and `bounds` what the log holds.
///
/// # Errors
/// A sink that counts here stands below what the log still holds or above its end, or doesn't say where it stands. Of sinks
/// that may lag only if no other is left.
pub fn read_from(
    policies: &[SinkPolicy],
    durable: &BTreeMap<SinkName, BTreeMap<Partition, Reached>>,
    bounds: &BTreeMap<Partition, OffsetRange>,
    marks: &BTreeMap<SinkName, BTreeMap<Partition, Reached>>,
) -> Result<Offsets, StartErrors> {
    if policies.is_empty() {
        return Err(StartErrors(vec![StartError::NoSinks]));
    }
    let some_required = policies.iter().any(|policy| policy.required);
    let none = BTreeMap::new();
    let counting: Vec<_> = policies
        .iter()
        .filter(|policy| policy.required || !some_required)
        .map(|SinkPolicy { name, .. }| {
            (name, with_marks(durable.get(name).unwrap_or(&none), marks.get(name).unwrap_or(&none)))
        })
        .collect();
    let (mut starts, mut errors) = (Offsets::new(), Vec::new());
    for (partition, range) in bounds {
        let stand = counting.iter().map(|(sink, progress)| {
            let reached = progress.get(partition);
            let no_progress = || StartError::NoProgress { sink: (*sink).clone(), partition: *partition };
            within(sink, *partition, *reached.ok_or_else(no_progress)?, *range)
        });
        let (stand, lost): (Vec<_>, Vec<_>) = stand.partition(Result::is_ok);
        let lowest = stand.into_iter().flatten().map(|reached| reached.next).min();
        match lowest {
            Some(lowest) if lost.is_empty() || !some_required => _ = starts.insert(*partition, lowest),
            _ => errors.extend(lost.into_iter().filter_map(Result::err)),
        }
    }
    if errors.is_empty() { Ok(starts) } else { Err(StartErrors(errors)) }
}

/// Whether the log still holds what comes next for a sink.
fn within(sink: &SinkName, partition: Partition, reached: Reached, range: OffsetRange) -> Result<Reached, StartError> {
    let (sink, next) = (sink.clone(), reached.next);
    if next < range.from {
        Err(StartError::BelowLog { sink, partition, next, range })
    } else if next > range.to {
        Err(StartError::AboveLog { sink, partition, next, range })
    } else {
        Ok(reached)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::{Offset, Witness};

    fn policies<const N: usize>(sinks: [(&str, bool); N]) -> Vec<SinkPolicy> {
        sinks.map(|(name, required)| SinkPolicy { name: SinkName(name.into()), required, backfill: false }).into()
    }

    fn progress<const N: usize>(sinks: [(&str, u64); N]) -> BTreeMap<SinkName, BTreeMap<Partition, Reached>> {
        sinks.map(|(name, next)| (SinkName(name.into()), [(Partition(0), Reached::start(Offset(next)))].into())).into()
    }

    /// The log holds [10, 100).
    fn bounds() -> BTreeMap<Partition, OffsetRange> {
        [(Partition(0), OffsetRange::new(Offset(10), Offset(100)))].into()
    }

    fn start<const N: usize, const M: usize>(
        sinks: [(&str, bool); N],
        durable: [(&str, u64); M],
    ) -> Result<u64, Vec<StartError>> {
        let none = BTreeMap::new();
        let starts = read_from(&policies(sinks), &progress(durable), &bounds(), &none);
        starts.map(|starts| starts[&Partition(0)].0).map_err(|errors| errors.0)
    }

    #[test]
    fn the_slowest_sink_that_the_job_waits_for_counts() {
        assert_eq!(start([("a", true), ("b", true), ("lag", false)], [("a", 50), ("b", 40), ("lag", 20)]), Ok(40));
        assert_eq!(start([("x", false), ("y", false)], [("x", 50), ("y", 40)]), Ok(40));
        assert_eq!(start([("a", true)], [("a", 10)]), Ok(10), "the oldest record");
        assert_eq!(start([("a", true)], [("a", 100)]), Ok(100), "the end");
    }

    #[test]
    fn a_required_sink_must_stand_within_the_log() {
        let sink = |name: &str| SinkName(name.into());
        let range = OffsetRange::new(Offset(10), Offset(100));
        let (partition, all) = (Partition(0), [("a", true), ("b", true), ("c", true), ("lag", false)]);
        let errors = start(all, [("a", 9), ("b", 101), ("lag", 3)]).unwrap_err();
        assert_eq!(
            errors,
            [
                StartError::BelowLog { sink: sink("a"), partition, next: Offset(9), range },
                StartError::AboveLog { sink: sink("b"), partition, next: Offset(101), range },
                StartError::NoProgress { sink: sink("c"), partition },
            ]
        );
    }

    #[test]
    fn a_sink_that_may_lag_fails_alone_unless_no_other_is_left() {
        assert_eq!(start([("a", true), ("lag", false)], [("a", 50), ("lag", 3)]), Ok(50));
        assert_eq!(start([("x", false), ("y", false)], [("x", 50), ("y", 4)]), Ok(50));
        assert_eq!(start([("x", false), ("y", false)], [("x", 50)]), Ok(50));
        assert_eq!(start([("x", false), ("y", false)], [("x", 5), ("y", 4)]).unwrap_err().len(), 2);
        assert_eq!(start([], []), Err(vec![StartError::NoSinks]));
    }

    #[test]
    fn a_mark_counts_where_it_is_further() {
        let starts = |durable, mark| {
            let policies = policies([("a", true)]);
            let starts = read_from(&policies, &progress([("a", durable)]), &bounds(), &progress([("a", mark)]));
            starts.unwrap()[&Partition(0)].0
        };
        assert_eq!((starts(30, 20), starts(20, 30)), (30, 30));
        let only_mark = read_from(&policies([("a", true)]), &BTreeMap::new(), &bounds(), &progress([("a", 20)]));
        assert_eq!(only_mark.unwrap()[&Partition(0)], Offset(20));
    }

    #[test]
    fn the_witness_stays_with_the_further_one() {
        let reached = |next, offset| Reached {
            next: Offset(next),
            witness: Some(Witness { offset: Offset(offset), hash: offset }),
        };
        let one = |reached| BTreeMap::from([(Partition(0), reached)]);
        assert_eq!(with_marks(&one(reached(5, 4)), &one(reached(9, 7))), one(reached(9, 7)));
        assert_eq!(with_marks(&one(reached(5, 4)), &one(reached(5, 3))), one(reached(5, 4)));
    }

    proptest! {
        #[test]
        fn nothing_that_a_required_sink_needs_is_skipped(
            sinks in prop::collection::vec((any::<bool>(), 0..120_u64, 0..120_u64), 1..5),
        ) {
            let name = |index: usize| SinkName(format!("s{index}").into());
            let each = |next: fn(&(bool, u64, u64)) -> u64| -> BTreeMap<_, _> {
                let one = |(index, sink)| (name(index), [(Partition(0), Reached::start(Offset(next(sink))))].into());
                sinks.iter().enumerate().map(one).collect()
            };
            let policies: Vec<_> = sinks.iter().enumerate()
                .map(|(index, (required, ..))| SinkPolicy { name: name(index), required: *required, backfill: false })
                .collect();
            let stands = |required: bool| sinks.iter().filter(move |sink| sink.0 == required).map(|sink| sink.1.max(sink.2));
            let held = |next: &u64| (10..=100).contains(next);
            let expected = match stands(true).min() {
                Some(lowest) => stands(true).all(|next| held(&next)).then_some(lowest),
                None => stands(false).filter(held).min(),
            };
            let starts = read_from(&policies, &each(|sink| sink.1), &bounds(), &each(|sink| sink.2));
            prop_assert_eq!(starts.ok().map(|starts| starts[&Partition(0)].0), expected);
        }
    }
}
