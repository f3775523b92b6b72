//! What people do on the pages: stop and kill jobs, and submit them.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::pages::{Master, seal};
use super::{html, read};
use crate::job::state::StopHow;
use crate::protocol::messages::Submitted;
use crate::ui::access::Caller;
use crate::ui::page::submit::{Mistake, Typed, page as form_page};
use crate::ui::page::{Frame, frame, job as job_page};
use crate::ui::sight::Sight;
use crate::ui::site::{Fault, Site};

/// A form with nothing in it but its seal.
#[derive(Deserialize)]
struct Nothing {}

pub(super) async fn confirm_stop(site: Master, caller: Extension<Caller>, id: Path<String>) -> Result<Response, Fault> {
    confirm(site, caller, id, StopHow::Stop).await
}

pub(super) async fn confirm_kill(site: Master, caller: Extension<Caller>, id: Path<String>) -> Result<Response, Fault> {
    confirm(site, caller, id, StopHow::Kill).await
}

pub(super) async fn stop(site: Master, id: Path<String>, request: Request) -> Result<Response, Fault> {
    end(site, id, request, StopHow::Stop).await
}

pub(super) async fn kill(site: Master, id: Path<String>, request: Request) -> Result<Response, Fault> {
    end(site, id, request, StopHow::Kill).await
}

async fn confirm(
    State(site): Master,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    how: StopHow,
) -> Result<Response, Fault> {
    let id = read::job(&id)?;
    let view = site.see(move |sight| sight.job(id)).await?;
    let view = view.ok_or_else(|| Fault::not_found("there is no such job, or it is forgotten"))?;
    let seal = seal(&caller).unwrap_or_default();
    let body = job_page::confirm(&view, how, &seal);
    let title = format!("Job {id}, {}", view.line.name);
    let around = Frame { whose: &site.0.whose, title: &title, menu: "", events: None, seal: Some(&seal) };
    Ok(html(StatusCode::OK, frame(&around, "alone", &body)))
}

async fn end(State(site): Master, Path(id): Path<String>, request: Request, how: StopHow) -> Result<Response, Fault> {
    let id = read::job(&id)?;
    let (_, Nothing {}) = read::form(&site, request).await?;
    site.see(move |sight| sight.stop(id, how)).await??;
    Ok(to(format!("/jobs/{id}")))
}

pub(super) async fn submit_form(State(site): Master, Extension(caller): Extension<Caller>) -> Response {
    form(&site, StatusCode::OK, &Typed::default(), &[], &seal(&caller).unwrap_or_default())
}

pub(super) async fn submit(State(site): Master, request: Request) -> Result<Response, Fault> {
    let (session, typed): (_, Typed) = read::form(&site, request).await?;
    let submitted = match typed.read() {
        Ok(spec) => {
            let submitted = site.see(move |sight| sight.submit(spec, false)).await?;
            submitted
                .map(Submitted::job)
                .map_err(|mistakes| mistakes.into_iter().map(|why| ("", why)).collect::<Vec<Mistake>>())
        }
        Err(mistakes) => Err(mistakes),
    };
    Ok(match submitted {
        Ok(id) => to(format!("/jobs/{id}")),
        Err(mistakes) => form(&site, StatusCode::UNPROCESSABLE_ENTITY, &typed, &mistakes, &session.seal()),
    })
}

fn form(site: &Site<dyn Sight>, code: StatusCode, typed: &Typed, mistakes: &[Mistake], seal: &str) -> Response {
    let around = Frame { whose: &site.0.whose, title: "Submit a job", menu: "/submit", events: None, seal: Some(seal) };
    html(code, frame(&around, "form", &form_page(typed, mistakes, seal)))
}

fn to(path: String) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
}
