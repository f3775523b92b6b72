//! What the JSON routes answer.
//!
//! The seed's script parses the answer to its form by itself, and so needs it labelled as a text: labelled as JSON, its
//! library would have parsed it before. So JSON is labelled as JSON only for a client that asks for it by `Accept`.

use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flightline_jobs::request::RequestId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::calls::CallError;
use crate::form::FieldErrors;

/// The body of an answer.
#[derive(Debug, Serialize)]
#[serde(tag = "status")]
pub(super) enum Reply<'a> {
    /// The request is asked; or, with `prediction`, answered.
    #[serde(rename = "OK")]
    Ok {
        id: &'a RequestId,
        #[serde(skip_serializing_if = "Option::is_none")]
        prediction: Option<&'a RawValue>,
    },
    /// There is no answer yet.
    #[serde(rename = "WAIT")]
    Wait { id: &'a RequestId },
    /// The form is wrong, field by field.
    #[serde(rename = "ERROR")]
    WrongForm { errors: &'a FieldErrors },
    /// Something else is wrong.
    #[serde(rename = "ERROR")]
    Failed { error: &'a str },
    /// A stream gave up waiting.
    #[serde(rename = "TIMEOUT")]
    TimedOut { id: &'a RequestId },
    /// The server does its work, though something may be away that it can do without.
    #[serde(rename = "OK")]
    Healthy {
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        waits_for: &'a [&'static str],
    },
    /// The server waits for these.
    #[serde(rename = "ERROR")]
    Unhealthy { waits_for: &'a [&'static str] },
}

impl Reply<'_> {
    /// The body as JSON.
    pub(super) fn json(&self) -> String {
        // Texts and JSON that was read: nothing that could fail to be written.
        serde_json::to_string(self).unwrap_or_else(|_| "{\"status\":\"ERROR\"}".to_owned())
    }

    /// The answer for a client that asked with these headers.
    pub(super) fn to(&self, asked_with: &HeaderMap, status: StatusCode) -> Response {
        let label = if wants_json(asked_with) { "application/json" } else { "text/plain; charset=utf-8" };
        let headers =
            [(CONTENT_TYPE, HeaderValue::from_static(label)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        let mut response = (status, headers, self.json()).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let name = kind.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("application/json")
    })
}

/// An id from a path that is none.
pub(super) fn no_id(headers: &HeaderMap) -> Response {
    Reply::Failed { error: "the id is no UUID" }.to(headers, StatusCode::BAD_REQUEST)
}

/// What is done for a client.
#[derive(Debug)]
pub(super) struct Doing {
    /// For the log.
    what: &'static str,
    /// What a client is told when what it takes is away.
    away: &'static str,
}

/// A request is asked.
pub(super) const ASKING: Doing =
    Doing { what: "asking", away: "the prediction service can't be reached; try again in a moment" };

/// A stored answer is looked up.
pub(super) const LOOKING_UP: Doing =
    Doing { what: "looking an answer up", away: "stored answers can't be reached; try again in a moment" };

/// What a client is told when the backend failed: the reason itself is for the log, since it may name hosts and files.
pub(super) fn failed(doing: &Doing, why: &CallError, headers: &HeaderMap) -> Response {
    tracing::warn!("{} failed: {why}", doing.what);
    let error = match why {
        CallError::Busy => "too much is being asked at once; try again in a moment",
        CallError::Backend(_) | CallError::BrokenOff => doing.away,
    };
    Reply::Failed { error }.to(headers, StatusCode::SERVICE_UNAVAILABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_labelled_so_only_when_asked_for() {
        for (accept, is_json) in [
            ("application/json", true),
            ("text/html, Application/JSON;q=0.9", true),
            ("*/*", false),
            ("application/json-seq", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_json(&headers), is_json, "{accept:?}");
        }
        assert!(!wants_json(&HeaderMap::new()));
    }

    #[test]
    fn a_stored_answer_is_passed_on_byte_for_byte() {
        let id = RequestId::parse("6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77").unwrap();
        let stored: Box<RawValue> = serde_json::from_str("{\"Probabilities\": [0.10, 1E-3]}").unwrap();
        assert_eq!(
            Reply::Ok { id: &id, prediction: Some(&stored) }.json(),
            format!("{{\"status\":\"OK\",\"id\":\"{id}\",\"prediction\":{{\"Probabilities\": [0.10, 1E-3]}}}}")
        );
    }
}
