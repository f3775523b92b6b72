//! The port for calls: an open listener, served until it is told to stop.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use axum::Router;
use flightline_engine::http::{Limits, serve};
use thiserror::Error;
use tokio::sync::watch;

/// Each agent and each command has a few connections; strangers that open many more must not keep those out.
const LIMITS: Limits = Limits {
    connections: 4096,
    per_client: 512,
    head: Duration::from_secs(10),
    stalled: Duration::from_secs(10),
    grace: Duration::from_millis(500),
};

/// Why a port can't be opened.
#[derive(Debug, Error)]
#[error("can't listen on {address}: {why}")]
pub struct PortError {
    /// Where.
    pub address: String,
    /// Why not, and what to do.
    pub why: String,
}

/// Listens on `address` (`host:port`; port 0 takes any that is free), without taking connections yet.
///
/// # Errors
/// It is no address, is taken, or is not this machine's.
pub fn listen(address: &str) -> Result<TcpListener, PortError> {
    let failed = |why: String| PortError { address: address.to_owned(), why };
    let mut resolved = address
        .to_socket_addrs()
        .map_err(|error| failed(format!("it is no address ({error}): write HOST:PORT, such as 127.0.0.1:7077")))?;
    let first: SocketAddr = resolved.next().ok_or_else(|| failed("the name has no address".to_owned()))?;
    let listener = TcpListener::bind(first).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => failed("another process listens there: end it, or take another port".to_owned()),
        io::ErrorKind::AddrNotAvailable => failed("this machine doesn't have that address".to_owned()),
        _ => failed(error.to_string()),
    })?;
    listener.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
    Ok(listener)
}

/// Where calls are made to, as people write it on a command line: `HOST:PORT`, also with `http://` before it.
///
/// # Errors
/// It is something else, in a sentence.
pub fn callee(text: &str) -> Result<String, String> {
    let refused = |why: &str| Err(format!("{why}: write HOST:PORT, such as 127.0.0.1:7077"));
    if text.starts_with("https://") {
        return refused("calls are not made by https, but authenticated by themselves");
    }
    let address = text.strip_prefix("http://").unwrap_or(text);
    let address = address.strip_suffix('/').unwrap_or(address);
    let Some((host, port)) = address.rsplit_once(':') else { return refused("it has no port") };
    let is_host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '/', '@', '?', '#', ' ']),
    };
    match port.parse::<u16>() {
        Ok(1..) if is_host => Ok(address.to_owned()),
        _ => refused("it is no address"),
    }
}

/// Serves calls until `stop` says so.
pub async fn answer(listener: TcpListener, routes: Router, mut stop: watch::Receiver<bool>) {
    let stopped = async {
        // Also when whoever would say so is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => serve(stopped, listener, routes, LIMITS).await,
        Err(error) => tracing::error!("the port for calls can't be watched: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--master http://head:7077` was called at `http://http://head:7077`.
    #[test]
    fn an_address_is_taken_as_people_write_it_or_refused_with_a_sentence() {
        for text in ["head:7077", "http://head:7077", "http://head:7077/"] {
            assert_eq!(callee(text).unwrap(), "head:7077", "{text}");
        }
        assert_eq!(callee("http://[::1]:7077").unwrap(), "[::1]:7077");
        for text in [
            "",
            "head",
            ":7077",
            "::1:7077",
            "head:0",
            "head:70770",
            "head:7077/rpc",
            "https://head:7077",
            "ftp://head:1",
        ] {
            assert!(callee(text).unwrap_err().contains("write HOST:PORT"), "{text}");
        }
    }
}
