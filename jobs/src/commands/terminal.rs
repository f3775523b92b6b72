//! What commands that show other people's texts share: cleaned text, tables, bars, and lines of JSON.
//!
//! Requests come from anybody, so nothing of them reaches a terminal as it is: what could move a cursor, colour a line or
//! turn the reading direction is spelt out.

use std::io::{ErrorKind, Write};

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::failure::{Failure, FailureKind};

/// Writes text. Who reads no further has seen enough, and that is no failure.
pub(super) fn say(output: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(FailureKind::Storage, format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes an object on a line of its own.
pub(super) fn say_json(output: &mut dyn Write, object: &Value) -> Result<(), Failure> {
    let mut line = String::new();
    for sign in object.to_string().chars() {
        // In JSON they stand in strings only, where they may be written so.
        if steers(sign) {
            let mut units = [0; 2];
            line.extend(sign.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(sign);
        }
    }
    line.push('\n');
    say(output, &line)
}

/// The text with all that could steer a terminal spelt out.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for sign in text.chars() {
        if steers(sign) {
            clean.extend(sign.escape_default());
        } else {
            clean.push(sign);
        }
    }
    clean
}

/// The same of bytes, whatever they are, and no more than `width` columns of it.
pub(super) fn clean_bytes(bytes: &[u8], width: usize) -> String {
    // No sign takes more than four bytes, and one without a column of its own is clipped with the next.
    let beginning = &bytes[..bytes.len().min(width.saturating_mul(4).saturating_add(4))];
    let mut clean = String::new();
    for chunk in beginning.utf8_chunks() {
        clean.push_str(&self::clean(chunk.valid()));
        clean.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    clip(&clean, width)
}

/// The text, or as much of it as fits into `width` columns with an ellipsis.
pub(super) fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut clipped, mut left) = (String::new(), width.saturating_sub(1));
    for sign in text.chars() {
        let taken = sign.width().unwrap_or(0);
        if taken > left {
            break;
        }
        left -= taken;
        clipped.push(sign);
    }
    if width > 0 {
        clipped.push('…');
    }
    clipped
}

/// Rows in columns, two spaces apart; the first row is the heading. Columns in `numbers` stand flush right.
pub(super) fn table(rows: &[Vec<String>], numbers: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let space = " ".repeat(widths[at] - cell.width());
            let gap = if at > 0 { "  " } else { "" };
            let parts = if numbers.contains(&at) { [gap, &space, cell] } else { [gap, cell, &space] };
            line.extend(parts);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A bar of `share` of `width` columns, in eighths of a column.
pub(super) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    // Of no number comes no bar.
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A number with its noun.
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn steers(sign: char) -> bool {
    let turns = matches!(sign, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    sign.is_control() || turns || matches!(sign, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_spelt_out() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d é"), "a\\u{1b}[2Jb\\nc\\u{202e}d é");
        assert_eq!(clean_bytes(b"{\"a\":\xff\x9b\x00}", 40), "{\"a\":\\xff\\x9b\\u{0}}");
        assert_eq!(clean_bytes("日本語".as_bytes(), 5), "日本…");
    }

    #[test]
    fn a_table_is_aligned_by_columns() {
        let rows = [["sink", "same"], ["日本", "7"], ["topic", "1234"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, &[1]), "sink   same\n日本      7\ntopic  1234\n");
        assert_eq!(table(&[], &[]), "");
    }

    #[test]
    fn a_bar_shows_eighths() {
        assert_eq!([bar(0.5, 4), bar(0.53125, 4), bar(1.0, 2), bar(0.0, 3)], ["██", "██▏", "██", ""]);
        assert_eq!([bar(f64::NAN, 9), bar(7.0, 1)], ["", "█"]);
    }

    proptest! {
        #[test]
        fn a_line_of_json_says_the_same_and_steers_nothing(text: String) {
            let object = json!({ "text": text });
            let mut line = Vec::new();
            say_json(&mut line, &object).unwrap();
            let line = String::from_utf8(line).unwrap();
            prop_assert!(!line.trim_end_matches('\n').chars().any(steers));
            prop_assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), object);
        }

        #[test]
        fn any_bytes_are_shown_within_their_width(bytes: Vec<u8>, width in 0_usize..60) {
            let shown = clean_bytes(&bytes, width);
            prop_assert!(shown.width() <= width && !shown.chars().any(steers), "{}", shown);
        }
    }
}
