//! A state that says of a binding in the ledger that it is durable, and writes it down later: answers leave before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::contract::{Blobs, Created, Fault};
use flightline_engine::ledger::{Entry, EntryBody};

/// How late it is written.
const LATE: Duration = Duration::from_millis(400);

/// An entry that is said to be there.
type Waiting = Option<(String, Bytes)>;

/// The state. One entry waits at most, and in this process nobody can tell that it is not there.
#[derive(Debug)]
pub(crate) struct HastyState {
    state: Arc<dyn Blobs>,
    waiting: Arc<Mutex<Waiting>>,
}

impl HastyState {
    pub(crate) fn over(state: Arc<dyn Blobs>) -> Self {
        Self { state, waiting: Arc::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the entry written when it is late, unless it was written since.
    fn write_late(&self, name: String) {
        let (state, waiting) = (Arc::clone(&self.state), Arc::clone(&self.waiting));
        thread::spawn(move || {
            thread::sleep(LATE);
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.as_ref().is_some_and(|(waits, _)| *waits == name) {
                // The next create says it if it fails.
                let _ = settle(&*state, &mut waiting);
            }
        });
    }
}

impl Blobs for HastyState {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let waiting = self.waiting();
        let mut names = self.state.list(folder)?;
        let below = |(name, _): &(String, Bytes)| Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
        names.extend(waiting.as_ref().and_then(below));
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        let waiting = self.waiting();
        match &*waiting {
            Some((waits, bytes)) if waits == name => Ok(Some(bytes.clone())),
            _ => self.state.read(name),
        }
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        let mut waiting = self.waiting();
        // In their order, or the ledger would have a gap.
        settle(&*self.state, &mut waiting)?;
        if !name.starts_with("ledger/") || !is_binding(&bytes) {
            return self.state.create(name, bytes);
        }
        *waiting = Some((name.to_owned(), bytes));
        drop(waiting);
        self.write_late(name.to_owned());
        Ok(Created::Ours)
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.state.delete(name)
    }
}

/// Writes down what waits.
fn settle(state: &dyn Blobs, waiting: &mut Waiting) -> Result<(), Fault> {
    if let Some((name, bytes)) = &*waiting {
        state.create(name, bytes.clone())?;
        *waiting = None;
    }
    Ok(())
}

fn is_binding(line: &[u8]) -> bool {
    matches!(Entry::from_line(line), Ok(Entry { body: EntryBody::Bind { .. } | EntryBody::Cut { .. }, .. }))
}
