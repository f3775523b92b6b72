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
//! (records in the form that reading gives); other types are refused, so that no page in a browser can send them unasked.
//! Only topics and collections that this process has open are served. Errors are `{"error","kind"}`; `error` is a sentence.
//! There is no authentication: bind it to an address that only friends reach.

mod collections;
mod problem;
mod topics;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use bytes::Bytes;
use tokio::sync::Semaphore;

use self::problem::Problem;
use super::{EmbeddedError, EmbeddedStore};

/// The largest body that is taken, in bytes.
pub(crate) const BODY_LIMIT: usize = 64 << 20;
/// Bodies that are held in memory at once; more wait.
const BODIES: usize = 8;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

/// What the handlers share.
#[derive(Debug)]
struct Shared {
    store: Arc<EmbeddedStore>,
    bodies: Semaphore,
}

/// The routes of a store.
pub fn routes(store: Arc<EmbeddedStore>) -> Router {
    let shared = Arc::new(Shared { store, bodies: Semaphore::new(BODIES) });
    Router::new()
        .route("/topics", get(topics::list))
        .route("/topics/{name}/{partition}/records", get(topics::read).post(topics::append))
        .route("/collections", get(collections::list))
        .route("/collections/{name}/documents", get(collections::scan).put(collections::put))
        .route("/collections/{name}/documents/{id}", get(collections::document))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
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

/// Reads a body, when there is room for it, and does something with it on a thread that may block. Also what will be
/// refused is read first: a connection with an unread body can't be used again, and who asked would see it break.
async fn with_body<R: Send + 'static>(
    shared: &Shared,
    request: Request,
    step: impl FnOnce(Bytes) -> Result<R, Problem> + Send + 'static,
) -> Result<R, Problem> {
    // Never closed; and if it were, the bodies would only be unbounded.
    let _room = shared.bodies.acquire().await.ok();
    let body = tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, &()));
    let body = body.await.map_err(|_| {
        let seconds = BODY_PATIENCE.as_secs();
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", format!("the body did not come within {seconds} s"))
    })?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is larger than {} MiB: send it in parts", BODY_LIMIT >> 20),
        ),
        status => Problem::new(status, "body", rejection.body_text()),
    })?;
    blocking(move || step(body)).await
}

/// Runs a step that may block.
async fn blocking<R: Send + 'static>(step: impl FnOnce() -> Result<R, Problem> + Send + 'static) -> Result<R, Problem> {
    tokio::task::spawn_blocking(step).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "stopped", "the process is ending".to_owned()))
    })
}

#[cfg(test)]
pub(crate) mod serving;
#[cfg(test)]
mod tests;
