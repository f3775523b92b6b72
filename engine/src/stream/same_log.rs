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
    held: Option<&OffsetRange>,
) -> Result<(), Fault> {
    let is_held = |offset| held.is_some_and(|held| held.contains(offset));
    let Some(witness) = reached.witness.filter(|witness| is_held(witness.offset)) else { return Ok(()) };
    let found = source.open(partition, witness.offset)?.read(1, PATIENCE)?.into_iter().next();
    let found = found.ok_or_else(|| Fault::transient(format!("no record comes from offset {}", witness.offset)))?;
    recovery::check_witness(reached, &found)
        .map_err(|error| Fault::permanent(format!("partition {partition} of the request log, by sink {sink}: {error}")))
}

/// Checks all that is durable in a sink which was away when the others were looked at.
pub(super) fn check(source: &dyn Source, sink: &SinkName, durable: &BTreeMap<Partition, Reached>) -> Result<(), Fault> {
    for (partition, reached) in durable {
        let held = source.bounds(*partition)?;
        recovery::check_within(sink, *partition, reached, &held)?;
        check_last(source, sink, *partition, reached, Some(&held))?;
    }
    Ok(())
}
