//! Where the request of a UUID stands: as its answer says, or else by reading the request log.

use std::collections::BTreeMap;
use std::time::Duration;

use flightline_connectors::client::{CollectionClient, Position, TopicClient};
use flightline_engine::log::{LogRecord, OffsetRange, Partition};
use flightline_engine::progress::{Progress, Unit};

use crate::access::lines::LinePosition;
use crate::failure::Failure;
use crate::request::{self, BadRequest, Request, RequestId};

/// Bytes of requests that are read at once.
const PAGE: usize = 4 << 20;

/// The places of a UUID's requests: one if its answer says it, all if the log was read.
pub type Places = BTreeMap<RequestId, Vec<Position>>;

/// Finds the requests of some UUIDs. Shows on `progress` how much of the log was read, if it must be.
///
/// # Errors
/// The collection or the log can't be read.
pub fn find(
    ids: &[RequestId],
    answers: Option<&dyn CollectionClient>,
    requests: &dyn TopicClient,
    progress: &Progress,
) -> Result<Places, Failure> {
    let mut places = Places::new();
    for id in ids {
        let found = answers.map(|answers| by_answer(id, answers, requests)).transpose()?.flatten();
        places.insert(id.clone(), found.into_iter().collect());
    }
    // Two spellings of one UUID are one.
    let mut wanted: BTreeMap<Box<str>, Vec<Position>> =
        places.iter().filter(|(_, found)| found.is_empty()).map(|(id, _)| (request::key(id), Vec::new())).collect();
    if !wanted.is_empty() {
        by_reading(&mut wanted, requests, progress)?;
        for (id, found) in places.iter_mut().filter(|(_, found)| found.is_empty()) {
            found.extend(wanted.get(&request::key(id)).into_iter().flatten());
        }
    }
    Ok(places)
}

/// The UUID of a record as a key, if it can be read.
#[must_use]
pub fn key_of(payload: &[u8]) -> Option<Box<str>> {
    id_of(payload).map(|id| request::key(&id))
}

/// The UUID of a record, as the client has spelt it.
#[must_use]
pub fn id_of(payload: &[u8]) -> Option<RequestId> {
    match Request::parse(payload) {
        Ok(request) => Some(request.id),
        Err(BadRequest { id, .. }) => id,
    }
}

fn by_answer(
    id: &RequestId,
    answers: &dyn CollectionClient,
    requests: &dyn TopicClient,
) -> Result<Option<Position>, Failure> {
    let key = request::key(id);
    let Some(LinePosition { partition, offset }) = answers.get(&key)?.and_then(|answer| LinePosition::of(&answer))
    else {
        return Ok(None);
    };
    // Only if it is so: an answer that names a wrong place is one to be found out.
    if partition.0 >= requests.partitions()? || !requests.bounds(partition)?.contains(offset) {
        return Ok(None);
    }
    let found = requests.read(partition, offset, 1, Duration::ZERO)?.into_iter().next();
    let is_it = |record: &LogRecord| record.offset == offset && key_of(&record.payload).as_ref() == Some(&key);
    Ok(found.filter(is_it).map(|_| Position { partition, offset }))
}

fn by_reading(
    wanted: &mut BTreeMap<Box<str>, Vec<Position>>,
    requests: &dyn TopicClient,
    progress: &Progress,
) -> Result<(), Failure> {
    let partitions = (0..requests.partitions()?).map(Partition);
    let ranges: Result<Vec<(Partition, OffsetRange)>, Failure> =
        partitions.map(|partition| Ok((partition, requests.bounds(partition)?))).collect();
    read_all(&ranges?, requests, progress, |partition, record| {
        let found = key_of(&record.payload).and_then(|key| wanted.get_mut(&key));
        if let Some(found) = found {
            found.push(Position { partition, offset: record.offset });
        }
    })
}

/// Reads all requests in some ranges, and shows how many of them.
///
/// # Errors
/// The log can't be read.
pub fn read_all(
    ranges: &[(Partition, OffsetRange)],
    requests: &dyn TopicClient,
    progress: &Progress,
    mut each: impl FnMut(Partition, LogRecord),
) -> Result<(), Failure> {
    let stage = progress.stage("read", Unit::Rows, 1);
    stage.start(ranges.iter().map(|(_, range)| range.to.0.saturating_sub(range.from.0)).sum());
    for (partition, range) in ranges {
        read_range(*partition, *range, requests, |record| {
            stage.add(1);
            each(*partition, record);
        })?;
    }
    stage.end();
    Ok(())
}

/// Reads the requests of a range.
///
/// # Errors
/// The log can't be read.
pub fn read_range(
    partition: Partition,
    range: OffsetRange,
    requests: &dyn TopicClient,
    mut each: impl FnMut(LogRecord),
) -> Result<(), Failure> {
    let mut next = range.from;
    while next < range.to {
        let records = requests.read(partition, next, PAGE, Duration::ZERO)?;
        let Some(last) = records.last() else { break };
        next = last.offset.next();
        records.into_iter().filter(|record| range.contains(record.offset)).for_each(&mut each);
    }
    Ok(())
}
