//! `POST …/classify_realtime`: a form becomes a request in the topic.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::Site;
use super::reply::{Reply, failed};
use crate::backend::BackendError;
use crate::form::FlightForm;

/// Answers when the request is durable, or with what is wrong.
pub(super) async fn ask(
    State(site): State<Site>,
    headers: HeaderMap,
    form: Result<Form<FlightForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(rejection) => {
            return Reply::Failed { error: &rejection.body_text() }.to(&headers, rejection.status());
        }
    };
    let request = match form.check(&site.0.settings.stamper.stamp()) {
        Ok(request) => request,
        Err(errors) => return Reply::WrongForm { errors: &errors }.to(&headers, StatusCode::BAD_REQUEST),
    };
    let id = request.id.clone();
    let asked = site.0.calls.run(move |backend| {
        let line = serde_json::to_vec(&request).map_err(|error| BackendError::Refused(error.to_string()))?;
        backend.ask(&request.id, line.into())
    });
    match asked.await {
        Ok(()) => Reply::Ok { id: &id, prediction: None }.to(&headers, StatusCode::OK),
        Err(error) => failed("asking", &error, &headers),
    }
}
