//! The bindings of one partition: adjoining stretches of offsets, each with the number of the entry that binds it.
//!
//! Invariants: stretches adjoin, from `base` to `end`, and none is empty; their numbers ascend, since an entry binds only
//! at the end or takes the place of what stands at the end. So an entry has at most one stretch in a partition.
//!
//! Stretches of collected entries are forgotten, but for two things that a later entry may build on: where they ended, and
//! from where on they were those of the generation at work. So a cut that was made before the collecting, and is read after
//! it, finds what it shortens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Seq, Stretch};
use crate::log::Offset;

/// What is bound in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretches {
    /// Below it, what was bound is forgotten.
    base: Offset,
    /// What is forgotten from here up to `base` was bound by the generation at work.
    own: Offset,
    /// Where each stretch begins. It ends where the next one begins, and the last one at `end`.
    starts: BTreeMap<Offset, Seq>,
    /// The first offset that is not bound.
    end: Offset,
}

impl Stretches {
    /// All below `end` was bound once, from `own` on by the generation at work, and nobody needs to know by what.
    pub(super) const fn forgotten(own: Offset, end: Offset) -> Self {
        Self { base: end, own, starts: BTreeMap::new(), end }
    }

    pub(super) const fn own(&self) -> Offset {
        self.own
    }

    pub(super) const fn base(&self) -> Offset {
        self.base
    }

    pub(super) const fn end(&self) -> Offset {
        self.end
    }

    /// The entry that binds an offset, and the first offset after it that this entry no longer binds.
    pub(super) fn at(&self, offset: Offset) -> Option<Stretch> {
        if offset < self.base || offset >= self.end {
            return None;
        }
        let (_, number) = self.starts.range(..=offset).next_back()?;
        let until = self.starts.range(offset.next()..).next().map_or(self.end, |(next, _)| *next);
        Some(Stretch { number: *number, until })
    }

    /// The numbers that bind an offset at or above this one.
    pub(super) fn numbers_from(&self, above: Offset) -> impl Iterator<Item = Seq> {
        let first = self.at(above).map(|stretch| stretch.number);
        let later = self.starts.range(above..).map(|(_, number)| *number);
        // A stretch that begins exactly there would come twice.
        let later = later.filter(move |number| Some(*number) != first);
        first.into_iter().chain(later)
    }

    /// The lowest offset such that all that is bound from there on is `own`, which tells of the generation at work.
    pub(super) fn own_tail(&self, own: impl Fn(Seq) -> bool) -> Offset {
        match self.starts.iter().rev().find(|(_, number)| !own(**number)) {
            None => self.own,
            Some((foreign, _)) => self.starts.range(foreign.next()..).next().map_or(self.end, |(from, _)| *from),
        }
    }

    /// A new generation is at work: nothing is its own yet.
    pub(super) fn claimed(&mut self) {
        self.own = self.base;
    }

    /// Binds from the end up to `to`.
    pub(super) fn bind(&mut self, to: Offset, number: Seq) {
        self.starts.insert(self.end, number);
        self.end = to;
    }

    /// Takes the place of what is bound from `at` on, up to the same end.
    pub(super) fn cut(&mut self, at: Offset, number: Seq) {
        self.reopen(at);
        self.starts.insert(at, number);
    }

    /// Unbinds all from `at` on.
    pub(super) fn close(&mut self, at: Offset) {
        self.reopen(at);
        self.end = at;
    }

    /// Nothing stands from `at` on.
    fn reopen(&mut self, at: Offset) {
        self.starts.split_off(&at);
        self.base = self.base.min(at);
        self.own = self.own.min(at);
    }

    /// Forgets the stretches of all entries below `upto`; `own` tells of the generation at work.
    pub(super) fn forget(&mut self, upto: Seq, own: impl Fn(Seq) -> bool) {
        while let Some((_, number)) = self.starts.first_key_value().filter(|(_, number)| **number < upto) {
            let is_own = own(*number);
            self.starts.pop_first();
            self.base = self.starts.first_key_value().map_or(self.end, |(from, _)| *from);
            if !is_own {
                self.own = self.base;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Stretches {
        let mut stretches = Stretches::default();
        stretches.bind(Offset(10), Seq(1));
        stretches.bind(Offset(20), Seq(2));
        stretches.cut(Offset(15), Seq(3));
        stretches
    }

    #[test]
    fn an_offset_is_bound_by_the_stretch_that_holds_it() {
        let stretches = filled();
        let at = |offset| stretches.at(Offset(offset)).map(|found| (found.number.0, found.until.0));
        assert_eq!(
            [0, 9, 10, 14, 15, 19].map(at),
            [Some((1, 10)), Some((1, 10)), Some((2, 15)), Some((2, 15)), Some((3, 20)), Some((3, 20)),]
        );
        assert_eq!(at(20), None);
    }

    #[test]
    fn a_cut_at_a_beginning_leaves_nothing_of_the_stretch() {
        let mut stretches = filled();
        stretches.cut(Offset(10), Seq(4));
        assert_eq!(stretches.numbers_from(Offset(0)).collect::<Vec<_>>(), [Seq(1), Seq(4)]);
        assert_eq!(stretches.end(), Offset(20));
    }

    #[test]
    fn closed_offsets_are_bound_anew_from_there() {
        let mut stretches = filled();
        stretches.close(Offset(12));
        assert_eq!((stretches.end(), stretches.at(Offset(12))), (Offset(12), None));
        stretches.bind(Offset(30), Seq(9));
        assert_eq!(stretches.at(Offset(12)), Some(Stretch { number: Seq(9), until: Offset(30) }));
    }

    #[test]
    fn numbers_from_an_offset_come_once() {
        let stretches = filled();
        let from = |offset| stretches.numbers_from(Offset(offset)).map(|number| number.0).collect::<Vec<_>>();
        assert_eq!(from(0), [1, 2, 3]);
        assert_eq!(from(10), [2, 3]);
        assert_eq!(from(14), [2, 3]);
        assert_eq!(from(19), [3]);
        assert_eq!(from(20), [0; 0]);
    }

    #[test]
    fn the_own_tail_begins_after_the_last_foreign_stretch() {
        let stretches = filled();
        assert_eq!(stretches.own_tail(|number| number.0 >= 2), Offset(10));
        assert_eq!(stretches.own_tail(|number| number.0 != 2), Offset(15));
        assert_eq!(stretches.own_tail(|_| false), Offset(20));
        assert_eq!(stretches.own_tail(|_| true), Offset(0));
    }

    #[test]
    fn what_is_forgotten_is_not_bound_and_what_is_kept_is() {
        let mut stretches = filled();
        stretches.forget(Seq(2), |_| false);
        assert_eq!((stretches.base(), stretches.at(Offset(9))), (Offset(10), None));
        assert_eq!(stretches.at(Offset(10)).map(|found| found.number), Some(Seq(2)));
        stretches.forget(Seq(99), |_| true);
        assert_eq!(stretches, Stretches::forgotten(Offset(10), Offset(20)));
    }

    #[test]
    fn what_is_forgotten_can_still_be_shortened_by_who_bound_it() {
        let mut stretches = Stretches::forgotten(Offset(10), Offset(20));
        assert_eq!(stretches.own_tail(|_| true), Offset(10));
        stretches.cut(Offset(15), Seq(7));
        assert_eq!((stretches.at(Offset(14)), stretches.base()), (None, Offset(15)));
        assert_eq!(stretches.at(Offset(15)), Some(Stretch { number: Seq(7), until: Offset(20) }));
        stretches.close(Offset(12));
        assert_eq!(stretches, Stretches::forgotten(Offset(10), Offset(12)));
        stretches.claimed();
        assert_eq!(stretches.own_tail(|_| true), Offset(12));
    }
}
