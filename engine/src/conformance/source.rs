//! What a [`Source`] must keep: a record stays where it is, with its bytes, and whoever waits for it hears of it.

use std::fmt::Write;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Violation;
use super::dice::Dice;
use super::report::Judge;
use crate::contract::{PartitionReader, Source};
use crate::log::{LogRecord, Offset, Partition};

/// What a source's own tests give to [`check`].
pub trait SourceHarness {
    /// Makes a log of so many empty partitions. No handle and no reader is alive.
    fn fresh(&mut self, partitions: u32);

    /// A handle to the log.
    fn source(&mut self) -> Box<dyn Source>;

    /// Appends a record, durably, and says where it stands.
    fn append(&mut self, partition: Partition, payload: Bytes) -> Offset;

    /// The process was killed and is started again. No handle and no reader is alive.
    fn restart(&mut self) {}

    /// Forgets all records below an offset; false if the log keeps all for ever.
    fn trim(&mut self, _partition: Partition, _below: Offset) -> bool {
        false
    }
}

const COUNTS: &str = "partitions tells how many there are, and a partition beyond them is an error";
const EMPTY: &str = "an empty partition's bounds are empty, and it is read from there";
const BOUNDS: &str = "bounds hold all records, and their end never goes back";
const ASCENDS: &str = "offsets ascend strictly within a partition, from where the reader was opened";
const SAME: &str = "a record is read again with the same bytes at the same offset, also after a restart";
const LIMIT: &str = "a read stays within its limit, but gives at least one record if there is any";
const NOT_THE_END: &str = "an empty read is not the end: what comes later is read";
const WAKES: &str = "a waiting read returns soon after a record came, long before its patience ends";
const OUTSIDE: &str = "open outside the bounds is refused for good, and the sentence tells the offset";
const READERS: &str = "readers don't disturb each other";
const AT_ONCE: Duration = Duration::ZERO;
/// So long that nobody mistakes a read that ran out of it for one that was woken.
const PATIENCE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(8);

/// Checks all rules of a source.
///
/// # Errors
/// The first rule that is broken.
pub fn check(harness: &mut dyn SourceHarness) -> Result<(), Violation> {
    for seed in 0..4 {
        let judge = Judge::new(seed);
        let mut dice = Dice::new(seed);
        empty_partitions(harness, judge)?;
        let records = fill(harness, &mut dice);
        reads_all(harness, judge, &mut dice, &records)?;
        harness.restart();
        reads_all(harness, judge, &mut dice, &records)?;
        refuses_outside(harness, judge, &records)?;
        several_readers(harness, judge, &mut dice, &records)?;
        what_comes_later(harness, judge, &mut dice)?;
    }
    waking(harness, Judge::new(0))?;
    trimmed(harness, Judge::new(0))
}

/// The log that [`fill`] makes: what was appended, by partition.
type Records = Vec<Vec<LogRecord>>;

const PARTITIONS: u32 = 3;

fn partitions() -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).map(Partition)
}

fn empty_partitions(harness: &mut dyn SourceHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh(PARTITIONS);
    let source = harness.source();
    let count = judge.works(COUNTS, source.partitions())?;
    judge.ensure(COUNTS, count == PARTITIONS, || format!("{count} of {PARTITIONS}"))?;
    let beyond = source.bounds(Partition(PARTITIONS));
    judge.ensure(COUNTS, beyond.is_err(), || format!("{beyond:?} for partition {PARTITIONS}"))?;
    for partition in partitions() {
        let bounds = judge.works(EMPTY, source.bounds(partition))?;
        judge.ensure(EMPTY, bounds.is_empty(), || bounds.to_string())?;
        let mut reader = judge.works(EMPTY, source.open(partition, bounds.to))?;
        let read = judge.works(EMPTY, reader.read(100, AT_ONCE))?;
        judge.ensure(EMPTY, read.is_empty(), || format!("{} records", read.len()))?;
    }
    Ok(())
}

/// Appends records of all sizes, empty and equal ones among them, and leaves the last partition empty.
fn fill(harness: &mut dyn SourceHarness, dice: &mut Dice) -> Records {
    let mut records = vec![Vec::new(); PARTITIONS as usize];
    let filled = records.len() - 1;
    for _ in 0..120 {
        let index = dice.below(filled as u64);
        let payload = payload(dice);
        let partition = Partition(u32::try_from(index).unwrap_or(0));
        let offset = harness.append(partition, payload.clone());
        if let Some(of_partition) = records.get_mut(partition.0 as usize) {
            of_partition.push(LogRecord { offset, payload });
        }
    }
    records
}

fn payload(dice: &mut Dice) -> Bytes {
    let length = match dice.below(6) {
        0 => 0,
        1 => 700 + dice.below(3000),
        _ => dice.below(60),
    };
    let mut text = dice.letters(length);
    if dice.one_in(5) {
        // What writes well as a line must not be taken for one.
        let _ = write!(text, "\n{{\"a\":\"\\u0000\"}}\r\n");
    }
    let mut bytes = text.into_bytes();
    if dice.one_in(5) {
        bytes.extend([0, 255, 254, 10]);
    }
    bytes.into()
}

fn reads_all(
    harness: &mut dyn SourceHarness,
    judge: Judge,
    dice: &mut Dice,
    records: &Records,
) -> Result<(), Violation> {
    let source = harness.source();
    for (partition, expected) in partitions().zip(records) {
        let bounds = judge.works(BOUNDS, source.bounds(partition))?;
        let holds = expected.iter().all(|record| bounds.contains(record.offset));
        judge.ensure(BOUNDS, holds, || format!("{bounds} of partition {partition}"))?;
        for limit in [0, 1, 64, 5000, usize::MAX] {
            let mut reader = judge.works(BOUNDS, source.open(partition, bounds.from))?;
            let read = read_to_end(judge, &mut *reader, limit)?;
            same_records(judge, &read, expected)?;
        }
        for _ in 0..4 {
            // Also from an offset that no record stands at.
            let from = Offset(bounds.from.0 + dice.below(bounds.to.0 - bounds.from.0 + 1));
            let mut reader = judge.works(BOUNDS, source.open(partition, from))?;
            let read = read_to_end(judge, &mut *reader, 300)?;
            let begin = expected.partition_point(|record| record.offset < from);
            same_records(judge, &read, expected.get(begin..).unwrap_or_default())?;
        }
    }
    Ok(())
}

fn read_to_end(judge: Judge, reader: &mut dyn PartitionReader, limit: usize) -> Result<Vec<LogRecord>, Violation> {
    let mut all: Vec<LogRecord> = Vec::new();
    loop {
        let read = judge.works(LIMIT, reader.read(limit, AT_ONCE))?;
        let Some((_, but_last)) = read.split_last() else { return Ok(all) };
        let bytes: usize = but_last.iter().map(|record| record.payload.len()).sum();
        judge.ensure(LIMIT, bytes <= limit, || format!("{bytes} bytes before the last of {}", read.len()))?;
        all.extend(read);
        let ascends = all.is_sorted_by(|one, other| one.offset < other.offset);
        judge.ensure(ASCENDS, ascends, || format!("{:?}", all.iter().map(|r| r.offset.0).collect::<Vec<_>>()))?;
    }
}

fn same_records(judge: Judge, read: &[LogRecord], expected: &[LogRecord]) -> Result<(), Violation> {
    judge.ensure(SAME, read == expected, || {
        let differs = read.iter().zip(expected).find(|(one, other)| one != other);
        format!("{} records of {}; the first that differ: {differs:?}", read.len(), expected.len())
    })
}

fn refuses_outside(harness: &mut dyn SourceHarness, judge: Judge, records: &Records) -> Result<(), Violation> {
    let source = harness.source();
    for (partition, expected) in partitions().zip(records) {
        let bounds = judge.works(BOUNDS, source.bounds(partition))?;
        for outside in [bounds.to.next(), Offset(bounds.to.0 + 1_000_000)] {
            let sentence = judge.refused(OUTSIDE, source.open(partition, outside).map(drop))?;
            judge.ensure(OUTSIDE, sentence.contains(&outside.to_string()), || sentence.clone())?;
        }
        let at_end = judge.works(OUTSIDE, source.open(partition, bounds.to))?.read(1, AT_ONCE);
        let read = judge.works(OUTSIDE, at_end)?;
        judge.ensure(OUTSIDE, read.is_empty(), || format!("{read:?} at the end, after {} records", expected.len()))?;
    }
    Ok(())
}

/// Readers of the same and of other partitions read turn by turn, each its own way.
fn several_readers(
    harness: &mut dyn SourceHarness,
    judge: Judge,
    dice: &mut Dice,
    records: &Records,
) -> Result<(), Violation> {
    let source = harness.source();
    let mut readers = Vec::new();
    for (partition, expected) in partitions().chain(partitions()).zip(records.iter().chain(records)) {
        let from = judge.works(READERS, source.bounds(partition))?.from;
        readers.push((judge.works(READERS, source.open(partition, from))?, Vec::new(), expected));
    }
    let most = 2 * records.iter().map(Vec::len).max().unwrap_or(0) + 1;
    for _ in 0..most {
        for (reader, read, _) in &mut readers {
            let limit = usize::try_from(dice.below(400)).unwrap_or(0);
            read.extend(judge.works(READERS, reader.read(limit, AT_ONCE))?);
        }
    }
    for (_, read, expected) in &readers {
        judge.ensure(READERS, read == *expected, || format!("{} records of {}", read.len(), expected.len()))?;
    }
    Ok(())
}

fn what_comes_later(harness: &mut dyn SourceHarness, judge: Judge, dice: &mut Dice) -> Result<(), Violation> {
    let source = harness.source();
    for partition in partitions() {
        let before = judge.works(NOT_THE_END, source.bounds(partition))?;
        let mut reader = judge.works(NOT_THE_END, source.open(partition, before.to))?;
        for _ in 0..3 {
            let none = judge.works(NOT_THE_END, reader.read(1000, AT_ONCE))?;
            judge.ensure(NOT_THE_END, none.is_empty(), || format!("{none:?} before anything came"))?;
            let payload = payload(dice);
            let offset = harness.append(partition, payload.clone());
            let read = judge.works(NOT_THE_END, reader.read(1000, PATIENCE))?;
            let expected = [LogRecord { offset, payload }];
            judge.ensure(NOT_THE_END, read == expected, || format!("{read:?} where {expected:?} came"))?;
            let after = judge.works(BOUNDS, source.bounds(partition))?;
            let grown = after.from == before.from && after.to > offset && offset >= before.to;
            judge.ensure(BOUNDS, grown, || format!("{after} after {before} and a record at {offset}"))?;
        }
    }
    Ok(())
}

/// A reader waits on a thread of its own; each record comes when the one before it was read.
fn waking(harness: &mut dyn SourceHarness, judge: Judge) -> Result<(), Violation> {
    const RECORDS: usize = 10;
    harness.fresh(1);
    let source = harness.source();
    let from = judge.works(WAKES, source.bounds(Partition(0)))?.to;
    let mut reader = judge.works(WAKES, source.open(Partition(0), from))?;
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        scope.spawn(move || {
            for _ in 0..RECORDS {
                let begun = Instant::now();
                let mut read = Ok(Vec::new());
                while matches!(&read, Ok(records) if records.is_empty()) && begun.elapsed() < PATIENCE {
                    read = reader.read(1, PATIENCE);
                }
                if tell.send(read).is_err() {
                    break;
                }
            }
        });
        for number in 0..RECORDS {
            // Gives the reader the time to begin to wait; the rule holds also if it hasn't.
            let early = told.recv_timeout(Duration::from_millis(15));
            judge.ensure(WAKES, early.is_err(), || format!("{early:?} before record {number} came"))?;
            let came = Instant::now();
            harness.append(Partition(0), Bytes::from(format!("record {number}")));
            let read = told.recv().unwrap_or_else(|_| Ok(Vec::new()));
            let read = judge.works(WAKES, read)?;
            let (count, after) = (read.len(), came.elapsed());
            judge.ensure(WAKES, count == 1 && after < SOON, || format!("{count} records after {after:?}"))?;
        }
        Ok(())
    })
}

fn trimmed(harness: &mut dyn SourceHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh(1);
    let payloads = (0..10_u8).map(|number| Bytes::from(vec![number]));
    let offsets = payloads.map(|payload| harness.append(Partition(0), payload)).collect::<Vec<_>>();
    let Some(&below) = offsets.get(4) else { return Ok(()) };
    if !harness.trim(Partition(0), below) {
        return Ok(());
    }
    let source = harness.source();
    let bounds = judge.works(BOUNDS, source.bounds(Partition(0)))?;
    judge.ensure(BOUNDS, bounds.from == below, || format!("{bounds} after all below {below} was forgotten"))?;
    let gone = Offset(below.0.saturating_sub(1));
    let sentence = judge.refused(OUTSIDE, source.open(Partition(0), gone).map(drop))?;
    judge.ensure(OUTSIDE, sentence.contains(&gone.to_string()), || sentence.clone())?;
    let mut reader = judge.works(BOUNDS, source.open(Partition(0), below))?;
    let left = read_to_end(judge, &mut *reader, 3)?;
    judge.ensure(SAME, left.len() == 6, || format!("{} records of 6 are left", left.len()))
}
