//! The caller: makes a session when it needs one, numbers its calls, and believes no answer without its tag.
//!
//! A [`Caller`] makes one call at a time; who wants several at once makes several. It blocks: never on an async task.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use ureq::Agent;

use super::seal::{Answer, Call, Hello, Nonce, Role, Session, SessionKey, Welcome};
use super::{LONGEST_ANSWER, LONGEST_CALL};
use crate::entropy::{Entropy, from_hex, hex, random};

/// For connecting, and for an answer beyond what the call itself may wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// No more characters of what a stranger says are shown.
const LONGEST_WHY: usize = 200;

/// Why a call gave nothing.
#[derive(Debug, Error)]
pub enum CallError {
    /// Nobody answers, or the connection was cut.
    #[error("{to} can't be reached: {why}")]
    Unreachable {
        /// Who was called.
        to: String,
        /// What happened.
        why: String,
        /// Whether the call may have been heard and done all the same.
        sent: bool,
    },
    /// Something else answers there.
    #[error(
        "{to} takes no calls of ours ({why}): the master takes them at port 7077, unless it was started with another --rpc; its pages are elsewhere"
    )]
    NoCallee {
        /// Who was called.
        to: String,
        /// What it said.
        why: String,
    },
    /// It doesn't let us in.
    #[error("{to} doesn't let us in ({why}): check that both have the same secret or token")]
    NotLetIn {
        /// Who was called.
        to: String,
        /// What it said, which proves nothing.
        why: String,
    },
    /// It answered, but not with our secret.
    #[error("{to} answers without the secret: it is not who it should be, or has another secret")]
    Impostor {
        /// Who was called.
        to: String,
    },
    /// Nobody would read it.
    #[error("this can't be said to {to} in one call: it has {bytes} bytes, and {LONGEST_CALL} are the most")]
    TooLong {
        /// Who was called.
        to: String,
        /// How long it is.
        bytes: usize,
    },
    /// It understood, and said no.
    #[error("{0}")]
    Refused(String),
    /// Its words are not those of this version.
    #[error("{to} answers in words that this version doesn't know ({why}): install the same version everywhere")]
    Words {
        /// Who was called.
        to: String,
        /// What is strange.
        why: String,
    },
}

impl CallError {
    /// Whether the same call may do better later. Also a wrong secret may be mended at the other end.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::TooLong { .. } | Self::Words { .. })
    }

    /// Whether nobody is there now.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Of a hello, by which nothing is done.
    fn unsaid(self) -> Self {
        match self {
            Self::Unreachable { to, why, .. } => Self::Unreachable { to, why, sent: false },
            other => other,
        }
    }

    /// Whether nobody knows if the call was done.
    #[must_use]
    pub const fn may_be_done(&self) -> bool {
        matches!(self, Self::Unreachable { sent: true, .. })
    }
}

/// How calls are made.
const SCHEME: &str = "http://";

/// Calls one callee.
pub struct Caller {
    /// `http://host:port`
    base: String,
    role: Role,
    secret: Vec<u8>,
    entropy: Arc<dyn Entropy>,
    http: Agent,
    session: Mutex<Option<Open>>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({}, {:?})", self.base, self.role)
    }
}

/// A session that has begun.
struct Open {
    welcome: Welcome,
    nonce: String,
    key: SessionKey,
    last: u64,
}

impl Caller {
    /// Of the callee at `address` (`host:port`).
    #[must_use]
    pub fn new(address: &str, role: Role, secret: &[u8], entropy: Arc<dyn Entropy>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_connect(Some(PATIENCE)).build();
        Self {
            base: format!("{SCHEME}{address}"),
            role,
            secret: secret.to_vec(),
            entropy,
            http: Agent::new_with_config(config),
            session: Mutex::new(None),
        }
    }

    /// Where the callee is: `host:port`.
    #[must_use]
    pub fn callee(&self) -> &str {
        self.base.strip_prefix(SCHEME).unwrap_or(&self.base)
    }

    /// Makes a call, whose answer may take `wait`.
    ///
    /// # Errors
    /// Nothing was done, or it can't be known: so calls are such that they can be made again.
    pub fn call<A: DeserializeOwned>(&self, message: &impl Serialize, wait: Duration) -> Result<A, CallError> {
        let body = serde_json::to_string(message).map_err(|error| self.words(&error))?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        // A callee that was started again knows no session of before; then a new one is made, once.
        let first = match session.take() {
            Some(open) => self.say(open, &body, wait),
            None => self.say(self.open()?, &body, wait),
        };
        let (open, answer) = match first {
            Err(CallError::NotLetIn { .. }) => self.say(self.open()?, &body, wait)?,
            said => said?,
        };
        *session = Some(open);
        if !answer.done {
            return Err(CallError::Refused(answer.body));
        }
        serde_json::from_str(&answer.body).map_err(|error| self.words(&error))
    }

    fn open(&self) -> Result<Open, CallError> {
        let nonce: Nonce = random(&self.entropy).map_err(|why| self.unreachable(&why, false))?;
        let hello = Hello { role: self.role, nonce: hex(&nonce) };
        let welcome: Welcome = self.post("hello", &hello, Duration::ZERO).map_err(CallError::unsaid)?;
        let (Some(id), Some(callee)) = (from_hex(&welcome.session), from_hex(&welcome.nonce)) else {
            return Err(self.no_callee(&"it greets in another way"));
        };
        let key = SessionKey::of(&self.secret, &Session { role: self.role, id, caller: nonce, callee });
        Ok(Open { welcome, nonce: hello.nonce, key, last: 0 })
    }

    fn say(&self, mut open: Open, body: &str, wait: Duration) -> Result<(Open, Answer), CallError> {
        open.last += 1;
        let call = Call {
            role: self.role,
            nonce: open.nonce.clone(),
            session: open.welcome.session.clone(),
            issued: open.welcome.issued,
            number: open.last,
            tag: open.key.tag_call(open.last, body),
            body: body.to_owned(),
        };
        let answer: Answer = self.post("call", &call, wait)?;
        if open.key.is_answer(open.last, &answer) {
            Ok((open, answer))
        } else {
            Err(CallError::Impostor { to: self.base.clone() })
        }
    }

    fn post<A: DeserializeOwned>(&self, route: &str, message: &impl Serialize, wait: Duration) -> Result<A, CallError> {
        let request = self.http.post(format!("{}/rpc/{route}", self.base));
        let request = request.config().timeout_global(Some(wait + PATIENCE)).build();
        let message = serde_json::to_string(message).map_err(|error| self.words(&error))?;
        if message.len() > LONGEST_CALL {
            return Err(CallError::TooLong { to: self.base.clone(), bytes: message.len() });
        }
        let request = request.content_type("application/json");
        let mut response = request.send(message).map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let is_ours = response.body().mime_type() == Some("text/plain");
        let body = response.body_mut().with_config().limit(LONGEST_ANSWER as u64);
        match status {
            200 => body.read_json().map_err(|error| self.failed(&error)),
            401 if is_ours => {
                let why = in_a_line(&body.read_to_string().unwrap_or_default());
                Err(CallError::NotLetIn { to: self.base.clone(), why })
            }
            other => Err(self.no_callee(&format!("it answers with HTTP status {other}"))),
        }
    }

    fn failed(&self, error: &ureq::Error) -> CallError {
        match error {
            ureq::Error::Json(error) if error.is_io() || error.is_eof() => self.unreachable(error, true),
            ureq::Error::Protocol(_) | ureq::Error::Json(_) | ureq::Error::BodyExceedsLimit(_) => self.no_callee(error),
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => {
                self.unreachable(error, false)
            }
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => self.unreachable(error, false),
            ureq::Error::Io(why) if why.kind() == io::ErrorKind::ConnectionRefused => self.unreachable(error, false),
            _ => self.unreachable(error, true),
        }
    }

    fn unreachable(&self, why: &dyn fmt::Display, sent: bool) -> CallError {
        CallError::Unreachable { to: self.base.clone(), why: in_a_line(&why.to_string()), sent }
    }

    fn no_callee(&self, why: &dyn fmt::Display) -> CallError {
        CallError::NoCallee { to: self.base.clone(), why: in_a_line(&why.to_string()) }
    }

    fn words(&self, why: &dyn fmt::Display) -> CallError {
        CallError::Words { to: self.base.clone(), why: why.to_string() }
    }
}

/// What a stranger says, as a part of a sentence: its first line, cut, with nothing that steers a terminal.
fn in_a_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut shown: String =
        line.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(LONGEST_WHY).collect();
    if line.chars().nth(LONGEST_WHY).is_some() {
        shown.push('…');
    }
    shown
}
