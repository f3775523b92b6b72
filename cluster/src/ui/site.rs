//! What all requests of a server share: what they see, who may, and how much at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use flightline_engine::http::{self, Limits, Tls, affordable};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::access::Access;
use super::page::Whose;
use super::sight::NotHad;

/// People and programs that may see a cluster are few; each page that stands open holds a connection.
const SERVER: Limits = Limits {
    connections: 1024,
    per_client: 256,
    head: Duration::from_secs(10),
    stalled: Duration::from_secs(10),
    grace: Duration::from_secs(2),
};

/// How the pages behave; the defaults are for a cluster in use.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many calls of the sight run at once.
    pub calls: usize,
    /// How long a request waits for its call to begin before it is sent away.
    pub patience: Duration,
    /// How many pages may hear of changes at once; never more than half of the connections.
    pub streams: usize,
    /// The least time between two looks at what changed, for each page.
    pub pace: Duration,
    /// How often it is looked whether something changed that nobody told of.
    pub look_every: Duration,
    /// How often a stream says that it is alive.
    pub keep_alive: Duration,
    /// How long a form or a job may take to come.
    pub form_time: Duration,
    /// The most bytes that it may have.
    pub form_bytes: usize,
    /// What clients may cost, and how long they are waited for.
    pub server: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calls: 32,
            patience: Duration::from_secs(5),
            streams: 256,
            pace: Duration::from_millis(500),
            look_every: Duration::from_secs(2),
            keep_alive: Duration::from_secs(15),
            form_time: Duration::from_secs(10),
            form_bytes: 1 << 20,
            server: SERVER,
        }
    }
}

/// Pages that are ready to be served.
#[derive(Debug)]
pub struct Pages {
    pub(super) router: Router,
    pub(super) ending: watch::Sender<bool>,
    pub(super) limits: Limits,
}

impl Pages {
    /// The routes, for a server of one's own. Whoever serves them must have an end: streams live as long as the pages.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `shutdown`; then streams end at once, and other requests are finished within [`Limits::grace`].
    pub async fn serve(self, listener: TcpListener, tls: Option<Tls>, shutdown: impl Future<Output = ()>) {
        let stopped = async {
            shutdown.await;
            self.ending.send_replace(true);
        };
        match tls {
            Some(tls) => http::serve_tls(stopped, listener, self.router, self.limits, tls).await,
            None => http::serve(stopped, listener, self.router, self.limits).await,
        }
    }
}

/// A server's shared part. Clones are the same one.
pub(super) struct Site<S: ?Sized>(pub(super) Arc<Inner<S>>);

pub(super) struct Inner<S: ?Sized> {
    pub(super) access: Access,
    pub(super) whose: Whose,
    pub(super) settings: Settings,
    pub(super) streams: Arc<Semaphore>,
    pub(super) ending: watch::Sender<bool>,
    calls: Arc<Semaphore>,
    sight: Arc<S>,
}

impl<S: ?Sized> Clone for Site<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Why something can't be shown or done. As a response it is a page or JSON, as the path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: StatusCode,
    /// In a sentence.
    pub(super) why: String,
}

impl Fault {
    pub(super) fn new(code: StatusCode, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }
}

impl From<NotHad> for Fault {
    fn from(why: NotHad) -> Self {
        let code = match why {
            NotHad::Missing(_) => StatusCode::NOT_FOUND,
            NotHad::NotAsItStands(_) => StatusCode::CONFLICT,
            NotHad::Away(_) => StatusCode::BAD_GATEWAY,
        };
        Self::new(code, why.to_string())
    }
}

impl<S: ?Sized + Send + Sync + 'static> Site<S> {
    pub(super) fn new(sight: Arc<S>, whose: Whose, access: Access, settings: Settings) -> Self {
        let streams = settings.streams.min(affordable(settings.server.connections) / 2).max(1);
        let ending = watch::Sender::new(false);
        let (calls, streams) = (Arc::new(Semaphore::new(settings.calls.max(1))), Arc::new(Semaphore::new(streams)));
        Self(Arc::new(Inner { access, whose, settings, streams, ending, calls, sight }))
    }

    /// Looks at what is to be seen, on a thread that may block.
    ///
    /// # Errors
    /// Too many look already, or the look panicked.
    pub(super) async fn see<T: Send + 'static>(&self, look: impl FnOnce(&S) -> T + Send + 'static) -> Result<T, Fault> {
        let busy = |_| Fault::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait; try again in a moment");
        let permit =
            timeout(self.0.settings.patience, Arc::clone(&self.0.calls).acquire_owned()).await.map_err(busy)?;
        let sight = Arc::clone(&self.0.sight);
        let looked = tokio::task::spawn_blocking(move || {
            let seen = look(&sight);
            drop(permit);
            seen
        });
        looked.await.map_err(|error| {
            tracing::error!("a page could not be made: {error}");
            Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "an internal error; the log has more of it")
        })
    }

    /// What says that something changed.
    pub(super) fn sight(&self) -> &S {
        &self.0.sight
    }
}
