//! The JSON twins of the master's pages, and what programs do with them.

use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use flightline_engine::http::OPEN_METRICS;
use serde::Deserialize;
use serde_json::json as object;

use super::pages::{From, Master};
use super::{json, read};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::job::upgrade::Changes;
use crate::master::upgrade::{NotUpgraded, Refused};
use crate::protocol::messages::Submitted;
use crate::ui::access::Caller;
use crate::ui::metrics::of_cluster;
use crate::ui::sight::Sight;
use crate::ui::site::Fault;
use crate::view::JobView;

/// When a job is not submitted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Unless {
    unless_running: bool,
}

fn no_job() -> Fault {
    Fault::not_found("there is no such job, or it is forgotten")
}

/// A browser sends cookies along with what other sites make it send, but never a token: so actions need the token itself.
fn with_token(caller: &Caller) -> Result<(), Fault> {
    match caller {
        Caller::Bearer => Ok(()),
        Caller::Session(_) => Err(Fault::new(
            StatusCode::FORBIDDEN,
            "this needs `Authorization: Bearer TOKEN`; a session is for the pages",
        )),
    }
}

pub(super) async fn health() -> Response {
    json(StatusCode::OK, &object!({"state": "up"}))
}

/// The store is open, and calls are taken, before there are pages: until the master can't write any more.
pub(super) async fn ready(State(site): Master) -> Response {
    if site.sight().is_ready() {
        json(StatusCode::OK, &object!({"state": "ready"}))
    } else {
        json(StatusCode::SERVICE_UNAVAILABLE, &object!({"state": "ending"}))
    }
}

pub(super) async fn cluster(State(site): Master) -> Result<Response, Fault> {
    let view = site.see(|sight| sight.cluster()).await?;
    Ok(json(StatusCode::OK, &view))
}

pub(super) async fn models(State(site): Master) -> Result<Response, Fault> {
    let models = site.see(|sight| sight.models()).await?;
    Ok(json(StatusCode::OK, &models.map_err(Fault::not_found)?))
}

pub(super) async fn model(State(site): Master, Path(id): Path<String>) -> Result<Response, Fault> {
    let model = site.see(move |sight| sight.model(&id)).await?;
    let model = model.ok_or_else(|| Fault::not_found("there is no such model: /api/models names all"))?;
    Ok(json(StatusCode::OK, &model))
}

pub(super) async fn jobs(State(site): Master) -> Result<Response, Fault> {
    let view = site.see(|sight| sight.cluster()).await?;
    Ok(json(StatusCode::OK, &view.jobs))
}

pub(super) async fn job(State(site): Master, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = read::job(&id)?;
    let mut view = site.see(move |sight| sight.job(id)).await?.ok_or_else(no_job)?;
    // A configuration may hold secrets, and whoever made the view may have forgotten that.
    view.spec.files.iter_mut().for_each(|file| file.text.clear());
    Ok(json(StatusCode::OK, &view))
}

pub(super) async fn graph(State(site): Master, Path(id): Path<String>) -> Result<Response, Fault> {
    let id = read::job(&id)?;
    let graph = site.see(move |sight| sight.job(id).map(|_| sight.graph(id))).await?.ok_or_else(no_job)?;
    Ok(json(StatusCode::OK, &graph?))
}

pub(super) async fn log(
    State(site): Master,
    Path(names): Path<(String, String, String)>,
    Query(from): Query<From>,
) -> Result<Response, Fault> {
    let (process, stream, from) = (read::process(&names)?, from.stream()?, from.place()?);
    let piece = site.see(move |sight| sight.log(process, stream, from)).await?;
    Ok(json(StatusCode::OK, &piece?))
}

pub(super) async fn submit(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Query(Unless { unless_running }): Query<Unless>,
    request: Request,
) -> Result<Response, Fault> {
    with_token(&caller)?;
    let spec: JobSpec = read::value(&site, request).await?;
    let (id, code) = match site.see(move |sight| sight.submit(spec, unless_running)).await? {
        Ok(Submitted::New(id)) => (id, StatusCode::CREATED),
        Ok(Submitted::Running(id)) => (id, StatusCode::OK),
        Ok(Submitted::Ending(id)) => {
            let why = format!("job {id} of this name is ending: ask again when that is over");
            return Ok(json(StatusCode::CONFLICT, &object!({"error": why, "id": id})));
        }
        Err(mistakes) => return Ok(json(StatusCode::UNPROCESSABLE_ENTITY, &object!({"errors": mistakes}))),
    };
    let mut response = json(code, &object!({"id": id}));
    if let Ok(path) = format!("/api/jobs/{id}").try_into() {
        response.headers_mut().insert(LOCATION, path);
    }
    Ok(response)
}

pub(super) async fn upgrade(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Fault> {
    with_token(&caller)?;
    let id = read::job(&id)?;
    let changes: Changes = read::value(&site, request).await?;
    Ok(match site.see(move |sight| sight.upgrade(id, changes)).await? {
        Ok(upgraded) => json(StatusCode::ACCEPTED, &upgraded),
        Err(Refused::NotUpgraded(NotUpgraded::Unknown(_))) => return Err(no_job()),
        Err(Refused::NotUpgraded(why)) => return Err(Fault::new(StatusCode::CONFLICT, why.to_string())),
        Err(Refused::Mistakes(mistakes)) => json(StatusCode::UNPROCESSABLE_ENTITY, &object!({"errors": mistakes})),
    })
}

pub(super) async fn stop(site: Master, caller: Extension<Caller>, id: Path<String>) -> Result<Response, Fault> {
    end(site, caller, id, StopHow::Stop).await
}

pub(super) async fn kill(site: Master, caller: Extension<Caller>, id: Path<String>) -> Result<Response, Fault> {
    end(site, caller, id, StopHow::Kill).await
}

async fn end(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    how: StopHow,
) -> Result<Response, Fault> {
    with_token(&caller)?;
    let id = read::job(&id)?;
    site.see(move |sight| sight.stop(id, how)).await??;
    Ok(json(StatusCode::ACCEPTED, &object!({"id": id, "asked": how})))
}

pub(super) async fn metrics(State(site): Master) -> Result<Response, Fault> {
    let look = |sight: &dyn Sight| {
        let view = sight.cluster();
        let streams = view.jobs.iter().filter(|job| job.program == "predict" && !job.state.is_over());
        let streams: Vec<JobView> = streams.filter_map(|job| sight.job(job.id)).collect();
        of_cluster(&view, &streams, sight.current_model())
    };
    let text = site.see(look).await?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
