//! What of a stretch a sink has not got yet: it drops what it has, and notices what it was never given.

use crate::contract::Answers;
use crate::log::{Offset, OffsetRange};

/// What a sink's thread does with a stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The sink has all of it.
    Old,
    /// This is to be written: the stretch from the sink's progress on.
    Take(Answers),
    /// These offsets were never given to it: they must be caught up from the log before the stretch.
    Gap(OffsetRange),
}

/// Compares a stretch with a sink's progress, `next`.
#[must_use]
pub fn undelivered(next: Offset, stretch: &Answers) -> Undelivered {
    if stretch.reached.next <= next {
        return Undelivered::Old;
    }
    if stretch.from > next {
        return Undelivered::Gap(OffsetRange::new(next, stretch.from));
    }
    // The items are in the order of their offsets.
    let new = stretch.items.partition_point(|item| item.offset < next);
    let items = stretch.items.iter().skip(new).cloned().collect();
    Undelivered::Take(Answers { partition: stretch.partition, from: next, reached: stretch.reached, items })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::contract::{Item, Standing};
    use crate::log::{Partition, Reached};

    /// The stretch [from, to), with lines at these offsets.
    fn stretch(from: u64, to: u64, lines: impl IntoIterator<Item = u64>) -> Answers {
        let item = |offset: u64| Item {
            offset: Offset(offset),
            key: offset.to_string().into(),
            standing: Standing::Final,
            body: Bytes::new(),
        };
        let items = lines.into_iter().map(item).collect();
        Answers { partition: Partition(0), from: Offset(from), reached: Reached::start(Offset(to)), items }
    }

    #[test]
    fn what_the_sink_has_is_dropped() {
        let given = stretch(5, 10, [5, 7, 9]);
        assert_eq!(undelivered(Offset(10), &given), Undelivered::Old);
        assert_eq!(undelivered(Offset(11), &given), Undelivered::Old);
        assert_eq!(undelivered(Offset(8), &given), Undelivered::Take(stretch(8, 10, [9])));
        assert_eq!(undelivered(Offset(5), &given), Undelivered::Take(given.clone()));
        assert_eq!(undelivered(Offset(2), &given), Undelivered::Gap(OffsetRange::new(Offset(2), Offset(5))));
        assert_eq!(undelivered(Offset(5), &stretch(5, 5, [])), Undelivered::Old, "nothing is nothing new");
        assert_eq!(
            undelivered(Offset(5), &stretch(5, 6, [])),
            Undelivered::Take(stretch(5, 6, [])),
            "no line, but progress"
        );
    }

    proptest! {
        /// Stretches that overlap and leave gaps, with each gap filled before: each line comes once and in order.
        #[test]
        fn every_line_is_written_once(
            stretches in prop::collection::vec((0..100_u64, 0..20_u64), 0..20),
            start in 0..50_u64,
        ) {
            let (mut next, mut lines) = (start, Vec::new());
            for (from, length) in stretches {
                let given = stretch(from, from + length, from..from + length);
                let mut verdict = undelivered(Offset(next), &given);
                if let Undelivered::Gap(gap) = verdict {
                    prop_assert_eq!(gap, OffsetRange::new(Offset(next), Offset(from)));
                    lines.extend(next..from);
                    next = from;
                    verdict = undelivered(Offset(next), &given);
                }
                match verdict {
                    Undelivered::Old => prop_assert!(from + length <= next),
                    Undelivered::Take(new) => {
                        prop_assert_eq!(new.from, Offset(next));
                        lines.extend(new.items.iter().map(|item| item.offset.0));
                        next = new.reached.next.0;
                    }
                    Undelivered::Gap(gap) => prop_assert!(false, "{} is still a gap", gap),
                }
            }
            prop_assert_eq!(lines, (start..next.max(start)).collect::<Vec<_>>());
        }
    }
}
