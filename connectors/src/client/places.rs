//! Which process of a job has what: asked when it is first needed, and again when an answer shows that it changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ClientError;

/// What is known, and how to find it out.
#[derive(Debug)]
pub(super) struct Places<K, S>(Mutex<Option<Arc<Known<K, S>>>>)
where
    K: Ord;

/// What asking all processes came to.
#[derive(Debug)]
pub(super) struct Known<K: Ord, S> {
    /// Who has what: an address.
    pub(super) homes: BTreeMap<K, String>,
    /// What all agree on.
    pub(super) shape: S,
    /// Whom was asked, and what came of it; for messages.
    pub(super) asked: String,
}

impl<K: Ord, S> Default for Places<K, S> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: Ord, S> Places<K, S> {
    /// What is known; `learn` is asked if nothing is.
    pub(super) fn known(
        &self,
        learn: impl FnOnce() -> Result<Known<K, S>, ClientError>,
    ) -> Result<Arc<Known<K, S>>, ClientError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(known) => Ok(known),
            None => {
                // Two may ask at once; both learn the same.
                let known = Arc::new(learn()?);
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                Ok(known)
            }
        }
    }

    /// Does something at the home of `key`. If that turns out to be the wrong one, asks all anew, and does it once more.
    pub(super) fn at_home<R>(
        &self,
        key: &K,
        learn: impl Fn() -> Result<Known<K, S>, ClientError>,
        nowhere: impl Fn(&Known<K, S>) -> ClientError,
        mut step: impl FnMut(&str) -> Result<R, ClientError>,
    ) -> Result<R, ClientError> {
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        let known = self.known(&learn)?;
        let first = match known.homes.get(key) {
            Some(address) => step(address),
            None => Err(nowhere(&known)),
        };
        match first {
            Err(error) if error.asks_elsewhere() || matches!(error, ClientError::Nowhere { .. }) => {
                self.forget();
                if fresh {
                    return Err(error);
                }
                let known = self.known(&learn)?;
                let address = known.homes.get(key).ok_or_else(|| nowhere(&known));
                address.and_then(|address| step(address)).inspect_err(|_| self.forget())
            }
            other => other,
        }
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn known(home: &str) -> Known<u32, ()> {
        Known { homes: [(7, home.to_owned())].into(), shape: (), asked: "all".to_owned() }
    }

    fn nowhere(_: &Known<u32, ()>) -> ClientError {
        ClientError::Nowhere { what: "it".to_owned(), asked: "all".to_owned() }
    }

    #[test]
    fn what_moved_is_found_again_and_asked_once_more() {
        let (places, moved, asked) = (Places::default(), Cell::new(false), Cell::new(0));
        let learn = || {
            asked.set(asked.get() + 1);
            Ok(known(if moved.get() { "new" } else { "old" }))
        };
        let step = |address: &str| {
            if (address == "new") == moved.get() {
                return Ok(address.to_owned());
            }
            Err(ClientError::Unreachable { address: address.to_owned(), cause: "refused".to_owned() })
        };
        assert_eq!(places.at_home(&7, learn, nowhere, step), Ok("old".to_owned()));
        moved.set(true);
        assert_eq!(places.at_home(&7, learn, nowhere, step), Ok("new".to_owned()));
        assert_eq!(places.at_home(&7, learn, nowhere, step), Ok("new".to_owned()));
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn what_may_have_been_done_is_not_done_again() {
        let (places, calls) = (Places::default(), Cell::new(0));
        let uncertain = || ClientError::Uncertain {
            address: "a".to_owned(),
            action: "append".to_owned(),
            cause: "timeout".to_owned(),
        };
        for _ in 0..2 {
            let tried: Result<(), _> = places.at_home(
                &7,
                || Ok(known("a")),
                nowhere,
                |_| {
                    calls.set(calls.get() + 1);
                    Err(uncertain())
                },
            );
            assert_eq!(tried, Err(uncertain()));
        }
        assert_eq!(calls.get(), 2);
    }

    #[test]
    fn what_nobody_has_is_an_error_and_is_asked_for_again() {
        let (places, asked) = (Places::default(), Cell::new(0));
        let learn = || {
            asked.set(asked.get() + 1);
            Ok(known("a"))
        };
        for _ in 0..2 {
            let tried = places.at_home(&8, learn, nowhere, |_| Ok(()));
            assert!(matches!(tried, Err(ClientError::Nowhere { .. })));
        }
        assert_eq!(asked.get(), 2);
    }
}
