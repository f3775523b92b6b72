//! Text to tree, with every mistake of syntax and whatever can be saved of the rest.
//!
//! A TOML parser that meets a broken line may lose all lines after it, and then neither their mistakes are told nor their
//! values used. So a text that does not parse is taken apart into its statements, broken ones are told and blanked out
//! byte by byte (so that all positions stay), and what is left is parsed. Keys below a broken `[header]` belong
//! nowhere, and are blanked with it.

use std::ops::Range;

use toml::de::{DeTable, Error};

use super::mistake::{Mistake, Place};
use super::tree::Branch;

/// A statement that opens a bracket may go on for this many lines.
const LONGEST_STATEMENT: usize = 20;

/// Parses a layer's text.
pub(super) fn parse(text: &str, whole: &Place) -> (Branch, Vec<Mistake>) {
    let lines = Lines::new(text);
    let place = |at: usize| Place { spot: Some(lines.spot(at)), ..whole.clone() };
    if let Ok(table) = DeTable::parse(text) {
        return (Branch::from_toml(table.get_ref(), text, &place), Vec::new());
    }
    let (saved, mut mistakes) = save(text, &lines, &place);
    let (table, errors) = DeTable::parse_recoverable(&saved);
    mistakes.extend(errors.iter().map(|error| mistake(error, 0, &saved, &place)));
    (Branch::from_toml(table.get_ref(), &saved, &place), mistakes)
}

/// The text without what is broken, and the mistakes there.
fn save(text: &str, lines: &Lines<'_>, place: &dyn Fn(usize) -> Place) -> (String, Vec<Mistake>) {
    let mut saved = String::with_capacity(text.len());
    let mut mistakes = Vec::new();
    let mut homeless = false;
    let mut next = 0;
    while let Some(first) = lines.range(next) {
        let header = text[first.clone()].trim_start().starts_with('[');
        let (statement, count, error) = statement(text, lines, next, first);
        homeless = if header { error.is_some() } else { homeless };
        if let Some(error) = &error {
            mistakes.push(mistake(error, statement.start, &text[statement.clone()], place));
        }
        if error.is_some() || homeless {
            blank(&text[statement], &mut saved);
        } else {
            saved.push_str(&text[statement]);
        }
        next += count;
    }
    (saved, mistakes)
}

/// The statement that begins in a line: its range, its number of lines, and what is wrong with it.
fn statement(text: &str, lines: &Lines<'_>, line: usize, first: Range<usize>) -> (Range<usize>, usize, Option<Error>) {
    let Err(error) = DeTable::parse(&text[first.clone()]) else { return (first, 1, None) };
    // Only what is still open at the end of the line can be mended by the lines after it.
    let written = text[first.clone()].trim_end().len();
    if error.span().is_some_and(|span| span.end >= written) {
        for count in 2..=LONGEST_STATEMENT {
            let Some(last) = lines.range(line + count - 1) else { break };
            let range = first.start..last.end;
            if DeTable::parse(&text[range.clone()]).is_ok() {
                return (range, count, None);
            }
        }
    }
    (first, 1, Some(error))
}

fn mistake(error: &Error, start: usize, statement: &str, place: &dyn Fn(usize) -> Place) -> Mistake {
    // What is missing at the end of a line is missing there, not at the beginning of the next one.
    let at = error.span().map_or(0, |span| span.start).min(statement.trim_end().len());
    let message = error.message();
    let remedy = match message {
        _ if message.starts_with("string values must be quoted") => "put quotes around the value",
        _ if message.starts_with("duplicate key") => "keep one of the two",
        _ if message.starts_with("key with no value") => "write `key = value`, or `#` before a comment",
        _ => "write `[section]`, `key = value` or `# comment`, a text in quotes",
    };
    let wrong = format!("this is no TOML: {message}");
    Mistake { place: place(start + at), key: String::new(), wrong, remedy: remedy.to_owned() }
}

/// Appends as many bytes of white space, with the same line feeds.
fn blank(text: &str, saved: &mut String) {
    saved.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// Where lines begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// The bytes of a line (from 0), its line feed among them.
    fn range(&self, line: usize) -> Option<Range<usize>> {
        let start = *self.starts.get(line)?;
        Some(start..self.starts.get(line + 1).copied().unwrap_or(self.text.len()))
    }

    /// Line and column, from 1, of a byte; the column counts characters.
    fn spot(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(start..at).map_or(at.saturating_sub(start), |before| before.chars().count());
        (line, before + 1)
    }
}
