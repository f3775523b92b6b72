//! Where a line belongs: the position in the request log that stands in it, and where a file of lines ends.

use flightline_engine::log::{Offset, Partition};
use serde::Deserialize;

/// The two fields of a line that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Position {
    /// The partition of the request.
    pub(super) partition: Partition,
    /// Its offset there.
    pub(super) offset: Offset,
}

/// Reads the fields `Partition` and `Offset` of a JSON line.
///
/// # Errors
/// A sentence for a line that is no JSON object or lacks one of them.
pub(super) fn position_of(line: &[u8]) -> Result<Position, String> {
    serde_json::from_slice(line).map_err(|error| format!("its position can't be read ({error})"))
}

/// The last line of a file, as far as the file's tail shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLine<'a> {
    /// Here it is, without its line feed.
    Line(&'a [u8]),
    /// It begins before the tail.
    Longer,
    /// The file does not end in a line.
    None,
}

/// Finds the last line in the last bytes of a file; `is_whole` if they are all of it.
pub(super) fn last_line(tail: &[u8], is_whole: bool) -> LastLine<'_> {
    let Some(text) = tail.strip_suffix(b"\n") else { return LastLine::None };
    match memchr::memrchr(b'\n', text) {
        Some(before) => LastLine::Line(&text[before + 1..]),
        None if is_whole => LastLine::Line(text),
        None => LastLine::Longer,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_position_is_read_wherever_its_fields_stand() {
        let line = br#"{"A":{"Offset":1},"Offset":18446744073709551615,"Partition":3,"Z":"\"Offset\":2"}"#;
        let position = Position { partition: Partition(3), offset: Offset(u64::MAX) };
        assert_eq!(position_of(line), Ok(position));
    }

    #[test]
    fn a_line_without_a_position_is_refused() {
        for line in ["", "{}", "7", r#"{"Offset":1}"#, r#"{"Partition":1,"Offset":-1}"#, r#"{"Partition":1,"Offset":1"#]
        {
            let cause = position_of(line.as_bytes()).unwrap_err();
            assert!(cause.contains("position"), "{line}: {cause}");
        }
    }

    proptest! {
        #[test]
        fn the_last_line_is_found_in_any_tail(
            lines in proptest::collection::vec("[a-z]{0,9}", 1..6),
            tail in 1_usize..60,
        ) {
            let text: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let from = text.len().saturating_sub(tail);
            let last = lines.last().unwrap().as_bytes();
            // The tail must hold the line, its end, and the end of the line before, if there is one.
            let expected = if from == 0 || tail >= last.len() + 2 { LastLine::Line(last) } else { LastLine::Longer };
            prop_assert_eq!(last_line(&text[from..], from == 0), expected);
            prop_assert_eq!(last_line(&text[..text.len() - 1], true) == LastLine::None, !last.is_empty() || lines.len() == 1);
        }
    }
}
