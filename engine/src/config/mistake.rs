//! A mistake in a configuration: where it is, what is wrong, and what to write instead.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// More mistakes than these are counted, not shown: whoever gave us a picture instead of TOML needs no thousand lines.
const MOST_SHOWN: usize = 100;

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the layer; 0 are the defaults.
    pub(super) rank: usize,
    /// Name of the layer, as messages show it.
    pub(super) name: Arc<str>,
    /// Line and column, both from 1. A flag has none.
    pub(super) spot: Option<(usize, usize)>,
}

impl Place {
    /// The file or flag.
    #[must_use]
    pub fn layer(&self) -> &str {
        &self.name
    }

    /// The line, from 1, if it is in a file.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.spot.map(|(line, _)| line)
    }

    /// Whether it is a default.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.rank == 0
    }

    pub(super) fn order(&self) -> (usize, Option<(usize, usize)>) {
        (self.rank, self.spot)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.spot {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {wrong}; {remedy}")]
pub struct Mistake {
    /// Where it was written.
    pub place: Place,
    /// The key's path, such as `sinks.topic.url`; empty where the text is no TOML.
    pub key: String,
    /// What is wrong, with the key.
    pub wrong: String,
    /// What to do about it.
    pub remedy: String,
}

/// All mistakes of a configuration, at least one, in the order of layers and lines.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return write!(f, "in the configuration: {only}");
        }
        write!(f, "{} mistakes in the configuration:", self.0.len())?;
        for mistake in self.0.iter().take(MOST_SHOWN) {
            write!(f, "\n  {mistake}")?;
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}
