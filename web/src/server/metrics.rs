//! `/metrics`: the page as OpenMetrics text, for Prometheus. Anybody may ask, so it says no more than `/health` and how many wait.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use flightline_jobs::http::OPEN_METRICS;
use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Site;

type Number = Gauge<u64, AtomicU64>;

pub(super) async fn page(State(site): State<Site>) -> Response {
    let mut registry = Registry::with_prefix("flightline_web");
    let parts = Family::<Vec<(&str, &str)>, Number>::default();
    for standing in site.standings() {
        parts.get_or_create(&vec![("part", standing.part().name())]).set(standing.is_there().into());
    }
    registry.register("part_up", "1 if this part of the system behind the page is there", parts);
    let (open, most) = (Number::default(), Number::default());
    open.set(site.0.most_streams.saturating_sub(site.0.streams.available_permits()) as u64);
    most.set(site.0.most_streams as u64);
    registry.register("streams", "Event streams that are open: travellers who wait for an answer", open);
    registry.register("streams_most", "The most event streams that may be open", most);
    let mut told = String::new();
    match text::encode(&mut told, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], told).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
