//! `dead-letters list`: the latest letters, and how many there are for each kind of reason.

use std::collections::BTreeMap;
use std::io::Write;

use flightline_engine::log::{Offset, Partition};

use super::ListFlags;
use super::read::Letters;
use crate::access::Access;
use crate::commands::terminal::{clean, clean_bytes, clip, counted, say, say_json, table};
use crate::dead_letter::DeadLetter;
use crate::failure::{Failure, FailureKind};

/// Columns of a reason in the table.
const REASON: usize = 60;

/// Columns of the bytes in the table.
const BYTES: usize = 60;

/// Kinds of reasons that are told apart; there are far fewer.
const KINDS: usize = 100;

pub(super) fn run(flags: &ListFlags, output: &mut dyn Write) -> Result<(), Failure> {
    let loaded = flags.config.load()?;
    if flags.config.dumped(&loaded)? {
        return Ok(());
    }
    let access = Access::open(&loaded.config)?;
    eprintln!("dead-letters: reading {access}");
    let letters = Letters::open(&loaded.config, &access)?;
    let mut latest = Latest::new(flags.limit);
    letters.all(|letter| {
        if flags.reason.as_deref().is_none_or(|reason| letter.reason.contains(reason)) {
            latest.take(letter);
        }
    })?;
    if !flags.json {
        return say(output, &text(&latest));
    }
    latest.letters().try_for_each(|letter| {
        let object = serde_json::from_str(&letter.to_json())
            .map_err(|error| Failure::new(FailureKind::Bug, format!("internal error (bug): {error}")))?;
        say_json(output, &object)
    })
}

/// The letters of the highest offsets, and counts of all. Letters have no time; offsets of all partitions grow alike.
struct Latest {
    limit: usize,
    letters: BTreeMap<(Offset, Partition), DeadLetter>,
    count: u64,
    /// By what a reason says before its details.
    kinds: BTreeMap<String, u64>,
}

impl Latest {
    fn new(limit: usize) -> Self {
        Self { limit, letters: BTreeMap::new(), count: 0, kinds: BTreeMap::new() }
    }

    fn take(&mut self, letter: DeadLetter) {
        self.count += 1;
        let kind = letter.reason.split(": ").next().unwrap_or_default();
        let kind = if self.kinds.contains_key(kind) || self.kinds.len() < KINDS { kind } else { "other" };
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        self.letters.insert((letter.offset, letter.partition), letter);
        if self.letters.len() > self.limit {
            self.letters.pop_first();
        }
    }

    fn letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.letters.values()
    }
}

fn text(latest: &Latest) -> String {
    if latest.count == 0 {
        return "no dead letter\n".to_owned();
    }
    let mut rows = vec![["partition", "offset", "UUID", "reason", "bytes"].map(str::to_owned).to_vec()];
    rows.extend(latest.letters().map(|letter| {
        let id = letter.id.as_ref().map_or_else(|| "-".to_owned(), |id| clean(id.as_str()));
        let (reason, bytes) = (clip(&clean(&letter.reason), REASON), clean_bytes(&letter.bytes, BYTES));
        vec![letter.partition.to_string(), letter.offset.to_string(), id, reason, bytes]
    }));
    let mut text = if rows.len() > 1 { table(&rows, &[0, 1]) + "\n" } else { String::new() };
    let shown = rows.len() as u64 - 1;
    let of = if shown < latest.count { format!("; the latest {shown} are shown") } else { String::new() };
    text.push_str(&format!("{}{of}\n", counted(latest.count, "dead letter")));
    let mut kinds: Vec<(&String, &u64)> = latest.kinds.iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), *kind));
    let rows: Vec<Vec<String>> =
        kinds.into_iter().map(|(kind, count)| vec![format!("  {count}"), clip(&clean(kind), REASON)]).collect();
    text + &table(&rows, &[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestId;

    fn letter(partition: u32, offset: u64, reason: &str) -> DeadLetter {
        DeadLetter {
            partition: Partition(partition),
            offset: Offset(offset),
            reason: reason.into(),
            id: RequestId::parse("6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77").filter(|_| partition == 0),
            bytes: (&b"\x1b[31m{\xff"[..]).into(),
        }
    }

    #[test]
    fn the_latest_are_shown_and_all_are_counted() {
        let mut latest = Latest::new(2);
        for (partition, offset, reason) in [
            (0, 1, "unknown route: A-B"),
            (0, 9, "unknown route: C-D"),
            (1, 4, "no \u{9b}JSON"),
            (1, 2, "no \u{9b}JSON"),
        ] {
            latest.take(letter(partition, offset, reason));
        }
        let text = text(&latest);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "partition  offset  UUID                                  reason              bytes",
                "        1       4  -                                     no \\u{9b}JSON       \\u{1b}[31m{\\xff",
                "        0       9  6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77  unknown route: C-D  \\u{1b}[31m{\\xff",
                "",
                "4 dead letters; the latest 2 are shown",
                "  2  no \\u{9b}JSON",
                "  2  unknown route",
            ]
        );
    }

    #[test]
    fn without_letters_there_is_a_word() {
        assert_eq!(text(&Latest::new(5)), "no dead letter\n");
        let mut latest = Latest::new(0);
        latest.take(letter(0, 1, "x"));
        assert_eq!(text(&latest), "1 dead letter; the latest 0 are shown\n  1  x\n");
    }
}
