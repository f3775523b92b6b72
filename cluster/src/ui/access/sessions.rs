//! Sessions: which ids are in, and since when they were not used.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flightline_engine::clock::Clock;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A session that was not used for so long is over.
const IDLE: Duration = Duration::from_secs(12 * 3600);

/// The most sessions. One more ends that which was not used for the longest time.
const MOST: usize = 256;

/// A session's id, which is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::ui) struct SessionId([u8; Self::BYTES]);

impl SessionId {
    const BYTES: usize = 32;

    pub(super) const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// As a cookie has it.
    pub(in crate::ui) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(in crate::ui) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// What a form of this session carries. It follows from the id, and the id does not follow from it.
    pub(in crate::ui) fn seal(&self) -> String {
        let hash = Sha256::new().chain_update(b"the forms of this session: ").chain_update(self.0).finalize();
        URL_SAFE_NO_PAD.encode(hash)
    }

    /// Whether a form is of this session.
    pub(in crate::ui) fn has_sealed(&self, seal: &str) -> bool {
        self.seal().as_bytes().ct_eq(seal.as_bytes()).into()
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Those who are in: hashes of their ids, so that nobody who reads this memory could come in with them.
pub(super) struct Sessions {
    used: Mutex<HashMap<[u8; 32], Duration>>,
    clock: Arc<dyn Clock>,
}

impl Sessions {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { used: Mutex::default(), clock }
    }

    pub(super) fn begin(&self, id: &SessionId) {
        let now = self.clock.now();
        let mut used = self.lock();
        used.retain(|_, last| now.saturating_sub(*last) < IDLE);
        if used.len() >= MOST
            && let Some(oldest) = used.iter().min_by_key(|(hash, last)| (**last, **hash)).map(|(hash, _)| *hash)
        {
            used.remove(&oldest);
        }
        used.insert(id.hash(), now);
    }

    /// Whether it is in; if so, it was used now.
    pub(super) fn touch(&self, id: &SessionId) -> bool {
        let now = self.clock.now();
        match self.lock().get_mut(&id.hash()) {
            Some(last) if now.saturating_sub(*last) < IDLE => {
                *last = now;
                true
            }
            _ => false,
        }
    }

    /// Whether it is in.
    pub(super) fn holds(&self, id: &SessionId) -> bool {
        let now = self.clock.now();
        self.lock().get(&id.hash()).is_some_and(|last| now.saturating_sub(*last) < IDLE)
    }

    pub(super) fn end(&self, id: &SessionId) {
        self.lock().remove(&id.hash());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Duration>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::clock::ManualClock;

    use super::*;

    fn id(number: u16) -> SessionId {
        let mut bytes = [0; SessionId::BYTES];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        SessionId::new(bytes)
    }

    #[test]
    fn sessions_are_bounded_and_the_least_used_goes_first() {
        let clock = ManualClock::new();
        let sessions = Sessions::new(Arc::new(clock.clone()));
        for number in 0..MOST as u16 {
            clock.advance(Duration::from_secs(1));
            sessions.begin(&id(number));
        }
        assert!(sessions.touch(&id(0)));
        clock.advance(Duration::from_secs(1));
        sessions.begin(&id(999));
        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.holds(&id(0)) && !sessions.holds(&id(1)) && sessions.holds(&id(999)));
    }

    #[test]
    fn an_id_reads_back_and_a_seal_is_its_own() {
        let (one, other) = (id(1), id(2));
        assert_eq!(SessionId::parse(&one.text()), Some(one.clone()));
        assert!(one.has_sealed(&one.seal()) && !one.has_sealed(&other.seal()) && !one.has_sealed(""));
        assert!(!one.seal().contains(&one.text()));
        for junk in ["", "x", "!!!", &"A".repeat(44), "é"] {
            assert_eq!(SessionId::parse(junk), None, "{junk}");
        }
        assert_eq!(format!("{one:?}"), "SessionId(..)");
    }
}
