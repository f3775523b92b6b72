//! `GET …/kafka_event_stream/<id>`: the answer as one server-sent event, as soon as it is there; then the stream ends.
//!
//! Who connects is listening from the first moment; then the collection is looked at, for an answer from before the response
//! topic was followed, and again with growing pauses, in case the topic can't be followed now. The event carries the id
//! of the request as its own: a browser that connects again with it has been answered, and is told (204) to stay away.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use flightline_jobs::request::RequestId;
use futures::{Stream, StreamExt, stream};
use serde_json::value::RawValue;
use tokio::time::sleep;
use uuid::Uuid;

use super::Site;
use super::polling::stored;
use super::reply::{Reply, no_id};
use crate::answers::Expected;

/// After what time a browser whose connection broke shall connect again.
const RETRY: Duration = Duration::from_secs(1);

/// The pause after the first look into the collection, and the longest between two.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The stream of one request's answer.
pub(super) async fn stream(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let (Some(id), Ok(key)) = (RequestId::parse(&id), Uuid::try_parse(&id)) else { return no_id(&headers) };
    if headers.get("last-event-id").is_some_and(|last| last.as_bytes() == id.as_str().as_bytes()) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let Ok(place) = site.0.streams.clone().try_acquire_owned() else {
        let error = "too many streams are open; poll for the answer, or try again in a moment";
        return Reply::Failed { error }.to(&headers, StatusCode::SERVICE_UNAVAILABLE);
    };
    let alive = KeepAlive::new().interval(site.0.settings.keep_alive).text("waiting");
    let expected = site.0.answers.expect(key);
    let answer = async move {
        let event = answer(&site, &id, expected).await;
        drop(place);
        event
    };
    Sse::new(events(answer)).keep_alive(alive).into_response()
}

/// First how to come back, so that the client knows at once that it is heard; then the answer.
fn events(answer: impl Future<Output = Option<Event>> + Send) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let opening = stream::once(ready(Event::default().retry(RETRY)));
    opening.chain(stream::once(answer).filter_map(ready)).map(Ok)
}

/// The event that ends a stream; `None` when the server ends first, and the client should come again.
async fn answer(site: &Site, id: &RequestId, expected: Expected) -> Option<Event> {
    let mut ending = site.0.ending.subscribe();
    tokio::select! {
        biased;
        answer = expected => Some(told(id, answer.json())),
        answer = from_collection(site, id) => Some(told(id, answer.get())),
        _ = ending.wait_for(|ending| *ending) => None,
        () = sleep(site.0.settings.stream_time) => {
            Some(Event::default().event("timeout").data(Reply::TimedOut { id }.json()))
        }
    }
}

/// The event that tells an answer, in one line: between the tokens of JSON a blank is as good as the end of a line.
fn told(id: &RequestId, json: &str) -> Event {
    Event::default().id(id.as_str()).data(json.replace(['\r', '\n'], " "))
}

/// The answer from the collection, when it is there.
async fn from_collection(site: &Site, id: &RequestId) -> Box<RawValue> {
    let mut pause = LOOKS.0;
    loop {
        match stored(site, id).await {
            Ok(Some(answer)) => return answer,
            Ok(None) => {}
            Err(error) => tracing::debug!("the collection can't be looked at for a stream: {error}"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOKS.1);
    }
}
