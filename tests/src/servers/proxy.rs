//! A wire between clients and a server that can be cut, delayed and slowed while it is in use.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a quiet connection looks whether it was cut.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the wire does to what goes through it.
#[derive(Clone, Copy, Debug, Default)]
struct Wire {
    is_cut: bool,
    delay: Duration,
    /// Bytes a second, each way and for each connection.
    rate: Option<u32>,
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
        let wire = Arc::new(Mutex::new(Wire::default()));
        let its = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Wire { is_cut, is_over, .. } = now(&its);
                if is_over {
                    return;
                }
                // Whoever comes while the wire is cut finds nobody.
                if !is_cut && let Ok(server) = TcpStream::connect(upstream) {
                    join(client, server, &its);
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
        self.change(|wire| wire.is_cut = true);
    }

    /// Holds all that goes through, each piece for so long.
    pub fn delay(&self, delay: Duration) {
        self.change(|wire| wire.delay = delay);
    }

    /// Lets through so many bytes a second, each way and for each connection.
    pub fn slow(&self, bytes_per_second: u32) {
        self.change(|wire| wire.rate = Some(bytes_per_second));
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        self.change(|wire| *wire = Wire::default());
    }

    fn change(&self, change: impl FnOnce(&mut Wire)) {
        change(&mut lock(&self.wire));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|wire| (wire.is_cut, wire.is_over) = (true, true));
        // Wakes who waits for the next client.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now(wire: &Mutex<Wire>) -> Wire {
    *lock(wire)
}

/// Carries bytes both ways until one side ends or the wire is cut.
fn join(client: TcpStream, server: TcpStream, wire: &Arc<Mutex<Wire>>) {
    let ways = client.try_clone().and_then(|to_client| Ok((to_client, server.try_clone()?)));
    let Ok((to_client, to_server)) = ways else { return };
    for (from, to) in [(client, to_server), (server, to_client)] {
        let wire = Arc::clone(wire);
        thread::spawn(move || carry(from, to, &wire));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, wire: &Mutex<Wire>) {
    let mut piece = [0; 16 << 10];
    // Without it a cut would be noticed only when somebody speaks.
    let _ = from.set_read_timeout(Some(LOOK_EVERY));
    let _ = to.set_nodelay(true);
    loop {
        if now(wire).is_cut {
            break;
        }
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        let Wire { delay, rate, .. } = now(wire);
        let slow = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(read as f64 / f64::from(rate)));
        thread::sleep(delay + slow);
        // What was on its way when the wire was cut is lost with it.
        if now(wire).is_cut || to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::wait_until;

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

    #[test]
    fn what_goes_through_comes_out_until_the_wire_is_cut() {
        let proxy = Proxy::to(&echo().to_string());
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(&ask(&mut client).unwrap(), b"ping");
        proxy.delay(Duration::from_millis(30));
        let begun = Instant::now();
        assert_eq!(&ask(&mut client).unwrap(), b"ping");
        assert!(begun.elapsed() >= Duration::from_millis(60), "both ways are delayed");
        proxy.cut();
        wait_until("the connection ends", || ask(&mut client).is_err());
        let mut other = TcpStream::connect(proxy.address()).unwrap();
        assert!(ask(&mut other).is_err());
        proxy.heal();
        let mut again = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(&ask(&mut again).unwrap(), b"ping");
    }
}
