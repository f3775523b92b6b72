//! What a [`Sink`] must keep: progress that is never ahead of the data, and each answer once, whatever is killed.
//!
//! [`check`] looks at fixed cases first (an empty destination, adopting, another job's), then plays random games: writers
//! take random stretches, are flushed, told the same twice, killed and opened again with the engine's own dropping rule,
//! and after every move all that a reader finds is compared with what must be there. In a second game a writer of an older
//! generation goes on beside the new one.

mod expected;
mod fencing;
mod fixed;
mod game;
mod script;
#[cfg(test)]
mod tests;
mod writer;

use std::time::Duration;

use bytes::Bytes;
pub use script::{Stored, Written};

use super::Violation;
use crate::contract::Sink;

/// What a sink's own tests give to [`check`].
pub trait SinkHarness {
    /// Makes the destination empty and unowned. No handle and no writer is alive.
    fn fresh(&mut self);

    /// A handle to the destination. Two may live at once, as those of an old and a new process do.
    fn sink(&mut self) -> Box<dyn Sink>;

    /// All that a reader of the destination finds, in any order. See [`Stored::read`].
    fn contents(&mut self) -> Vec<Stored>;

    /// The process was killed and is started again: what is not durable is forgotten. No handle and no writer is alive.
    fn restart(&mut self) {}

    /// Whether it is a collection: one line per key, a final one over a provisional one, and the first final one stays.
    fn keyed(&self) -> bool {
        false
    }

    /// The line for a request. [`Stored::read`] must be able to read it back from the destination.
    fn body(&self, line: &Written<'_>) -> Bytes {
        line.json()
    }

    /// Lets the sink's clock go on; false if there is no way to.
    fn pass_time(&mut self, _by: Duration) -> bool {
        false
    }

    /// Makes one of the next calls fail with a transient fault; false if there is no way to. [`SinkHarness::fresh`]
    /// takes the order back.
    fn trouble(&mut self, _trouble: Trouble) -> bool {
        false
    }

    /// How many random games are played.
    fn rounds(&self) -> u64 {
        12
    }
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Before it has changed anything.
    BeforeEffect,
    /// When all is done, and only the answer is lost.
    AfterEffect,
}

/// Checks all rules of a sink.
///
/// # Errors
/// The first rule that is broken.
pub fn check(harness: &mut dyn SinkHarness) -> Result<(), Violation> {
    fixed::check(harness)?;
    for seed in 0..harness.rounds() {
        check_seed(harness, seed)?;
    }
    Ok(())
}

/// Plays the random games of one seed: that of a [`Violation`], say.
///
/// # Errors
/// The first rule that is broken.
pub fn check_seed(harness: &mut dyn SinkHarness, seed: u64) -> Result<(), Violation> {
    game::play(harness, seed)?;
    fencing::play(harness, seed)
}
