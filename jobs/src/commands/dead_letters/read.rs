//! Reading the dead letters of a job, wherever its configuration puts them.

use std::collections::BTreeSet;

use flightline_engine::contract::Selects;
use flightline_engine::log::{Offset, OffsetRange, Partition};

use crate::access::Access;
use crate::access::lines::OrderedLines;
use crate::config::StreamConfig;
use crate::dead_letter::DeadLetter;
use crate::failure::{Failure, FailureKind};

/// The dead letters of a job.
#[derive(Debug)]
pub(super) struct Letters {
    lines: OrderedLines,
    partitions: u32,
    /// The sink, for messages.
    sink: String,
}

impl Letters {
    /// Those of the first sink of dead letters that can be read in order.
    pub(super) fn open(config: &StreamConfig, access: &Access) -> Result<Self, Failure> {
        for (name, target) in config.sinks_of(Selects::DeadLetters) {
            if let Some(lines) = access.ordered_lines(target)? {
                return Ok(Self { lines, partitions: access.requests().partitions()?, sink: name.to_string() });
            }
        }
        Err(Failure::new(
            FailureKind::Usage,
            "no sink keeps dead letters where they can be listed: enable one that selects \"dead-letters\" and is a topic or \
             a folder of files ([sinks.dead-letters] of config/default.toml)",
        ))
    }

    /// Calls `each` for all letters, by partition and in the order of their requests.
    pub(super) fn all(&self, mut each: impl FnMut(DeadLetter)) -> Result<(), Failure> {
        let everything = OffsetRange::new(Offset(0), Offset(u64::MAX));
        (0..self.partitions).try_for_each(|partition| self.of(Partition(partition), everything, &mut each))
    }

    /// Calls `each` for the letters of some requests, once for each.
    pub(super) fn of(
        &self,
        partition: Partition,
        range: OffsetRange,
        mut each: impl FnMut(DeadLetter),
    ) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        for line in self.lines.lines(partition, range)? {
            let (offset, body) = line?;
            // A line that is there again says the same.
            if self.lines.may_repeat() && !seen.insert(offset) {
                continue;
            }
            let letter = DeadLetter::parse(&body).map_err(|error| {
                let sink = &self.sink;
                Failure::new(
                    FailureKind::Storage,
                    format!(
                        "the line for partition {partition}, offset {offset} in sink `{sink}` can't be used: {error}"
                    ),
                )
            })?;
            each(letter);
        }
        Ok(())
    }
}
