//! Notices a reader that stands still though the partition goes on: its consumer has lost its broker without a word.
//!
//! A pure decision; the caller tells the time. It may be wrong: what a partition holds before an open transaction may all be
//! aborted, and a wire may be slow. So whoever was replaced in vain gets twice the time before it is replaced again.

use std::time::{Duration, Instant};

use flightline_engine::log::Offset;

/// The longest that a reader may stand still, however often it was replaced in vain.
const LONGEST: Duration = Duration::from_secs(600);

/// Where a reader stands that is behind.
#[derive(Debug)]
pub(super) struct Standstill {
    since: Option<(Offset, Instant)>,
    /// Where it was replaced, and how long it may stand still there now.
    replaced: Option<(Offset, Duration)>,
    patience: Duration,
}

impl Standstill {
    /// For readers that may stand still for so long.
    pub(super) const fn new(patience: Duration) -> Self {
        Self { since: None, replaced: None, patience }
    }

    /// Whether the reader has stood at `position` for too long with `end`, the known end of the partition, before it: for how
    /// long. It is taken to be replaced then.
    pub(super) fn is_over(&mut self, position: Offset, end: Offset, now: Instant) -> Option<Duration> {
        if end <= position {
            self.since = None;
            return None;
        }
        let (_, since) = *self.since.filter(|(at, _)| *at == position).get_or_insert((position, now));
        self.since = Some((position, since));
        let doubled = self.replaced.filter(|(at, _)| *at == position);
        let patience = doubled.map_or(self.patience, |(_, patience)| patience);
        let lasted = now.saturating_duration_since(since);
        if lasted < patience {
            return None;
        }
        self.since = None;
        self.replaced = Some((position, (2 * patience).min(LONGEST)));
        Some(lasted)
    }

    /// Nothing could come: the time begins anew.
    pub(super) fn is_excused(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_behind_and_does_not_move_stands_still() {
        let (mut standstill, start) = (Standstill::new(Duration::from_secs(10)), Instant::now());
        let mut at = |seconds, position, end| {
            let now = start + Duration::from_secs(seconds);
            standstill.is_over(Offset(position), Offset(end), now).map(|lasted| lasted.as_secs())
        };
        assert_eq!(at(0, 5, 5), None, "it has everything");
        assert_eq!(at(100, 5, 7), None, "nobody waited for what was not there");
        assert_eq!(at(109, 6, 9), None, "it moves");
        assert_eq!(at(118, 6, 9), None);
        assert_eq!(at(119, 6, 11), Some(10), "more of it makes no difference");
        assert_eq!(at(120, 6, 11), None);
        assert_eq!(at(139, 6, 11), None, "it was replaced in vain");
        assert_eq!(at(140, 6, 11), Some(20));
        assert_eq!(at(141, 7, 11), None);
        assert_eq!(at(151, 7, 11), Some(10), "it has moved");
        assert_eq!(at(152, 11, 11), None);
    }

    #[test]
    fn who_could_not_read_has_not_stood_still() {
        let (mut standstill, start) = (Standstill::new(Duration::from_secs(10)), Instant::now());
        assert_eq!(standstill.is_over(Offset(0), Offset(1), start), None);
        standstill.is_excused();
        assert_eq!(standstill.is_over(Offset(0), Offset(1), start + Duration::from_secs(11)), None);
    }
}
