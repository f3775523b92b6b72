//! Writing: stretches go into the buffers of their partitions, and buffers become files.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::clock::Clock;
use flightline_engine::contract::{Answers, Created, Fault, FlushReason, OpenSink, SinkBatch};
use flightline_engine::failpoint;
use flightline_engine::log::{Offset, Partition, Reached};

use super::buffer::Buffer;
use super::chain::{Chain, Found};
use super::format::{FileFormat, Kind};
use super::leftovers::Leftovers;
use super::name::{file_of, last_part};
use super::{FileSinkOptions, notes};

/// The longest time that progress without a line waits for its note. It holds back the readers as lines do, and costs less.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// Writes files of some partitions.
#[derive(Debug)]
pub(super) struct FileWriter {
    files: Files,
    rolls: Rolls,
    clock: Arc<dyn Clock>,
    partitions: BTreeMap<Partition, Rolling>,
}

/// When a buffer becomes a file.
#[derive(Clone, Copy, Debug)]
struct Rolls {
    bytes: usize,
    every: Duration,
}

/// How and where files are put.
#[derive(Debug)]
struct Files {
    chain: Chain,
    format: FileFormat,
}

/// A partition.
#[derive(Debug)]
struct Rolling {
    partition: Partition,
    /// Where the last file ends, by what stands in it: the next file's name.
    base: Offset,
    /// What is durable.
    durable: Reached,
    /// All below was taken: it is durable, buffered, or without a line and not yet noted.
    taken: Reached,
    buffer: Buffer,
    /// Since when something without a line is not noted.
    unnoted: Option<Duration>,
    /// Notes to delete when there is a later file or note.
    notes: Vec<String>,
    leftovers: Leftovers,
}

impl FileWriter {
    pub(super) fn open(chain: Chain, options: &FileSinkOptions, partitions: &[Partition]) -> Result<Self, Fault> {
        let mut rolling = BTreeMap::new();
        for &partition in partitions {
            rolling.insert(partition, Rolling::open(&chain, partition)?);
        }
        let rolls = Rolls { bytes: options.roll_bytes.max(1), every: options.roll_every };
        let files = Files { chain, format: options.format.clone() };
        Ok(Self { files, rolls, clock: Arc::clone(&options.clock), partitions: rolling })
    }

    fn rolling(&mut self, partition: Partition) -> Result<(&Files, &mut Rolling), Fault> {
        let files = &self.files;
        let unknown = || {
            let folder = files.chain.folder.shown("");
            Fault::permanent(format!(
                "partition {partition} is not among those that `{folder}` was opened for; this is a bug, report it"
            ))
        };
        Ok((files, self.partitions.get_mut(&partition).ok_or_else(unknown)?))
    }
}

impl OpenSink for FileWriter {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.partitions.iter().map(|(&partition, rolling)| (partition, rolling.durable)).collect()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        let now = self.clock.now();
        let rolls = self.rolls;
        // All or nothing is taken: as long as a full buffer can't be put, a batch is refused before any of it is in memory.
        for partition in batch.answers.keys() {
            let (files, rolling) = self.rolling(*partition)?;
            rolling.roll(files, rolls)?;
        }
        for (partition, answers) in &batch.answers {
            let (files, rolling) = self.rolling(*partition)?;
            rolling.take(files, answers, now)?;
            match rolling.roll(files, rolls) {
                // It is taken, and due to be flushed: there the fault shows if it stays.
                Err(Fault::Transient(fault)) => tracing::debug!(%partition, %fault, "a full buffer waits"),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn flush(&mut self, why: FlushReason) -> Result<(), Fault> {
        let now = self.clock.now();
        let mut outcome = Ok(());
        for rolling in self.partitions.values_mut() {
            let due = rolling.due_at(self.rolls).is_some_and(|due| due <= now);
            if due || why == FlushReason::Closing {
                // One that fails must not keep the others waiting.
                outcome = outcome.and(rolling.settle(&self.files));
            }
        }
        outcome
    }

    fn flush_in(&self) -> Option<Duration> {
        let due = self.partitions.values().filter_map(|rolling| rolling.due_at(self.rolls));
        due.min().map(|due| due.saturating_sub(self.clock.now()))
    }
}

impl Rolling {
    fn open(chain: &Chain, partition: Partition) -> Result<Self, Fault> {
        let Found { listing, place } = chain.find(partition)?;
        let Some(place) = place else {
            let folder = chain.folder.shown("");
            return Err(Fault::permanent(format!(
                "the sink in `{folder}` has not begun in partition {partition}; it must be adopted there before it is opened"
            )));
        };
        let last = listing.bases.last().copied().unwrap_or_default();
        Ok(Self {
            partition,
            base: place.base,
            durable: place.reached,
            taken: place.reached,
            buffer: Buffer::default(),
            unnoted: None,
            notes: notes::stale(&listing, last, place.reached.next),
            leftovers: Leftovers::sweep(&chain.folder, partition, &listing, last, place.reached.next),
        })
    }

    /// When something wants to become durable.
    fn due_at(&self, rolls: Rolls) -> Option<Duration> {
        match self.buffer.since() {
            Some(since) if self.buffer.bytes() >= rolls.bytes => Some(since),
            Some(since) => Some(since.saturating_add(rolls.every)),
            None if self.durable.next >= self.taken.next => None,
            // Without a time it is what a note that failed left behind.
            None => {
                Some(self.unnoted.map_or(Duration::ZERO, |since| since.saturating_add(rolls.every.min(NOTE_EVERY))))
            }
        }
    }

    /// Buffers what was not taken before.
    fn take(&mut self, files: &Files, answers: &Answers, now: Duration) -> Result<(), Fault> {
        let next = self.taken.next;
        if answers.from > next {
            let from = answers.from;
            return Err(self.misuse(files, &format!("a stretch begins at offset {from} where {next} is next")));
        }
        if answers.reached.next <= next {
            return Ok(());
        }
        for item in answers.items.iter().filter(|item| item.offset >= next) {
            if self.buffer.last().is_some_and(|last| item.offset <= last) || item.offset >= answers.reached.next {
                return Err(self.misuse(files, &format!("a line for offset {} is out of order", item.offset)));
            }
            if memchr::memchr(b'\n', &item.body).is_some() {
                return Err(self.misuse(files, &format!("the line for offset {} has a line feed in it", item.offset)));
            }
            self.buffer.push(item.offset, &item.body, now);
        }
        self.taken = answers.reached;
        if self.buffer.is_empty() {
            self.unnoted.get_or_insert(now);
        }
        Ok(())
    }

    fn roll(&mut self, files: &Files, rolls: Rolls) -> Result<(), Fault> {
        if self.buffer.bytes() >= rolls.bytes { self.settle(files) } else { Ok(()) }
    }

    /// Makes all durable that was taken: by one file, or by several if others are at work in the same partition.
    fn settle(&mut self, files: &Files) -> Result<(), Fault> {
        while !self.buffer.is_empty() {
            self.put(files)?;
        }
        if self.durable.next < self.taken.next {
            let name = notes::of_place(self.taken.next);
            let noted = files.chain.notes(self.partition).write(&name, self.taken)?;
            self.advance(files, noted, Some(name));
        }
        self.unnoted = None;
        Ok(())
    }

    /// Puts the next file, unless it is there already.
    fn put(&mut self, files: &Files) -> Result<(), Fault> {
        let made = files.format.file(self.partition, &mut self.buffer, self.taken);
        let (payload, end) = made.map_err(|cause| self.misuse(files, &cause))?;
        let (noted, note) = self.note_file(files, end)?;
        let name = file_of(self.partition, self.base, files.ending());
        failpoint::hit("file-sink/before-put");
        let created = files.chain.folder.create(&name, payload)?;
        failpoint::hit("file-sink/after-put");
        self.leftovers.settle(&files.chain.folder, self.partition, &last_part(self.base, files.ending()));
        match created {
            Created::Ours => {
                self.base = end;
                self.buffer.clear();
                self.advance(files, noted, note);
            }
            Created::Taken => {
                // Somebody else's, or of a try of ours that seemed to fail: go on where it ends.
                let place = files.chain.place_of(self.partition, self.base)?;
                let theirs = notes::of_file(self.base, place.base);
                self.notes.extend(note.filter(|note| *note != theirs));
                self.base = place.base;
                self.buffer.drop_below(place.base);
                self.advance(files, place.reached, (files.chain.kind != Kind::Parquet).then_some(theirs));
            }
        }
        Ok(())
    }

    /// Notes what a text file that ends at `end` can't say. Gives what will be durable with it, and the note's name.
    fn note_file(&self, files: &Files, end: Offset) -> Result<(Reached, Option<String>), Fault> {
        if files.chain.kind == Kind::Parquet || self.taken == Reached::start(end) {
            return Ok((self.taken, None));
        }
        let name = notes::of_file(self.base, end);
        let noted = files.chain.notes(self.partition).write(&name, self.taken)?;
        Ok((noted, Some(name)))
    }

    /// More is durable; `note` says so, or a file. Earlier notes are of no use any more. Where a rival who had come further
    /// wrote the note, that may be more than was taken here.
    fn advance(&mut self, files: &Files, reached: Reached, note: Option<String>) {
        self.durable.advance(reached);
        self.taken.advance(reached);
        let old = std::mem::replace(&mut self.notes, note.into_iter().collect());
        files.chain.notes(self.partition).delete(old.into_iter().filter(|old| !self.notes.contains(old)));
    }

    fn misuse(&self, files: &Files, cause: &str) -> Fault {
        let (folder, partition) = (files.chain.folder.shown(""), self.partition);
        Fault::permanent(format!("`{folder}` can't take what it is given in partition {partition}: {cause}"))
    }
}

impl Files {
    fn ending(&self) -> &'static str {
        self.chain.kind.ending()
    }
}
