//! The JSON twins of the master's pages, and what programs do with them.

use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::json as object;

use super::pages::{From, Master};
use super::{json, read};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::ui::access::Caller;
use crate::ui::metrics::{OPEN_METRICS, of_cluster};
use crate::ui::site::Fault;

fn no_job() -> Fault {
    Fault::not_found("there is no such job, or it is forgotten")
}

fn not_asked(why: String) -> Fault {
    Fault::new(StatusCode::BAD_GATEWAY, why)
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

pub(super) async fn cluster(State(site): Master) -> Result<Response, Fault> {
    let view = site.see(|sight| sight.cluster()).await?;
    Ok(json(StatusCode::OK, &view))
}

pub(super) async fn models(State(site): Master) -> Result<Response, Fault> {
    let models = site.see(|sight| sight.models()).await?;
    Ok(json(StatusCode::OK, &models.map_err(Fault::not_found)?))
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
    Ok(json(StatusCode::OK, &graph.map_err(not_asked)?))
}

pub(super) async fn log(
    State(site): Master,
    Path(names): Path<(String, String, String)>,
    Query(from): Query<From>,
) -> Result<Response, Fault> {
    let (process, from) = (read::process(&names)?, from.place()?);
    let piece = site.see(move |sight| sight.log(process.job, process.generation, process.process, from)).await?;
    Ok(json(StatusCode::OK, &piece.map_err(not_asked)?))
}

pub(super) async fn submit(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Fault> {
    with_token(&caller)?;
    let spec: JobSpec = read::value(&site, request).await?;
    Ok(match site.see(move |sight| sight.submit(spec)).await? {
        Ok(id) => {
            let mut response = json(StatusCode::CREATED, &object!({"id": id}));
            if let Ok(path) = format!("/api/jobs/{id}").try_into() {
                response.headers_mut().insert(LOCATION, path);
            }
            response
        }
        Err(mistakes) => json(StatusCode::UNPROCESSABLE_ENTITY, &object!({"errors": mistakes})),
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
    let asked = site.see(move |sight| sight.job(id).map(|_| sight.stop(id, how))).await?.ok_or_else(no_job)?;
    asked.map_err(|why| Fault::new(StatusCode::CONFLICT, why))?;
    Ok(json(StatusCode::ACCEPTED, &object!({"id": id, "asked": how})))
}

pub(super) async fn metrics(State(site): Master) -> Result<Response, Fault> {
    let text = site.see(|sight| of_cluster(&sight.cluster())).await?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
