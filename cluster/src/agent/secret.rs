//! The secret of one life of a job.

use std::fmt;

/// What the processes of one generation of a job prove to each other that they are of it. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct JobSecret(String);

impl JobSecret {
    /// A secret that was derived: a text without white space at its ends, such as hexadecimal digits.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, to be written where only the process reads it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JobSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobSecret(..)")
    }
}
