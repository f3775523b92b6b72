//! What must be in a destination, given what was offered and what is durable.

use std::collections::BTreeMap;

use super::script::{Script, Stored};
use crate::conformance::report::{Judge, Violation};
use crate::contract::{Guarantee, Item, Standing};
use crate::log::{Offset, Offsets, Partition};

const KNOWN: &str = "a destination holds only lines that were written to it, with their bytes";
const ONCE: &str = "a line is there at most once";
const THERE: &str = "progress is never ahead of the data";
const ONE_PER_KEY: &str = "a collection holds one line per key";
const FINAL_WINS: &str = "a final line takes a provisional one's place";
const FIRST_STANDS: &str = "the first final line stands, and until there is one the first provisional one";

/// What was offered so far, and what a collection was last seen to hold.
#[derive(Debug)]
pub(super) struct Expected {
    judge: Judge,
    keyed: bool,
    guarantee: Guarantee,
    /// Below these a line was offered to a writer.
    pub(super) offered: Offsets,
    last_seen: BTreeMap<Box<str>, Stored>,
}

impl Expected {
    pub(super) fn new(judge: Judge, keyed: bool, guarantee: Guarantee, script: &Script) -> Self {
        Self { judge, keyed, guarantee, offered: script.starts.clone(), last_seen: BTreeMap::new() }
    }

    /// Remembers that lines up to a place may be there from now on.
    pub(super) fn offer(&mut self, partition: Partition, next: Offset) {
        let offered = self.offered.entry(partition).or_default();
        *offered = next.max(*offered);
    }

    /// Checks what a reader finds, when all below `durable` must be there.
    pub(super) fn check(&mut self, script: &Script, durable: &Offsets, found: Vec<Stored>) -> Result<(), Violation> {
        for stored in &found {
            self.known(script, stored)?;
        }
        if self.keyed { self.check_keyed(script, durable, found) } else { self.check_plain(script, durable, &found) }
    }

    fn known(&self, script: &Script, stored: &Stored) -> Result<(), Violation> {
        let written = script
            .item(stored.partition, stored.item.offset)
            .filter(|item| self.offered.get(&stored.partition).is_some_and(|offered| item.offset < *offered));
        let same = written.is_some_and(|item| item.body == stored.item.body);
        self.judge.ensure(KNOWN, same, || format!("{stored:?} where {written:?} was written"))
    }

    fn check_plain(&self, script: &Script, durable: &Offsets, found: &[Stored]) -> Result<(), Violation> {
        let mut copies: BTreeMap<(Partition, Offset), u32> = BTreeMap::new();
        for stored in found {
            *copies.entry((stored.partition, stored.item.offset)).or_default() += 1;
        }
        if self.guarantee == Guarantee::ExactlyOnce {
            let double = copies.iter().find(|(_, count)| **count > 1);
            self.judge.ensure(ONCE, double.is_none(), || format!("(partition, offset), copies: {double:?}"))?;
        }
        for (&partition, &next) in durable {
            let missing = script
                .items(partition)
                .take_while(|item| item.offset < next)
                .find(|item| !copies.contains_key(&(partition, item.offset)));
            self.judge.ensure(THERE, missing.is_none(), || {
                format!("partition {partition} is durable below {next}, and {missing:?} is not there")
            })?;
        }
        Ok(())
    }

    fn check_keyed(&mut self, script: &Script, durable: &Offsets, found: Vec<Stored>) -> Result<(), Violation> {
        let mut by_key: BTreeMap<Box<str>, Stored> = BTreeMap::new();
        for stored in found {
            if let Some(other) = by_key.insert(stored.item.key.clone(), stored) {
                return Err(self.judge.broken(ONE_PER_KEY, format!("two lines for {}", other.item.key)));
            }
        }
        for stored in by_key.values() {
            self.may_stand(script, stored)?;
        }
        for (&partition, &next) in durable {
            for item in script.items(partition).take_while(|item| item.offset < next) {
                let Some(stands) = by_key.get(&item.key) else {
                    return Err(self.judge.broken(
                        THERE,
                        format!("partition {partition} is durable below {next}, and nothing is there for {item:?}"),
                    ));
                };
                let good = item.standing == Standing::Provisional || stands.item.standing == Standing::Final;
                self.judge.ensure(FINAL_WINS, good, || format!("{stands:?} where {item:?} is durable"))?;
            }
        }
        for (key, before) in &self.last_seen {
            let now = by_key.get(key);
            let fine = now.is_some_and(|now| now == before || became_final(before, now));
            self.judge.ensure(FIRST_STANDS, fine, || format!("{before:?} became {now:?}"))?;
        }
        self.last_seen = by_key;
        Ok(())
    }

    /// Within its partition a line that stands is the first of its standing for its key. Partitions are written in any
    /// order, so between them either may be first.
    fn may_stand(&self, script: &Script, stored: &Stored) -> Result<(), Violation> {
        let rival = |item: &&Item| item.key == stored.item.key && item.standing == stored.item.standing;
        let first = script.items(stored.partition).find(rival);
        let is_first = first.is_some_and(|first| first.offset == stored.item.offset);
        self.judge.ensure(FIRST_STANDS, is_first, || format!("{stored:?} stands where {first:?} came first"))
    }
}

fn became_final(before: &Stored, now: &Stored) -> bool {
    before.item.standing == Standing::Provisional && now.item.standing == Standing::Final
}
