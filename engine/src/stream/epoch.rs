//! The timestamp of streaming dataflows.

use std::fmt;

use differential_dataflow::lattice::Lattice;
use serde::{Deserialize, Serialize};
use timely::order::{PartialOrder, TotalOrder};
use timely::progress::timestamp::{PathSummary, Refines, Timestamp};

/// A step of a streaming dataflow. It counts within one life of the job only, and is written down nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialOrder for Epoch {
    fn less_equal(&self, other: &Self) -> bool {
        self <= other
    }
}

impl TotalOrder for Epoch {}

impl Timestamp for Epoch {
    type Summary = Epoch;

    fn minimum() -> Self {
        Self(0)
    }
}

impl PathSummary<Epoch> for Epoch {
    fn results_in(&self, epoch: &Epoch) -> Option<Epoch> {
        self.0.checked_add(epoch.0).map(Epoch)
    }

    fn followed_by(&self, other: &Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Epoch)
    }
}

impl Refines<()> for Epoch {
    fn to_inner((): ()) -> Self {
        Self(0)
    }

    fn to_outer(self) {}

    fn summarize(_path: Self) {}
}

impl Lattice for Epoch {
    fn join(&self, other: &Self) -> Self {
        *self.max(other)
    }

    fn meet(&self, other: &Self) -> Self {
        *self.min(other)
    }
}
