//! Before every route: who may pass, and the headers that keep the pages safe. What is not named as open here is closed.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, HOST, HeaderName, LOCATION, ORIGIN, REFERRER_POLICY, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flightline_engine::http::Peer;

use super::{html, json};
use crate::ui::access::{Access, Caller, Refused};
use crate::ui::assets;
use crate::ui::page::{Frame, fault, frame, in_query};
use crate::ui::site::{Fault, Site};

/// Everything from here, nothing from elsewhere, nothing inline, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Under `no-referrer` browsers would send forms of ours without their origin, and we could not tell them from others'.
const ON_EVERY_ANSWER: [(HeaderName, &str); 3] =
    [(CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "same-origin")];

/// What a machine asks for is answered as JSON.
fn is_for_machines(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/metrics" | "/events" | "/health" | "/ready")
}

fn is_open(path: &str) -> bool {
    matches!(path, "/health" | "/ready" | "/login") || assets::ALL.iter().any(|asset| asset.path == path)
}

pub(super) async fn guard<S: ?Sized + Send + Sync + 'static>(
    State(site): State<Site<S>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let access = &site.0.access;
    let from = peer(&request);
    let caller = if is_open(&path) { Ok(None) } else { caller(access, request.headers(), from).await.map(Some) };
    let seal = match &caller {
        Ok(Some(Caller::Session(id))) => Some(id.seal()),
        _ => None,
    };
    let mut response = match caller {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(fault) if fault.code == StatusCode::UNAUTHORIZED && goes_to_log_in(&path, request.method()) => {
            to_log_in(&request)
        }
        Err(fault) => fault.into_response(),
    };
    if let Some(fault) = response.extensions().get::<Fault>().cloned() {
        response = shown(&site, &fault, &path, seal.as_deref());
    }
    let headers = response.headers_mut();
    for (name, value) in ON_EVERY_ANSWER {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Who asks.
async fn caller(access: &Access, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Caller, Fault> {
    if let Some(given) = headers.get(AUTHORIZATION) {
        let token = given.to_str().ok().and_then(|value| value.split_once(' '));
        let token =
            token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim());
        return match access.check(token, from).await {
            Ok(()) => Ok(Caller::Bearer),
            Err(refused) => Err(refused.into()),
        };
    }
    match access.jar().read(headers) {
        Some(id) if access.is_in(&id) => Ok(Caller::Session(id)),
        _ => Err(Fault::new(StatusCode::UNAUTHORIZED, "log in, or send the token as `Authorization: Bearer TOKEN`")),
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong => Self::new(StatusCode::UNAUTHORIZED, "the token is wrong"),
            Refused::TooMany => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens came from there; try again in a moment")
            }
            Refused::NoEntropy(why) => {
                tracing::error!("nobody can log in: {why}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "an internal error; the log has more of it")
            }
        }
    }
}

/// Where a request comes from, if the server says.
pub(super) fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.0.ip())
}

fn goes_to_log_in(path: &str, method: &Method) -> bool {
    !is_for_machines(path) && matches!(*method, Method::GET | Method::HEAD)
}

fn to_log_in(request: &Request) -> Response {
    let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
    (StatusCode::SEE_OTHER, [(LOCATION, format!("/login?next={}", in_query(next)))]).into_response()
}

fn shown<S: ?Sized>(site: &Site<S>, fault: &Fault, path: &str, seal: Option<&str>) -> Response {
    let mut response = if is_for_machines(path) {
        json(fault.code, &serde_json::json!({"error": fault.why}))
    } else {
        let body = fault::page(fault.code, &fault.why);
        let around = Frame { whose: &site.0.whose, title: "Not shown", menu: "", events: None, seal };
        html(fault.code, frame(&around, "alone", &body))
    };
    let headers = response.headers_mut();
    if fault.code == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"flightline\""));
    }
    if matches!(fault.code, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Whether a form was sent by a page of ours: the browser says where it comes from, and nothing that it says is against it.
pub(super) fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let origin =
        text(ORIGIN).map(|origin| origin.split_once("://").and_then(|(_, rest)| rest.parse::<Authority>().ok()));
    let host = text(HOST).and_then(|host| host.parse::<Authority>().ok());
    match (site, origin) {
        (None, None) => false,
        (site, origin) => {
            site.is_none_or(|site| site == "same-origin")
                && origin.is_none_or(|origin| origin.is_some() && origin == host)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_told_from_ours() {
        let says = |pairs: &[(&'static str, &'static str)]| {
            let pairs =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_from_here(&pairs.collect())
        };
        let host = ("host", "master:8080");
        assert!(says(&[host, ("origin", "http://master:8080")]));
        assert!(says(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(says(&[host, ("sec-fetch-site", "same-origin"), ("origin", "https://master:8080")]));
        for foreign in ["http://master:8081", "http://evil", "null", "", "http://master:8080.evil", "master:8080"] {
            assert!(!says(&[host, ("origin", foreign)]), "{foreign}");
            assert!(!says(&[host, ("origin", foreign), ("sec-fetch-site", "same-origin")]), "{foreign}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert!(!says(&[host, ("origin", "http://master:8080"), ("sec-fetch-site", site)]), "{site}");
        }
        assert!(!says(&[host]) && !says(&[("origin", "http://master:8080")]));
    }
}
