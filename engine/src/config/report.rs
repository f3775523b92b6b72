//! What is found while a configuration is read: mistakes, and the values in force.

use super::in_force::{InForce, Line};
use super::mistake::{Mistake, Mistakes, Place};
use super::tree::Branch;

/// A mistake was reported, so there is no value. Only this module can make one, and it does so with a mistake at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported(());

/// Collects while a configuration is read.
pub(super) struct Report<'t> {
    /// All layers.
    pub(super) merged: &'t Branch,
    /// The defaults alone.
    pub(super) shipped: &'t Branch,
    mistakes: Vec<Mistake>,
    in_force: Vec<Line>,
    /// Layers that could not be understood whole.
    unfinished: Vec<usize>,
}

impl<'t> Report<'t> {
    pub(super) fn new(merged: &'t Branch, shipped: &'t Branch, mistakes: Vec<Mistake>, unfinished: Vec<usize>) -> Self {
        Self { merged, shipped, mistakes, in_force: Vec::new(), unfinished }
    }

    pub(super) fn mistake(&mut self, place: Place, key: String, wrong: String, remedy: String) -> Reported {
        self.mistakes.push(Mistake { place, key, wrong, remedy });
        Reported(())
    }

    /// A mistake that is one only if all layers were understood: else what was lost of them may have been right.
    pub(super) fn mistake_of_the_whole(
        &mut self,
        place: Place,
        key: String,
        wrong: String,
        remedy: String,
    ) -> Reported {
        // That a layer was not understood is a mistake of its own, and is on the list already.
        if self.unfinished.is_empty() { self.mistake(place, key, wrong, remedy) } else { Reported(()) }
    }

    pub(super) fn in_force(&mut self, line: Line) {
        self.in_force.push(line);
    }

    /// The value, if nothing was found.
    pub(super) fn finish<T>(mut self, value: Result<T, Reported>) -> Result<(T, InForce), Mistakes> {
        match value {
            Ok(value) if self.mistakes.is_empty() => Ok((value, InForce::new(self.in_force))),
            _ => {
                self.mistakes.sort_by_key(|mistake| mistake.place.order());
                Err(Mistakes(self.mistakes))
            }
        }
    }
}
