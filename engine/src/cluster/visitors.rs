//! Connections that were accepted and are still to say who they are.
//!
//! All are read without blocking, so that a silent one (a port scan, a health probe) holds up nobody. Whoever says
//! something else than a hello, closes, or is silent for too long is dropped with a line in the log. What this does not
//! do: decide who is let in.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::hello::{self, Hello, NotHello};

/// A process says hello as soon as it is connected; this is for slow networks.
const PATIENCE: Duration = Duration::from_secs(5);

/// More silent ones than this are an attack; then the oldest goes, since a peer speaks at once.
const MOST: usize = 256;

/// A connection that has said a whole hello.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) hello: Hello,
}

/// Those who are still to say who they are, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    waiting: Vec<Visitor>,
}

#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    from: SocketAddr,
    said: Vec<u8>,
    since: Instant,
}

/// What a look at one visitor gave.
enum Heard {
    Nothing,
    All(Hello),
    Drop(String),
}

impl Visitors {
    /// Takes a connection in that was just accepted.
    pub(super) fn admit(&mut self, stream: TcpStream, from: SocketAddr, now: Instant) {
        if let Err(error) = stream.set_nonblocking(true) {
            tracing::info!(%from, "dropped a connection: {error}");
            return;
        }
        if self.waiting.len() >= MOST {
            let oldest = self.waiting.remove(0);
            tracing::info!(from = %oldest.from, "dropped a connection: too many others are silent");
        }
        self.waiting.push(Visitor { stream, from, said: Vec::new(), since: now });
    }

    /// Listens to all, and gives those who have said their hello.
    pub(super) fn listen(&mut self, now: Instant) -> Vec<Arrival> {
        let mut arrived = Vec::new();
        for mut visitor in std::mem::take(&mut self.waiting) {
            match visitor.listen(now) {
                Heard::Nothing => self.waiting.push(visitor),
                Heard::All(hello) => arrived.push(Arrival { stream: visitor.stream, from: visitor.from, hello }),
                Heard::Drop(why) => tracing::info!(from = %visitor.from, "dropped a connection: {why}"),
            }
        }
        arrived
    }
}

impl Visitor {
    fn listen(&mut self, now: Instant) -> Heard {
        let mut buffer = [0; hello::LENGTH];
        loop {
            // No byte beyond the hello: what follows belongs to timely.
            let room = hello::LENGTH.saturating_sub(self.said.len());
            match self.stream.read(&mut buffer[..room]) {
                Ok(0) => return Heard::Drop("it closed before it said who it is".to_owned()),
                Ok(read) => self.said.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let silent = now.saturating_duration_since(self.since) >= PATIENCE;
                    return if silent { Heard::Drop("it did not say who it is".to_owned()) } else { Heard::Nothing };
                }
                Err(error) => return Heard::Drop(error.to_string()),
            }
            match Hello::decode(&self.said) {
                Ok(None) => {}
                Ok(Some(hello)) => return Heard::All(hello),
                Err(NotHello::Stranger) => return Heard::Drop(NotHello::Stranger.describe()),
                Err(version @ NotHello::Version(_)) => {
                    // It may be gone already; then our log has to do.
                    let _ = self.stream.write_all(&hello::farewell());
                    return Heard::Drop(version.describe());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_silent_visitor_is_dropped_when_patience_ends_and_one_too_many_at_once() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let start = Instant::now();
        let mut visitors = Visitors::default();
        let mut outside = Vec::new();
        for _ in 0..=MOST {
            outside.push(TcpStream::connect(address).unwrap());
            let (stream, from) = listener.accept().unwrap();
            visitors.admit(stream, from, start);
        }
        assert_eq!(visitors.waiting.len(), MOST);
        assert_eq!(outside[0].read(&mut [0]).unwrap(), 0, "the oldest was dropped");
        assert!(visitors.listen(start + PATIENCE / 2).is_empty());
        assert_eq!(visitors.waiting.len(), MOST);
        assert!(visitors.listen(start + PATIENCE).is_empty());
        assert!(visitors.waiting.is_empty());
    }
}
