//! A wire between clients and a server that can be cut, delayed and slowed while it is in use, and that can lose what the
//! server says, or go silent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What the wire does to what goes through it.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    is_cut: bool,
    /// What the server says is lost.
    is_deaf: bool,
    delay: Duration,
    /// Bytes a second, each way and for each connection.
    rate: Option<u32>,
}

/// A connection through the wire: both ends of it.
type Joined = [TcpStream; 2];

#[derive(Debug, Default)]
struct Wire {
    manner: Manner,
    /// Connections that there are, by their numbers.
    joined: BTreeMap<u64, Joined>,
    next: u64,
    /// Over connections below this number nothing comes any more, though they stay open.
    silent_below: u64,
    /// What clients have said on each connection, if somebody listens in.
    heard: Option<BTreeMap<u64, Vec<u8>>>,
    is_over: bool,
}

/// A proxy on loopback, for as many connections as come. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Mutex<Wire>>,
}

impl Proxy {
    /// Listens on any port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn to(upstream: &str) -> Self {
        Self::at("127.0.0.1:0", upstream)
    }

    /// Listens on an address that clients are told by somebody else, as Kafka does it.
    ///
    /// # Panics
    /// If it is taken, or `upstream` is no address.
    #[must_use]
    pub fn at(listen: &str, upstream: &str) -> Self {
        let upstream: SocketAddr = upstream.parse().expect("the server's address is one");
        let listener = TcpListener::bind(listen).unwrap_or_else(|error| panic!("can't listen on {listen}: {error}"));
        let address = listener.local_addr().expect("a bound socket has an address");
        let wire = Arc::<Mutex<Wire>>::default();
        let its = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if lock(&its).is_over {
                    return;
                }
                if let Ok(server) = TcpStream::connect(upstream) {
                    join(&[client, server], &its);
                }
            }
        });
        Self { address, wire }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and every new one at once.
    pub fn cut(&self) {
        lock(&self.wire).cut();
    }

    /// Carries nothing any more over the connections that there are, and ends none of them, as a firewall does that has
    /// forgotten them. New ones are joined.
    pub fn hush(&self) {
        let mut wire = lock(&self.wire);
        wire.silent_below = wire.next;
    }

    /// Holds all that goes through, each piece for so long.
    pub fn delay(&self, delay: Duration) {
        lock(&self.wire).manner.delay = delay;
    }

    /// Lets through so many bytes a second, each way and for each connection.
    pub fn slow(&self, bytes_per_second: u32) {
        lock(&self.wire).manner.rate = Some(bytes_per_second);
    }

    /// Loses what the server says, and lets through what it is told: whoever asks never learns whether it was done.
    pub fn deafen(&self) {
        lock(&self.wire).manner.is_deaf = true;
    }

    /// Keeps what clients say from now on.
    pub fn listen_in(&self) {
        lock(&self.wire).heard.get_or_insert_default();
    }

    /// What clients have said since, for each connection.
    #[must_use]
    pub fn heard(&self) -> Vec<Vec<u8>> {
        lock(&self.wire).heard.iter().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Lets everything through again. What was lost stays lost.
    pub fn heal(&self) {
        lock(&self.wire).manner = Manner::default();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut wire = lock(&self.wire);
        wire.cut();
        wire.is_over = true;
        drop(wire);
        // Wakes who waits for the next client.
        let _ = TcpStream::connect(self.address);
    }
}

impl Wire {
    fn cut(&mut self) {
        self.manner.is_cut = true;
        // Who reads from one of them, or writes to it, sees its end at once.
        std::mem::take(&mut self.joined).values().for_each(end);
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(joined: &Joined) {
    for stream in joined {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn cloned([client, server]: &Joined) -> std::io::Result<Joined> {
    Ok([client.try_clone()?, server.try_clone()?])
}

/// Carries bytes both ways until one side ends or the wire is cut.
fn join(joined: &Joined, wire: &Arc<Mutex<Wire>>) {
    let Ok([to_client, to_server]) = cloned(joined) else { return };
    let (Ok([client, server]), Ok(kept)) = (cloned(joined), cloned(joined)) else { return };
    let number = {
        let mut wire = lock(wire);
        // Whoever comes while the wire is cut finds nobody.
        if wire.manner.is_cut {
            return end(joined);
        }
        wire.next += 1;
        let number = wire.next - 1;
        wire.joined.insert(number, kept);
        number
    };
    let both_ways = Arc::new(());
    let ways = [(client, to_server, false, Arc::clone(&both_ways)), (server, to_client, true, both_ways)];
    for (from, to, is_answer, one_way) in ways {
        let wire = Arc::clone(wire);
        thread::spawn(move || {
            if carry(&from, &to, is_answer, number, &wire).is_ok() {
                // Who has said everything may still want to hear the answer, as clients of a DataNode do.
                let _ = to.shutdown(Shutdown::Write);
            } else {
                end(&[from, to]);
            }
            if Arc::into_inner(one_way).is_some() {
                lock(&wire).joined.remove(&number);
            }
        });
    }
}

/// Carries bytes until their sender has sent the last one.
fn carry(
    mut from: &TcpStream,
    mut to: &TcpStream,
    is_answer: bool,
    number: u64,
    wire: &Mutex<Wire>,
) -> std::io::Result<()> {
    let (mut piece, mut deaf) = ([0; 16 << 10], false);
    let _ = to.set_nodelay(true);
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        let (manner, is_silent) = {
            let mut wire = lock(wire);
            if let Some(heard) = wire.heard.as_mut().filter(|_| !is_answer) {
                heard.entry(number).or_default().extend_from_slice(&piece[..read]);
            }
            (wire.manner, number < wire.silent_below)
        };
        // With a piece missing, nothing that follows can be understood.
        deaf |= is_silent || manner.is_deaf && is_answer;
        if deaf {
            continue;
        }
        let slow = manner.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(read as f64 / f64::from(rate)));
        thread::sleep(manner.delay + slow);
        // What was on its way when the wire was cut is lost with it.
        to.write_all(&piece[..read])?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use super::*;
    use crate::{DEADLINE, wait_until};

    /// A server that sends back what it gets.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut back = client.try_clone().unwrap();
                    std::io::copy(&mut client, &mut back)
                });
            }
        });
        address
    }

    fn ask(client: &mut TcpStream) -> std::io::Result<[u8; 4]> {
        let mut answer = [0; 4];
        client.write_all(b"ping")?;
        client.read_exact(&mut answer)?;
        Ok(answer)
    }

    fn client(proxy: &Proxy) -> TcpStream {
        let client = TcpStream::connect(proxy.address()).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client
    }

    #[test]
    fn what_goes_through_comes_out_until_the_wire_is_cut() {
        let proxy = Proxy::to(&echo().to_string());
        let mut before = client(&proxy);
        assert_eq!(&ask(&mut before).unwrap(), b"ping");
        proxy.delay(Duration::from_millis(30));
        let begun = Instant::now();
        assert_eq!(&ask(&mut before).unwrap(), b"ping");
        assert!(begun.elapsed() >= Duration::from_millis(60), "both ways are delayed");
        proxy.cut();
        wait_until("the connection ends", || ask(&mut before).is_err());
        assert!(ask(&mut client(&proxy)).is_err());
        proxy.heal();
        let mut again = client(&proxy);
        assert_eq!(&ask(&mut again).unwrap(), b"ping");
        proxy.cut();
        proxy.heal();
        assert!(ask(&mut again).is_err(), "a cut may be short");
    }

    /// A client of a DataNode says that it has sent everything by closing its side, and waits for the answer: the whole
    /// connection was ended, and no block could be written.
    #[test]
    fn who_has_said_everything_still_hears_the_answer_and_what_was_said_is_kept() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::to(&server.local_addr().unwrap().to_string());
        proxy.listen_in();
        let mut client = client(&proxy);
        client.write_all(b"all").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let (mut heard, mut answer) = (String::new(), String::new());
        served.read_to_string(&mut heard).unwrap();
        served.write_all(b"thanks").unwrap();
        drop(served);
        client.read_to_string(&mut answer).unwrap();
        assert_eq!((heard.as_str(), answer.as_str(), proxy.heard()), ("all", "thanks", vec![b"all".to_vec()]));
        wait_until("it is forgotten", || lock(&proxy.wire).joined.is_empty());
    }

    #[test]
    fn who_is_not_heard_is_not_cut_off() {
        for trouble in [Proxy::deafen, Proxy::hush] {
            let proxy = Proxy::to(&echo().to_string());
            let mut before = client(&proxy);
            assert_eq!(&ask(&mut before).unwrap(), b"ping");
            trouble(&proxy);
            before.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let silence = ask(&mut before).unwrap_err().kind();
            assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
            proxy.heal();
            assert_eq!(&ask(&mut client(&proxy)).unwrap(), b"ping");
            assert!(ask(&mut before).is_err(), "what was lost stays lost");
        }
    }
}
