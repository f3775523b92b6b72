//! Whether the log is still the one that was read: the last record that was done is kept by hash with the progress.

use thiserror::Error;

use crate::log::{LogRecord, Offset, Reached, Witness};

/// Another record stands where the last one stood that was done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the record at offset {expected} is not the one that was answered there (found: offset {found}): the request log was made anew. Restore the log, or begin a new job with a state folder and destinations of its own"
)]
pub struct LogMadeAnew {
    /// Where the record stood.
    pub expected: Offset,
    /// Where the record stands that was found instead.
    pub found: Offset,
}

/// Compares the last record that was done with what the log holds now: `found` is the first record at or after the
/// witness's offset, which the log must still hold.
///
/// # Errors
/// It is another record.
pub fn check_witness(reached: &Reached, found: &LogRecord) -> Result<(), LogMadeAnew> {
    let Some(witness) = reached.witness else { return Ok(()) };
    if Witness::of(found) == witness {
        return Ok(());
    }
    Err(LogMadeAnew { expected: witness.offset, found: found.offset })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(offset: u64, payload: &'static str) -> LogRecord {
        LogRecord { offset: Offset(offset), payload: Bytes::from(payload) }
    }

    #[test]
    fn only_the_same_record_at_the_same_place_will_do() {
        let done = record(7, "request");
        let reached = Reached { next: Offset(8), witness: Some(Witness::of(&done)) };
        assert_eq!(check_witness(&reached, &done), Ok(()));
        let error = check_witness(&reached, &record(7, "another")).unwrap_err();
        assert!(error.to_string().contains("offset 7") && error.to_string().contains("made anew"), "{error}");
        assert!(check_witness(&reached, &record(9, "request")).is_err(), "a gap where it stood");
    }

    #[test]
    fn a_start_has_no_witness() {
        assert_eq!(check_witness(&Reached::start(Offset(8)), &record(7, "any")), Ok(()));
    }
}
