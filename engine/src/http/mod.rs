//! HTTP for those who are not friends: a server with bounds, and on it the local port of a job.
//!
//! [`serve`] is the one server of this project, [`serve_tls`] the same with encryption. Bytes that are no HTTP, a scan, a
//! client that sends its head slowly or without end, that opens connections and says nothing, or does not read its answer,
//! gets an error or is cut off; connections are bounded, all together and for each client, and silent ones make room for
//! others. What it can't know is for the handlers: how long a *body* may take to come,
//! and how much memory an answer may have. A client that reads as slowly as [`Limits::stalled`] allows keeps its answer in
//! memory meanwhile.
//!
//! [`HttpPort`] says how a job is doing, and whatever else the job lets others ask:
//!
//! | route | answers |
//! |---|---|
//! | `GET /health` | 200 while running, else 503; JSON with the state, the reason, what is away and tried again, and what the job goes on without |
//! | `GET /metrics` | [`StreamMetrics::encode`], for Prometheus |
//! | `GET /status` | [`StreamMetrics::status`] as JSON |
//!
//! It lives on threads of its own and never touches a worker, and ends within a second also while requests are open. It has
//! neither encryption nor authentication: bind it to an address that only those reach who may ask.

mod health;
mod paced;
mod places;
mod serve;
mod shares;
#[cfg(test)]
mod tests;
mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
pub use health::{Health, HealthReport, HealthState};
pub use serve::{Limits, Peer, affordable, serve, serve_tls};
use thiserror::Error;
pub use tls::{Tls, TlsError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::metrics::StreamMetrics;
use crate::process::Exit;
use crate::supervised;

/// What encoders of OpenMetrics text call it.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A job's clients are few: the page, programs and Prometheus.
const LIMITS: Limits = Limits {
    connections: 512,
    per_client: 256,
    head: Duration::from_secs(10),
    stalled: Duration::from_secs(10),
    grace: Duration::from_millis(400),
};

/// How long a handler that blocks a thread may hold up the end after that.
const BLOCKED_GRACE: Duration = Duration::from_millis(200);

/// Why the port can't be opened.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Not an address.
    #[error(
        "`{address}` is no address to listen on ({source}): write host:port, such as 127.0.0.1:8090, or 127.0.0.1:0 for any free port"
    )]
    Address {
        /// What was given.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else listens there.
    #[error(
        "{address} is taken by another process: end that one (an earlier run of this job, perhaps), or give this one another port; port 0 takes any that is free"
    )]
    Taken {
        /// The address.
        address: SocketAddr,
    },
    /// The system refuses it.
    #[error(
        "can't listen on {address}: {source}; use an address of this machine, and a port from 1024 up unless you run as root"
    )]
    Refused {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No threads or no sockets are left.
    #[error("can't start the threads of the HTTP port: {0}; raise the limits on threads and open files")]
    Threads(io::Error),
}

impl HttpError {
    /// The exit code that says it to scripts.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Address { .. } => Exit::Usage,
            Self::Taken { .. } | Self::Refused { .. } | Self::Threads(_) => Exit::ClusterStart,
        }
    }
}

/// An open port. It closes when this is dropped.
#[derive(Debug)]
pub struct HttpPort {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpPort {
    /// Opens `address` (`host:port`; port 0 takes any that is free), and answers there from now on: `/health`, `/metrics`,
    /// `/status`, and the routes of `router`. Handlers that block must do so in `tokio::task::spawn_blocking`. The agent of a
    /// supervised process is told of health and metrics, too.
    ///
    /// # Errors
    /// The address is none, is taken, or is not to be had.
    ///
    /// # Panics
    /// If `router` has one of our own routes: a mistake in the program, seen at its first start.
    pub fn start(address: &str, router: Router, health: Health, metrics: StreamMetrics) -> Result<Self, HttpError> {
        let port = Self::open(address, own_routes(health.clone(), metrics.clone()).merge(router), LIMITS)?;
        supervised::show_stream(&health, &metrics);
        Ok(port)
    }

    fn open(address: &str, app: Router, limits: Limits) -> Result<Self, HttpError> {
        let listener = listen(address)?;
        let local_addr = listener.local_addr().map_err(HttpError::Threads)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(16)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(HttpError::Threads)?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || run(runtime, listener, app, limits, stopped))
            .map_err(HttpError::Threads)?;
        tracing::info!(address = %local_addr, "HTTP port open: /health /metrics /status");
        Ok(Self { local_addr, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens: with the port that was taken if 0 was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the port: no new connections, idle ones end at once, requests that run get a moment to end and are then cut
    /// off. Takes less than a second.
    pub fn shutdown(mut self) {
        self.close();
    }

    fn close(&mut self) {
        if let Some(stop) = self.stop.take() {
            // If nobody listens any more, it has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP port ended with a panic");
        }
    }
}

impl Drop for HttpPort {
    fn drop(&mut self) {
        self.close();
    }
}

fn listen(address: &str) -> Result<TcpListener, HttpError> {
    let bad_address = |source| HttpError::Address { address: address.to_owned(), source };
    let mut candidates = address.to_socket_addrs().map_err(bad_address)?;
    let none = || bad_address(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    let address = candidates.next().ok_or_else(none)?;
    let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => HttpError::Taken { address },
        _ => HttpError::Refused { address, source },
    })?;
    listener.set_nonblocking(true).map_err(HttpError::Threads)?;
    Ok(listener)
}

fn run(runtime: Runtime, listener: TcpListener, app: Router, limits: Limits, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        let stopped = async {
            // Also when whoever would say so is gone.
            let _ = stopped.await;
        };
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => serve(stopped, listener, app, limits).await,
            Err(error) => tracing::error!("the HTTP port can't be watched: {error}"),
        }
    });
    runtime.shutdown_timeout(BLOCKED_GRACE);
}

fn own_routes(health: Health, metrics: StreamMetrics) -> Router {
    let of_metrics = Router::new()
        .route("/metrics", get(async |State(of): State<StreamMetrics>| page_of(&of)))
        .route("/status", get(async |State(of): State<StreamMetrics>| Json(of.status())))
        .with_state(metrics);
    Router::new()
        .route("/health", get(async |State(of): State<Health>| answer_of(&of)))
        .with_state(health)
        .merge(of_metrics)
}

fn page_of(metrics: &StreamMetrics) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.encode())
}

fn answer_of(health: &Health) -> impl IntoResponse + use<> {
    let report = health.report();
    let code = if report.state == HealthState::Running { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(report))
}
