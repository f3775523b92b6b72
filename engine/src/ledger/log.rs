//! The ledger's objects: reading them, adding the next one, claiming a generation, deleting what nobody needs.
//!
//! | object | is |
//! |---|---|
//! | `ledger/<20 digits>.json` | the entry of that number |
//! | `checkpoint/<20 digits>.json` | all entries below that number, folded |
//!
//! Invariants: an object is created once, or was there already, and is never changed. Of two writers of one number one
//! loses, reads what is there, and ends if that is of a later generation. A checkpoint is durable before an entry that it
//! holds is deleted, and the last entry is never deleted: so a writer that comes so late that its number is free again sees,
//! listing after its create, an entry or a checkpoint above its number, and ends. What it left behind lies below a
//! checkpoint, and nobody reads it.
//!
//! One thread of a generation writes here at a time. Nothing is tried again in here: after a transient fault the same call
//! may be repeated, and an entry that was written in spite of the fault is taken for written.

use std::sync::Arc;

use bytes::Bytes;

use super::{Book, Entry, EntryBody, Generation, Seq, checkpoint, decide};
use crate::contract::{Blobs, Created, Fault};
use crate::failpoint;
use crate::ids::JobName;

/// The folder of the entries.
const ENTRIES: &str = "ledger";
/// The folder of the checkpoints.
const CHECKPOINTS: &str = "checkpoint";
/// How often a reading begins anew because a collector was faster, or a claim because another one was.
const TRIES: usize = 100;

/// A ledger, wherever its objects are kept.
#[derive(Clone, Debug)]
pub struct LedgerLog {
    blobs: Arc<dyn Blobs>,
}

/// What a try to write an entry came to.
enum Put {
    /// It is there.
    Ours,
    /// Another one is there.
    Other(Bytes),
    /// Another one was there, and is collected by now.
    Gone,
}

impl LedgerLog {
    /// The ledger that is kept there. Does nothing yet.
    #[must_use]
    pub fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs }
    }

    /// Reads all entries, or the last checkpoint and what follows it. An empty book if there is no ledger yet.
    ///
    /// A life that asks whether it is still the highest keeps its own book if so: nobody else writes then, and a book that is
    /// read later may have forgotten more, by an older life's late collecting, than a slow sink of this life can do without.
    ///
    /// # Errors
    /// The store can't be asked (transient); an object is missing, damaged, of another build or can't stand where it stands
    /// (permanent, and names it).
    pub fn load(&self) -> Result<Book, Fault> {
        self.read(None)
    }

    /// The newest entries below a number, the oldest first: at most so many, and only those that aren't collected. For people.
    ///
    /// # Errors
    /// The store can't be asked (transient); an entry is damaged (permanent).
    pub fn newest(&self, below: Seq, most: usize) -> Result<Vec<(Seq, Entry)>, Fault> {
        let mut newest = Vec::new();
        for number in (0..below.0).rev().take(most).map(Seq) {
            let name = name(ENTRIES, number);
            let Some(found) = self.blobs.read(&name)? else { break };
            let entry = Entry::from_line(&found).map_err(|error| Fault::permanent(format!("{name}: {error}")))?;
            newest.push((number, entry));
        }
        newest.reverse();
        Ok(newest)
    }

    /// Claims the generation that is proposed, or else the next; opens the ledger if there is none. Returns the ledger up to
    /// and with the claim. `partitions` is what the request log has now: it may have grown since the last claim.
    /// `nonce` is a random number, a new one for each life: two lives that claim at once are told apart by it.
    ///
    /// After a transient fault the same call finds the claim again, if it was written.
    ///
    /// # Errors
    /// As [`LedgerLog::load`]; permanent if the ledger is another job's or that of another request log; superseded if what is
    /// proposed is not above the ledger's generation, or if a later claim came right after this one.
    pub fn claim(
        &self,
        job: &JobName,
        partitions: u32,
        nonce: u64,
        proposed: Option<Generation>,
    ) -> Result<(Book, Generation), Fault> {
        for _ in 0..TRIES {
            let mut book = self.load()?;
            check_same_job(&book, job, partitions)?;
            let generation = match (decide::claims(&book, proposed), proposed) {
                (Ok(generation), _) => generation,
                (Err(superseded), Some(proposed)) if superseded.later == proposed && self.is_last(&book, nonce)? => {
                    return Ok((book, proposed));
                }
                (Err(superseded), _) => return Err(superseded.into()),
            };
            let body = if book.generation().is_none() {
                EntryBody::Open { job: job.clone(), partitions, nonce }
            } else {
                EntryBody::Claim { nonce, partitions: (partitions > book.partitions()).then_some(partitions) }
            };
            let entry = Entry { generation, body };
            let number = book.next_seq();
            admit(&book, &entry)?;
            let put = self.put(number, &entry)?;
            // A number that is lost is somebody else's claim, or an older life's entry: look again. So does who has only
            // opened the ledger, and is to claim a later generation.
            if let Put::Ours = put
                && proposed.is_none_or(|proposed| proposed == generation)
            {
                self.yield_to_later(number, generation)?;
                book.apply(number, &entry).map_err(|error| Fault::permanent(error.to_string()))?;
                return Ok((book, generation));
            }
        }
        Err(Fault::transient(format!(
            "the ledger's next entry was written by others {TRIES} times while this life claimed it"
        )))
    }

    /// Whether the last entry is a claim with this nonce: nobody but who claimed last can write behind a claim.
    fn is_last(&self, book: &Book, nonce: u64) -> Result<bool, Fault> {
        let Some(last) = book.next_seq().0.checked_sub(1) else { return Ok(false) };
        let name = name(ENTRIES, Seq(last));
        let Some(found) = self.blobs.read(&name)? else { return Ok(false) };
        let entry = Entry::from_line(&found).map_err(|error| Fault::permanent(format!("{name}: {error}")))?;
        let claims = |body| matches!(body, EntryBody::Open { nonce: theirs, .. } | EntryBody::Claim { nonce: theirs, .. } if theirs == nonce);
        Ok(claims(entry.body))
    }

    /// Adds an entry at the end and brings the book up to there, with what this life had written before without knowing.
    ///
    /// After a transient fault nobody knows whether the entry is there. Call again with the same entry until that is known,
    /// and let nothing leave in the meantime that the entry, a cut or a close, would forbid.
    ///
    /// # Errors
    /// Superseded if a later generation is at work: then nothing may leave that this entry would have allowed. Transient if
    /// the store can't be asked. Permanent if the entry can't follow on the book, or on an entry that was given up after a
    /// transient fault and is found to be there: the book holds that one now.
    pub fn append(&self, book: &mut Book, entry: Entry) -> Result<Seq, Fault> {
        yield_if_superseded(book, entry.generation)?;
        admit(book, &entry)?;
        loop {
            let number = book.next_seq();
            match self.put(number, &entry)? {
                Put::Ours => {
                    self.yield_to_later(number, entry.generation)?;
                    book.apply(number, &entry).map_err(|error| Fault::permanent(error.to_string()))?;
                    return Ok(number);
                }
                // Below a checkpoint it may be what a writer left behind that came too late: perhaps this one, in a try
                // that seemed to fail.
                Put::Other(_) if self.newest_checkpoint()? > Some(number) => {
                    return Err(self.lost(number, entry.generation));
                }
                Put::Other(found) => take(book, number, &found)?,
                Put::Gone => return Err(self.lost(number, entry.generation)),
            }
            yield_if_superseded(book, entry.generation)?;
            book.admits(&entry).map_err(|error| {
                Fault::permanent(format!("{error}, since an entry that was given up is there: decide anew"))
            })?;
        }
    }

    /// Reads all entries, or those below `upto` (and more, if a checkpoint has passed it).
    fn read(&self, upto: Option<Seq>) -> Result<Book, Fault> {
        for _ in 0..TRIES {
            let newest = self.newest_checkpoint()?;
            let book = self.read_after(newest, upto);
            // Nothing that was read can have been deleted, or written anew, unless there is a later checkpoint now.
            if self.newest_checkpoint()? == newest {
                return book;
            }
        }
        Err(Fault::transient(format!("the ledger was collected {TRIES} times while it was read")))
    }

    fn read_after(&self, checkpoint: Option<Seq>, upto: Option<Seq>) -> Result<Book, Fault> {
        let mut book = match checkpoint {
            None => Book::default(),
            Some(number) => self.read_checkpoint(number)?,
        };
        let wanted = |number: &Seq| *number >= book.next_seq() && upto.is_none_or(|upto| *number < upto);
        let numbers: Vec<_> = self.numbers(ENTRIES)?.into_iter().filter(wanted).collect();
        // The entry that a checkpoint is named after was the last one at most, and stays.
        if checkpoint.is_some() && upto.is_none() && numbers.is_empty() {
            return Err(missing(&name(ENTRIES, book.next_seq()), "the checkpoint of that number"));
        }
        for number in numbers {
            let gap = || missing(&name(ENTRIES, book.next_seq()), &format!("entry {number}"));
            if number != book.next_seq() {
                return Err(gap());
            }
            let found = self.blobs.read(&name(ENTRIES, number))?.ok_or_else(gap)?;
            take(&mut book, number, &found)?;
        }
        Ok(book)
    }

    fn read_checkpoint(&self, number: Seq) -> Result<Book, Fault> {
        let name = name(CHECKPOINTS, number);
        let found = self.blobs.read(&name)?.ok_or_else(|| missing(&name, "its name in the folder"))?;
        let book = checkpoint::read(&found).map_err(|error| Fault::permanent(format!("{name}: {error}")))?;
        if book.next_seq() == number {
            return Ok(book);
        }
        let holds = book.next_seq();
        Err(Fault::permanent(format!(
            "{name}: this holds the entries below {holds}, not below {number}: somebody renamed it; give it its name back"
        )))
    }

    fn put(&self, number: Seq, entry: &Entry) -> Result<Put, Fault> {
        let (name, line) = (name(ENTRIES, number), Bytes::from(entry.to_line()));
        failpoint::hit("ledger/before-create");
        let put = match self.blobs.create(&name, line.clone())? {
            Created::Ours => Put::Ours,
            Created::Taken => match self.blobs.read(&name)? {
                // Ours of a try that seemed to fail. No other life writes the same: a generation has one life, and two
                // claims of one generation differ in their nonces.
                Some(found) if found == line => Put::Ours,
                Some(found) => Put::Other(found),
                None => Put::Gone,
            },
        };
        failpoint::hit("ledger/after-create");
        Ok(put)
    }

    /// Ends a writer that finds something above the number that it has just written. Entries are listed first: if the last
    /// one is deleted during the listing, its checkpoint is there for the second one.
    fn yield_to_later(&self, mine: Seq, generation: Generation) -> Result<(), Fault> {
        let entry = self.numbers(ENTRIES)?.into_iter().max();
        let above = entry.max(self.newest_checkpoint()?) > Some(mine);
        if above { Err(self.lost(mine, generation)) } else { Ok(()) }
    }

    /// Why an entry of this number came to nothing: others have gone on.
    fn lost(&self, number: Seq, generation: Generation) -> Fault {
        match self.load().map(|book| decide::superseded(&book, generation)) {
            Ok(Some(later)) => later.into(),
            Ok(None) => Fault::permanent(format!(
                "somebody else wrote ledger entries beyond {number} as generation {generation}: a generation has one writer; start the job again"
            )),
            Err(fault) => fault,
        }
    }

    fn newest_checkpoint(&self) -> Result<Option<Seq>, Fault> {
        Ok(self.numbers(CHECKPOINTS)?.into_iter().max())
    }

    /// The numbers of the objects in a folder, ascending. Objects with other names are nobody's.
    fn numbers(&self, folder: &str) -> Result<Vec<Seq>, Fault> {
        let mut numbers: Vec<_> = self.blobs.list(folder)?.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn name(folder: &str, Seq(number): Seq) -> String {
    format!("{folder}/{number:020}.json")
}

fn number(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(".json").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok().map(Seq))?
}

fn missing(name: &str, beside: &str) -> Fault {
    Fault::permanent(format!(
        "{name} is missing, though {beside} is there: restore it from a copy of the job's state folder"
    ))
}

/// Takes an entry that somebody wrote.
fn take(book: &mut Book, number: Seq, found: &[u8]) -> Result<(), Fault> {
    let name = name(ENTRIES, number);
    let entry = Entry::from_line(found).map_err(|error| Fault::permanent(format!("{name}: {error}")))?;
    book.apply(number, &entry).map_err(|error| {
        Fault::permanent(format!("{name}: {error}; the ledger is damaged: restore the job's state folder from a copy"))
    })
}

/// An entry that can't follow is never written.
fn admit(book: &Book, entry: &Entry) -> Result<(), Fault> {
    book.admits(entry).map_err(|error| Fault::permanent(format!("{error}; nothing was written")))
}

fn yield_if_superseded(book: &Book, generation: Generation) -> Result<(), Fault> {
    decide::superseded(book, generation).map_or(Ok(()), |later| Err(later.into()))
}

fn check_same_job(book: &Book, job: &JobName, partitions: u32) -> Result<(), Fault> {
    let Some(owner) = book.job() else { return Ok(()) };
    if owner != job {
        return Err(Fault::permanent(format!(
            "the ledger is that of job \"{owner}\", and this is job \"{job}\": give this job a state folder of its own (job.state), or its old name back"
        )));
    }
    if book.partitions() > partitions {
        return Err(Fault::permanent(format!(
            "the request log has {partitions} partitions, and had {} in the ledger of job \"{job}\": name the log that it was opened for, or begin a new job with a state folder of its own (job.state)",
            book.partitions()
        )));
    }
    Ok(())
}

mod collecting;
#[cfg(test)]
mod tests;
