//! A process of a job: started, watched, and told to end.
//!
//! Its threads, each with one thing to wait for:
//!
//! | thread | waits for | and then |
//! |---|---|---|
//! | `pump` (two) | what it writes | puts it into its [log](super::log) |
//! | `cord` | what it says of itself | keeps the newest snapshot |
//! | `wait` | its end | ends whatever it has left behind, waits for the others, and says how it ended |
//!
//! It leads a process group of its own: Ctrl-C at the agent's terminal is for the agent alone, and what it has started itself
//! ends with it. Its number can't be another's while it is signalled: it is reaped under the lock that signals need.

use std::io::BufReader;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use std::{fmt, io};

use flightline_engine::supervised::{CordReader, Telemetry};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::ending::{Sent, how_ended};
use super::exiting::is_exiting;
use super::folder::ProcessFolder;
use super::log::{LogLimits, LogWriter, last_lines, pump};
use super::memory::resident;
use super::said::{is_up, model, stage_lines};
use crate::ids::{Memory, ProcessRef};
use crate::protocol::{HowEnded, LogStream, ProcessReport, ProcessState};

/// After the end of a process its pipes are empty at once; unless something of another process group still holds them.
const PIPES_PATIENCE: Duration = Duration::from_secs(2);

/// What is told whenever a process has come up or has ended.
pub(super) type Listener = Arc<dyn Fn() + Send + Sync>;

/// What a process is started with.
pub(super) struct Start {
    pub(super) id: ProcessRef,
    /// What runs, with arguments, environment and working directory.
    pub(super) command: Command,
    /// Where its log goes; there is none yet.
    pub(super) folder: ProcessFolder,
    pub(super) log: LogLimits,
    pub(super) memory: Memory,
    /// Whether it works as soon as it is there.
    pub(super) is_up_at_once: bool,
}

/// A process that was started.
pub(super) struct Process {
    id: ProcessRef,
    pid: Pid,
    memory_limit: Memory,
    folder: ProcessFolder,
    /// While this end is open, the process lives.
    cord: UnixStream,
    state: Mutex<State>,
    changed: Listener,
}

struct State {
    is_reaped: bool,
    is_up: bool,
    sent: Sent,
    memory: Memory,
    said: Option<Arc<Telemetry>>,
    end: Option<(HowEnded, Vec<String>)>,
}

impl State {
    const fn new(is_up: bool) -> Self {
        Self { is_reaped: false, is_up, sent: Sent::Nothing, memory: Memory(0), said: None, end: None }
    }
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The log can't be begun, the program can't be started, or there are no threads to watch it; then it is gone again.
    pub(super) fn start(mut start: Start, changed: Listener) -> io::Result<Arc<Self>> {
        let log = |stream| LogWriter::create(start.folder.path(), stream, start.log);
        let logs = [log(LogStream::Stdout)?, log(LogStream::Stderr)?];
        let (ours, theirs) = UnixStream::pair()?;
        let telemetry = ours.try_clone()?;
        start.command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = start.command.spawn()?;
        // The end that is the child's must be the child's alone.
        drop(start.command);

        let process = Arc::new(Self {
            id: start.id,
            pid: Pid::from_child(&child),
            memory_limit: start.memory,
            folder: start.folder,
            cord: ours,
            state: Mutex::new(State::new(start.is_up_at_once)),
            changed,
        });
        process.watch(child, telemetry, logs)?;
        Ok(process)
    }

    fn watch(self: &Arc<Self>, mut child: Child, telemetry: UnixStream, logs: [LogWriter; 2]) -> io::Result<()> {
        // Each thread but the last holds a sender: when all are gone, there is nothing more to come.
        let (busy, done) = mpsc::sync_channel::<()>(0);
        let [to_stdout, to_stderr] = logs;
        let id = self.id;
        let pipe = |from: Option<OwnedFd>, log: LogWriter| {
            from.map_or(Ok(()), |from| {
                let from = io::PipeReader::from(from);
                named("pump", &busy, move || pump(from, log, |error| tracing::warn!(%id, %error, "its log has a hole")))
            })
        };
        let started = pipe(child.stdout.take().map(OwnedFd::from), to_stdout)
            .and_then(|()| pipe(child.stderr.take().map(OwnedFd::from), to_stderr))
            .and_then(|()| {
                let process = Arc::clone(self);
                named("cord", &busy, move || process.listen(telemetry))
            });
        drop(busy);
        // Whoever waits must be able to reap it also if that thread can't be started.
        let child = Arc::new(Mutex::new(child));
        let started = started.and_then(|()| {
            let (process, child) = (Arc::clone(self), Arc::clone(&child));
            thread::Builder::new().name("wait".to_owned()).spawn(move || process.wait(&child, &done)).map(drop)
        });
        if started.is_err() {
            self.signal(Signal::KILL);
            let _ = lock(&child).wait();
            lock(&self.state).is_reaped = true;
            self.close();
        }
        started
    }

    /// Keeps what it says of itself.
    fn listen(&self, telemetry: UnixStream) {
        for said in CordReader::new(BufReader::new(telemetry)) {
            match said {
                Ok(said) => {
                    let mut state = lock(&self.state);
                    let came_up = !state.is_up && is_up(&said);
                    state.is_up |= came_up;
                    state.said = Some(Arc::new(said));
                    drop(state);
                    if came_up {
                        (self.changed)();
                    }
                }
                Err(error) => tracing::warn!(id = %self.id, %error, "what a process says of itself can't be read"),
            }
        }
    }

    /// Waits for its end.
    fn wait(&self, child: &Mutex<Child>, done: &Receiver<()>) {
        let mut child = lock(child);
        // It is not reaped by this: its number, and that of its group, stay its own.
        let ended = loop {
            match waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        let (status, sent) = {
            let mut state = lock(&self.state);
            if ended.is_ok() {
                let _ = kill_process_group(self.pid, Signal::KILL);
            }
            state.is_reaped = true;
            (child.wait(), state.sent)
        };
        // Nothing is ever sent here: it is over when all senders are gone.
        let _ = done.recv_timeout(PIPES_PATIENCE);
        self.close();
        let how = status.map(|status| how_ended(status, sent)).unwrap_or_else(|error| HowEnded::NotStarted {
            why: format!("the system doesn't say how it ended ({error}): something else has waited for it"),
            permanent: false,
        });
        if let Err(error) = self.folder.strip() {
            tracing::warn!(id = %self.id, %error, "what it was started with can't be removed");
        }
        let last_lines = last_lines(self.folder.path());
        tracing::info!(id = %self.id, %how, "a process has ended");
        lock(&self.state).end = Some((how, last_lines));
        (self.changed)();
    }

    /// Asks it to end. Once is enough.
    pub(super) fn drain(&self) {
        if self.mark(|sent| (sent == Sent::Nothing).then_some(Sent::Drain)) {
            self.signal(Signal::TERM);
        }
    }

    /// Ends it. What is on its way out already has ended by itself: others may have heard of that before we have.
    pub(super) fn kill(&self) {
        if is_exiting(self.pid) || self.mark(|sent| (!matches!(sent, Sent::TooMuchMemory { .. })).then_some(Sent::Kill))
        {
            self.signal(Signal::KILL);
        }
    }

    /// Looks how much memory it uses, and ends it if that is too much.
    pub(super) fn look_at_memory(&self) {
        let used = {
            let mut state = lock(&self.state);
            if state.is_reaped {
                return;
            }
            // A process that is on its way out has none.
            state.memory = resident(self.pid).unwrap_or(state.memory);
            state.memory
        };
        let limit = self.memory_limit;
        let is_new = |sent: Sent| !matches!(sent, Sent::Kill | Sent::TooMuchMemory { .. });
        if used > limit && self.mark(|sent| is_new(sent).then_some(Sent::TooMuchMemory { used, limit })) {
            tracing::warn!(id = %self.id, %used, %limit, "a process uses too much memory, and is ended");
            self.signal(Signal::KILL);
        }
    }

    fn mark(&self, change: impl FnOnce(Sent) -> Option<Sent>) -> bool {
        let mut state = lock(&self.state);
        let next = change(state.sent);
        state.sent = next.unwrap_or(state.sent);
        next.is_some()
    }

    fn signal(&self, signal: Signal) {
        let state = lock(&self.state);
        // A zombie takes a signal without complaint, so whatever is refused here is worth a word.
        if !state.is_reaped
            && let Err(error) = kill_process_group(self.pid, signal)
        {
            tracing::warn!(id = %self.id, ?signal, %error, "a process can't be signalled");
        }
    }

    /// Lets go of the cord, whoever else holds it.
    pub(super) fn close(&self) {
        let _ = self.cord.shutdown(Shutdown::Both);
    }

    /// Which one it is.
    pub(super) const fn id(&self) -> ProcessRef {
        self.id
    }

    /// Whether it is gone.
    pub(super) fn has_ended(&self) -> bool {
        lock(&self.state).end.is_some()
    }

    /// The newest that it said of itself.
    pub(super) fn said(&self) -> Option<Arc<Telemetry>> {
        lock(&self.state).said.clone()
    }

    /// How it is.
    pub(super) fn report(&self) -> ProcessReport {
        let state = lock(&self.state);
        let said = state.said.as_deref();
        let pid = self.pid.as_raw_nonzero().get().unsigned_abs();
        let how = match &state.end {
            Some((how, last_lines)) => ProcessState::Ended {
                how: how.clone(),
                last_lines: last_lines.clone(),
                ledger: said.and_then(|said| said.ledger_generation).map(|generation| generation.0),
                model: said.and_then(model),
            },
            None if state.is_up => ProcessState::Up { pid },
            None => ProcessState::Starting { pid },
        };
        ProcessReport {
            id: self.id,
            memory: if state.end.is_some() { Memory(0) } else { state.memory },
            state: how,
            stream: said.and_then(|said| said.stream.clone()),
            stages: said.map(stage_lines).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.id).field("pid", &self.pid).finish_non_exhaustive()
    }
}

fn named(name: &str, busy: &SyncSender<()>, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let busy = busy.clone();
    let run = move || {
        run();
        drop(busy);
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
