//! What keeps a job from starting until somebody mends it: each with what to do, all of them together.

use std::fmt;

use thiserror::Error;

use crate::contract::{Fault, JobId, SinkName};
use crate::log::{Offset, OffsetRange, Partition};

/// One thing that keeps a job from starting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// A destination has another owner.
    #[error(
        "sink {sink}: its destination belongs to job \"{owner}\", and this is job \"{job}\": {remedy}",
        remedy = if owner.name() == job.name() {
            "the number behind the name is that of a ledger, and this is another one; bring back the state folder (job.state) that the destination was written with, or give the sink an empty destination"
        } else {
            "give the sink a destination of its own, or the job its old name back"
        }
    )]
    AnotherJob {
        /// The sink.
        sink: SinkName,
        /// Whose destination it is.
        owner: JobId,
        /// Who asks.
        job: JobId,
    },
    /// A destination that was the job's holds nothing of it.
    #[error(
        "sink {sink}: the ledger says that it belongs to this job, but its destination is empty or nobody's: give it its destination back (from a copy, or under its old address), or name the sink anew in the configuration, so that it begins at the present (with backfill: at the log's start)"
    )]
    Vanished {
        /// The sink.
        sink: SinkName,
    },
    /// A destination has lost its progress in a partition.
    #[error(
        "sink {sink}: its progress in partition {partition} has vanished; it began there at offset {start}: restore its destination from a copy, or name the sink anew in the configuration, with an empty destination"
    )]
    ProgressVanished {
        /// The sink.
        sink: SinkName,
        /// The partition.
        partition: Partition,
        /// Where the sink began.
        start: Offset,
    },
    /// A destination gave no answer, and the start depends on it.
    #[error(
        "sink {sink}: its destination could not be asked; a required sink must be reachable at every start, and any sink the first time"
    )]
    Unasked {
        /// The sink.
        sink: SinkName,
    },
    /// Nobody knows what the log holds.
    #[error(
        "partition {partition}: its process did not say what the request log holds there: start all processes alike"
    )]
    BoundsUnknown {
        /// The partition.
        partition: Partition,
    },
    /// An open sink doesn't say where it stands.
    #[error("sink {sink}: it does not say how far it is in partition {partition}, though it was opened for it")]
    NoProgress {
        /// The sink.
        sink: SinkName,
        /// The partition.
        partition: Partition,
    },
    /// Requests that a sink still needs are gone.
    #[error(
        "sink {sink}: it has all answers of partition {partition} below offset {next}, and the request log begins at {begin}: the requests between them are lost to it. Keep requests for longer, and name the sink anew in the configuration, with an empty destination, to go on at the present",
        begin = .range.from
    )]
    BelowLog {
        /// The sink.
        sink: SinkName,
        /// The partition.
        partition: Partition,
        /// Its progress.
        next: Offset,
        /// What the log holds.
        range: OffsetRange,
    },
    /// A sink has answers to requests that were never asked.
    #[error(
        "sink {sink}: it has answers of partition {partition} up to offset {next}, and the request log ends at {end}: the log was cut short or made anew. Restore the log, or begin a new job with a state folder and destinations of its own",
        end = .range.to
    )]
    AboveLog {
        /// The sink.
        sink: SinkName,
        /// The partition.
        partition: Partition,
        /// Its progress.
        next: Offset,
        /// What the log holds.
        range: OffsetRange,
    },
    /// Nobody knows any more what the sink's next answers are made of.
    #[error(
        "sink {sink}: it has all answers of partition {partition} below offset {next}, and the ledger was collected up to {kept}, perhaps while the sink was not configured: restore it from a later copy, or name it anew in the configuration, with an empty destination"
    )]
    BelowLedger {
        /// The sink.
        sink: SinkName,
        /// The partition.
        partition: Partition,
        /// Its progress.
        next: Offset,
        /// From where on bindings are known.
        kept: Offset,
    },
    /// There is nobody to write for.
    #[error("no sink is configured: name one at least")]
    NoSinks,
}

/// All that keeps a job from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartErrors(pub Vec<StartError>);

impl fmt::Display for StartErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => only.fmt(f),
            all => {
                write!(f, "{} things keep the job from starting:", all.len())?;
                all.iter().try_for_each(|error| write!(f, "\n  - {error}"))
            }
        }
    }
}

impl std::error::Error for StartErrors {}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        StartErrors(vec![error]).into()
    }
}

impl From<StartErrors> for Fault {
    fn from(errors: StartErrors) -> Self {
        Self::permanent(errors.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_is_a_sentence_and_several_are_a_list() {
        let sink = SinkName("files".into());
        let one = StartErrors(vec![StartError::NoSinks]);
        assert_eq!(one.to_string(), "no sink is configured: name one at least");
        let range = OffsetRange::new(Offset(5), Offset(9));
        let below = StartError::BelowLog { sink, partition: Partition(2), next: Offset(3), range };
        let Fault::Permanent(all) = StartErrors(vec![below, StartError::NoSinks]).into() else { panic!() };
        let lines: Vec<_> = all.0.lines().collect();
        assert_eq!(lines[0], "2 things keep the job from starting:");
        for word in ["sink files", "partition 2", "below offset 3", "begins at 5"] {
            assert!(lines[1].contains(word), "{}", lines[1]);
        }
    }
}
