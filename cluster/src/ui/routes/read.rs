//! What requests bring: numbers in paths, forms of ours, jobs as JSON.

use axum::Form;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use flightline_engine::ids::ProcessIndex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::guard::is_from_here;
use crate::ids::{Generation, JobId, ProcessRef};
use crate::ui::access::{Caller, SessionId};
use crate::ui::site::{Fault, Site};

/// A form, and what shows that it is of the session that sends it.
#[derive(Debug, Deserialize)]
struct Sealed<T> {
    #[serde(default)]
    seal: String,
    #[serde(flatten)]
    typed: T,
}

pub(super) fn job(text: &str) -> Result<JobId, Fault> {
    text.parse().map(JobId).map_err(|_| Fault::not_found("a job is named by its number"))
}

pub(super) fn process((of, generation, index): &(String, String, String)) -> Result<ProcessRef, Fault> {
    let numbers = || Fault::not_found("a log is named by the numbers of its job, generation and process");
    Ok(ProcessRef {
        job: of.parse().map(JobId).map_err(|_| numbers())?,
        generation: generation.parse().map(Generation).map_err(|_| numbers())?,
        process: index.parse().map(ProcessIndex::new).map_err(|_| numbers())?,
    })
}

/// The session that a request is of; a program that has the token uses the API instead.
pub(super) fn session(request: &Request) -> Result<SessionId, Fault> {
    match request.extensions().get::<Caller>() {
        Some(Caller::Session(id)) => Ok(id.clone()),
        _ => Err(Fault::new(StatusCode::FORBIDDEN, "forms are for those who are logged in; with the token use /api")),
    }
}

/// What was typed into a form of ours, and its session.
pub(super) async fn form<S, T>(site: &Site<S>, request: Request) -> Result<(SessionId, T), Fault>
where
    S: ?Sized + Send + Sync + 'static,
    T: DeserializeOwned,
{
    let id = session(&request)?;
    let Sealed { seal, typed } = any_form(site, request).await?;
    if !id.has_sealed(&seal) {
        let why = "the form is not of this session: load its page again, and send it from there";
        return Err(Fault::new(StatusCode::FORBIDDEN, why));
    }
    Ok((id, typed))
}

/// What was typed into a form of these pages, whoever sends it.
pub(super) async fn any_form<S, T>(site: &Site<S>, request: Request) -> Result<T, Fault>
where
    S: ?Sized + Send + Sync + 'static,
    T: DeserializeOwned,
{
    if !is_from_here(request.headers()) {
        return Err(Fault::new(StatusCode::FORBIDDEN, "the form was not sent by these pages"));
    }
    let read = timeout(site.0.settings.form_time, Form::<T>::from_request(request, &()));
    let form = read.await.map_err(|_| Fault::new(StatusCode::REQUEST_TIMEOUT, "the form took too long to come"))?;
    form.map(|Form(typed)| typed).map_err(|rejection| Fault::new(rejection.status(), rejection.body_text()))
}

/// A value as JSON, from a program.
pub(super) async fn value<S, T>(site: &Site<S>, request: Request) -> Result<T, Fault>
where
    S: ?Sized + Send + Sync + 'static,
    T: DeserializeOwned,
{
    let read = timeout(site.0.settings.form_time, Bytes::from_request(request, &()));
    let bytes = read.await.map_err(|_| Fault::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to come"))?;
    let bytes = bytes.map_err(|rejection| Fault::new(rejection.status(), rejection.body_text()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Fault::new(StatusCode::BAD_REQUEST, format!("the body can't be read: {error}")))
}
