//! A message as a line: JSON without a line break in it, and never longer than [`MOST_LINE_BYTES`].

use std::io;

use thiserror::Error;

use super::graph::{Address, Endpoint, Graph};
use super::telemetry::Telemetry;

/// No line is longer, its end included. A graph of 2,000 operators has room in it.
pub const MOST_LINE_BYTES: usize = 4 << 20;

/// More operators than a person can look at; they make a line of some 500 kB.
pub(super) const MOST_OPERATORS: usize = 2_000;

/// Why a line is no message.
#[derive(Debug, Error)]
pub enum LineError {
    /// It has no end within the bound.
    #[error(
        "a line of a supervised process is longer than {MOST_LINE_BYTES} bytes: it is of another version of Flightline"
    )]
    TooLong,
    /// What was read ends within it.
    #[error("the last line of a supervised process is cut off: the process ended while it was writing")]
    CutOff,
    /// It isn't the JSON of a message.
    #[error(
        "a line of a supervised process is no telemetry ({0}): it is of another version of Flightline, or standard input was \
         used for something else"
    )]
    NotTelemetry(#[source] serde_json::Error),
    /// It can't be read.
    #[error("a supervised process can't be read from: {0}")]
    Read(#[source] io::Error),
}

impl Telemetry {
    /// The line, with its end. A graph that is too large is cut; should that not be enough, the rest is left out part by
    /// part: a line that can't be read tells nothing at all.
    pub(super) fn into_line(mut self) -> serde_json::Result<Vec<u8>> {
        self.cut_graph(MOST_OPERATORS);
        let mut line = json_line(&self)?;
        let parts: [fn(&mut Self); 2] = [|told| told.cut_graph(0), |told| (told.stream, told.health) = (None, None)];
        for leave_out in parts {
            if line.len() > MOST_LINE_BYTES {
                leave_out(&mut self);
                line = json_line(&self)?;
            }
        }
        Ok(line)
    }

    fn cut_graph(&mut self, most: usize) {
        self.graph = self.graph.take().map(|graph| graph.cut(most));
    }

    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// It is too long, or not the JSON of a message.
    pub fn of_line(line: &[u8]) -> Result<Self, LineError> {
        if line.len() > MOST_LINE_BYTES {
            return Err(LineError::TooLong);
        }
        serde_json::from_slice(line).map_err(LineError::NotTelemetry)
    }
}

fn json_line(telemetry: &Telemetry) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(telemetry)?;
    line.push(b'\n');
    Ok(line)
}

impl Graph {
    /// At most so many operators, those nearest to the root, and the channels between them: at most twice as many.
    pub(super) fn cut(mut self, most: usize) -> Self {
        if self.operators.len() > most {
            self.operators.sort_by(|one, other| {
                (one.address.0.len(), &one.address).cmp(&(other.address.0.len(), &other.address))
            });
            self.operators.truncate(most);
            self.operators.sort_by(|one, other| one.address.cmp(&other.address));
            self.truncated = true;
        }
        let before = self.channels.len();
        let operators = &self.operators;
        let is_there = |address: &Address| operators.binary_search_by(|operator| operator.address.cmp(address)).is_ok();
        let is_kept = |end: &Endpoint| match end.operator.parent() {
            Some(scope) if end.operator.0.last() == Some(&0) => is_there(&scope),
            _ => is_there(&end.operator),
        };
        self.channels.retain(|channel| is_kept(&channel.source) && is_kept(&channel.target));
        self.channels.truncate(most.saturating_mul(2));
        self.truncated |= self.channels.len() < before;
        self
    }
}
