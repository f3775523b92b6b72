//! The routes of the page, and the server that keeps them.
//!
//! | route | answers |
//! |---|---|
//! | `GET /` | the way to the page |
//! | `GET /flights/delays/predict_kafka` | the page |
//! | `POST /flights/delays/predict/classify_realtime` | `{"status":"OK","id":…}`; 400 with a message per field |
//! | `GET /flights/delays/predict/classify_realtime/response/<id>` | `WAIT`, or `OK` with the stored `prediction` |
//! | `GET /flights/delays/predict/kafka_event_stream/<id>` | the answer as one server-sent event, when it is there |
//! | `GET /health` | 200 while requests can be asked and answers are followed, else 503; `waits_for` names what is away |
//! | `GET /metrics` | what `/health` says, and how many streams are open, for Prometheus |
//! | `GET /assets/…` | style, script and icon |
//!
//! An answer whose `Status` is `ERROR` is an answer: polling says `OK` with it as `prediction`, and the event is sent. So
//! nobody waits for ever for a flight that can't be predicted; who reads `Prediction` finds none, and `Error` says why.
//!
//! Invariants: no handler blocks a task, calls of the backend run on threads, at most [`Settings::calls`] that ask and as many
//! that look up, so that neither waits for what holds the other up; streams are at most [`Settings::streams`], each ends at
//! an answer, at [`Settings::stream_time`] or when the server ends; no page needs anything from another host, and the
//! headers forbid it.
//!
//! Strangers reach it, so connections, heads, bodies and answers that nobody reads are bounded ([`Settings::server`],
//! [`Settings::form_time`]). A stream is a connection, so the share that one client has of these bounds its streams, too.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{get, post};
use flightline_jobs::http::{self, Limits, affordable};
use flightline_jobs::request::RequestId;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::answers::{Answers, RecentLimits};
use crate::backend::Backend;
use crate::follow::Feed;
use crate::page::Example;
use crate::stamp::{Stamper, SystemStamper};
use crate::standing::{Part, Standing, Watch};
use calls::Calls;

pub use serving::Serving;

mod asking;
mod calls;
mod metrics;
mod polling;
mod reply;
mod serving;
pub(crate) mod shell;
mod streaming;

/// The page.
pub const PAGE: &str = "/flights/delays/predict_kafka";
/// Where its form goes.
pub const ASK: &str = "/flights/delays/predict/classify_realtime";
/// Below it, by id: what the collection holds.
pub const RESPONSE: &str = "/flights/delays/predict/classify_realtime/response/";
/// Below it, by id: what the topic brings.
pub const STREAM: &str = "/flights/delays/predict/kafka_event_stream/";

/// The most bytes that a form may have.
const FORM_LIMIT: usize = 16 << 10;

/// For a page that anybody reaches. Behind a proxy on another machine all travellers are one client, so its share is large.
const SERVER: Limits = Limits {
    connections: 4096,
    per_client: 1024,
    head: Duration::from_secs(10),
    stalled: Duration::from_secs(10),
    grace: Duration::from_secs(5),
};

/// How a site behaves; the defaults are for a site in use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Gives ids and times.
    pub stamper: Arc<dyn Stamper>,
    /// Which flight the page shows at first.
    pub example: Example,
    /// How many answers are kept for streams that come after them.
    pub recent: RecentLimits,
    /// How many calls of the backend run at once that ask, and how many that look an answer up.
    pub calls: usize,
    /// How long a request waits for its call to begin before it is sent away.
    pub patience: Duration,
    /// How many streams may be open; never more than three quarters of the connections, so that others are heard, too.
    pub streams: usize,
    /// How long a stream waits for its answer before it says that it gives up.
    pub stream_time: Duration,
    /// How often a waiting stream says that it is alive.
    pub keep_alive: Duration,
    /// How often it is looked whether requests can be asked and answers be looked up.
    pub look_every: Duration,
    /// How long a form may take to come.
    pub form_time: Duration,
    /// What clients may cost, and how long they are waited for.
    pub server: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stamper: Arc::new(SystemStamper),
            example: Example::default(),
            recent: RecentLimits::default(),
            calls: 64,
            patience: Duration::from_secs(5),
            streams: 3000,
            stream_time: Duration::from_secs(300),
            keep_alive: Duration::from_secs(15),
            look_every: Duration::from_secs(2),
            form_time: Duration::from_secs(10),
            server: SERVER,
        }
    }
}

/// A site: its backend, the answers that it follows, and its limits. Clones are the same site.
#[derive(Clone, Debug)]
pub struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    asks: Calls,
    looks: Calls,
    answers: Arc<Answers>,
    feed: Feed,
    /// Of the request topic, and of the collection of answers.
    watches: [Watch; 2],
    streams: Arc<Semaphore>,
    most_streams: usize,
    ending: watch::Sender<bool>,
}

impl Site {
    /// Opens a site, which follows the response topic from now on. The backend need not be reachable yet.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn open(backend: Arc<dyn Backend>, settings: Settings) -> io::Result<Self> {
        let answers = Arc::new(Answers::new(settings.recent));
        let feed = Feed::start(Arc::clone(&backend), Arc::clone(&answers))?;
        let (of_requests, of_answers) = (Arc::clone(&backend), Arc::clone(&backend));
        let nobody = RequestId::from(Uuid::nil());
        let watches = [
            Watch::start(Part::Requests, settings.look_every, move || of_requests.can_ask())?,
            Watch::start(Part::Answers, settings.look_every, move || of_answers.answer(&nobody).map(drop))?,
        ];
        let calls = || Calls::new(Arc::clone(&backend), settings.calls, settings.patience);
        let (asks, looks) = (calls(), calls());
        let most = affordable(settings.server.connections) * 3 / 4;
        let most_streams = settings.streams.min(most);
        let streams = Arc::new(Semaphore::new(most_streams));
        let ending = watch::Sender::new(false);
        Ok(Self(Arc::new(Inner { settings, asks, looks, answers, feed, watches, streams, most_streams, ending })))
    }

    /// Ends all streams, and waits until the response topic is followed no longer. Blocks.
    pub fn close(&self) {
        self.0.ending.send_replace(true);
        let [one, other] = &self.0.watches;
        let workers = [&self.0.feed.worker, &one.worker, &other.worker];
        workers.iter().for_each(|worker| worker.ask_to_end());
        workers.iter().for_each(|worker| worker.end());
    }

    /// How it stands to each part of what is behind it.
    fn standings(&self) -> [&Standing; 3] {
        let [requests, answers] = &self.0.watches;
        [&requests.standing, &self.0.feed.standing, &answers.standing]
    }
}

/// The routes of a site.
pub fn router(site: &Site) -> Router {
    Router::new()
        .route("/", get(shell::to_page))
        .route(PAGE, get(shell::page))
        .route(ASK, post(asking::ask).layer(DefaultBodyLimit::max(FORM_LIMIT)))
        .route(&format!("{RESPONSE}{{id}}"), get(polling::response))
        .route(&format!("{STREAM}{{id}}"), get(streaming::stream))
        .route("/health", get(shell::health))
        .route("/metrics", get(metrics::page))
        .route(shell::STYLE, get(shell::style))
        .route(shell::SCRIPT, get(shell::script))
        .route(shell::ICON, get(shell::icon))
        .fallback(shell::nothing_here)
        .layer(map_response(shell::with_security_headers))
        .with_state(site.clone())
}

/// Serves a site until `shutdown`; then streams end at once, other requests are finished within [`Limits::grace`], and the
/// site is closed.
///
/// # Errors
/// The site's followers panicked.
pub async fn serve(
    listener: TcpListener,
    site: Site,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let signal = async {
        shutdown.await;
        site.0.ending.send_replace(true);
    };
    http::serve(signal, listener, router(&site), site.0.settings.server).await;
    tokio::task::spawn_blocking(move || site.close()).await.map_err(io::Error::other)
}

#[cfg(test)]
mod slow_tests;
#[cfg(test)]
mod tests;
