//! How fast the files were read.

use serde::{Deserialize, Serialize};

use super::figures::{bytes, count, counted, seconds};

/// How much was read, over all workers, and in which time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Bytes of the files as they are stored: compressed ones count as they are.
    pub bytes: u64,
    /// Rows in them, good or not.
    pub rows: u64,
    /// Wall time of the slowest worker of process 0, in seconds; in it rows are also checked and put into columns.
    pub seconds: f64,
}

impl Reading {
    /// Bytes and rows in a second; `None` if no time passed.
    #[must_use]
    pub fn rates(&self) -> Option<(f64, f64)> {
        (self.seconds > 0.0).then(|| (self.bytes as f64 / self.seconds, self.rows as f64 / self.seconds))
    }

    /// The figures in words.
    pub(super) fn words(&self) -> String {
        let read = format!("{} of {} in {}", counted(self.rows, "row"), bytes(self.bytes), seconds(self.seconds));
        self.rates().map_or(read.clone(), |(size, rows)| {
            format!("{read}, {}/s and {} rows/s", bytes(size as u64), count(rows as u64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_no_time_has_none() {
        let reading = Reading { bytes: 8_400_000, rows: 27_848, seconds: 0.5 };
        assert_eq!(reading.words(), "27,848 rows of 8 MB in 0.50 s, 17 MB/s and 55,696 rows/s");
        assert_eq!(Reading { seconds: 0.0, ..reading }.words(), "27,848 rows of 8 MB in 0 ms");
    }
}
