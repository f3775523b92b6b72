//! `POST …/classify_realtime`: a form becomes a request in the topic.

use axum::extract::{Form, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::timeout;

use super::Site;
use super::reply::{ASKING, Reply, failed};
use crate::backend::BackendError;
use crate::form::FlightForm;

/// Answers when the request is durable, or with what is wrong.
pub(super) async fn ask(State(site): State<Site>, request: Request) -> Response {
    let headers = request.headers().clone();
    let form = match timeout(site.0.settings.form_time, Form::<FlightForm>::from_request(request, &())).await {
        Ok(Ok(Form(form))) => form,
        Ok(Err(rejection)) => {
            return Reply::Failed { error: &rejection.body_text() }.to(&headers, rejection.status());
        }
        Err(_) => {
            let error = "the form did not come in time; try again";
            return Reply::Failed { error }.to(&headers, StatusCode::REQUEST_TIMEOUT);
        }
    };
    let request = match form.check(&site.0.settings.stamper.stamp()) {
        Ok(request) => request,
        Err(errors) => return Reply::WrongForm { errors: &errors }.to(&headers, StatusCode::BAD_REQUEST),
    };
    let id = request.id.clone();
    let asked = site.0.asks.run(move |backend| {
        let line = serde_json::to_vec(&request).map_err(|error| BackendError::Refused(error.to_string()))?;
        backend.ask(&request.id, line.into())
    });
    match asked.await {
        Ok(()) => Reply::Ok { id: &id, prediction: None }.to(&headers, StatusCode::OK),
        Err(error) => failed(&ASKING, &error, &headers),
    }
}
