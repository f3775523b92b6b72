//! The first bytes on each connection between processes. Pure: bytes only; what they mean is [`handshake`](super::handshake)'s.
//!
//! ```text
//! caller   ── call ──────►  listener     who we are, and a nonce
//!          ◄─ challenge ──               who it is, its own nonce, and a tag over both
//!          ── proof ─────►               a tag over all that
//!          ◄─ verdict ────               welcome or refusal, and a tag over all that
//! ```
//!
//! All numbers are big-endian. Each message begins with the same head:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | magic `FLTLINE\n` |
//! | 8..10 | version of this protocol |
//! | 10..12 | kind: 1 call, 2 welcome, 3 refusal, 4 challenge, 5 proof |
//! | 12..16 | length of what follows |
//!
//! It is the same in all versions, so that each can name another's ([`farewell`]). What follows:
//!
//! | call, challenge | what | proof | verdict | what |
//! |---|---|---|---|---|
//! | 16..20 | processes | | 16..24 | reason of a refusal, else 0 |
//! | 20..24 | worker threads per process | 16..48 | 24..56 | tag |
//! | 24..28 | index of the sender | | | |
//! | 28..32 | index that the sender takes the receiver for | | | |
//! | 32..40 | fingerprint of the job | | | |
//! | 40..48 | generation, 0 for none | | | |
//! | 48..52 | 1 with a secret, 0 without | | | |
//! | 52..84 | nonce | | | |
//! | 84..116 | tag, in a challenge only | | | |

use super::proof::{NONCE_LENGTH, Nonce, TAG_LENGTH};
use crate::ids::{ProcessCount, ProcessIndex, WorkerCount};
use crate::ledger::Generation;

/// Of this protocol. Raise it with every change to the bytes.
pub(super) const VERSION: u16 = 2;

const MAGIC: [u8; 8] = *b"FLTLINE\n";

/// The bytes that are the same in every version.
const HEAD: usize = 16;

/// The bytes of what a process says of itself, with the head.
pub(super) const CALL_LENGTH: usize = 84;
/// The bytes of a challenge.
pub(super) const CHALLENGE_LENGTH: usize = CALL_LENGTH + TAG_LENGTH;
/// The bytes of a proof.
pub(super) const PROOF_LENGTH: usize = HEAD + TAG_LENGTH;
/// The bytes of a verdict.
pub(super) const VERDICT_LENGTH: usize = HEAD + 8 + TAG_LENGTH;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Kind {
    /// From who connects: who it is.
    Call = 1,
    /// From who listens: you are in.
    Welcome = 2,
    /// From who listens: you are not. The kind that is the same in every version.
    Refusal = 3,
    /// From who listens: who it is, and that it knows the secret.
    Challenge = 4,
    /// From who connects: that it knows the secret.
    Proof = 5,
}

/// What one process says of itself and of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) processes: ProcessCount,
    pub(super) workers: WorkerCount,
    pub(super) sender: ProcessIndex,
    /// Whom the sender takes the receiver for.
    pub(super) receiver: ProcessIndex,
    pub(super) fingerprint: u64,
    pub(super) generation: Option<Generation>,
    /// Whether it was given a secret.
    pub(super) secured: bool,
    pub(super) nonce: Nonce,
}

/// What who listens makes of a caller that has proven itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It is in.
    Welcome,
    /// It is not.
    Refusal(Refusal),
}

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What both say of themselves doesn't agree; each side can see it.
    Differs = 1,
    /// The index is taken by a connection that is alive.
    Taken = 2,
    /// The generations differ; the lower one ends.
    Generation = 3,
}

/// Why bytes are not what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotHello {
    /// Not from a Flightline process at all, or not what one says there.
    Stranger,
    /// From one that speaks another version.
    Version(u16),
}

impl Hello {
    /// As a call; or, of kind [`Kind::Challenge`], as a challenge up to its tag.
    pub(super) fn encode(&self, kind: Kind) -> Vec<u8> {
        let length = if kind == Kind::Challenge { CHALLENGE_LENGTH } else { CALL_LENGTH };
        let mut bytes = head(kind, length - HEAD).to_vec();
        let numbers = [self.processes.get(), self.workers.get(), self.sender.get(), self.receiver.get()];
        numbers.into_iter().for_each(|number| bytes.extend(short(number).to_be_bytes()));
        bytes.extend(self.fingerprint.to_be_bytes());
        bytes.extend(self.generation.map_or(0, |generation| generation.0).to_be_bytes());
        bytes.extend(u32::from(self.secured).to_be_bytes());
        bytes.extend(self.nonce.0);
        bytes
    }

    /// What a whole call or challenge says; its head was [checked](check).
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, NotHello> {
        let hello = || {
            Some(Self {
                processes: ProcessCount::new(number_at(bytes, 16)?),
                workers: WorkerCount::new(number_at(bytes, 20)?),
                sender: ProcessIndex::new(number_at(bytes, 24)?),
                receiver: ProcessIndex::new(number_at(bytes, 28)?),
                fingerprint: u64_at(bytes, 32)?,
                generation: u64_at(bytes, 40).map(|number| (number > 0).then_some(Generation(number)))?,
                secured: match number_at(bytes, 48)? {
                    0 => false,
                    1 => true,
                    _ => return None,
                },
                nonce: bytes.get(52..)?.first_chunk::<NONCE_LENGTH>().copied().map(Nonce)?,
            })
        };
        hello().ok_or(NotHello::Stranger)
    }
}

impl Ruling {
    /// A verdict up to its tag.
    pub(super) fn encode(self) -> Vec<u8> {
        let (kind, reason) = match self {
            Self::Welcome => (Kind::Welcome, 0),
            Self::Refusal(refusal) => (Kind::Refusal, refusal as u64),
        };
        let mut bytes = head(kind, VERDICT_LENGTH - HEAD).to_vec();
        bytes.extend(reason.to_be_bytes());
        bytes
    }

    /// What a whole verdict says; its head was [checked](check).
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, NotHello> {
        match (u16_at(bytes, 10), u64_at(bytes, 16)) {
            (Some(kind), Some(0)) if kind == Kind::Welcome as u16 => Ok(Self::Welcome),
            (Some(kind), Some(reason)) if kind == Kind::Refusal as u16 => {
                let all = [Refusal::Differs, Refusal::Taken, Refusal::Generation];
                let known = all.into_iter().find(|refusal| *refusal as u64 == reason);
                known.map(Self::Refusal).ok_or(NotHello::Stranger)
            }
            _ => Err(NotHello::Stranger),
        }
    }
}

/// The head of a proof, which is all of it up to its tag.
pub(super) fn proof_head() -> [u8; HEAD] {
    head(Kind::Proof, TAG_LENGTH)
}

/// The answer to a call in another version: only the bytes that every version understands, to name ours.
pub(super) fn farewell() -> [u8; HEAD] {
    head(Kind::Refusal, 0)
}

/// Whether what has arrived so far may still become a message of one of these kinds and of this length. Says no as soon as
/// it is sure, so that a stranger is dropped at its first wrong byte.
pub(super) fn check(bytes: &[u8], kinds: &[Kind], length: usize) -> Result<(), NotHello> {
    let begins_as = |expected: &[u8], at: usize| {
        let arrived = bytes.get(at..).unwrap_or_default();
        arrived.iter().zip(expected).all(|(arrived, expected)| arrived == expected)
    };
    if !begins_as(&MAGIC, 0) {
        return Err(NotHello::Stranger);
    }
    match u16_at(bytes, 8) {
        Some(version) if version != VERSION => return Err(NotHello::Version(version)),
        _ => {}
    }
    let is_due = kinds.iter().any(|kind| begins_as(&head(*kind, length - HEAD)[10..], 10));
    if is_due { Ok(()) } else { Err(NotHello::Stranger) }
}

fn head(kind: Kind, length: usize) -> [u8; HEAD] {
    let mut bytes = [0; HEAD];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_be_bytes());
    bytes[10..12].copy_from_slice(&(kind as u16).to_be_bytes());
    bytes[12..16].copy_from_slice(&short(length).to_be_bytes());
    bytes
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
