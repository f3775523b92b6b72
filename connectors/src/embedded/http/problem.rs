//! An error as HTTP says it: a status, a sentence, and a word for programs.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::EmbeddedError;
use super::wire::ProblemBody;

/// What an error answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    sentence: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, kind: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, kind, sentence: sentence.into() }
    }

    /// What was sent makes no sense.
    pub(super) fn bad(kind: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, sentence)
    }

    /// What is asked for isn't there.
    pub(super) fn missing(kind: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, kind, sentence)
    }
}

impl From<EmbeddedError> for Problem {
    fn from(error: EmbeddedError) -> Self {
        let (status, kind) = match &error {
            EmbeddedError::NoPartition { .. } | EmbeddedError::NoTopic { .. } => {
                (StatusCode::NOT_FOUND, "no-partition")
            }
            EmbeddedError::Elsewhere { .. } => (StatusCode::MISDIRECTED_REQUEST, "elsewhere"),
            EmbeddedError::OutOfBounds { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "out-of-bounds"),
            EmbeddedError::Owned { .. } => (StatusCode::CONFLICT, "owned"),
            EmbeddedError::BadName { .. }
            | EmbeddedError::OtherPartitions { .. }
            | EmbeddedError::NoPartitions { .. } => (StatusCode::BAD_REQUEST, "shape"),
            EmbeddedError::Held { .. } | EmbeddedError::Storage { transient: true, .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "storage")
            }
            EmbeddedError::Storage { transient: false, .. } => (StatusCode::INTERNAL_SERVER_ERROR, "storage"),
        };
        Self::new(status, kind, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody { error: self.sentence, kind: self.kind.to_owned() };
        (self.status, Json(body)).into_response()
    }
}
