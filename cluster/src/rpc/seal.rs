//! Envelopes: what is said, and the tag that proves who said it. Pure.

use hmac::Mac;
use serde::{Deserialize, Serialize};

use crate::entropy::{from_hex, hex};
use crate::secret::{derive, keyed};

/// Whose secret a call is made with, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// An agent that calls the master: it has the cluster's secret.
    Agent,
    /// The master that calls an agent: it has it, too.
    Master,
    /// A person's command: it has the token.
    User,
}

impl Role {
    /// As it stands in keys.
    const fn byte(self) -> u8 {
        match self {
            Self::Agent => 1,
            Self::Master => 2,
            Self::User => 3,
        }
    }
}

/// A number used once.
pub type Nonce = [u8; 32];

/// What a session is: all that its key depends on, but for the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose secret.
    pub role: Role,
    /// The callee's name for it.
    pub id: [u8; 16],
    /// The caller's nonce.
    pub caller: Nonce,
    /// The callee's.
    pub callee: Nonce,
}

/// The key of one session.
#[derive(Clone)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// Of this session, under the secret of its role.
    #[must_use]
    pub fn of(secret: &[u8], session: &Session) -> Self {
        let Session { role, id, caller, callee } = session;
        Self(derive(secret, "flightline rpc 1", &[&[role.byte()], id, caller, callee]))
    }

    /// The tag of what the caller says as its call of this number.
    #[must_use]
    pub fn tag_call(&self, number: u64, body: &str) -> String {
        hex(&derive(&self.0, "call", &[&number.to_be_bytes(), body.as_bytes()]))
    }

    /// The tag of what the callee answers to that.
    #[must_use]
    pub fn tag_answer(&self, number: u64, done: bool, body: &str) -> String {
        hex(&derive(&self.0, "answer", &[&number.to_be_bytes(), &[u8::from(done)], body.as_bytes()]))
    }

    /// Whether this is the tag of that call. Takes as long for every wrong one.
    #[must_use]
    pub fn is_call(&self, call: &Call) -> bool {
        self.is_tag("call", &[&call.number.to_be_bytes(), call.body.as_bytes()], &call.tag)
    }

    /// Whether this is the tag of that answer, to the call of this number.
    #[must_use]
    pub fn is_answer(&self, number: u64, answer: &Answer) -> bool {
        self.is_tag("answer", &[&number.to_be_bytes(), &[u8::from(answer.done)], answer.body.as_bytes()], &answer.tag)
    }

    fn is_tag(&self, label: &str, parts: &[&[u8]], tag: &str) -> bool {
        let Some(tag) = from_hex::<32>(tag) else { return false };
        let mut mac = keyed(&self.0);
        mac.update(label.as_bytes());
        mac.update(&[0]);
        parts.iter().for_each(|part| mac.update(part));
        mac.verify_slice(&tag).is_ok()
    }
}

/// The first words of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Whose secret it has.
    pub role: Role,
    /// Its nonce, in hexadecimal digits.
    pub nonce: String,
}

/// The answer to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The session's name.
    pub session: String,
    /// The callee's nonce.
    pub nonce: String,
    /// When, in milliseconds of a clock of the callee's own.
    pub issued: u64,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// As in the hello.
    pub role: Role,
    /// As in the hello: the callee may not have remembered it.
    pub nonce: String,
    /// As in the welcome.
    pub session: String,
    /// As in the welcome.
    pub issued: u64,
    /// From 1, higher each time.
    pub number: u64,
    /// What is said, as JSON.
    pub body: String,
    /// The tag.
    pub tag: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done; else the body is a text that says why not.
    pub done: bool,
    /// What is said, as JSON.
    pub body: String,
    /// The tag.
    pub tag: String,
}
