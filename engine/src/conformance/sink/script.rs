//! An imagined request log, and the lines that a job makes of it: always the same ones, as the ledger promises.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::SinkHarness;
use crate::conformance::dice::Dice;
use crate::contract::{Answers, Item, Standing};
use crate::log::{LogRecord, Offset, Offsets, Partition, Reached, Witness};

/// What a line is made of.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Of the request.
    pub partition: Partition,
    /// Of the request.
    pub offset: Offset,
    /// What a collection stores it under: looks like a UUID.
    pub key: &'a str,
    /// Whether it may be replaced.
    pub standing: Standing,
    /// Some letters, so that lines differ in length.
    pub filler: &'a str,
}

impl Written<'_> {
    /// The line as JSON, with the names that answers have: `Offset`, `Partition`, `Status`, `UUID`, and `Filler`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let line = Line {
            filler: self.filler.into(),
            offset: self.offset,
            partition: self.partition,
            status: if self.standing == Standing::Final { Status::Ok } else { Status::Error },
            uuid: self.key.into(),
        };
        serde_json::to_vec(&line).unwrap_or_default().into()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    filler: Box<str>,
    offset: Offset,
    partition: Partition,
    status: Status,
    #[serde(rename = "UUID")]
    uuid: Box<str>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Ok,
    Error,
}

/// A line that was found in a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of the request that it answers.
    pub partition: Partition,
    /// The line, with its place, key and standing.
    pub item: Item,
}

impl Stored {
    /// Reads a line that [`Written::json`] made; `None` if it is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let line: Line = serde_json::from_slice(body).ok()?;
        let standing = match line.status {
            Status::Ok => Standing::Final,
            Status::Error => Standing::Provisional,
        };
        let item = Item { offset: line.offset, key: line.uuid, standing, body: Bytes::copy_from_slice(body) };
        Some(Self { partition: line.partition, item })
    }
}

/// A record of the log, and its line if it has one.
#[derive(Clone, Debug)]
struct ScriptRecord {
    witness: Witness,
    item: Option<Item>,
}

/// The log. Offsets have gaps; some records have no line; in a collection's script keys come again.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) starts: Offsets,
    records: BTreeMap<Partition, BTreeMap<Offset, ScriptRecord>>,
}

impl Script {
    /// A log of `partitions` partitions with about `length` records each.
    pub(super) fn write(harness: &dyn SinkHarness, dice: &mut Dice, partitions: u32, length: u64) -> Self {
        let mut script = Self { starts: Offsets::new(), records: BTreeMap::new() };
        for partition in (0..partitions).map(Partition) {
            let mut offset = Offset(dice.below(4));
            script.starts.insert(partition, offset);
            let mut records = BTreeMap::new();
            for _ in 0..1 + length / 2 + dice.below(length) {
                offset = Offset(offset.0 + if dice.one_in(4) { dice.below(6) } else { 0 });
                let item = (!dice.one_in(5)).then(|| item(harness, dice, partition, offset));
                let payload = dice.any().to_le_bytes().to_vec().into();
                records.insert(offset, ScriptRecord { witness: Witness::of(&LogRecord { offset, payload }), item });
                offset = offset.next();
            }
            script.records.insert(partition, records);
        }
        script
    }

    pub(super) fn partitions(&self) -> Vec<Partition> {
        self.records.keys().copied().collect()
    }

    /// Where a partition ends.
    pub(super) fn end(&self, partition: Partition) -> Offset {
        self.records
            .get(&partition)
            .and_then(|records| records.keys().next_back())
            .map_or(Offset(0), |last| last.next())
    }

    /// All lines of a partition, in order.
    pub(super) fn items(&self, partition: Partition) -> impl Iterator<Item = &Item> {
        self.records.get(&partition).into_iter().flat_map(|records| records.values()).filter_map(|r| r.item.as_ref())
    }

    /// The line of a request.
    pub(super) fn item(&self, partition: Partition, offset: Offset) -> Option<&Item> {
        self.records.get(&partition)?.get(&offset)?.item.as_ref()
    }

    /// The last record below a place.
    pub(super) fn witness_below(&self, partition: Partition, next: Offset) -> Option<Witness> {
        self.records.get(&partition)?.range(..next).next_back().map(|(_, record)| record.witness)
    }

    /// The stretch of the next up to `count` records from a place, which may end within a gap; `None` at the end.
    pub(super) fn stretch(&self, dice: &mut Dice, partition: Partition, from: Offset, count: u64) -> Option<Answers> {
        let mut ahead = self.records.get(&partition)?.range(from..).peekable();
        ahead.peek()?;
        let mut next = from;
        let mut items = Vec::new();
        for _ in 0..count {
            let Some((offset, record)) = ahead.next() else { break };
            next = offset.next();
            items.extend(record.item.clone());
        }
        if let Some((following, _)) = ahead.next() {
            next = Offset(next.0 + dice.below(following.0 - next.0 + 1));
        }
        if next == from {
            return None;
        }
        Some(Answers {
            partition,
            from,
            reached: Reached { next, witness: self.witness_below(partition, next) },
            items,
        })
    }
}

fn item(harness: &dyn SinkHarness, dice: &mut Dice, partition: Partition, offset: Offset) -> Item {
    // Few keys in a collection, so that they meet; each its own elsewhere.
    let number = if harness.keyed() { dice.below(12) } else { dice.any() };
    let key = format!("{:08x}-0000-4000-8000-{:012x}", number >> 32, number & 0xffff_ffff);
    let standing = if dice.one_in(3) { Standing::Provisional } else { Standing::Final };
    let length = dice.below(120);
    let filler = dice.letters(length);
    let body = harness.body(&Written { partition, offset, key: &key, standing, filler: &filler });
    Item { offset, key: key.into(), standing, body }
}
