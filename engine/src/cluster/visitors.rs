//! Connections that were accepted and are still to prove who they are.
//!
//! All are read without blocking, so that a silent one (a port scan, a health probe) holds up nobody, however far it is in
//! the handshake. Whoever says something else, closes, is too slow or doesn't know the secret is dropped with a line in the
//! log. What this does not do: decide who is let in.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handshake::{LONGEST, Reception, Reply, Setback};
use super::hello::{self, Hello, Ruling};
use super::judge::Identity;
use super::proof::Nonces;
use super::secret::MeshSecret;
use crate::ids::ProcessIndex;

/// A process goes through the handshake as soon as it is connected; this is for slow networks.
const PATIENCE: Duration = Duration::from_secs(5);

/// More silent ones than this are an attack; then the oldest goes, since a peer speaks at once.
pub(super) const MOST: usize = 256;

/// Addresses of which a warning is remembered. Beyond, a warning would be noise.
const MOST_WARNED: usize = 1_024;

/// What a handshake needs on our side, whichever that is.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) us: Identity,
    pub(super) secret: MeshSecret,
    pub(super) nonces: Arc<dyn Nonces>,
}

/// A connection whose other side has proven who it is, and waits for our verdict.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) caller: Hello,
    reception: Reception,
}

/// Those who are still to prove who they are, the oldest first.
#[derive(Debug)]
pub(super) struct Visitors {
    door: Door,
    waiting: Vec<Visitor>,
    warned: BTreeSet<IpAddr>,
}

#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    from: SocketAddr,
    reception: Reception,
    since: Instant,
}

/// What a look at one visitor gave.
enum Heard {
    Nothing,
    Proven(Hello),
    Drop(String),
    /// It began as a process of ours does, and doesn't know the secret.
    Warn(String),
}

impl Arrival {
    /// Tells the caller what was decided, and gives the connection back.
    pub(super) fn tell(mut self, ruling: Ruling, secret: &MeshSecret) -> io::Result<TcpStream> {
        // A few bytes into an empty buffer: they go at once or the connection is dead.
        self.stream.write_all(&self.reception.verdict(ruling, secret))?;
        Ok(self.stream)
    }
}

impl Visitors {
    pub(super) const fn new(door: Door) -> Self {
        Self { door, waiting: Vec::new(), warned: BTreeSet::new() }
    }

    /// Takes a connection in that was just accepted.
    pub(super) fn admit(&mut self, stream: TcpStream, from: SocketAddr, now: Instant) {
        let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
        if let Err(error) = ready {
            tracing::info!(%from, "dropped a connection: {error}");
            return;
        }
        if self.waiting.len() >= MOST {
            self.give_way("too many others are silent");
        }
        self.waiting.push(Visitor { stream, from, reception: Reception::default(), since: now });
    }

    /// Drops the oldest, if there is one.
    pub(super) fn give_way(&mut self, why: &str) {
        if !self.waiting.is_empty() {
            let oldest = self.waiting.remove(0);
            tracing::info!(from = %oldest.from, "dropped a connection: {why}");
        }
    }

    /// Listens to all, and gives those who have proven who they are.
    pub(super) fn listen(&mut self, now: Instant) -> Vec<Arrival> {
        let mut arrived = Vec::new();
        for mut visitor in std::mem::take(&mut self.waiting) {
            match visitor.listen(now, &self.door) {
                Heard::Nothing => self.waiting.push(visitor),
                Heard::Proven(caller) => {
                    let Visitor { stream, from, reception, .. } = visitor;
                    arrived.push(Arrival { stream, from, caller, reception });
                }
                Heard::Drop(why) => tracing::info!(from = %visitor.from, "dropped a connection: {why}"),
                Heard::Warn(why) => self.warn(visitor.from, &why),
            }
        }
        arrived
    }

    /// Once for each address: who has another secret tries again and again.
    fn warn(&mut self, from: SocketAddr, why: &str) {
        if self.warned.len() < MOST_WARNED && self.warned.insert(from.ip()) {
            tracing::warn!(%from, "dropped a connection: {why}");
        } else {
            tracing::debug!(%from, "dropped a connection: {why}");
        }
    }
}

impl Visitor {
    fn listen(&mut self, now: Instant, door: &Door) -> Heard {
        let mut buffer = [0; LONGEST];
        loop {
            // No byte beyond the handshake: what follows belongs to timely.
            let read = match self.stream.read(&mut buffer[..self.reception.due()]) {
                Ok(0) => return self.left("it closed before it said who it is".to_owned(), door),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let silent = now.saturating_duration_since(self.since) >= PATIENCE;
                    return if silent { Heard::Drop("it did not say who it is".to_owned()) } else { Heard::Nothing };
                }
                Err(error) => return self.left(error.to_string(), door),
            };
            let heard = self.reception.hear(&buffer[..read], &door.us, &door.secret, door.nonces.as_ref());
            match heard {
                Ok(Reply::Listen) => {}
                Ok(Reply::Decide(caller)) => return Heard::Proven(caller),
                Ok(Reply::Say(words)) => {
                    if let Err(error) = self.stream.write_all(&words) {
                        return Heard::Drop(error.to_string());
                    }
                }
                Err(setback) => {
                    if let Setback::Version(_) = setback {
                        // It may be gone already; then our log has to do.
                        let _ = self.stream.write_all(&hello::farewell());
                    }
                    return self.failed(setback, door);
                }
            }
        }
    }

    /// A process that knows another secret leaves as soon as it has heard our challenge.
    fn left(&self, how: String, door: &Door) -> Heard {
        match self.reception.suspicion(&door.us) {
            None => Heard::Drop(how),
            Some((process, Setback::OtherSecret)) => unproven(
                process,
                "it left at our challenge, and most likely has another secret; give all processes the same --secret-file",
            ),
            Some((process, setback)) => unproven(process, &setback.describe()),
        }
    }

    fn failed(&self, setback: Setback, door: &Door) -> Heard {
        let why = setback.describe();
        match (setback, self.reception.suspicion(&door.us)) {
            (Setback::OtherSecret | Setback::OtherKind { .. }, Some((process, _))) => unproven(process, &why),
            _ => Heard::Drop(why),
        }
    }
}

fn unproven(process: ProcessIndex, why: &str) -> Heard {
    Heard::Warn(format!("it says that it is process {process}, and did not prove that it may join: {why}"))
}

/// Tests that open hundreds of connections take turns: both ends of each are theirs, and a process may have no more than
/// 1,024 files open.
#[cfg(test)]
pub(super) static CROWD: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::PoisonError;

    use super::*;
    use crate::cluster::proof::SystemNonces;
    use crate::ids::{ProcessCount, WorkerCount};

    fn door() -> Door {
        let us = Identity {
            processes: ProcessCount::new(2),
            workers: WorkerCount::new(1),
            process: ProcessIndex::new(0),
            fingerprint: 0,
            generation: None,
            secured: true,
        };
        Door { us, secret: MeshSecret::from_bytes(b"a secret of ours"), nonces: Arc::new(SystemNonces) }
    }

    #[test]
    fn a_silent_visitor_is_dropped_when_patience_ends_and_one_too_many_at_once() {
        let _turn = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let start = Instant::now();
        let mut visitors = Visitors::new(door());
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

    /// A visitor that has heard our challenge; and its end outside.
    fn challenged(visitors: &mut Visitors, listener: &TcpListener, now: Instant) -> TcpStream {
        let mut outside = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, from) = listener.accept().unwrap();
        visitors.admit(stream, from, now);
        let us = Identity { process: ProcessIndex::new(1), ..door().us };
        let call = us.hello(ProcessIndex::new(0), SystemNonces.fresh().unwrap()).encode(hello::Kind::Call);
        outside.write_all(&call).unwrap();
        outside.set_nonblocking(true).unwrap();
        while outside.peek(&mut [0]).is_err() {
            assert!(visitors.listen(now).is_empty());
        }
        outside.set_nonblocking(false).unwrap();
        outside
    }

    #[test]
    fn patience_is_for_the_whole_handshake() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (start, mut visitors) = (Instant::now(), Visitors::new(door()));
        let _silent = challenged(&mut visitors, &listener, start);
        assert!(visitors.listen(start + PATIENCE / 2).is_empty());
        assert_eq!(visitors.waiting.len(), 1);
        assert!(visitors.listen(start + PATIENCE).is_empty());
        assert!(visitors.waiting.is_empty());
        assert!(visitors.warned.is_empty(), "it may only be slow");
    }

    #[test]
    fn an_address_is_warned_of_once() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (now, mut visitors) = (Instant::now(), Visitors::new(door()));
        for _ in 0..3 {
            drop(challenged(&mut visitors, &listener, now));
            while !visitors.waiting.is_empty() {
                assert!(visitors.listen(now).is_empty());
            }
        }
        assert_eq!(visitors.warned.into_iter().collect::<Vec<_>>(), [IpAddr::from([127, 0, 0, 1])]);
    }
}
