//! Takes connections until it is told to stop. Limits what any one of them, and all together, can cost.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;

/// Connections at a time; the next ones wait to be accepted.
const MOST_CONNECTIONS: usize = 512;

/// The most bytes that the head of a request may have, and that are read ahead of a handler.
const HEAD_BYTES: usize = 32 << 10;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// How long to wait when the system has no socket for the next connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long clients are waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// In this time a client must have sent the whole head of a request; also the next one on an open connection.
    pub(super) head: Duration,
    /// So long may requests that run take to end when the port closes, before they are cut off.
    pub(super) grace: Duration,
}

/// Serves `app` until `stopped` comes, then lets requests that run end for at most the grace.
pub(super) async fn until<E>(
    stopped: impl Future<Output = Result<(), E>>,
    listener: TcpListener,
    app: Router,
    patience: Patience,
) {
    let mut stopped = pin!(stopped);
    let (tell, told) = watch::channel(());
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Also when whoever would say so is gone.
            _ = &mut stopped => break,
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(converse(stream, permit, app.clone(), patience.head, told.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, tell));
    let all_end = async { while connections.join_next().await.is_some() {} };
    if time::timeout(patience.grace, all_end).await.is_err() {
        tracing::debug!(left = connections.len(), "HTTP connections are cut off");
    }
    connections.shutdown().await;
}

/// The next connection, when there is room for it. Cancelling loses none.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) if of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!("the HTTP port can't take a connection: {error}");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether a client went away before it was accepted.
fn of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers the requests of one connection.
async fn converse(
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
    app: Router,
    head: Duration,
    mut told: watch::Receiver<()>,
) {
    // Answers are small and awaited: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Fails, too, when the sender is gone, which says the same.
        _ = told.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("an HTTP connection ended: {error}");
    }
}
