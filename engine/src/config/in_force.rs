//! The values in force, printed as TOML.

use std::fmt::{self, Write};

use super::mistake::Place;
use super::value::Value;

/// A key and its value, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The path of its section, with dots.
    pub(super) section: String,
    /// The key in there.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

/// All keys and values that a configuration was read from, in the order of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce(Vec<Line>);

impl InForce {
    pub(super) fn new(lines: Vec<Line>) -> Self {
        Self(lines)
    }

    /// The values of all sections but `except`, and nothing of where they came from: what processes can compare.
    #[must_use]
    pub fn without(&self, except: &[&str]) -> String {
        let lines = self.0.iter().filter(|line| !except.contains(&line.section.as_str()));
        lines.fold(String::new(), |mut text, line| {
            let Line { section, key, value, .. } = line;
            // Writing to a string does not fail.
            let _ = writeln!(text, "{section}.{key} = {value}");
            text
        })
    }

    /// The paths of all keys.
    pub fn paths(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|line| format!("{}.{}", line.section, line.key))
    }
}

impl fmt::Display for InForce {
    /// TOML that loads to the same values, with a comment at each that is not a default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# The configuration in force. A value without a comment is the default.")?;
        let mut section = "";
        for line in &self.0 {
            if line.section != section {
                section = &line.section;
                writeln!(f, "\n[{section}]")?;
            }
            write!(f, "{} = {}", line.key, line.value)?;
            if !line.place.is_default() {
                write!(f, "  # from {}", line.place)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
