//! What is at which path. The same table stands in `docs/cluster.md`.

mod actions;
mod api;
mod guard;
mod login;
mod pages;
mod read;
mod worker;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::access::Access;
use super::assets;
use super::page::Whose;
use super::sight::{Sight, WorkerSight};
use super::site::{Fault, Pages, Settings, Site};

/// The master's pages. `settings` bound what they cost.
#[must_use]
pub fn master(sight: Arc<dyn Sight>, access: Access, settings: Settings) -> Pages {
    let site = Site::new(sight, Whose::Master, access, settings);
    let routes = Router::new()
        .route("/", get(pages::cluster))
        .route("/jobs/{job}", get(pages::job))
        .route("/jobs/{job}/logs/{generation}/{process}", get(pages::log))
        .route("/jobs/{job}/stop", get(actions::confirm_stop).post(actions::stop))
        .route("/jobs/{job}/kill", get(actions::confirm_kill).post(actions::kill))
        .route("/submit", get(actions::submit_form).post(actions::submit))
        .route("/models", get(pages::models))
        .route("/models/{model}/report", get(pages::model))
        .route("/events", get(pages::events))
        .route("/metrics", get(api::metrics))
        .route("/api/cluster", get(api::cluster))
        .route("/health", get(api::health))
        .route("/ready", get(api::ready))
        .route("/api/jobs", get(api::jobs).post(api::submit))
        .route("/api/jobs/{job}", get(api::job))
        .route("/api/jobs/{job}/graph", get(api::graph))
        .route("/api/jobs/{job}/logs/{generation}/{process}", get(api::log))
        .route("/api/jobs/{job}/stop", post(api::stop))
        .route("/api/jobs/{job}/kill", post(api::kill))
        .route("/api/jobs/{job}/upgrade", post(api::upgrade))
        .route("/api/models", get(api::models))
        .route("/api/models/{model}", get(api::model));
    finish(routes, site)
}

/// The pages of the worker with this name.
#[must_use]
pub fn worker(name: &str, sight: Arc<dyn WorkerSight>, access: Access, settings: Settings) -> Pages {
    let site = Site::new(sight, Whose::Worker(name.to_owned()), access, settings);
    let routes = Router::new()
        .route("/", get(worker::page))
        .route("/jobs/{job}/logs/{generation}/{process}", get(worker::log))
        .route("/events", get(worker::events))
        .route("/metrics", get(worker::metrics))
        .route("/health", get(worker::health))
        .route("/ready", get(worker::ready))
        .route("/api/worker", get(worker::api))
        .route("/api/jobs/{job}/logs/{generation}/{process}", get(worker::api_log));
    finish(routes, site)
}

/// What both have, and the guard before all of it.
fn finish<S: ?Sized + Send + Sync + 'static>(mut routes: Router<Site<S>>, site: Site<S>) -> Pages {
    for asset in assets::ALL {
        routes = routes.route(asset.path, get(async move |headers: HeaderMap| asset.answer(&headers)));
    }
    let (ending, limits) = (site.0.ending.clone(), site.0.settings.server);
    let router = routes
        .route("/login", get(login::page::<S>).post(login::log_in::<S>))
        .route("/logout", post(login::log_out::<S>))
        .fallback(async || Fault::not_found("there is no such page"))
        .method_not_allowed_fallback(async || {
            Fault::new(StatusCode::METHOD_NOT_ALLOWED, "that is not how this page is asked")
        })
        .layer(DefaultBodyLimit::max(site.0.settings.form_bytes))
        .layer(from_fn_with_state(site.clone(), guard::guard::<S>))
        .with_state(site);
    Pages { router, ending, limits }
}

fn json(code: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => (code, [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(error) => {
            tracing::error!("a view can't be written as JSON: {error}");
            Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "an internal error; the log has more of it").into_response()
        }
    }
}

fn html(code: StatusCode, page: String) -> Response {
    // What only some may see is in nobody's cache.
    (code, [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")], page).into_response()
}

// The guard makes a page or JSON of it.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.code.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
