//! The pages of a worker's agent.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use flightline_engine::http::OPEN_METRICS;
use serde_json::{Value, json as object};

use super::pages::{From, Of, log_at, seal, tail};
use super::{html, json, read};
use crate::ids::ProcessRef;
use crate::protocol::LogStream;
use crate::ui::access::Caller;
use crate::ui::live::{Look, Seen, follow};
use crate::ui::metrics::of_worker;
use crate::ui::page::{Frame, Part, frame, log as log_page, stack, worker as worker_page};
use crate::ui::sight::WorkerSight;
use crate::ui::site::{Fault, Site};
use crate::view::{LineState, LineView};

type Worker = State<Site<dyn WorkerSight>>;

/// A look at the worker's page.
struct Looking;

impl Look<dyn WorkerSight> for Looking {
    fn look(&mut self, sight: &dyn WorkerSight) -> Seen {
        Seen::Parts(parts(sight))
    }
}

/// A look at a log.
struct Tail(ProcessRef, Option<u64>);

impl Look<dyn WorkerSight> for Tail {
    fn look(&mut self, sight: &dyn WorkerSight) -> Seen {
        tail(&mut self.1, |from| sight.log(self.0, LogStream::Stderr, from))
    }
}

fn parts(sight: &dyn WorkerSight) -> Vec<Part> {
    worker_page::parts(&sight.worker(), sight.now())
}

pub(super) async fn page(State(site): Worker, Extension(caller): Extension<Caller>) -> Result<Response, Fault> {
    let parts = site.see(parts).await?;
    let seal = seal(&caller);
    let around = Frame { whose: &site.0.whose, title: "Worker", menu: "/", events: Some("/"), seal: seal.as_deref() };
    Ok(html(StatusCode::OK, frame(&around, "worker", &stack(&parts))))
}

pub(super) async fn log(
    State(site): Worker,
    Extension(caller): Extension<Caller>,
    Path(names): Path<(String, String, String)>,
    Query(from): Query<From>,
) -> Result<Response, Fault> {
    let (process, from) = (read::process(&names)?, from.place()?);
    let piece = site.see(move |sight| sight.log(process, LogStream::Stderr, from)).await??;
    let (path, seal, title) = (log_page::path(process), seal(&caller), format!("Log of {process}"));
    let events = (from.is_none() && (piece.more || piece.text.is_empty())).then_some(path.as_str());
    let around = Frame { whose: &site.0.whose, title: &title, menu: "", events, seal: seal.as_deref() };
    Ok(html(StatusCode::OK, frame(&around, "logs", &log_page::page(process, &piece, from, "/"))))
}

pub(super) async fn events(
    State(site): Worker,
    Extension(caller): Extension<Caller>,
    Query(Of { of, from }): Query<Of>,
) -> Result<Response, Fault> {
    let changes = site.sight().changes();
    match log_at(&of) {
        Some(process) => follow(&site, caller, changes, Tail(process, from)),
        None if of == "/" => follow(&site, caller, changes, Looking),
        None => Err(Fault::not_found("no page of this path changes")),
    }
}

/// It lives. To end it because its master is away would end its jobs.
pub(super) async fn health(State(site): Worker) -> Response {
    json(StatusCode::OK, &health_of(&site.sight().line()))
}

/// It is given jobs.
pub(super) async fn ready(State(site): Worker) -> Response {
    let line = site.sight().line();
    let is_ready = line.standing == LineState::Registered;
    json(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health_of(&line))
}

fn health_of(LineView { master, standing }: &LineView) -> Value {
    object!({"state": "up", "master": master, "standing": standing})
}

pub(super) async fn api(State(site): Worker) -> Result<Response, Fault> {
    let view = site.see(|sight| sight.worker()).await?;
    Ok(json(StatusCode::OK, &view))
}

pub(super) async fn api_log(
    State(site): Worker,
    Path(names): Path<(String, String, String)>,
    Query(from): Query<From>,
) -> Result<Response, Fault> {
    let (process, stream, from) = (read::process(&names)?, from.stream()?, from.place()?);
    let piece = site.see(move |sight| sight.log(process, stream, from)).await?;
    Ok(json(StatusCode::OK, &piece?))
}

pub(super) async fn metrics(State(site): Worker) -> Result<Response, Fault> {
    let text = site.see(|sight| of_worker(&sight.worker(), sight.now())).await?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
