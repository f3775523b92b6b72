//! All that is around the answers: the page, its files, health, what is nowhere, and the headers that keep the page safe.

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::reply::Reply;
use super::{PAGE, Site};
use crate::page;
use crate::standing::Part;

/// Where the style is.
pub(crate) const STYLE: &str = "/assets/page.css";
/// Where the script is.
pub(crate) const SCRIPT: &str = "/assets/page.js";
/// Where the icon is.
pub(crate) const ICON: &str = "/assets/icon.svg";

/// Everything from here, nothing from elsewhere, nothing inline, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ON_EVERY_ANSWER: [(HeaderName, &str); 3] =
    [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer")];

pub(super) async fn to_page() -> Redirect {
    Redirect::temporary(PAGE)
}

pub(super) async fn page(State(site): State<Site>) -> Response {
    ([(CACHE_CONTROL, "no-cache")], Html(page::render(&site.0.settings.example))).into_response()
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("../../assets/page.css"))
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../../assets/page.js"))
}

pub(super) async fn icon() -> Response {
    file("image/svg+xml", include_str!("../../assets/icon.svg"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    // A page and its files are of one build: a browser must not mix two.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}

/// Ready while requests can be asked and answers are followed. Without stored answers streams still bring theirs. Anybody may
/// ask, and the reasons name hosts and topics: they are in the log, and not told here.
pub(super) async fn health(State(site): State<Site>, headers: HeaderMap) -> Response {
    let away: Vec<Part> =
        site.standings().iter().filter(|standing| !standing.is_there()).map(|standing| standing.part()).collect();
    let names: Vec<&str> = away.iter().map(|part| part.name()).collect();
    if away.iter().all(|part| *part == Part::Answers) {
        Reply::Healthy { waits_for: &names }.to(&headers, StatusCode::OK)
    } else {
        Reply::Unhealthy { waits_for: &names }.to(&headers, StatusCode::SERVICE_UNAVAILABLE)
    }
}

pub(super) async fn nothing_here() -> Response {
    let error = "there is nothing here; the page is at /flights/delays/predict_kafka\n";
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain; charset=utf-8")], error).into_response()
}

pub(super) async fn with_security_headers(mut response: Response) -> Response {
    for (name, value) in ON_EVERY_ANSWER {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
