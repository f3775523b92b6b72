//! Takes connections until it is told to stop. Limits what any one of them, and all together, can cost.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use super::paced::Paced;
use super::places::{Answering, Places, Visitor};
use super::shares::{Share, Shares};
use super::tls::{LOOK_EVERY, Tls};

/// The most bytes that the head of a request may have, and that are read ahead of a handler.
const HEAD_BYTES: usize = 32 << 10;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// How long to wait when the system has no socket for the next connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long what is left of an answer may take to a client that makes room for others.
const LAST_BYTES: Duration = Duration::from_millis(100);

/// What somebody hears whose share of the connections is used up.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What clients may cost, and how long they are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. For the next one, the one that has asked for nothing for the longest time makes room; if all are
    /// being answered, it waits. Fewer if the process may not open so many files: see [`affordable`].
    pub connections: usize,
    /// So many of them may be one client's, which is an address, or a network of 64 bits with IPv6; more are closed.
    /// Addresses of this machine may have all. A proxy on another machine is one client.
    pub per_client: usize,
    /// In this time a client must have sent the whole head of a request; also the next one on an open connection. With
    /// encryption, the handshake before the first has as long.
    pub head: Duration,
    /// In this time a client must take 64 KiB of an answer that waits for it, or all of it, or is cut off.
    pub stalled: Duration,
    /// So long may requests that run take to end when the server ends, before they are cut off.
    pub grace: Duration,
}

/// Where a request comes from: an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// How many connections of those wanted fit into the files that this process may open: at most a quarter of them, so that
/// what else opens files always can. The limit is raised as far as that goes without rights.
#[must_use]
pub fn affordable(wanted: usize) -> usize {
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_mul(4);
    let mut files = getrlimit(Resource::Nofile);
    if files.current.is_some_and(|current| current < needed) {
        let raised = Some(needed.min(files.maximum.unwrap_or(u64::MAX)));
        if setrlimit(Resource::Nofile, Rlimit { current: raised, ..files }).is_ok() {
            files.current = raised;
        }
    }
    let quarter = files.current.map_or(usize::MAX, |current| usize::try_from(current / 4).unwrap_or(usize::MAX));
    wanted.min(quarter).max(1)
}

/// Serves `app` on an open port until `stopped` comes, then lets requests that run end for at most the grace. Needs a runtime
/// with I/O and time.
pub async fn serve(stopped: impl Future<Output = ()>, listener: TcpListener, app: Router, limits: Limits) {
    serve_on(stopped, listener, app, limits, None).await;
}

/// As [`serve`], with every connection encrypted. The files of the certificate are looked at again each minute.
pub async fn serve_tls(
    stopped: impl Future<Output = ()>,
    listener: TcpListener,
    app: Router,
    limits: Limits,
    tls: Tls,
) {
    let renewing = tokio::spawn(renew(tls.clone()));
    serve_on(stopped, listener, app, limits, Some(tls)).await;
    renewing.abort();
}

async fn renew(tls: Tls) {
    loop {
        time::sleep(LOOK_EVERY).await;
        let tls = tls.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || tls.renew()).await {
            tracing::error!("the certificate can't be looked at again: {error}");
        }
    }
}

async fn serve_on(
    stopped: impl Future<Output = ()>,
    listener: TcpListener,
    app: Router,
    limits: Limits,
    tls: Option<Tls>,
) {
    let mut stopped = pin!(stopped);
    let (tell, told) = watch::channel(());
    let places = Places::new(affordable(limits.connections));
    let shares = Shares::new(limits.per_client);
    let mut connections = JoinSet::new();
    let mut come: Option<(TcpStream, SocketAddr, Share)> = None;
    loop {
        tokio::select! {
            () = &mut stopped => break,
            (stream, address) = accept(&listener), if come.is_none() => match shares.take(address.ip()) {
                Some(share) => come = Some((stream, address, share)),
                None if tls.is_some() => drop(stream),
                None => send_away(stream, address),
            },
            visitor = places.take(), if come.is_some() => if let Some((stream, address, share)) = come.take() {
                let (app, told, tls) = (app.clone(), told.clone(), tls.clone());
                connections.spawn(async move {
                    let _share = share;
                    open(stream, Client { address, visitor }, tls, app, limits, told).await;
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, tell));
    let all_end = async { while connections.join_next().await.is_some() {} };
    if time::timeout(limits.grace, all_end).await.is_err() {
        tracing::debug!(left = connections.len(), "HTTP connections are cut off");
    }
    connections.shutdown().await;
}

/// The next connection. Cancelling loses none.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
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

/// Says that there is no place, if that can be said without waiting.
pub(super) fn send_away(stream: TcpStream, address: SocketAddr) {
    tracing::debug!(%address, "a client has more than its share of the HTTP connections");
    // The runtime does not know yet whether it can be written to; the system does.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(NO_PLACE);
    }
}

/// Who is at the other end.
struct Client {
    address: SocketAddr,
    visitor: Arc<Visitor>,
}

/// Answers the requests of one connection, in the clear or encrypted.
async fn open(
    stream: TcpStream,
    client: Client,
    tls: Option<Tls>,
    app: Router,
    limits: Limits,
    mut told: watch::Receiver<()>,
) {
    // Answers are small and awaited: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(Paced::new(stream, limits.stalled), client, app, limits, told).await };
    let address = client.address;
    // Below the encryption, too, a client must take what waits for it.
    let handshake = time::timeout(limits.head, tls.acceptor().accept(Paced::new(stream, limits.stalled)));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        _ = told.changed() => return,
        () = client.visitor.sent_away() => return,
    };
    match shaken {
        Ok(Ok(stream)) => converse(stream, client, app, limits, told).await,
        Ok(Err(error)) => tracing::debug!(%address, "no TLS handshake: {error}"),
        Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
    }
}

/// Answers the requests that come over a stream.
async fn converse<S>(stream: S, client: Client, app: Router, limits: Limits, mut told: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Client { address, visitor } = client;
    let (app, asking) = (TowerToHyperService::new(app), Arc::clone(&visitor));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(address));
        let (answer, asked) = (app.call(request), asking.asks());
        async move { answer.await.map(|answer| answer.map(|body| Answering { body, _request: asked })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Fails, too, when the sender is gone, which says the same.
        _ = told.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = visitor.sent_away() => {
            connection.as_mut().graceful_shutdown();
            match time::timeout(LAST_BYTES, connection.as_mut()).await {
                Ok(ended) => ended,
                // It has asked in the last moment.
                Err(_) if visitor.is_asking() => connection.await,
                Err(_) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("an HTTP connection ended: {error}");
    }
}
