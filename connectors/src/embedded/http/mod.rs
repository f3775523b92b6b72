//! What other processes ask of the one that holds the files, over HTTP.
//!
//! | | |
//! |---|---|
//! | `GET /topics` | names, number of partitions, and what is here: `{"topics":[{"name","partitions","here":[{"partition","from","to"}]}]}` |
//! | `POST /topics/{name}/{partition}/records` | appends; answers `{"from","to"}` when it is durable |
//! | `GET /topics/{name}/{partition}/records?from=&limit_bytes=&wait_ms=` | reads; `{"next","records":[{"offset","text"}]}`, with `base64` for what is no text |
//! | `GET /collections` | names and numbers of documents |
//! | `GET /collections/{name}/documents/{id}` | a document, as it is stored |
//! | `GET /collections/{name}/documents?after=&limit=` | documents in the order of their ids; `next` is the `after` of the next page |
//! | `PUT /collections/{name}/documents?replace=` | stores JSON lines, each an object with `_id`; `replace=true` makes them all there is |
//!
//! Bodies are taken as `application/x-ndjson` (JSON lines), `application/octet-stream` (one record), and `application/json`
//! (records in the form that reading gives). Only topics and collections that this process has open are served. Errors are
//! `{"error","kind"}`; `error` is a sentence.
//!
//! There is no authentication: bind it to an address that only friends reach. Pages that a friend's browser shows are kept out:
//! see `browsers`. Bounded are the bytes of a body, its records, the bodies that are in memory at once, and their time. A
//! read may ask for 16 MiB of records, which JSON can make six times as large, and which stay until the client has taken
//! them: that is bounded by the number of connections only.

mod body;
mod browsers;
mod collections;
mod problem;
mod topics;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::routing::get;
use bytes::Bytes;

use self::body::{Bodies, BodyLimits};
use self::problem::Problem;
use super::{EmbeddedError, EmbeddedStore};

/// The largest body that is taken, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 << 20;
/// The most records that one body may hold: each takes more memory than its bytes.
pub(crate) const MOST_RECORDS: usize = 100_000;
/// The most documents that one body may hold. A table is replaced by one body, so it is as many as there is room for, each
/// of 64 bytes.
const MOST_DOCUMENTS: usize = 1_000_000;

/// Small ones are the page's; the large ones of programs may be slow, not idle.
const BODIES: BodyLimits =
    BodyLimits { largest: BODY_LIMIT, small: 64 << 10, places: 8, pace: Duration::from_secs(5), stretch: 1 << 20 };

/// What the handlers share.
#[derive(Debug)]
struct Shared {
    store: Arc<EmbeddedStore>,
    bodies: Bodies,
}

/// The routes of a store.
pub fn routes(store: Arc<EmbeddedStore>) -> Router {
    routes_within(BODIES, store)
}

fn routes_within(bodies: BodyLimits, store: Arc<EmbeddedStore>) -> Router {
    let shared = Arc::new(Shared { store, bodies: Bodies::new(bodies) });
    Router::new()
        .route("/topics", get(topics::list))
        .route("/topics/{name}/{partition}/records", get(topics::read).post(topics::append))
        .route("/collections", get(collections::list))
        .route("/collections/{name}/documents", get(collections::scan).put(collections::put))
        .route("/collections/{name}/documents/{id}", get(collections::document))
        .layer(from_fn(browsers::guard))
        .with_state(shared)
}

/// How a body is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyKind {
    Lines,
    Record,
    Records,
}

impl BodyKind {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-ndjson" | "application/jsonl" => Ok(Self::Lines),
            "application/octet-stream" => Ok(Self::Record),
            "application/json" => Ok(Self::Records),
            _ => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-type",
                format!(
                    "the content type `{named}` is not taken: send `application/x-ndjson` for JSON lines, or \
                     `application/octet-stream` for one record"
                ),
            )),
        }
    }
}

/// Takes a body, and does something with it on a thread that may block. Also what will be
/// refused is read first: a connection with an unread body can't be used again, and who asked would see it break.
async fn with_body<R: Send + 'static>(
    shared: &Shared,
    request: Request,
    step: impl FnOnce(Bytes) -> Result<R, Problem> + Send + 'static,
) -> Result<R, Problem> {
    let taken = shared.bodies.take(request).await?;
    let bytes = taken.bytes.clone();
    blocking(move || step(bytes)).await
}

/// Runs a step that may block.
async fn blocking<R: Send + 'static>(step: impl FnOnce() -> Result<R, Problem> + Send + 'static) -> Result<R, Problem> {
    tokio::task::spawn_blocking(step).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "stopped", "the process is ending".to_owned()))
    })
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
pub(crate) mod serving;
#[cfg(test)]
mod tests;
