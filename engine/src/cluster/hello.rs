//! The first bytes on each connection between processes, and who is let in by them. Pure: bytes and decisions only.
//!
//! The connecting process sends a [`Hello`] of kind [`Kind::Call`]; the listening one answers with its own, of kind
//! [`Kind::Welcome`] or [`Kind::Refusal`]. Both sides then know all that must agree, and each can say what differs.
//!
//! A hello is 48 bytes, big-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | magic `FLTLINE\n` |
//! | 8..10 | version of this protocol |
//! | 10..12 | kind |
//! | 12..16 | length of what follows |
//! | 16..20 | processes |
//! | 20..24 | worker threads per process |
//! | 24..28 | index of the sender |
//! | 28..32 | index that the sender takes the receiver for |
//! | 32..40 | fingerprint of the job |
//! | 40..48 | reason of a refusal, else 0 |
//!
//! The first 16 bytes are the same in all versions, so that each can name another's. Authentication will be another
//! version. There is none here: a hello keeps strangers out that come by mistake, not those who want in.

use crate::ids::{ProcessCount, ProcessIndex, WorkerCount};

/// Of this protocol. Raise it with every change to the bytes.
const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"FLTLINE\n";

/// The kind that is the same in every version.
const REFUSAL: u16 = 3;

/// The bytes that are the same in every version.
const HEAD: usize = 16;

/// The bytes of a whole hello of this version.
pub(super) const LENGTH: usize = 48;

/// What one process says of itself and of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) kind: Kind,
    pub(super) processes: ProcessCount,
    pub(super) workers: WorkerCount,
    pub(super) sender: ProcessIndex,
    /// Whom the sender takes the receiver for.
    pub(super) receiver: ProcessIndex,
    pub(super) fingerprint: u64,
}

/// What a hello is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// From who connects.
    Call,
    /// From who listens: you are in.
    Welcome,
    /// From who listens: you are not.
    Refusal(Refusal),
}

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What both hellos say doesn't agree; each side can see it.
    Differs,
    /// The index is taken by a connection that is alive.
    Taken,
}

/// Why bytes are no hello of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotHello {
    /// Not from a Flightline process at all.
    Stranger,
    /// From one that speaks another version.
    Version(u16),
}

impl Hello {
    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let (kind, reason) = match self.kind {
            Kind::Call => (1_u16, 0_u64),
            Kind::Welcome => (2, 0),
            Kind::Refusal(Refusal::Differs) => (REFUSAL, 1),
            Kind::Refusal(Refusal::Taken) => (REFUSAL, 2),
        };
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
        bytes[10..12].copy_from_slice(&kind.to_be_bytes());
        bytes[12..16].copy_from_slice(&short(LENGTH - HEAD).to_be_bytes());
        bytes[16..20].copy_from_slice(&short(self.processes.get()).to_be_bytes());
        bytes[20..24].copy_from_slice(&short(self.workers.get()).to_be_bytes());
        bytes[24..28].copy_from_slice(&short(self.sender.get()).to_be_bytes());
        bytes[28..32].copy_from_slice(&short(self.receiver.get()).to_be_bytes());
        bytes[32..40].copy_from_slice(&self.fingerprint.to_be_bytes());
        bytes[40..48].copy_from_slice(&reason.to_be_bytes());
        bytes
    }

    /// Reads what has arrived so far: `Ok(None)` while it may still become a hello. Says no as soon as it is sure, so that
    /// a stranger is dropped at its first wrong byte.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, NotHello> {
        let known = bytes.len().min(MAGIC.len());
        if bytes[..known] != MAGIC[..known] {
            return Err(NotHello::Stranger);
        }
        let Some(version) = u16_at(bytes, 8) else { return Ok(None) };
        if version != VERSION {
            return Err(NotHello::Version(version));
        }
        let Some(bytes) = bytes.first_chunk::<LENGTH>() else { return Ok(None) };
        let kind = match (u16_at(bytes, 10), u64_at(bytes, 40)) {
            (Some(1), Some(0)) => Kind::Call,
            (Some(2), Some(0)) => Kind::Welcome,
            (Some(REFUSAL), Some(1)) => Kind::Refusal(Refusal::Differs),
            (Some(REFUSAL), Some(2)) => Kind::Refusal(Refusal::Taken),
            _ => return Err(NotHello::Stranger),
        };
        let length = number_at(bytes, 12);
        let fields = (number_at(bytes, 16), number_at(bytes, 20), number_at(bytes, 24), number_at(bytes, 28));
        let (Some(processes), Some(workers), Some(sender), Some(receiver)) = fields else {
            return Err(NotHello::Stranger);
        };
        let Some(fingerprint) = u64_at(bytes, 32).filter(|_| length == Some(LENGTH - HEAD)) else {
            return Err(NotHello::Stranger);
        };
        Ok(Some(Self {
            kind,
            processes: ProcessCount::new(processes),
            workers: WorkerCount::new(workers),
            sender: ProcessIndex::new(sender),
            receiver: ProcessIndex::new(receiver),
            fingerprint,
        }))
    }

    /// What keeps us, who would say `ours`, from working with who says `self`; `None` if all agrees.
    fn difference(&self, ours: &Self) -> Option<String> {
        if self.processes != ours.processes {
            return Some(format!(
                "it was started with -n {}, this one with -n {}; start all with the same -n",
                self.processes, ours.processes
            ));
        }
        if self.workers != ours.workers {
            return Some(format!(
                "it was started with -w {}, this one with -w {}; start all with the same -w",
                self.workers, ours.workers
            ));
        }
        if self.receiver != ours.sender || self.sender != ours.receiver {
            return Some(format!(
                "it is process {} and takes this one for process {}, but here they are processes {} and {}; \
                 use the same hostfile everywhere, and each -p once",
                self.sender, self.receiver, ours.receiver, ours.sender
            ));
        }
        (self.fingerprint != ours.fingerprint).then(|| {
            "it was started with other arguments or another version of the program; start all with the same".to_owned()
        })
    }
}

/// The answer to a call in another version: only the bytes that every version understands, to name ours.
pub(super) fn farewell() -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
    bytes[10..12].copy_from_slice(&REFUSAL.to_be_bytes());
    bytes
}

/// What we say of ourselves to everyone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) processes: ProcessCount,
    pub(super) workers: WorkerCount,
    pub(super) process: ProcessIndex,
    pub(super) fingerprint: u64,
}

/// What a caller makes of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// We are in.
    In,
    /// Not now, or not the right one: worth another try.
    Again(String),
    /// Never, whatever we try.
    Never(String),
}

impl Identity {
    /// Our hello to process `to`.
    pub(super) fn hello(&self, kind: Kind, to: ProcessIndex) -> Hello {
        Hello {
            kind,
            processes: self.processes,
            workers: self.workers,
            sender: self.process,
            receiver: to,
            fingerprint: self.fingerprint,
        }
    }

    /// What we who listen answer to a call, and for a refusal, the sentence for our own log. `taken` says whether a
    /// process is connected under that index and alive.
    pub(super) fn judge_call(&self, call: &Hello, taken: bool) -> (Kind, Option<String>) {
        let refused = |refusal, why| (Kind::Refusal(refusal), Some(why));
        if let Some(difference) = call.difference(&self.hello(Kind::Welcome, call.sender)) {
            return refused(Refusal::Differs, difference);
        }
        if call.kind != Kind::Call || call.sender <= self.process || call.sender.get() >= self.processes.get() {
            return refused(Refusal::Differs, format!("process {} has no business to call this one", call.sender));
        }
        if taken {
            return refused(Refusal::Taken, "a process with this index is connected already".to_owned());
        }
        (Kind::Welcome, None)
    }

    /// What the answer of process `peer` to our call means.
    pub(super) fn judge_answer(&self, answer: &Hello, peer: ProcessIndex) -> Verdict {
        if answer.kind == Kind::Call {
            // On one host a connection to a port of the ephemeral range can meet itself while nobody listens yet.
            return Verdict::Again("nobody listens there yet".to_owned());
        }
        if let Some(difference) = answer.difference(&self.hello(Kind::Call, peer)) {
            return Verdict::Never(difference);
        }
        match answer.kind {
            Kind::Refusal(Refusal::Taken) => Verdict::Never(format!(
                "another process {} is connected to it already; start each -p once",
                self.process
            )),
            Kind::Refusal(Refusal::Differs) => Verdict::Never("it refused this process; its log says why".to_owned()),
            Kind::Welcome | Kind::Call => Verdict::In,
        }
    }
}

impl NotHello {
    /// What it is that speaks to us, as the end of a sentence.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Stranger => "what it says is not from a Flightline process".to_owned(),
            Self::Version(theirs) => format!(
                "it speaks version {theirs} of the cluster protocol, this one version {VERSION}; \
                 install the same version of the program everywhere"
            ),
        }
    }
}

/// Plans hold numbers far below this bound; a number above it could agree with none.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_be_bytes)
}

fn number_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)?;
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests;
