//! What can go wrong between the command line and the running workers, each in one sentence that says what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::hostfile::Address;
use super::judge::Named;
use super::secret::{FEWEST_BYTES, MOST_BYTES};
use crate::ids::{ProcessCount, ProcessIndex, WorkerCount};
use crate::ledger::Generation;
use crate::process::Exit;

/// Why the cluster couldn't be planned, started or run.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The flags or the hostfile are wrong. All mistakes are listed.
    #[error("{}", all(.0, "; "))]
    Flags(Vec<FlagMistake>),
    /// Our own line of the hostfile can't be listened on.
    #[error("process {process} can't listen on {address}: {}", listen_advice(.reason))]
    Listen {
        /// This process.
        process: ProcessIndex,
        /// Its line of the hostfile.
        address: Address,
        /// What the operating system said.
        reason: io::Error,
    },
    /// Our own line of the hostfile names a host that isn't known.
    #[error(
        "process {process} can't listen on {address}: the host name can't be resolved ({reason}); check the hostfile"
    )]
    UnknownHost {
        /// This process.
        process: ProcessIndex,
        /// Its line of the hostfile.
        address: Address,
        /// What the resolver said.
        reason: io::Error,
    },
    /// Processes that didn't come in time.
    #[error("after {} s {}; start all processes within this time (--connect-timeout), and check the addresses", .after.as_secs_f64(), all(.missing, "; "))]
    PeersMissing {
        /// How long was waited.
        after: Duration,
        /// Who is missing.
        missing: Vec<MissingPeer>,
    },
    /// Another process and this one were not started as one cluster.
    #[error("process {peer} at {address} can't work with this one: {difference}")]
    Refused {
        /// The other process.
        peer: ProcessIndex,
        /// Its address.
        address: Address,
        /// What differs, and what to do.
        difference: String,
    },
    /// A later life of this job is at work.
    #[error("process {peer} at {at} is of generation {later} of this job, and this one of {}: a later life is at work, and this older one ends", Named(*.ours))]
    Superseded {
        /// The process of the later life.
        peer: ProcessIndex,
        /// Where it is.
        at: String,
        /// Its generation.
        later: Generation,
        /// Ours, if we have one.
        ours: Option<Generation>,
    },
    /// The operating system refused something else that the start needs.
    #[error("the cluster can't start: {what}: {reason}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        reason: io::Error,
    },
    /// Timely refused to start the workers.
    #[error("the workers can't start: {0}")]
    Workers(String),
}

impl ClusterError {
    /// The code with which a process that meets this error ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Flags(_) => Exit::Usage,
            Self::Superseded { .. } => Exit::Superseded,
            _ => Exit::ClusterStart,
        }
    }
}

/// One mistake in the flags or the hostfile.
#[derive(Debug, Error)]
pub enum FlagMistake {
    /// `-w 0`, or more than anyone means.
    #[error("-w {0} makes no sense: the number of worker threads per process is from 1 to {max}", max = super::plan::MAX_WORKERS)]
    Workers(WorkerCount),
    /// `-n 0`, or more than anyone means.
    #[error("-n {0} makes no sense: the number of processes is from 1 to {max}", max = super::plan::MAX_PROCESSES)]
    Processes(ProcessCount),
    /// `-p` at or above `-n`.
    #[error("-p {process} is not below -n {processes}: processes are numbered from 0")]
    Process {
        /// What `-p` says.
        process: ProcessIndex,
        /// What `-n` says.
        processes: ProcessCount,
    },
    /// A deadline that is no time.
    #[error("--connect-timeout {0} is no number of seconds above 0 and up to a day")]
    Timeout(f64),
    /// Several processes, and nothing that tells them from strangers.
    #[error(
        "-n {0} needs a secret that all processes know, and nobody else: --secret-file FILE, made with `(umask 077; head -c 32 /dev/urandom | base64 > FILE)`, the same on every host; or --insecure, where nobody else can reach their ports"
    )]
    SecretMissing(ProcessCount),
    /// The file of the secret can't be read.
    #[error("the secret file {} can't be read: {reason}", .file.display())]
    SecretUnreadable {
        /// Its path.
        file: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// It is a folder, a pipe or the like.
    #[error("the secret file {} is no file: give one of mode 600 that holds the secret", .file.display())]
    SecretNoFile {
        /// What was named.
        file: PathBuf,
    },
    /// Others can read the secret.
    #[error("the secret file {file} can be read by others (mode {mode:o}): run `chmod 600 {file}`", file = .file.display())]
    SecretMode {
        /// Its path.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else than a secret.
    #[error("the secret file {} holds {found} bytes, and a secret has {FEWEST_BYTES} to {MOST_BYTES}, space at its ends not counted", .file.display())]
    SecretLength {
        /// Its path.
        file: PathBuf,
        /// How many bytes it has, or at least so many.
        found: usize,
    },
    /// The hostfile can't be read.
    #[error("the hostfile {} can't be read: {reason}", .file.display())]
    HostfileUnreadable {
        /// Its path.
        file: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// A line of the hostfile is no address.
    #[error("line {line} of the hostfile {} is {text:?}, but each line must be HOST:PORT: {reason}", .file.display())]
    HostfileLine {
        /// Its path.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What the line holds.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two lines of the hostfile are the same address.
    #[error("line {line} of the hostfile {} repeats line {first}: {address}; each process needs an address of its own", .file.display())]
    HostfileRepeats {
        /// Its path.
        file: PathBuf,
        /// The later line, from 1.
        line: usize,
        /// The earlier line.
        first: usize,
        /// The address.
        address: Address,
    },
    /// Fewer lines than processes.
    #[error("the hostfile {} has {found} address{}, but -n {processes} needs {processes}", .file.display(), plural(.found))]
    HostfileShort {
        /// Its path.
        file: PathBuf,
        /// How many addresses it has.
        found: usize,
        /// What `-n` says.
        processes: ProcessCount,
    },
}

/// A process that didn't come in time.
#[derive(Debug)]
pub struct MissingPeer {
    /// Which.
    pub process: ProcessIndex,
    /// Its line of the hostfile.
    pub address: Address,
    /// The last thing that went wrong with it, if anything did.
    pub last: Option<String>,
}

impl fmt::Display for MissingPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({}) had not come", self.process, self.address)?;
        self.last.iter().try_for_each(|last| write!(f, ", last: {last}"))
    }
}

fn all(parts: &[impl fmt::Display], separator: &str) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

fn plural(number: &usize) -> &'static str {
    if *number == 1 { "" } else { "es" }
}

fn listen_advice(reason: &io::Error) -> String {
    match reason.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; end the program that holds it (perhaps an earlier run, or a process with the same -p), \
             or put another port into the hostfile"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host doesn't have that address; check -p and the hostfile (line 1 belongs to -p 0)".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need special rights, so choose a higher one".to_owned()
        }
        _ => reason.to_string(),
    }
}
