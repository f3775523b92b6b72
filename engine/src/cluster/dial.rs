//! Connecting to one other process: again and again with a short back-off, until it is there, refuses us, or the time
//! is up. On a thread of its own, since resolving a name and connecting can take long.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::hello::{self, Hello, Identity, Kind, Verdict};
use super::hostfile::Address;
use crate::ids::ProcessIndex;

/// The first wait between two attempts; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// For one attempt to connect, and then for the answer to our hello.
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
}

/// Whom to connect to, as whom.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) us: Identity,
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
        let mut wait = FIRST_WAIT;
        loop {
            let outcome = self.attempt();
            let again = matches!(outcome, Outcome::NotYet(_));
            let heard = news.send(Dialled { peer: self.peer, outcome });
            if !again || heard.is_err() || Instant::now() >= self.deadline {
                return;
            }
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn attempt(&self) -> Outcome {
        let answered = self.connect().and_then(|mut stream| {
            let answer = self.converse(&mut stream)?;
            Ok((stream, answer))
        });
        match answered {
            Err(error) => Outcome::NotYet(error.to_string()),
            Ok((stream, Ok(answer))) => match self.us.judge_answer(&answer, self.peer) {
                Verdict::In => Outcome::In(stream),
                Verdict::Again(why) => Outcome::NotYet(why),
                Verdict::Never(why) => Outcome::Refused(why),
            },
            // Some other program may hold the port until the peer takes it.
            Ok((_, Err(stranger @ hello::NotHello::Stranger))) => Outcome::NotYet(stranger.describe()),
            Ok((_, Err(version @ hello::NotHello::Version(_)))) => Outcome::Refused(version.describe()),
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

    /// Says our hello and listens for the answer: not a byte longer, since what follows belongs to timely.
    fn converse(&self, stream: &mut TcpStream) -> io::Result<Result<Hello, hello::NotHello>> {
        let give_up = Instant::now() + self.time_left();
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(self.time_left()))?;
        stream.write_all(&self.us.hello(Kind::Call, self.peer).encode())?;

        let mut answer = [0; hello::LENGTH];
        let mut heard = 0;
        loop {
            match Hello::decode(&answer[..heard]) {
                Ok(Some(hello)) => return Ok(Ok(hello)),
                Ok(None) => {}
                Err(not_hello) => return Ok(Err(not_hello)),
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it was reached but did not answer"));
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut answer[heard..]) {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection at once"));
                }
                Ok(read) => heard += read,
                // A timeout shows as either, by platform; the loop sees that the time is up.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Never zero, which the operating system would take as for ever.
    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), PATIENCE)
    }
}
