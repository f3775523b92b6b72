//! The process's end of the cord: who holds it, and the two threads that live on it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write, stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use socket2::{SockRef, Type};
use thiserror::Error;

use super::BOARD;
use super::board::{Board, Due};
use crate::process::Exit;

/// The variable that says that this process is supervised: `stdin`, if standard input is the cord.
pub const VARIABLE: &str = "FLIGHTLINE_CORD";

/// Between two snapshots.
const EVERY: Duration = Duration::from_secs(1);

/// An exit that takes longer is ended by SIGKILL.
const EXIT_PATIENCE: Duration = Duration::from_secs(2);

/// Why a process that should be supervised can't be.
#[derive(Debug, Error)]
pub enum CordError {
    /// The variable holds something else.
    #[error(
        "{VARIABLE} is {0:?}, but the cord of a supervised process can only be `stdin`; unset it to run without an agent"
    )]
    Unknown(OsString),
    /// Standard input isn't what the variable says.
    #[error(
        "{VARIABLE}=stdin says that standard input is one end of an agent's Unix socket pair, but it is not ({0}); unset it to run \
         without an agent"
    )]
    NoSocket(io::Error),
    /// No threads are left.
    #[error("can't start the threads of the cord to the agent: {0}; raise the limit on threads")]
    Threads(io::Error),
}

impl CordError {
    /// The exit code that says it to scripts.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Unknown(_) | Self::NoSocket(_) => Exit::Usage,
            Self::Threads(_) => Exit::ClusterStart,
        }
    }
}

/// Ties this process to its agent, if it has one: first of all in `main`, so that it can't outlive the agent. Nothing else
/// may read standard input then.
///
/// # Errors
/// [`VARIABLE`] says that there is an agent, but standard input doesn't lead to one.
pub fn start() -> Result<(), CordError> {
    if is_wanted(std::env::var_os(VARIABLE))? {
        tie(socket(stdin().as_fd()).map_err(CordError::NoSocket)?)?;
    }
    Ok(())
}

pub(super) fn is_wanted(variable: Option<OsString>) -> Result<bool, CordError> {
    match variable {
        Some(value) if value == OsStr::new("stdin") => Ok(true),
        Some(value) if !value.is_empty() => Err(CordError::Unknown(value)),
        _ => Ok(false),
    }
}

fn tie(socket: UnixStream) -> Result<(), CordError> {
    let (lifeline, telemetry) = (socket.try_clone().map_err(CordError::Threads)?, socket);
    let board = BOARD.get_or_init(Board::default);
    let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(CordError::Threads)
    };
    start(
        "cord:lifeline",
        Box::new(|| {
            wait_until_closed(lifeline);
            end()
        }),
    )?;
    start("cord:telemetry", Box::new(|| tell(board, telemetry)))
}

/// Ends the process without a word: whoever would read it may be gone, and then writing it could wait without end.
fn end() -> ! {
    // Libraries run code of theirs at an exit, and other threads of this process still hold what that may wait for.
    let kill = || {
        thread::sleep(EXIT_PATIENCE);
        kill_process(getpid(), Signal::KILL)
    };
    // Without a thread there is only the exit.
    drop(thread::Builder::new().name("cord:kill".to_owned()).spawn(kill));
    Exit::Terminated.end()
}

/// The socket that a file is, if it is a stream between two processes of this host.
pub(super) fn socket(file: BorrowedFd<'_>) -> io::Result<UnixStream> {
    let socket = SockRef::from(&file);
    if socket.r#type()? != Type::STREAM || !socket.local_addr()?.is_unix() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a socket of another kind"));
    }
    let socket = UnixStream::from(file.try_clone_to_owned()?);
    socket.set_nonblocking(false)?;
    Ok(socket)
}

/// Returns when the other end is closed. Any error says so, too: an agent that was killed with something unread leaves a
/// connection that is reset.
pub(super) fn wait_until_closed(mut lifeline: impl Read) {
    let mut ignored = [0; 256];
    loop {
        match lifeline.read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Sends snapshots until the process ends, or nobody listens any more.
pub(super) fn tell(board: &Board, mut to: impl Write) {
    loop {
        let due = board.wait(EVERY);
        let sent = match board.snapshot().into_line() {
            Ok(line) => to.write_all(&line),
            Err(error) => {
                tracing::error!("the agent is told nothing more: a snapshot can't be written as JSON ({error})");
                Err(error.into())
            }
        };
        if due == Due::Last || sent.is_err() {
            board.told();
            return;
        }
    }
}
