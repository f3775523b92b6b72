//! Logging in and out.

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::guard::peer;
use super::{html, read};
use crate::ui::access::Refused;
use crate::ui::page::{Frame, frame, login};
use crate::ui::site::{Fault, Site};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    next: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Typed {
    token: String,
    next: String,
}

/// A page of ours to go to; anything else is the first page.
fn local(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    if is_path && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/" }
}

pub(super) async fn page<S: ?Sized + Send + Sync + 'static>(
    State(site): State<Site<S>>,
    Query(Next { next }): Query<Next>,
) -> Response {
    shown(&site, StatusCode::OK, &next, None)
}

pub(super) async fn log_in<S: ?Sized + Send + Sync + 'static>(
    State(site): State<Site<S>>,
    request: Request,
) -> Result<Response, Fault> {
    let from = peer(&request);
    let typed: Typed = read::any_form(&site, request).await?;
    let access = &site.0.access;
    match access.log_in(typed.token.trim(), from).await {
        Ok(id) => {
            let headers = [(LOCATION, local(&typed.next).to_owned())];
            Ok((StatusCode::SEE_OTHER, headers, [(SET_COOKIE, access.jar().give(&id))]).into_response())
        }
        Err(Refused::NoEntropy(why)) => Err(Refused::NoEntropy(why).into()),
        Err(refused) => {
            let Fault { code, why } = refused.into();
            Ok(shown(&site, code, &typed.next, Some(&why)))
        }
    }
}

pub(super) async fn log_out<S: ?Sized + Send + Sync + 'static>(
    State(site): State<Site<S>>,
    request: Request,
) -> Result<Response, Fault> {
    let (id, Next { .. }) = read::form(&site, request).await?;
    let access = &site.0.access;
    access.log_out(&id);
    Ok((StatusCode::SEE_OTHER, [(LOCATION, "/login")], [(SET_COOKIE, access.jar().take_away())]).into_response())
}

fn shown<S: ?Sized>(site: &Site<S>, code: StatusCode, next: &str, fault: Option<&str>) -> Response {
    let body = login::page(&site.0.whose, local(next), fault);
    html(
        code,
        frame(&Frame { whose: &site.0.whose, title: "Log in", menu: "", events: None, seal: None }, "alone", &body),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_logging_in_nobody_is_led_elsewhere() {
        for own in ["/", "/jobs/3?scope=0.1", "/models"] {
            assert_eq!(local(own), own);
        }
        for foreign in ["", "//evil", "/\\evil", "https://evil", "javascript:x", "/a b", "/a\r\nset-cookie: x", "evil"]
        {
            assert_eq!(local(foreign), "/", "{foreign}");
        }
    }
}
