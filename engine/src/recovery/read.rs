//! Where to read from: the smallest progress of the sinks that the job waits for.

use std::collections::BTreeMap;

use super::{SinkPolicy, StartError, StartErrors};
use crate::contract::SinkName;
use crate::ledger::Book;
use crate::log::{OffsetRange, Offsets, Partition, Reached};

/// The offset from which each partition is read: the smallest progress of the required sinks, or of all if none is required.
/// A sink that may lag catches up by itself. `durable` is what the sinks say once no older generation writes there any
/// more, and `bounds` what the log holds.
///
/// # Errors
/// A sink stands above the log's end. A sink that counts here stands below what the log still holds, or doesn't say where it
/// stands; of sinks that may lag only if no other is left.
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
        let above = |(sink, progress): (&SinkName, &BTreeMap<_, _>)| {
            check_within(sink, *partition, progress.get(partition)?, range).err()
        };
        errors.extend(durable.iter().filter_map(above));
        let stand = counting.iter().map(|(sink, progress)| {
            let (sink, partition) = ((*sink).clone(), *partition);
            match progress.get(&partition).map(|reached| reached.next) {
                None => Err(StartError::NoProgress { sink, partition }),
                Some(next) if next < range.from => Err(StartError::BelowLog { sink, partition, next, range: *range }),
                Some(next) => Ok(next),
            }
        });
        let (stand, lost): (Vec<_>, Vec<_>) = stand.partition(Result::is_ok);
        let lowest = stand.into_iter().flatten().min();
        match lowest {
            Some(lowest) if lost.is_empty() || !some_required => _ = starts.insert(*partition, lowest),
            _ => errors.extend(lost.into_iter().filter_map(Result::err)),
        }
    }
    if errors.is_empty() { Ok(starts) } else { Err(StartErrors(errors)) }
}

/// Checks that a sink doesn't stand above the end of what the log holds.
///
/// # Errors
/// It does.
pub fn check_within(
    sink: &SinkName,
    partition: Partition,
    reached: &Reached,
    held: &OffsetRange,
) -> Result<(), StartError> {
    let (sink, next, range) = (sink.clone(), reached.next, *held);
    if next > range.to { Err(StartError::AboveLog { sink, partition, next, range }) } else { Ok(()) }
}

/// Checks that the ledger still tells what the next answers of each required sink are made of: `book` is what it holds now
/// that no older generation writes to the sinks any more. One that may lag is given up when it comes to what is forgotten.
///
/// # Errors
/// The sinks and partitions of which it was forgotten.
pub fn check_kept(
    policies: &[SinkPolicy],
    durable: &BTreeMap<SinkName, BTreeMap<Partition, Reached>>,
    book: &Book,
) -> Result<(), StartErrors> {
    let required = policies.iter().filter(|policy| policy.required);
    let stands =
        required.flat_map(|policy| durable.get(&policy.name).into_iter().flatten().map(move |at| (policy, at)));
    let below = stands.filter_map(|(policy, (partition, reached))| {
        let (sink, next, kept) = (policy.name.clone(), reached.next, book.kept_from(*partition));
        (next < kept).then_some(StartError::BelowLedger { sink, partition: *partition, next, kept })
    });
    let errors: Vec<_> = below.collect();
    if errors.is_empty() { Ok(()) } else { Err(StartErrors(errors)) }
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
                StartError::AboveLog { sink: sink("b"), partition, next: Offset(101), range },
                StartError::BelowLog { sink: sink("a"), partition, next: Offset(9), range },
                StartError::NoProgress { sink: sink("c"), partition },
            ]
        );
    }

    /// A folder of answers that was left over from another log was gone on with from where that log had ended: the first
    /// answers were dropped without a word.
    #[test]
    fn nobody_stands_above_the_logs_end_also_not_who_may_lag() {
        let above = |name: &str| StartError::AboveLog {
            sink: SinkName(name.into()),
            partition: Partition(0),
            next: Offset(101),
            range: OffsetRange::new(Offset(10), Offset(100)),
        };
        assert_eq!(start([("a", true), ("lag", false)], [("a", 50), ("lag", 101)]), Err(vec![above("lag")]));
        assert_eq!(start([("x", false), ("y", false)], [("x", 50), ("y", 101)]), Err(vec![above("y")]));
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
            let held = |next: &u64| *next >= 10;
            let expected = match stands(true).min() {
                _ if sinks.iter().any(|sink| sink.1 > 100) => None,
                Some(lowest) => stands(true).all(|next| held(&next)).then_some(lowest),
                None => stands(false).filter(held).min(),
            };
            let starts = read_from(&policies, &durable, &bounds());
            prop_assert_eq!(starts.ok().map(|starts| starts[&Partition(0)].0), expected);
        }
    }
}
