//! `GET …/classify_realtime/response/<id>`: what the collection holds.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use flightline_jobs::request::RequestId;
use serde_json::value::RawValue;

use super::Site;
use super::calls::CallError;
use super::reply::{LOOKING_UP, Reply, failed, no_id};
use crate::backend::BackendError;

/// `WAIT`, or `OK` with the stored answer, be that a prediction or an `ERROR`.
pub(super) async fn response(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let Some(id) = RequestId::parse(&id) else { return no_id(&headers) };
    match stored(&site, &id).await {
        Ok(None) => Reply::Wait { id: &id }.to(&headers, StatusCode::OK),
        Ok(Some(answer)) => Reply::Ok { id: &id, prediction: Some(&answer) }.to(&headers, StatusCode::OK),
        Err(error) => failed(&LOOKING_UP, &error, &headers),
    }
}

/// The answer in the collection, as it is stored.
///
/// # Errors
/// The collection can't be asked, or what it holds is no JSON.
pub(super) async fn stored(site: &Site, id: &RequestId) -> Result<Option<Box<RawValue>>, CallError> {
    let asked_for = id.clone();
    let look = site.0.looks.run(move |backend| {
        let read = |bytes: bytes::Bytes| serde_json::from_slice(&bytes);
        let no_json = |error| BackendError::Refused(format!("the stored answer is no JSON: {error}"));
        backend.answer(&asked_for)?.map(read).transpose().map_err(no_json)
    });
    look.await
}
