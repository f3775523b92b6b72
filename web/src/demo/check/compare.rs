//! Looks at every sink: each answer once, and the right one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_jobs::clients::{FileReader, Offset, OffsetRange, Partition, Stores};
use flightline_jobs::config::{Loaded, SinkTarget};
use flightline_jobs::failure::{Failure, FailureKind};
use uuid::Uuid;

use super::expected::{Asked, Expected};
use super::send::failure;
use crate::demo::life::Life;

/// Where topics ended before the first request was sent.
pub(super) struct Before {
    requests: BTreeMap<Partition, Offset>,
    responses: BTreeMap<Partition, Offset>,
}

impl Before {
    pub(super) fn look(life: &Life) -> Result<Self, Failure> {
        let mut responses = BTreeMap::new();
        for partition in (0..life.responses.partitions().map_err(failure)?).map(Partition) {
            responses.insert(partition, life.responses.bounds(partition).map_err(failure)?.to);
        }
        Ok(Self { requests: request_ends(life)?, responses })
    }
}

/// What was found in one sink.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    sink: String,
    well: usize,
    missing: usize,
    doubled: usize,
    different: usize,
}

impl Findings {
    /// Whether there is nothing to complain of.
    pub(super) fn is_well(&self) -> bool {
        self.missing + self.doubled + self.different == 0
    }

    fn of<'a>(sink: &str, expected: &Expected, lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut times: HashMap<Uuid, (usize, bool)> = HashMap::new();
        for (id, same) in lines.filter_map(|line| expected.judge(line)) {
            let (count, all_same) = times.entry(id).or_insert((0, true));
            *count += 1;
            *all_same &= same;
        }
        let mut findings = Self { sink: sink.to_owned(), ..Self::default() };
        for Asked { id, .. } in expected.requests() {
            match times.get(id) {
                None => findings.missing += 1,
                Some((2.., _)) => findings.doubled += 1,
                Some((_, false)) => findings.different += 1,
                Some((_, true)) => findings.well += 1,
            }
        }
        findings
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_well() {
            return write!(f, "{:<11} {} answers, each once and as in a batch", self.sink, self.well);
        }
        let Self { sink, well, missing, doubled, different } = self;
        write!(f, "{sink:<11} {well} right, {missing} MISSING, {doubled} DOUBLED, {different} DIFFERENT")
    }
}

/// Where the request topic ends.
pub(super) fn request_ends(life: &Life) -> Result<BTreeMap<Partition, Offset>, Failure> {
    let partitions = (0..life.requests.partitions().map_err(failure)?).map(Partition);
    partitions.map(|partition| Ok((partition, life.requests.bounds(partition).map_err(failure)?.to))).collect()
}

/// Waits until every sink of answers has made all below `ends` durable.
pub(super) fn wait_for_sinks(
    life: &Life,
    loaded: &Loaded,
    ends: &BTreeMap<Partition, Offset>,
    patience: Duration,
) -> Result<(), Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let status = life.metrics.status();
        let behind = loaded.config.sinks.keys().find(|sink| {
            let next = |partition: &Partition| status.sinks.get(*sink)?.next.get(partition).copied();
            ends.iter().any(|(partition, end)| next(partition).unwrap_or_default() < *end)
        });
        let Some(behind) = behind else { return Ok(()) };
        if let Some(failure) = life.has_ended() {
            return Err(failure);
        }
        if Instant::now() > deadline {
            let sentence = format!("sink {behind} is not done after {} s", patience.as_secs());
            return Err(Failure::new(FailureKind::Bug, sentence));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Looks at the sinks of answers, each for itself.
pub(super) fn all(
    life: &Life,
    loaded: &Loaded,
    before: &Before,
    ends: &BTreeMap<Partition, Offset>,
    expected: &Expected,
) -> Result<Vec<Findings>, Failure> {
    let mut findings = Vec::new();
    for (name, target) in loaded.config.sinks_of(flightline_jobs::config::Selects::Answers) {
        let lines = match target {
            SinkTarget::Topic(_) => topic_lines(life, before)?,
            SinkTarget::Collection(_) => documents(life, expected)?,
            SinkTarget::Files(files) => file_lines(files.folder.location(), before, ends)?,
        };
        findings.push(Findings::of(&name.0, expected, lines.iter().map(|line| &line[..])));
    }
    Ok(findings)
}

fn topic_lines(life: &Life, before: &Before) -> Result<Vec<Bytes>, Failure> {
    let mut lines = Vec::new();
    for (partition, from) in &before.responses {
        let (mut from, end) = (*from, life.responses.bounds(*partition).map_err(failure)?.to);
        while from < end {
            let records = life.responses.read(*partition, from, 4 << 20, Duration::ZERO).map_err(failure)?;
            let Some(last) = records.last() else { break };
            from = last.offset.next();
            lines.extend(records.into_iter().map(|record| record.payload));
        }
    }
    Ok(lines)
}

fn documents(life: &Life, expected: &Expected) -> Result<Vec<Bytes>, Failure> {
    let find = |asked: &Asked| life.collection.get(&asked.id.to_string()).map_err(failure).transpose();
    expected.requests().iter().filter_map(find).collect()
}

fn file_lines(folder: &str, before: &Before, ends: &BTreeMap<Partition, Offset>) -> Result<Vec<Bytes>, Failure> {
    let unreadable = |error: &dyn fmt::Display| Failure::new(FailureKind::Storage, error.to_string());
    let stores = Stores::new()?;
    let reader = FileReader::new(&stores, folder)?;
    let mut lines = Vec::new();
    for (partition, end) in ends {
        let from = before.requests.get(partition).copied().unwrap_or_default();
        let range = OffsetRange::new(from, *end);
        for line in reader.lines(*partition, range).map_err(|error| unreadable(&error))? {
            lines.push(line.map_err(|error| unreadable(&error))?.1);
        }
    }
    Ok(lines)
}
