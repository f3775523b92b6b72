//! Closes epochs: when the frontier has passed one, all that its records came to is whole, and goes to the sinks in the
//! order of offsets.
//!
//! Invariants: a stretch leaves when every record in it is settled, never before; the stretches of a partition leave in
//! order and without a gap. A job that loses or doubles a record is found out here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;

use super::{Epoch, Settled};
use crate::log::{Offset, Partition, Reached};

/// What arrives at whoever closes epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Part {
    /// A record was settled.
    Settled(Settled),
    /// So much of a partition was emitted at this epoch.
    Emitted(Emitted),
}

/// A stretch of a partition that was emitted at one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Emitted {
    pub(super) partition: Partition,
    pub(super) from: Offset,
    pub(super) reached: Reached,
    /// How many records it has.
    pub(super) records: u64,
}

/// A stretch of a partition, all of whose records are settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) partition: Partition,
    pub(super) from: Offset,
    pub(super) reached: Reached,
    /// By offset.
    pub(super) settled: Vec<Settled>,
}

impl Part {
    /// The partition that it is of.
    pub(super) fn partition(&self) -> Partition {
        match self {
            Self::Settled(settled) => settled.partition,
            Self::Emitted(emitted) => emitted.partition,
        }
    }
}

/// What has arrived of epochs that are still open.
#[derive(Debug, Default)]
pub(super) struct Closing {
    open: BTreeMap<Epoch, BTreeMap<Partition, OpenStretch>>,
}

#[derive(Debug, Default)]
struct OpenStretch {
    emitted: Option<Emitted>,
    settled: Vec<Settled>,
}

impl Closing {
    /// Takes a part of an open epoch.
    pub(super) fn arrived(&mut self, epoch: Epoch, part: Part) {
        let stretch = self.open.entry(epoch).or_default().entry(part.partition()).or_default();
        match part {
            Part::Settled(settled) => stretch.settled.push(settled),
            Part::Emitted(emitted) => stretch.emitted = Some(emitted),
        }
    }

    /// Closes all epochs that `is_open` no longer says are open, and gives what they came to, oldest first.
    ///
    /// # Errors
    /// A record was lost or doubled on its way: a bug of the job, which must not be written down as progress.
    pub(super) fn close(&mut self, is_open: impl Fn(&Epoch) -> bool) -> Result<Vec<Whole>, String> {
        let mut wholes = Vec::new();
        while let Some(epoch) = self.open.first_entry().filter(|epoch| !is_open(epoch.key())) {
            let (epoch, stretches) = epoch.remove_entry();
            for (partition, stretch) in stretches {
                wholes.push(stretch.whole(epoch, partition)?);
            }
        }
        Ok(wholes)
    }
}

impl OpenStretch {
    fn whole(mut self, epoch: Epoch, partition: Partition) -> Result<Whole, String> {
        let found = self.settled.len();
        let Some(Emitted { from, reached, records, .. }) = self.emitted else {
            return Err(format!("{found} records of partition {partition} were settled in {epoch}, where none was"));
        };
        self.settled.sort_unstable_by_key(|settled| settled.offset);
        let twice = self.settled.windows(2).find(|pair| pair[0].offset == pair[1].offset);
        if let Some(pair) = twice {
            return Err(format!("offset {} of partition {partition} was settled twice", pair[0].offset));
        }
        if found as u64 != records {
            return Err(format!(
                "of {records} records of partition {partition} from offset {from} up to {}, {found} were settled",
                reached.next
            ));
        }
        Ok(Whole { partition, from, reached, settled: self.settled })
    }
}

/// Brings the parts to the workers that `owner` names, and gives `take` there what is whole.
pub(super) fn close_epochs<'scope>(
    parts: StreamVec<'scope, Epoch, Part>,
    name: &str,
    owner: impl Fn(Partition) -> u64 + 'static,
    mut take: impl FnMut(Result<Vec<Whole>, String>) + 'static,
) -> StreamVec<'scope, Epoch, ()> {
    let home = Exchange::new(move |part: &Part| owner(part.partition()));
    parts.unary_frontier::<CapacityContainerBuilder<_>, _, _, _>(home, name, move |_capability, _info| {
        let mut closing = Closing::default();
        move |(input, frontier), _output| {
            input.for_each(|time, parts| {
                let epoch = *time.time();
                parts.drain(..).for_each(|part| closing.arrived(epoch, part));
            });
            let wholes = closing.close(|epoch| frontier.less_equal(epoch));
            if !matches!(&wholes, Ok(wholes) if wholes.is_empty()) {
                take(wholes);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(partition: u32, offset: u64) -> Part {
        let (partition, offset) = (Partition(partition), Offset(offset));
        Part::Settled(Settled { partition, offset, answer: None, dead_letter: None, error: None })
    }

    fn emitted(partition: u32, from: u64, to: u64, records: u64) -> Part {
        let reached = Reached::start(Offset(to));
        Part::Emitted(Emitted { partition: Partition(partition), from: Offset(from), reached, records })
    }

    #[test]
    fn an_epoch_leaves_when_it_is_closed_and_in_the_order_of_offsets() {
        let mut closing = Closing::default();
        closing.arrived(Epoch(2), emitted(0, 7, 8, 1));
        closing.arrived(Epoch(1), settled(0, 5));
        closing.arrived(Epoch(1), settled(0, 3));
        closing.arrived(Epoch(1), emitted(0, 3, 7, 2));
        assert_eq!(closing.close(|epoch| *epoch >= Epoch(1)), Ok(vec![]));
        let wholes = closing.close(|epoch| *epoch >= Epoch(2)).unwrap();
        assert_eq!(wholes.len(), 1);
        assert_eq!((wholes[0].from, wholes[0].reached.next), (Offset(3), Offset(7)));
        assert_eq!(wholes[0].settled.iter().map(|settled| settled.offset.0).collect::<Vec<_>>(), [3, 5]);
        closing.arrived(Epoch(2), settled(0, 7));
        assert_eq!(closing.close(|_| false).unwrap().len(), 1);
    }

    #[test]
    fn a_job_that_loses_or_doubles_a_record_is_found_out() {
        for parts in [
            vec![emitted(0, 0, 2, 2), settled(0, 0)],
            vec![emitted(0, 0, 2, 2), settled(0, 1), settled(0, 1)],
            vec![settled(0, 1)],
        ] {
            let mut closing = Closing::default();
            parts.into_iter().for_each(|part| closing.arrived(Epoch(1), part));
            assert!(closing.close(|_| false).is_err());
        }
    }
}
