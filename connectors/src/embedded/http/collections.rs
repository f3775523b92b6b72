//! The routes of collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::problem::Problem;
use super::wire::{CollectionBody, CollectionsBody, DocumentBody, DocumentsBody, StoredBody};
use super::{BodyKind, MOST_DOCUMENTS, Shared, blocking, with_body};
use crate::embedded::{Collection, EmbeddedError};

/// Documents on a page, unless it asks for less or more.
const PAGE: usize = 100;
/// The most documents on a page.
const LARGEST_PAGE: usize = 10_000;
/// The most bytes of documents on a page; a larger document comes alone.
const PAGE_BYTES: usize = 16 << 20;

/// `GET /collections`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<CollectionsBody>, Problem> {
    blocking(move || {
        let describe = |collection: &Arc<Collection>| {
            Ok(CollectionBody { name: collection.name().to_owned(), documents: collection.len()? })
        };
        let collections: Result<_, EmbeddedError> = shared.store.opened_collections().iter().map(describe).collect();
        Ok(Json(CollectionsBody { collections: collections? }))
    })
    .await
}

/// `GET /collections/{name}/documents/{id}`.
pub(super) async fn document(
    State(shared): State<Arc<Shared>>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let collection = find(&shared, &name)?;
    blocking(move || match collection.get(&id)? {
        Some(body) => Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response()),
        None => Err(Problem::missing("no-document", format!("collection `{name}` has no document `{id}`"))),
    })
    .await
}

/// What a scan asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /collections/{name}/documents`.
pub(super) async fn scan(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Result<Query<Scan>, QueryRejection>,
) -> Result<Json<DocumentsBody>, Problem> {
    let Query(Scan { after, limit }) = query.map_err(|rejection| Problem::bad("query", rejection.body_text()))?;
    let collection = find(&shared, &name)?;
    let limit = limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    blocking(move || {
        let page = collection.page(after.as_deref(), limit, PAGE_BYTES)?;
        let next = page.documents.last().filter(|_| page.more).map(|(id, _)| id.clone());
        let documents = page.documents.into_iter().map(|(id, body)| DocumentBody::of(id, &body)).collect();
        Ok(Json(DocumentsBody { documents, next }))
    })
    .await
}

/// How documents are stored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    #[serde(default)]
    replace: bool,
}

/// `PUT /collections/{name}/documents`.
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    query: Result<Query<Put>, QueryRejection>,
    request: Request,
) -> Result<Json<StoredBody>, Problem> {
    let (kind, here) = (BodyKind::of(request.headers()), Arc::clone(&shared));
    with_body(&shared, request, move |body| {
        let Query(Put { replace }) = query.map_err(|rejection| Problem::bad("query", rejection.body_text()))?;
        let collection = find(&here, &name)?;
        if kind? != BodyKind::Lines {
            let sentence = "documents come as JSON lines: send them as `application/x-ndjson`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", sentence));
        }
        let documents = documents(&body)?;
        if documents.len() > MOST_DOCUMENTS {
            let sentence = format!("the body holds more than {MOST_DOCUMENTS} documents; nothing was stored");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many", sentence));
        }
        let stored = documents.len();
        let done = if replace { collection.replace_all(documents) } else { collection.put_all(documents) };
        done?;
        Ok(Json(StoredBody { stored }))
    })
    .await
}

/// Documents of a body of JSON lines: the id apart, and the rest as it stands, with its names in order. Stops
/// at one more than may be.
fn documents(body: &Bytes) -> Result<Vec<(String, Bytes)>, Problem> {
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines.take(MOST_DOCUMENTS + 1).map(|(index, line)| parse(line).map_err(|error| in_line(index, &error))).collect()
}

fn in_line(index: usize, error: &str) -> Problem {
    let expected = r#"expected is {"_id":"…", …} on one line; nothing was stored"#;
    Problem::bad("documents", format!("line {} of the body: {error}; {expected}", index + 1))
}

fn parse(line: &[u8]) -> Result<(String, Bytes), String> {
    // Raw, so that a number keeps its text.
    let mut fields: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let id = fields.remove("_id").ok_or("it has no `_id`")?;
    let id: String = serde_json::from_str(id.get()).map_err(|_| "its `_id` is not a string")?;
    if id.is_empty() {
        return Err("its `_id` is empty".to_owned());
    }
    let body = serde_json::to_vec(&fields).map_err(|error| error.to_string())?;
    Ok((id, body.into()))
}

fn find(shared: &Shared, name: &str) -> Result<Arc<Collection>, Problem> {
    shared.store.opened_collection(name).ok_or_else(|| {
        let open: Vec<_> = shared.store.opened_collections().iter().map(|open| open.name().to_owned()).collect();
        let open = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
        Problem::missing("no-collection", format!("this process has no collection `{name}`; it has: {open}"))
    })
}
