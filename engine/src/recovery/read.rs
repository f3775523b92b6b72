//! Where to read from: the smallest progress of the sinks that the job waits for.

use std::collections::BTreeMap;

use super::{SinkPolicy, StartError, StartErrors};
use crate::contract::SinkName;
use crate::log::{OffsetRange, Offsets, Partition, Reached};

/// The offset from which each partition is read: the smallest progress of the required sinks, or of all if none is required.
/// A sink that may lag catches up by itself. `durable` is what the sinks say once no older generation writes there any
/// more, and `bounds` what the log holds.
///
/// # Errors
/// A sink that counts here stands below what the log still holds or above its end, or doesn't say where it stands. Of sinks
/// that may lag only if no other is left.
pub fn read_from(
    policies: &[SinkPolicy],
    durable: &BTreeMap<SinkName, BTreeMap<Partition, Reached>>,
    bounds: &BTreeMap<Partition, OffsetRange>,
) -> Result<Offsets, StartErrors> {
    if policies.is_empty() {
        return Err(StartErrors(vec![StartError::NoSinks]));
    }
    let some_required = policies.iter().any(|policy| policy.required);
    let none = BTreeMap::new();
    let counting: Vec<_> = policies
        .iter()
        .filter(|policy| policy.required || !some_required)
        .map(|SinkPolicy { name, .. }| (name, durable.get(name).unwrap_or(&none)))
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
    use crate::log::Offset;

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
        let starts = read_from(&policies(sinks), &progress(durable), &bounds());
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

    proptest! {
        #[test]
        fn nothing_that_a_required_sink_needs_is_skipped(
            sinks in prop::collection::vec((any::<bool>(), 0..120_u64), 1..5),
        ) {
            let name = |index: usize| SinkName(format!("s{index}").into());
            let one = |(index, sink): (usize, &(bool, u64))| (name(index), [(Partition(0), Reached::start(Offset(sink.1)))].into());
            let durable: BTreeMap<_, _> = sinks.iter().enumerate().map(one).collect();
            let policies: Vec<_> = sinks.iter().enumerate()
                .map(|(index, (required, _))| SinkPolicy { name: name(index), required: *required, backfill: false })
                .collect();
            let stands = |required: bool| sinks.iter().filter(move |sink| sink.0 == required).map(|sink| sink.1);
            let held = |next: &u64| (10..=100).contains(next);
            let expected = match stands(true).min() {
                Some(lowest) => stands(true).all(|next| held(&next)).then_some(lowest),
                None => stands(false).filter(held).min(),
            };
            let starts = read_from(&policies, &durable, &bounds());
            prop_assert_eq!(starts.ok().map(|starts| starts[&Partition(0)].0), expected);
        }
    }
}
