//! Whether the request log is still the one that a sink has answered.
//!
//! A log that was made anew, or cut short, has other records where a sink has answered, or none. What the sink remembers of its
//! last record is compared; those before it are not read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contract::{Fault, SinkName, Source};
use crate::log::{OffsetRange, Partition, Reached};
use crate::recovery;

/// How long to wait for a record that must be there.
const PATIENCE: Duration = Duration::from_secs(1);

/// Checks that the record which a sink remembers having done last still stands where it stood. `held` is what the log holds of
/// the partition; what it holds no longer can't be compared.
pub(super) fn check_last(
    source: &dyn Source,
    sink: &SinkName,
    partition: Partition,
    reached: &Reached,
    held: &OffsetRange,
) -> Result<(), Fault> {
    let Some(witness) = reached.witness.filter(|witness| held.contains(witness.offset)) else { return Ok(()) };
    let found = match source.open(partition, witness.offset).and_then(|mut reader| reader.read(1, PATIENCE)) {
        // Its time ran out while we looked.
        Err(Fault::Permanent(_)) if !source.bounds(partition)?.contains(witness.offset) => return Ok(()),
        found => found?.into_iter().next(),
    };
    let found = found.ok_or_else(|| Fault::transient(format!("no record comes from offset {}", witness.offset)))?;
    recovery::check_witness(reached, &found)
        .map_err(|error| Fault::permanent(format!("partition {partition} of the request log, by sink {sink}: {error}")))
}

/// Checks all that is durable in a sink which was away when the others were looked at.
pub(super) fn check(source: &dyn Source, sink: &SinkName, durable: &BTreeMap<Partition, Reached>) -> Result<(), Fault> {
    for (partition, reached) in durable {
        let held = source.bounds(*partition)?;
        recovery::check_within(sink, *partition, reached, &held)?;
        check_last(source, sink, *partition, reached, &held)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{LogRecord, Offset, Witness};
    use crate::memory::MemoryLog;

    const HERE: Partition = Partition(0);

    fn log(records: u64) -> MemoryLog {
        let log = MemoryLog::new(1);
        (0..records).for_each(|number| _ = log.append(HERE, number.to_string()));
        log
    }

    /// A sink that has answered all below `next`, the last one with this payload.
    fn durable(next: u64, payload: &'static str) -> BTreeMap<Partition, Reached> {
        let last = LogRecord { offset: Offset(next - 1), payload: payload.into() };
        [(HERE, Reached { next: Offset(next), witness: Some(Witness::of(&last)) })].into()
    }

    fn told(log: &MemoryLog, durable: &BTreeMap<Partition, Reached>) -> Result<(), String> {
        check(log, &SinkName("files".into()), durable).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_last_record_must_be_the_same() {
        assert_eq!(told(&log(10), &durable(10, "9")), Ok(()));
        assert_eq!(told(&log(20), &durable(10, "9")), Ok(()));
        for (log, durable) in [(log(10), durable(10, "another")), (log(9), durable(10, "9"))] {
            let why = told(&log, &durable).unwrap_err();
            assert!(why.contains("made anew") && why.contains("files"), "{why}");
        }
    }

    #[test]
    fn what_the_log_holds_no_longer_is_not_compared() {
        let log = log(10);
        log.trim(HERE, Offset(7));
        assert_eq!(told(&log, &durable(5, "another")), Ok(()));
        let (reached, before) = (durable(5, "another")[&HERE], OffsetRange::new(Offset(0), Offset(10)));
        let checked = check_last(&log, &SinkName("files".into()), HERE, &reached, &before);
        assert_eq!(checked, Ok(()), "it was trimmed while we looked");
    }

    #[test]
    fn a_log_that_is_away_is_asked_again() {
        let log = log(10);
        log.troubles().be_away(true);
        let checked = check(&log, &SinkName("files".into()), &durable(10, "9"));
        assert!(matches!(checked, Err(Fault::Transient(_))), "{checked:?}");
    }
}
