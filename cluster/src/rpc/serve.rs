//! The callee's routes.
//!
//! What is let in goes to a handler, whose answer is sealed. What is not gets a plain refusal, which proves nothing and so
//! ends nobody.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use flightline_engine::clock::Clock;

use super::LONGEST_CALL;
use super::door::{Closed, Door, Secrets};
use super::seal::{Answer, Call, Hello, Role};
use crate::entropy::{Entropy, random};

/// What comes of a call: its answer as JSON, or why it was not done.
pub type Outcome = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Does what is asked.
pub trait Handler: Send + Sync + 'static {
    /// Answers the call of somebody who is who they say. May take long, and be dropped when the caller goes away.
    fn handle(self: Arc<Self>, role: Role, body: String) -> Outcome;
}

struct Callee {
    door: Mutex<Door>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    handler: Arc<dyn HandlerOnce>,
}

/// [`Handler`] behind a pointer.
trait HandlerOnce: Send + Sync {
    fn handle(&self, role: Role, body: String) -> Outcome;
}

impl<H: Handler> HandlerOnce for Arc<H> {
    fn handle(&self, role: Role, body: String) -> Outcome {
        Handler::handle(Self::clone(self), role, body)
    }
}

/// The routes `/rpc/hello` and `/rpc/call`.
///
/// # Errors
/// The system has no random numbers.
pub fn routes<H: Handler>(
    handler: Arc<H>,
    secrets: Secrets,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Router, String> {
    let door = Mutex::new(Door::new(random(&entropy)?, secrets));
    let callee = Arc::new(Callee { door, clock, entropy, handler: Arc::new(handler) });
    Ok(Router::new()
        .route("/rpc/hello", post(hello))
        .route("/rpc/call", post(call))
        .layer(DefaultBodyLimit::max(LONGEST_CALL))
        .with_state(callee))
}

async fn hello(State(callee): State<Arc<Callee>>, Json(hello): Json<Hello>) -> Response {
    let Ok(id) = random(&callee.entropy) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let door = callee.door.lock().unwrap_or_else(PoisonError::into_inner);
    match door.welcome(&hello, id, callee.clock.now()) {
        Ok(welcome) => Json(welcome).into_response(),
        Err(closed) => refused(closed),
    }
}

async fn call(State(callee): State<Arc<Callee>>, Json(call): Json<Call>) -> Response {
    let admitted = {
        let mut door = callee.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.admit(&call, callee.clock.now())
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(closed) => return refused(closed),
    };
    let outcome = callee.handler.handle(admitted.role, call.body).await;
    let (done, body) = outcome.map_or_else(|why| (false, why), |body| (true, body));
    let tag = admitted.key.tag_answer(call.number, done, &body);
    Json(Answer { done, body, tag }).into_response()
}

fn refused(closed: Closed) -> Response {
    tracing::debug!("a call was refused: {closed}");
    let code = if closed == Closed::Garbled { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED };
    (code, closed.to_string()).into_response()
}
