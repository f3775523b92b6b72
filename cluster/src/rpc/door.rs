//! The callee's door: which sessions there are, and whether an envelope is let in. Pure: the time is handed in.
//!
//! Invariants: nothing is kept for who has not shown a right tag; no envelope is let in twice, since numbers only rise, a
//! session that was forgotten is too old to begin again, and another life of the callee has other nonces; what is kept is
//! bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::seal::{Call, Hello, Nonce, Role, Session, SessionKey, Welcome};
use crate::entropy::{from_hex, hex};
use crate::secret::derive;

/// A session begins with its first call no later than this after the hello.
const FRESH: Duration = Duration::from_secs(30);

/// A session in which nothing is said for so long is forgotten. Longer than [`FRESH`], so that it can't begin again.
const IDLE: Duration = Duration::from_secs(600);

/// More sessions than this are none of a cluster of ours; then the one that was silent longest goes.
const MOST: usize = 4096;

/// Which secret belongs to which role.
pub type Secrets = Arc<dyn Fn(Role) -> Option<Vec<u8>> + Send + Sync>;

/// Why an envelope is not let in. None of it is authenticated, so a caller may not end for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Closed {
    /// Its words are not of this protocol.
    #[error("this is no call of this protocol")]
    Garbled,
    /// Nobody with this role is let in here.
    #[error("nobody with this role is let in here")]
    Role,
    /// The session is not known, or from another life of the callee, or too old.
    #[error("this session is over, say hello again")]
    Over,
    /// The tag is wrong.
    #[error("the secret is another one")]
    Tag,
    /// The number was used.
    #[error("this call was made before")]
    Replayed,
}

/// The sessions of a callee.
pub struct Door {
    /// Random, of this life of the callee.
    boot: [u8; 32],
    secrets: Secrets,
    sessions: HashMap<[u8; 16], Known>,
    /// A session issued up to then may have been forgotten for want of room, and so can't begin.
    floor: Option<u64>,
}

struct Known {
    key: SessionKey,
    role: Role,
    issued: u64,
    last: u64,
    heard: Duration,
}

/// An envelope that was let in.
pub struct Admitted {
    /// Whose secret it was.
    pub role: Role,
    /// The key that the answer is tagged with.
    pub key: SessionKey,
}

impl Door {
    /// A door of a callee that has just started. `boot` is random.
    #[must_use]
    pub fn new(boot: [u8; 32], secrets: Secrets) -> Self {
        Self { boot, secrets, sessions: HashMap::new(), floor: None }
    }

    /// Answers a hello; `id` is random. Keeps nothing.
    ///
    /// # Errors
    /// It is garbled, or of a role that has no business here.
    pub fn welcome(&self, hello: &Hello, id: [u8; 16], now: Duration) -> Result<Welcome, Closed> {
        let caller = from_hex(&hello.nonce).ok_or(Closed::Garbled)?;
        (self.secrets)(hello.role).ok_or(Closed::Role)?;
        let issued = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let nonce = self.nonce(hello.role, &id, &caller, issued);
        Ok(Welcome { session: hex(&id), nonce: hex(&nonce), issued })
    }

    /// Lets an envelope in, or not.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&mut self, call: &Call, now: Duration) -> Result<Admitted, Closed> {
        let id = from_hex(&call.session).ok_or(Closed::Garbled)?;
        if let Some(known) = self.sessions.get_mut(&id) {
            if known.role != call.role || !known.key.is_call(call) {
                return Err(Closed::Tag);
            }
            if call.number <= known.last {
                return Err(Closed::Replayed);
            }
            known.last = call.number;
            known.heard = now;
            return Ok(Admitted { role: known.role, key: known.key.clone() });
        }
        let key = self.begin(call, id, now)?;
        self.make_room(now);
        let known = Known { key: key.clone(), role: call.role, issued: call.issued, last: call.number, heard: now };
        self.sessions.insert(id, known);
        Ok(Admitted { role: call.role, key })
    }

    /// The key of a session that begins with this call.
    fn begin(&self, call: &Call, id: [u8; 16], now: Duration) -> Result<SessionKey, Closed> {
        let caller: Nonce = from_hex(&call.nonce).ok_or(Closed::Garbled)?;
        let secret = (self.secrets)(call.role).ok_or(Closed::Role)?;
        let issued = Duration::from_millis(call.issued);
        if issued > now || now - issued > FRESH || self.floor.is_some_and(|floor| call.issued <= floor) {
            return Err(Closed::Over);
        }
        let callee = self.nonce(call.role, &id, &caller, call.issued);
        let key = SessionKey::of(&secret, &Session { role: call.role, id, caller, callee });
        // From another life of ours its nonce was another one, which a wrong secret can't be told from.
        if key.is_call(call) { Ok(key) } else { Err(Closed::Tag) }
    }

    fn nonce(&self, role: Role, id: &[u8; 16], caller: &Nonce, issued: u64) -> Nonce {
        let role = format!("{role:?}");
        derive(&self.boot, "flightline nonce 1", &[id, caller, &issued.to_be_bytes(), role.as_bytes()])
    }

    fn make_room(&mut self, now: Duration) {
        self.sessions.retain(|_, known| now.saturating_sub(known.heard) < IDLE);
        if self.sessions.len() < MOST {
            return;
        }
        let silent = self.sessions.iter().min_by_key(|(_, known)| known.heard).map(|(id, known)| (*id, known.issued));
        if let Some((id, issued)) = silent {
            self.sessions.remove(&id);
            self.floor = self.floor.max(Some(issued));
        }
    }
}

#[cfg(test)]
mod tests;
