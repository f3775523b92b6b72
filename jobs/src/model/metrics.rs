//! How well a model did while it was made, as integers.

use flightline_operators::evaluate::Tally;
use serde::{Deserialize, Serialize};

/// Tallies over the rows of each role; those without rows are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Rows of the companion hold-out: the other kind, for comparison.
    pub companion: Option<Tally>,
    /// Rows that were held out, or came from test files.
    pub held_out: Option<Tally>,
    /// How rows were held out, for people: `last:0.2`. Not part of the model's id, since it may name files.
    pub hold_out: String,
    /// Rows that the forest was grown from.
    pub train: Option<Tally>,
}
