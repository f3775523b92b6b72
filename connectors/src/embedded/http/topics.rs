//! The routes of topics.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use flightline_engine::log::{Offset, OffsetRange, Partition};
use serde::Deserialize;

use super::problem::Problem;
use super::wire::{NewRecordsBody, PartitionBody, RecordBody, RecordsBody, TopicBody, TopicsBody};
use super::{BodyKind, MOST_RECORDS, Shared, blocking, with_body};
use crate::embedded::{EmbeddedError, Topic};

/// What one read gives, in bytes of records, unless it asks for less.
const READ_LIMIT: usize = 1 << 20;
/// The most that one read gives, in bytes of records; a larger record comes alone.
pub(crate) const MOST_READ: usize = 16 << 20;
/// The longest that one read waits.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// `GET /topics`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<TopicsBody>, Problem> {
    blocking(move || {
        let topics = shared.store.opened_topics();
        let topics: Result<_, EmbeddedError> = topics.iter().map(|topic| describe(topic)).collect();
        Ok(Json(TopicsBody { topics: topics? }))
    })
    .await
}

fn describe(topic: &Topic) -> Result<TopicBody, EmbeddedError> {
    let mut here = Vec::new();
    for partition in topic.here() {
        let OffsetRange { from, to } = topic.bounds(partition)?;
        here.push(PartitionBody { partition, from, to });
    }
    Ok(TopicBody { name: topic.name().to_owned(), partitions: topic.partitions(), here })
}

/// What a read asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    /// The first offset; the start if left out.
    from: Option<Offset>,
    limit_bytes: Option<usize>,
    #[serde(default)]
    wait_ms: u64,
}

/// `GET /topics/{name}/{partition}/records`.
pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    Path((name, partition)): Path<(String, String)>,
    query: Result<Query<Read>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(Read { from, limit_bytes, wait_ms }) =
        query.map_err(|rejection| Problem::bad("query", rejection.body_text()))?;
    let (topic, partition) = find(&shared, &name, &partition)?;
    let limit = limit_bytes.unwrap_or(READ_LIMIT).min(MOST_READ);
    let wait = Duration::from_millis(wait_ms).min(LONGEST_WAIT);
    let from = match from {
        Some(from) => from,
        None => first(&topic, partition).await?,
    };
    // Waits without holding a thread; whether something came is for the read to say.
    let mut ends = topic.ends(partition)?;
    let _ = tokio::time::timeout(wait, ends.wait_for(|end| *end != from)).await;
    let body = blocking(move || {
        let records = topic.read(partition, from, limit, Duration::ZERO)?;
        let next = records.last().map_or(from, |record| record.offset.next());
        let body = RecordsBody { next, records: records.iter().map(RecordBody::from).collect() };
        serde_json::to_vec(&body).map_err(|error| Problem::bad("record", error.to_string()))
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body))
}

async fn first(topic: &Arc<Topic>, partition: Partition) -> Result<Offset, Problem> {
    let topic = Arc::clone(topic);
    blocking(move || Ok(topic.bounds(partition)?.from)).await
}

/// `POST /topics/{name}/{partition}/records`.
pub(super) async fn append(
    State(shared): State<Arc<Shared>>,
    Path((name, partition)): Path<(String, String)>,
    request: Request,
) -> Result<Json<OffsetRange>, Problem> {
    let (kind, here) = (BodyKind::of(request.headers()), Arc::clone(&shared));
    with_body(&shared, request, move |body| {
        let (topic, partition) = find(&here, &name, &partition)?;
        let records = match kind? {
            BodyKind::Record => vec![body],
            BodyKind::Lines => lines(&body),
            BodyKind::Records => records(&body)?,
        };
        if records.is_empty() {
            return Err(Problem::bad("empty", "the body holds no record: send at least one line"));
        }
        if records.len() > MOST_RECORDS {
            let sentence = format!("the body holds more than {MOST_RECORDS} records: send them in parts");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many", sentence));
        }
        Ok(Json(topic.append(partition, records)?))
    })
    .await
}

/// The lines of a body, without their line feeds; blank ones are none. Stops at one more than may be.
pub(super) fn lines(body: &Bytes) -> Vec<Bytes> {
    let whole = body.split(|byte| *byte == b'\n').map(|line| body.slice_ref(line));
    whole.filter(|line| !line.trim_ascii().is_empty()).take(MOST_RECORDS + 1).collect()
}

/// Records in the form that reading gives. Stops at one more than may be.
fn records(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let expected = r#"expected is {"records":[{"text":"…"},{"base64":"…"}]}"#;
    let parsed: NewRecordsBody = serde_json::from_slice(body)
        .map_err(|error| Problem::bad("records", format!("the body can't be read: {error}; {expected}")))?;
    let bytes = parsed.records.into_iter().enumerate().map(|(index, payload)| {
        let sentence = |error| format!("record {index} (from 0) is not valid base64: {error}");
        payload.bytes().map_err(|error| Problem::bad("records", sentence(error)))
    });
    bytes.collect()
}

fn find(shared: &Shared, name: &str, partition: &str) -> Result<(Arc<Topic>, Partition), Problem> {
    let Some(topic) = shared.store.opened_topic(name) else {
        let open: Vec<_> = shared.store.opened_topics().iter().map(|topic| topic.name().to_owned()).collect();
        let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
        return Err(Problem::missing("no-topic", format!("this process has no topic `{name}`; it has: {open}")));
    };
    let Ok(partition) = partition.parse() else {
        return Err(Problem::bad("partition", format!("`{partition}` is no partition: write a number from 0")));
    };
    Ok((topic, Partition(partition)))
}
