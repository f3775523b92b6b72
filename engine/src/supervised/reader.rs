//! An agent's end of the cord: from bytes to messages.

use std::io::{BufRead, Read};

use super::line::{LineError, MOST_LINE_BYTES};
use super::telemetry::Telemetry;

/// The messages of a supervised process, as they come. It holds at most one line, whatever the process sends.
///
/// A line that is no message is an error, and the next one may be a message again; after a line without an end within the
/// bound, and after an error of reading, nothing comes any more.
#[derive(Debug)]
pub struct CordReader<R> {
    from: R,
    line: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> CordReader<R> {
    /// Reads from the agent's end of the pair.
    pub const fn new(from: R) -> Self {
        Self { from, line: Vec::new(), ended: false }
    }

    /// The next line, without its end; `None` at the end of all.
    fn next_line(&mut self) -> Result<Option<&[u8]>, LineError> {
        self.line.clear();
        let most = u64::try_from(MOST_LINE_BYTES).unwrap_or(u64::MAX);
        self.from.by_ref().take(most).read_until(b'\n', &mut self.line).map_err(LineError::Read)?;
        match self.line.split_last() {
            None => Ok(None),
            Some((b'\n', line)) => Ok(Some(line)),
            Some(_) if self.line.len() < MOST_LINE_BYTES => Err(LineError::CutOff),
            Some(_) => Err(LineError::TooLong),
        }
    }
}

impl<R: BufRead> Iterator for CordReader<R> {
    type Item = Result<Telemetry, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.next_line() {
            Ok(Some(line)) => Some(Telemetry::of_line(line)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}
