//! A wire between processes on which all takes its time: a relay that holds each piece for so long before it passes it on.
//!
//! Pieces travel side by side, so latency limits no rate, as on a long cable; the rate is limited where the hosts' devices
//! are. It stands where `tc netem` would, which few kernels without modules have. What it lacks of a real path: a sender
//! gets its acknowledgements from the relay at once, so TCP never waits for a window to open; nothing is lost.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a piece at most.
const PIECE: usize = 64 << 10;
/// Pieces that are on their way each way, at most; the sender waits then.
const PIECES: usize = 1 << 10;
/// Questions of [`SlowWire::round_trip`].
const QUESTIONS: usize = 101;

/// A relay to one server, for as many connections as come. No new one comes in when it is dropped.
#[derive(Debug)]
pub struct SlowWire {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl SlowWire {
    /// Listens on any port of `listen`, an IP address, and passes on to `server` what comes in `delay` later; answers, too.
    ///
    /// # Errors
    /// There is no such address here, or no port.
    pub fn to(listen: IpAddr, server: SocketAddr, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((listen, 0))?;
        let wire = Self { address: listener.local_addr()?, is_over: Arc::default() };
        let is_over = Arc::clone(&wire.is_over);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                // Who calls before the server listens is turned away, as by the server itself.
                if let Ok(server) = TcpStream::connect(server) {
                    // It can't be told to anybody; the caller sees its connection end.
                    let _ = join(&client, &server, delay);
                }
            }
        });
        Ok(wire)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The median time from a question of one byte to its answer, over such a wire on loopback.
    ///
    /// # Errors
    /// No port, or a connection that ends.
    pub fn round_trip(delay: Duration) -> io::Result<Duration> {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let server = TcpListener::bind((loopback, 0))?;
        let wire = Self::to(loopback, server.local_addr()?, delay)?;
        let mut client = TcpStream::connect(wire.address)?;
        client.set_nodelay(true)?;
        let (mut served, _) = server.accept()?;
        served.set_nodelay(true)?;
        let mut answers = served.try_clone()?;
        thread::spawn(move || io::copy(&mut served, &mut answers));
        let mut times = Vec::new();
        for _ in 0..QUESTIONS {
            let begun = Instant::now();
            client.write_all(b"?")?;
            client.read_exact(&mut [0])?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        Ok(times[QUESTIONS / 2])
    }
}

impl Drop for SlowWire {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes who waits for the next client.
        let _ = TcpStream::connect(self.address);
    }
}

fn join(client: &TcpStream, server: &TcpStream, delay: Duration) -> io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        to.set_nodelay(true)?;
        let (send, receive) = sync_channel(PIECES);
        thread::spawn(move || take(from, &send, delay));
        thread::spawn(move || pass_on(to, &receive));
    }
    Ok(())
}

/// Takes pieces in, each with the moment at which it is due. Ends with the sender.
fn take(mut from: TcpStream, send: &SyncSender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if send.send((Instant::now() + delay, piece[..read].to_vec())).is_err() {
            return;
        }
    }
}

/// Passes pieces on when they are due. Ends when no more can come.
fn pass_on(mut to: TcpStream, receive: &Receiver<(Instant, Vec<u8>)>) {
    for (due, piece) in receive {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than fits into the pieces on their way, both ways at once, and both ends are told of the end.
    #[test]
    fn all_comes_through_in_order_and_no_sooner() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let delay = Duration::from_millis(20);
        let wire = SlowWire::to([127, 0, 0, 1].into(), server.local_addr().unwrap(), delay).unwrap();
        let begun = Instant::now();
        let mut client = TcpStream::connect(wire.address()).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let echo = thread::spawn(move || {
            let mut back = served.try_clone().unwrap();
            io::copy(&mut served, &mut back).unwrap();
            back.shutdown(Shutdown::Write).unwrap();
        });
        let said: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut heard = Vec::new();
        thread::scope(|scope| {
            let mut asking = client.try_clone().unwrap();
            let said = &said;
            scope.spawn(move || {
                asking.write_all(said).unwrap();
                asking.shutdown(Shutdown::Write).unwrap();
            });
            client.read_to_end(&mut heard).unwrap();
        });
        echo.join().unwrap();
        assert!(heard == said);
        assert!(begun.elapsed() >= 2 * delay);
    }
}
