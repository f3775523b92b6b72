//! The master's pages, and how they are looked at again while they stand open.

use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use flightline_engine::supervised::{Address, Graph};
use serde::Deserialize;

use super::{html, read};
use crate::ids::{JobId, ProcessRef};
use crate::protocol::LogStream;
use crate::ui::access::Caller;
use crate::ui::graph;
use crate::ui::live::{Look, Seen, follow};
use crate::ui::page::{
    Frame, Part, cluster as cluster_page, frame, job as job_page, log as log_page, models as models_page, stack,
};
use crate::ui::sight::{NotHad, Sight};
use crate::ui::site::{Fault, Site};

pub(super) type Master = State<Site<dyn Sight>>;

/// How often a page that stands open asks for the graph again: who has it may have to ask workers.
const GRAPH_EVERY: Duration = Duration::from_secs(2);

/// A page of the master that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Cluster,
    Models,
    Job(JobId, Option<Address>),
}

/// A look at a page, again and again.
struct Looking {
    place: Place,
    graph: Option<(Instant, Result<Graph, NotHad>)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    scope: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct From {
    pub(super) from: Option<String>,
    pub(super) stream: Option<String>,
}

impl From {
    pub(super) fn place(&self) -> Result<Option<u64>, Fault> {
        let wrong = |_| Fault::new(StatusCode::BAD_REQUEST, "`from` is a number of bytes");
        self.from.as_deref().map(str::parse).transpose().map_err(wrong)
    }

    /// Which log: what is said to people, if nothing else is asked for.
    pub(super) fn stream(&self) -> Result<LogStream, Fault> {
        match self.stream.as_deref() {
            None | Some("stderr") => Ok(LogStream::Stderr),
            Some("stdout") => Ok(LogStream::Stdout),
            Some(_) => Err(Fault::new(StatusCode::BAD_REQUEST, "`stream` is `stdout` or `stderr`")),
        }
    }
}

impl Place {
    /// The place that a path of ours shows.
    fn of(path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let scope = query.split('&').find_map(|pair| pair.strip_prefix("scope="));
        match path {
            "/" => Some(Self::Cluster),
            "/models" => Some(Self::Models),
            _ => {
                let id = path.strip_prefix("/jobs/")?.parse().ok()?;
                Some(Self::Job(JobId(id), scope.and_then(graph::address)))
            }
        }
    }
}

impl Looking {
    const fn at(place: Place) -> Self {
        Self { place, graph: None }
    }

    /// The page's title and parts.
    fn page(&mut self, sight: &dyn Sight) -> Option<(String, Vec<Part>)> {
        match &self.place {
            Place::Cluster => Some(("Cluster".to_owned(), cluster_page::parts(&sight.cluster()))),
            Place::Models => {
                let now = sight.cluster().now;
                Some(("Models".to_owned(), models_page::parts(sight.models().as_deref().map_err(String::as_str), now)))
            }
            Place::Job(id, scope) => {
                let view = sight.job(*id)?;
                let fresh = self.graph.take().filter(|(taken, _)| taken.elapsed() < GRAPH_EVERY);
                let (_, graph) = self.graph.insert(fresh.unwrap_or_else(|| (Instant::now(), sight.graph(*id))));
                let graph = graph.as_ref().map_err(ToString::to_string);
                let graph = graph.as_ref().map_err(String::as_str).copied();
                Some((format!("Job {id}, {}", view.line.name), job_page::parts(&view, graph, scope.as_ref())))
            }
        }
    }
}

impl Look<dyn Sight> for Looking {
    fn look(&mut self, sight: &dyn Sight) -> Seen {
        self.page(sight).map_or(Seen::Gone, |(_, parts)| Seen::Parts(parts))
    }
}

async fn shown(site: &Site<dyn Sight>, caller: &Caller, place: Place, path: &str) -> Result<Response, Fault> {
    let menu = match place {
        Place::Cluster => "/",
        Place::Models => "/models",
        Place::Job(..) => "",
    };
    let class = if matches!(place, Place::Job(..)) { "job" } else { "cluster" };
    let page = site.see(move |sight| Looking::at(place).page(sight)).await?;
    let (title, parts) = page.ok_or_else(|| Fault::not_found("there is no such job, or it is forgotten"))?;
    let seal = seal(caller);
    let around = Frame { whose: &site.0.whose, title: &title, menu, events: Some(path), seal: seal.as_deref() };
    Ok(html(StatusCode::OK, frame(&around, class, &stack(&parts))))
}

/// What forms of a session carry.
pub(super) fn seal(caller: &Caller) -> Option<String> {
    match caller {
        Caller::Session(id) => Some(id.seal()),
        Caller::Bearer => None,
    }
}

pub(super) async fn cluster(State(site): Master, Extension(caller): Extension<Caller>) -> Result<Response, Fault> {
    shown(&site, &caller, Place::Cluster, "/").await
}

pub(super) async fn models(State(site): Master, Extension(caller): Extension<Caller>) -> Result<Response, Fault> {
    shown(&site, &caller, Place::Models, "/models").await
}

pub(super) async fn job(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(Scope { scope }): Query<Scope>,
) -> Result<Response, Fault> {
    let (id, scope) = (read::job(&id)?, graph::address(&scope));
    let path = scope.as_ref().map_or_else(|| format!("/jobs/{id}"), |scope| format!("/jobs/{id}?scope={scope}"));
    shown(&site, &caller, Place::Job(id, scope), &path).await
}

pub(super) async fn log(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Path(names): Path<(String, String, String)>,
    Query(from): Query<From>,
) -> Result<Response, Fault> {
    let (process, from) = (read::process(&names)?, from.place()?);
    let piece = site.see(move |sight| sight.log(process, LogStream::Stderr, from)).await??;
    let (path, back, seal) = (log_page::path(process), format!("/jobs/{}", process.job), seal(&caller));
    let title = format!("Log of {process}");
    let events = (from.is_none() && (piece.more || piece.text.is_empty())).then_some(path.as_str());
    let around = Frame { whose: &site.0.whose, title: &title, menu: "", events, seal: seal.as_deref() };
    Ok(html(StatusCode::OK, frame(&around, "logs", &log_page::page(process, &piece, from, &back))))
}

/// A model's own page. It comes from the registry, so it may do nothing but look as it does.
pub(super) async fn model(State(site): Master, Path(id): Path<String>) -> Result<Response, Fault> {
    const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";
    let page = site.see(move |sight| sight.model_page(&id)).await?;
    let page = page.ok_or_else(|| Fault::not_found("there is no such model, or it has no page of its own"))?;
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, SANDBOX), (CACHE_CONTROL, "no-store")];
    Ok((headers, page).into_response())
}

/// What `/events` is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Of {
    pub(super) of: String,
    /// Of a log: from where on.
    #[serde(default)]
    pub(super) from: Option<u64>,
}

/// A look at a log.
struct Tail(ProcessRef, Option<u64>);

impl Look<dyn Sight> for Tail {
    fn look(&mut self, sight: &dyn Sight) -> Seen {
        tail(&mut self.1, |from| sight.log(self.0, LogStream::Stderr, from))
    }
}

/// What was added to a log since the last look.
pub(super) fn tail(
    from: &mut Option<u64>,
    log: impl FnOnce(Option<u64>) -> Result<crate::view::LogPiece, NotHad>,
) -> Seen {
    match log(*from) {
        Ok(piece) => {
            *from = Some(piece.next);
            Seen::Log { next: piece.next, html: log_page::text(&piece).into_string(), more: piece.more }
        }
        Err(_) => Seen::Nothing,
    }
}

/// The process whose log a path shows.
pub(super) fn log_at(path: &str) -> Option<ProcessRef> {
    let (job, rest) = path.strip_prefix("/jobs/")?.split_once("/logs/")?;
    let (generation, process) = rest.split_once('/')?;
    read::process(&(job.to_owned(), generation.to_owned(), process.to_owned())).ok()
}

pub(super) async fn events(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Query(Of { of, from }): Query<Of>,
) -> Result<Response, Fault> {
    let changes = site.sight().changes();
    if let Some(process) = log_at(&of) {
        return follow(&site, caller, changes, Tail(process, from));
    }
    let place = Place::of(&of).ok_or_else(|| Fault::not_found("no page of this path changes"))?;
    follow(&site, caller, changes, Looking::at(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_page() {
        assert_eq!(Place::of("/"), Some(Place::Cluster));
        assert_eq!(Place::of("/jobs/3"), Some(Place::Job(JobId(3), None)));
        assert_eq!(Place::of("/jobs/3?scope=0.12"), Some(Place::Job(JobId(3), Some(Address(vec![0, 12])))));
        assert_eq!(Place::of("/jobs/3?scope=x"), Some(Place::Job(JobId(3), None)));
        for none in ["", "/jobs/", "/jobs/x", "/jobs/3/stop", "/submit", "https://evil/"] {
            assert_eq!(Place::of(none), None, "{none}");
        }
        assert_eq!(log_at("/jobs/3/logs/2/1").unwrap().to_string(), "process 1 of job 3, generation 2");
        assert_eq!(log_at("/jobs/3/logs/2"), None);
    }
}
