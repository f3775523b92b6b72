//! Notices a reader that stands still though the partition goes on: its consumer has lost its broker without a word.
//!
//! A pure decision; the caller tells the time.

use std::time::{Duration, Instant};

use flightline_engine::log::Offset;

/// Where a reader stands that is behind.
#[derive(Debug, Default)]
pub(super) struct Standstill(Option<(Offset, Instant)>);

impl Standstill {
    /// How long the reader has stood at `position` with `end`, the known end of the partition, before it; `None` if it has
    /// everything.
    pub(super) fn lasts(&mut self, position: Offset, end: Offset, now: Instant) -> Option<Duration> {
        if end <= position {
            self.0 = None;
            return None;
        }
        match self.0 {
            Some((at, since)) if at == position => Some(now.saturating_duration_since(since)),
            _ => {
                self.0 = Some((position, now));
                Some(Duration::ZERO)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_behind_and_does_not_move_stands_still() {
        let (mut standstill, start) = (Standstill::default(), Instant::now());
        let mut at = |seconds, position, end| {
            let now = start + Duration::from_secs(seconds);
            standstill.lasts(Offset(position), Offset(end), now).map(|lasts| lasts.as_secs())
        };
        assert_eq!(at(0, 5, 5), None, "it has everything");
        assert_eq!(at(100, 5, 7), Some(0), "nobody waited for what was not there");
        assert_eq!(at(103, 5, 9), Some(3), "more of it makes no difference");
        assert_eq!(at(104, 6, 9), Some(0), "it moves");
        assert_eq!(at(106, 6, 9), Some(2));
        assert_eq!(at(107, 9, 9), None);
        assert_eq!(at(109, 9, 10), Some(0));
    }
}
