//! The handshake of both sides, as state machines. Pure: bytes in, and out come bytes to say, a decision or what is wrong.
//!
//! Each side knows the other one only after a [tag](super::proof) over all that was said, nonces, roles and indices
//! included. So nothing that was heard on another connection, or from the other side, is good here; and nothing else than a
//! tag has a consequence beyond the connection itself. A side never wants more bytes than the message that is due: what
//! follows the handshake belongs to timely.

use std::io;

use super::hello::{self, Hello, Kind, NotHello, Ruling};
use super::judge::{Identity, Verdict};
use super::proof::{Nonce, Nonces, Step, TAG_LENGTH};
use super::secret::MeshSecret;
use crate::ids::ProcessIndex;

/// The bytes of the longest message.
pub(super) const LONGEST: usize = hello::CHALLENGE_LENGTH;

/// Why there is no understanding with who is on the other side. Nothing of this is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// Not from a Flightline process at all, or not what one says there.
    Stranger,
    /// From one that speaks another version.
    Version(u16),
    /// Our own call has come back.
    Ourselves,
    /// It doesn't prove the secret that we know.
    OtherSecret,
    /// It says that it was given no secret, and we were; or the other way round.
    OtherKind {
        /// Whether we were given one.
        we_are_secured: bool,
    },
    /// The operating system gave no nonce.
    NoNonce(io::ErrorKind),
}

/// The side that listens.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// The whole messages so far.
    said: Vec<u8>,
    /// What has arrived of the next one.
    arriving: Vec<u8>,
    caller: Option<Hello>,
}

/// What who listens does next.
#[derive(Debug)]
pub(super) enum Reply {
    /// Listens on.
    Listen,
    /// Says this, and listens on.
    Say(Vec<u8>),
    /// Decides about this caller, which has proven itself.
    Decide(Hello),
}

impl Reception {
    /// How many bytes are still due of the next message; never 0.
    pub(super) fn due(&self) -> usize {
        self.length() - self.arriving.len()
    }

    fn length(&self) -> usize {
        if self.caller.is_none() { hello::CALL_LENGTH } else { hello::PROOF_LENGTH }
    }

    /// Hears some bytes, at most those that are due.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        us: &Identity,
        secret: &MeshSecret,
        nonces: &dyn Nonces,
    ) -> Result<Reply, Setback> {
        let length = self.length();
        self.arriving.extend_from_slice(bytes);
        let kind = if self.caller.is_none() { Kind::Call } else { Kind::Proof };
        hello::check(&self.arriving, &[kind], length)?;
        if self.arriving.len() < length {
            return Ok(Reply::Listen);
        }
        let message = std::mem::take(&mut self.arriving);
        match self.caller {
            None => {
                let caller = Hello::decode(&message)?;
                self.said.extend(message);
                self.caller = Some(caller);
                let nonce = nonces.fresh().map_err(|error| Setback::NoNonce(error.kind()))?;
                let challenge = us.hello(caller.sender, nonce).encode(Kind::Challenge);
                Ok(Reply::Say(say(&mut self.said, challenge, Step::Challenge, secret)))
            }
            Some(caller) => {
                let proven = heard(&mut self.said, &message, Step::Proof, secret);
                if proven && caller.secured == us.secured {
                    Ok(Reply::Decide(caller))
                } else {
                    Err(unproven(us, &caller))
                }
            }
        }
    }

    /// Who it says that it is, and what is likely wrong if it says nothing more to our challenge.
    pub(super) fn suspicion(&self, us: &Identity) -> Option<(ProcessIndex, Setback)> {
        self.caller.as_ref().map(|caller| (caller.sender, unproven(us, caller)))
    }

    /// What a caller that has proven itself is told.
    pub(super) fn verdict(mut self, ruling: Ruling, secret: &MeshSecret) -> Vec<u8> {
        say(&mut self.said, ruling.encode(), Step::Verdict, secret)
    }
}

/// The side that calls.
#[derive(Debug)]
pub(super) struct Calling<'a> {
    us: &'a Identity,
    peer: ProcessIndex,
    secret: &'a MeshSecret,
    said: Vec<u8>,
    arriving: Vec<u8>,
    listener: Option<Hello>,
}

/// What a caller does next.
#[derive(Debug)]
pub(super) enum Move {
    /// Listens on.
    Listen,
    /// Says this, and listens on.
    Say(Vec<u8>),
    /// Does what the answer means.
    Done(Verdict),
}

impl<'a> Calling<'a> {
    /// Calls process `peer`, and gives what to say first.
    pub(super) fn begin(us: &'a Identity, peer: ProcessIndex, secret: &'a MeshSecret, nonce: Nonce) -> (Self, Vec<u8>) {
        let call = us.hello(peer, nonce).encode(Kind::Call);
        (Self { us, peer, secret, said: call.clone(), arriving: Vec::new(), listener: None }, call)
    }

    /// How many bytes are still due of the next message; never 0.
    pub(super) fn due(&self) -> usize {
        self.length() - self.arriving.len()
    }

    const fn length(&self) -> usize {
        if self.listener.is_none() { hello::CHALLENGE_LENGTH } else { hello::VERDICT_LENGTH }
    }

    /// Hears some bytes, at most those that are due.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<Move, Setback> {
        let length = self.length();
        self.arriving.extend_from_slice(bytes);
        let kinds: &[Kind] = if self.listener.is_none() { &[Kind::Challenge] } else { &[Kind::Welcome, Kind::Refusal] };
        hello::check(&self.arriving, kinds, length).map_err(|not_hello| {
            // On one host a connection to a port of the ephemeral range can meet itself while nobody listens yet.
            let ours = self.said.starts_with(&self.arriving);
            if ours { Setback::Ourselves } else { not_hello.into() }
        })?;
        if self.arriving.len() < length {
            return Ok(Move::Listen);
        }
        let message = std::mem::take(&mut self.arriving);
        match self.listener {
            None => {
                let listener = Hello::decode(&message)?;
                let proven = heard(&mut self.said, &message, Step::Challenge, self.secret);
                if !proven || listener.secured != self.us.secured {
                    return Err(unproven(self.us, &listener));
                }
                self.listener = Some(listener);
                Ok(Move::Say(say(&mut self.said, hello::proof_head().to_vec(), Step::Proof, self.secret)))
            }
            Some(listener) => {
                let ruling = Ruling::decode(&message)?;
                if !heard(&mut self.said, &message, Step::Verdict, self.secret) {
                    return Err(Setback::OtherSecret);
                }
                Ok(Move::Done(self.us.judge_ruling(&listener, ruling, self.peer)))
            }
        }
    }
}

/// Adds a message of ours to what was said, with its tag.
fn say(said: &mut Vec<u8>, mut message: Vec<u8>, step: Step, secret: &MeshSecret) -> Vec<u8> {
    let before = said.len();
    said.append(&mut message);
    let tag = step.tag(secret, said);
    said.extend(tag);
    said[before..].to_vec()
}

/// Adds a whole message of the other side to what was said, and says whether its tag is right.
fn heard(said: &mut Vec<u8>, message: &[u8], step: Step, secret: &MeshSecret) -> bool {
    let (words, tag) = message.split_at(message.len() - TAG_LENGTH);
    said.extend_from_slice(words);
    let right = step.is_tag(secret, said, tag);
    said.extend_from_slice(tag);
    right
}

/// Why one that says this of itself can't prove itself to us.
fn unproven(us: &Identity, other: &Hello) -> Setback {
    if other.secured == us.secured { Setback::OtherSecret } else { Setback::OtherKind { we_are_secured: us.secured } }
}

impl From<NotHello> for Setback {
    fn from(not_hello: NotHello) -> Self {
        match not_hello {
            NotHello::Stranger => Self::Stranger,
            NotHello::Version(version) => Self::Version(version),
        }
    }
}

impl Setback {
    /// What is wrong, as the end of a sentence.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Stranger => "what it says is not from a Flightline process".to_owned(),
            Self::Version(theirs) => format!(
                "it speaks version {theirs} of the cluster protocol, this one version {}; \
                 install the same version of the program everywhere",
                hello::VERSION
            ),
            Self::Ourselves => "nobody listens there yet".to_owned(),
            Self::OtherSecret => "it proves another secret; give all processes the same --secret-file".to_owned(),
            Self::OtherKind { we_are_secured } => {
                let (theirs, ours) =
                    if we_are_secured { ("--insecure", "--secret-file") } else { ("--secret-file", "--insecure") };
                format!("it was started with {theirs}, this one with {ours}; give all processes the same --secret-file")
            }
            Self::NoNonce(kind) => format!("the operating system gave no random number: {kind}"),
        }
    }
}

#[cfg(test)]
mod tests;
