//! Passing over a hiccup of a store, for whoever has no life of his own to go on with meanwhile: batch jobs and starts.

use std::thread;
use std::time::Duration;

use flightline_engine::contract::Fault;

/// Times that the same is tried, and the wait after the first: it doubles.
const TRIES: u32 = 7;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Does it again while its fault is transient, for half a minute; then, or on any other fault, gives up. Blocks the calling
/// thread.
///
/// # Errors
/// The fault of the last try.
pub fn patiently<T>(mut what: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match what() {
            Err(Fault::Transient(fault)) => {
                tracing::warn!(%fault, "trying again in {wait:?}");
                thread::sleep(wait);
                wait *= 2;
            }
            outcome => return outcome,
        }
    }
    what()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::files::faulty::{Fate, FaultyStore};
    use crate::files::folder::Folder;
    use crate::files::stores::Stores;

    #[test]
    fn a_hiccup_is_passed_over() {
        let store = FaultyStore::new(Arc::new(InMemory::new()));
        let stores = Stores::new().unwrap().with_store("memory://test", Arc::clone(&store) as _);
        let folder = Folder::at(&stores, "memory://test/out").unwrap();
        store.plan([Fate::FailsBefore]);
        patiently(|| folder.create("a", "1".into())).unwrap();
        assert_eq!(folder.names("").unwrap(), ["a"]);
    }

    #[test]
    fn what_somebody_must_mend_is_said_at_once() {
        let mut tries = 0;
        let refused: Result<(), Fault> = patiently(|| {
            tries += 1;
            Err(Fault::permanent("no"))
        });
        assert_eq!((refused, tries), (Err(Fault::permanent("no")), 1));
    }
}
