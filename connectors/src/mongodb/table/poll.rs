//! Polling: looking at a collection again and again.
//!
//! No cheap look is certain: a count does not tell of a distance that was corrected, times and versions of documents are
//! nobody's duty, and a server without an oplog has nothing else. Only reading all of it is. So that is what is done, as often
//! as it is cheap: it may take a twentieth of the time. A table of some thousand rows is read whole at every look; of a large
//! one the documents are counted at every look, which tells soon of those that come and go, and all is read when its time
//! has come. A change is missed by neither, and noticed after twenty times the time of one read at the latest.

use std::thread;
use std::time::Duration;

use flightline_engine::clock::{Clock, SystemClock};
use mongodb::bson::{Document, doc};
use xxhash_rust::xxh3::xxh3_64;

use super::Documents;
use crate::mongodb::abilities::number;
use crate::mongodb::error::MongoError;

/// How many times as long as reading all takes is waited until it is done again.
const REST: u32 = 20;
/// The shortest interval between two looks.
const SHORTEST: Duration = Duration::from_millis(5);

/// A collection that is polled.
#[derive(Debug)]
pub(super) struct Poll {
    documents: Documents,
    clock: SystemClock,
    plan: Plan,
    /// What was there when it was last read as a table.
    seen: Option<Seen>,
    alarmed: bool,
    /// Whether it was said that it can't be looked at.
    warned: bool,
}

/// What is remembered of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    count: usize,
    /// The sum of all documents' hashes: their order is the server's to choose.
    hash: u64,
}

impl Seen {
    fn of(documents: &[Document]) -> Self {
        let hash = |document: &Document| document.to_vec().map_or(0, |bytes| xxh3_64(&bytes));
        Self { count: documents.len(), hash: documents.iter().map(hash).fold(0, u64::wrapping_add) }
    }
}

impl Poll {
    pub(super) fn new(documents: Documents, every: Duration) -> Self {
        let plan = Plan { every: every.max(SHORTEST), next_look: Duration::ZERO, next_read: Duration::ZERO };
        Self { documents, clock: SystemClock::new(), plan, seen: None, alarmed: false, warned: false }
    }

    /// All documents, as they are now.
    pub(super) fn read(&mut self) -> Result<Vec<Document>, MongoError> {
        let documents = self.read_all()?;
        self.seen = Some(Seen::of(&documents));
        self.alarmed = false;
        Ok(documents)
    }

    /// What was read was no table.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    pub(super) fn changed(&mut self, patience: Duration) -> bool {
        let Some(seen) = self.seen else { return true };
        let mut left = patience;
        while !self.alarmed {
            let now = self.clock.now();
            let wait = self.plan.next_look.saturating_sub(now);
            if wait > left {
                thread::sleep(left);
                return false;
            }
            thread::sleep(wait);
            left -= wait;
            self.look(seen);
        }
        true
    }

    fn look(&mut self, seen: Seen) {
        let now = self.clock.now();
        self.plan.looks(now);
        let same = if self.plan.reads(now) {
            self.read_all().map(|documents| Seen::of(&documents) == seen)
        } else {
            self.count().map(|count| count == seen.count)
        };
        let trouble = match same {
            Ok(same) => {
                self.alarmed = !same;
                None
            }
            Err(error) => Some(error),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| !self.warned) {
            tracing::warn!(%trouble, "can't look at the table; its rows stay as they are");
        }
        self.warned = trouble.is_some();
    }

    fn read_all(&mut self) -> Result<Vec<Document>, MongoError> {
        let began = self.clock.now();
        let documents = self.documents.read()?;
        self.plan.has_read(began, self.clock.now());
        Ok(documents)
    }

    fn count(&self) -> Result<usize, MongoError> {
        let desk = &self.documents.desk;
        let action = format!("count the documents of collection `{}`", desk.name);
        let count = desk.server.command(desk.name.database(), &action, doc! {"count": desk.name.collection()})?;
        let count = number(count.get("n")).and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| desk.server.doing(&action).unusable("it has no number n"))
    }
}

/// When to look, and when a look reads all. Times are of one clock.
#[derive(Debug)]
struct Plan {
    every: Duration,
    next_look: Duration,
    next_read: Duration,
}

impl Plan {
    fn looks(&mut self, now: Duration) {
        self.next_look = now + self.every;
    }

    fn reads(&self, now: Duration) -> bool {
        now >= self.next_read
    }

    fn has_read(&mut self, began: Duration, ended: Duration) {
        let took = ended.saturating_sub(began);
        self.next_look = ended + self.every;
        self.next_read = ended + (took * REST).max(self.every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_read_quickly_is_read_at_every_look() {
        let mut plan = Plan { every: 2000 * MS, next_look: Duration::ZERO, next_read: Duration::ZERO };
        plan.has_read(Duration::ZERO, 10 * MS);
        assert_eq!(plan.next_look, 2010 * MS);
        assert!(plan.reads(plan.next_look) && !plan.reads(2009 * MS));
    }

    #[test]
    fn what_is_read_slowly_is_read_when_its_time_has_come() {
        let mut plan = Plan { every: 2000 * MS, next_look: Duration::ZERO, next_read: Duration::ZERO };
        plan.has_read(Duration::ZERO, 1000 * MS);
        let (mut now, mut counted) = (plan.next_look, 0);
        while !plan.reads(now) {
            plan.looks(now);
            (now, counted) = (plan.next_look, counted + 1);
        }
        // 20 seconds after it ended, at looks every two seconds.
        assert_eq!((now, counted), (21_000 * MS, 9));
    }

    #[test]
    fn a_document_that_changed_is_seen_and_their_order_is_not() {
        let [a, b] = [doc! {"_id": 1, "v": 1.0}, doc! {"_id": 2, "v": 1.0}];
        let seen = Seen::of(&[a.clone(), b.clone()]);
        assert_eq!(Seen::of(&[b.clone(), a.clone()]), seen);
        for other in [vec![a.clone()], vec![a.clone(), doc! {"_id": 2, "v": 2.0}], vec![a.clone(), a, b], vec![]] {
            assert_ne!(Seen::of(&other), seen);
        }
    }
}
