//! Connecting to one other process: again and again with a short back-off, until it is there, refuses us, or the time
//! is up. On a thread of its own, since resolving a name and connecting can take long.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::handshake::{Calling, LONGEST, Move, Setback};
use super::hostfile::Address;
use super::judge::Verdict;
use super::visitors::Door;
use crate::ids::ProcessIndex;
use crate::ledger::Generation;

/// The first wait between two attempts; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// For one attempt to connect, and then for the whole handshake.
const PATIENCE: Duration = Duration::from_secs(3);

/// News from a dialling thread.
pub(super) struct Dialled {
    pub(super) peer: ProcessIndex,
    pub(super) outcome: Outcome,
}

/// What an attempt gave.
pub(super) enum Outcome {
    /// A connection that is welcome on the other side; the thread has ended.
    In(TcpStream),
    /// Not yet; the thread tries again.
    NotYet(String),
    /// We are refused for good; the thread has ended.
    Refused(String),
    /// The other one is of this later generation; the thread has ended.
    Superseded(Generation),
}

/// Whom to connect to, as whom.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) us: Door,
    pub(super) peer: ProcessIndex,
    pub(super) address: Address,
    pub(super) deadline: Instant,
}

/// Ends the dialling thread when it is dropped (at the latest when its current attempt ends).
#[derive(Debug)]
pub(super) struct Dialling {
    _stop: Sender<()>,
}

impl Dial {
    /// Starts the thread, which reports to `news`.
    pub(super) fn start(self, news: Sender<Dialled>) -> io::Result<Dialling> {
        let (stop, stopped) = channel();
        thread::Builder::new().name(format!("dial-{}", self.peer)).spawn(move || self.run(&news, &stopped))?;
        Ok(Dialling { _stop: stop })
    }

    fn run(&self, news: &Sender<Dialled>, stopped: &Receiver<()>) {
        let mut wait = Duration::ZERO;
        loop {
            let outcome = self.attempt();
            let again = matches!(outcome, Outcome::NotYet(_));
            // A later try that the deadline cut short says less than the one before.
            let cut_short = again && !wait.is_zero() && Instant::now() >= self.deadline;
            if cut_short || news.send(Dialled { peer: self.peer, outcome }).is_err() || !again {
                return;
            }
            wait = (wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
            if Instant::now() >= self.deadline || stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn attempt(&self) -> Outcome {
        let answered = self.connect().and_then(|mut stream| {
            let answer = self.converse(&mut stream)?;
            Ok((stream, answer))
        });
        match answered {
            Err(error) => Outcome::NotYet(error.to_string()),
            // None of this is proven: some other program may hold the port until the peer takes it.
            Ok((_, Err(setback))) => Outcome::NotYet(setback.describe()),
            Ok((stream, Ok(Verdict::In))) => Outcome::In(stream),
            Ok((_, Ok(Verdict::Again(why)))) => Outcome::NotYet(why),
            Ok((_, Ok(Verdict::Never(why)))) => Outcome::Refused(why),
            Ok((_, Ok(Verdict::Yield(later)))) => Outcome::Superseded(later),
        }
    }

    /// Tries all addresses that the host name stands for.
    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name stands for no address");
        for address in (self.address.host(), self.address.port()).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.time_left()) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Goes through the handshake, and reads not a byte more: what follows belongs to timely.
    fn converse(&self, stream: &mut TcpStream) -> io::Result<Result<Verdict, Setback>> {
        let give_up = Instant::now() + self.time_left();
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(self.time_left()))?;
        let Door { us, secret, nonces } = &self.us;
        let (mut calling, call) = Calling::begin(us, self.peer, secret, nonces.fresh()?);
        stream.write_all(&call)?;

        let mut buffer = [0; LONGEST];
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it was reached but did not answer"));
            }
            stream.set_read_timeout(Some(left))?;
            let read = match stream.read(&mut buffer[..calling.due()]) {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection at once"));
                }
                Ok(read) => read,
                // A timeout shows as either, by platform; the loop sees that the time is up.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            match calling.hear(&buffer[..read]) {
                Ok(Move::Listen) => {}
                Ok(Move::Say(words)) => stream.write_all(&words)?,
                Ok(Move::Done(verdict)) => return Ok(Ok(verdict)),
                Err(setback) => return Ok(Err(setback)),
            }
        }
    }

    /// Never zero, which the operating system would take as for ever.
    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), PATIENCE)
    }
}
