//! The latest answers, at most so many and of so many bytes; the oldest goes first.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::Answer;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentLimits {
    /// Answers.
    pub answers: usize,
    /// Bytes, each answer counted as its text and what its entries take beside it.
    pub bytes: usize,
}

impl Default for RecentLimits {
    /// A few seconds of full load: whoever asks later is told from the collection.
    fn default() -> Self {
        Self { answers: 100_000, bytes: 16 << 20 }
    }
}

/// The latest answers.
#[derive(Debug)]
pub struct Recent {
    limits: RecentLimits,
    by_id: HashMap<Uuid, Answer>,
    /// The ids of `by_id`, the oldest first.
    order: VecDeque<Uuid>,
    bytes: usize,
}

impl Recent {
    /// About what an answer takes beside its text: its id twice, and its entry in the map.
    const BESIDE_TEXT: usize = 128;

    /// None so far.
    #[must_use]
    pub fn new(limits: RecentLimits) -> Self {
        Self { limits, by_id: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// Keeps an answer. The first with an id stands, but for an `ERROR` that is mended by an `OK`.
    pub fn insert(&mut self, answer: Answer) {
        let id = answer.id();
        match self.by_id.get(&id) {
            Some(held) if !answer.replaces(held) => return,
            Some(held) => self.bytes -= Self::cost(held),
            None => self.order.push_back(id),
        }
        self.bytes += Self::cost(&answer);
        self.by_id.insert(id, answer);
        while self.by_id.len() > self.limits.answers || self.bytes > self.limits.bytes {
            let Some(gone) = self.order.pop_front().and_then(|oldest| self.by_id.remove(&oldest)) else { break };
            self.bytes -= Self::cost(&gone);
        }
    }

    /// The answer with an id.
    #[must_use]
    pub fn get(&self, id: &Uuid) -> Option<&Answer> {
        self.by_id.get(id)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many bytes are kept.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn cost(answer: &Answer) -> usize {
        answer.json().len() + Self::BESIDE_TEXT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(id: u8, status: &str, padding: usize) -> Answer {
        let id = Uuid::from_u128(u128::from(id));
        let padding = "x".repeat(padding);
        let line = format!("{{\"UUID\":\"{id}\",\"Status\":\"{status}\",\"Error\":\"{padding}\"}}");
        Answer::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn a_hundred_thousand_and_more_stay_within_the_bounds() {
        let limits = RecentLimits { answers: 1000, bytes: 1 << 30 };
        let mut recent = Recent::new(limits);
        for id in 0..150_000_u128 {
            let line = format!("{{\"UUID\":\"{}\"}}", Uuid::from_u128(id));
            recent.insert(Answer::parse(line.as_bytes()).unwrap());
        }
        assert_eq!(recent.len(), limits.answers);
        assert_eq!(recent.order.len(), limits.answers);
        assert!(recent.order.capacity() < 8 * limits.answers && recent.by_id.capacity() < 8 * limits.answers);
        assert!(recent.get(&Uuid::from_u128(149_000)).is_some() && recent.get(&Uuid::from_u128(148_999)).is_none());
    }

    #[test]
    fn one_that_is_larger_than_all_bounds_is_not_kept() {
        let mut recent = Recent::new(RecentLimits { answers: 10, bytes: 1000 });
        recent.insert(answer(1, "OK", 2000));
        assert!(recent.is_empty());
        assert_eq!(recent.bytes(), 0);
    }

    proptest! {
        #[test]
        fn the_bounds_hold_and_the_latest_are_kept(
            answers in 1_usize..8,
            bytes in 300_usize..2000,
            came in prop::collection::vec((0_u8..12, prop::bool::ANY, 0_usize..400), 0..60),
        ) {
            let mut recent = Recent::new(RecentLimits { answers, bytes });
            for (id, is_ok, padding) in came {
                let came = answer(id, if is_ok { "OK" } else { "ERROR" }, padding);
                let held = recent.get(&came.id()).cloned();
                recent.insert(came.clone());
                prop_assert!(recent.len() <= answers && recent.bytes() <= bytes);
                prop_assert_eq!(recent.order.len(), recent.by_id.len());
                prop_assert_eq!(recent.bytes(), recent.by_id.values().map(Recent::cost).sum::<usize>());
                match held {
                    Some(held) if !came.replaces(&held) => prop_assert_eq!(recent.get(&came.id()), Some(&held)),
                    Some(_) => prop_assert!(recent.get(&came.id()).is_none_or(|now| *now == came)),
                    None => prop_assert!(recent.get(&came.id()) == Some(&came) || Recent::cost(&came) > bytes),
                }
            }
        }
    }
}
