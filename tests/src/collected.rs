//! What a process writes, gathered as it comes by a thread of its own, so that no pipe ever fills up.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// The output on one pipe, so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    closed: bool,
}

/// How a wait for output ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// With what was waited for.
    Found(String),
    /// The process ended first.
    Closed,
    /// The deadline came first.
    Late,
}

impl Collected {
    /// Starts to read; ends with the pipe, which is with the process.
    pub(crate) fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let collected = Self::default();
        let shared = Arc::clone(&collected.0);
        thread::spawn(move || {
            let mut block = [0; 8192];
            loop {
                let read = match pipe.read(&mut block) {
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(_) => 0,
                };
                let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.bytes.extend_from_slice(&block[..read]);
                state.closed = read == 0;
                shared.changed.notify_all();
                if state.closed {
                    break;
                }
            }
        });
        collected
    }

    /// All of it, so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.state().bytes).into_owned()
    }

    /// Waits for a whole line that is wanted, and is not one of the first `lines`. Lines that came before this call count, too.
    pub(crate) fn wait_for_line_after(&self, lines: usize, deadline: Instant, wanted: impl Fn(&str) -> bool) -> Waited {
        self.wait(deadline, |state| {
            let text = String::from_utf8_lossy(&state.bytes);
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            whole.lines().skip(lines).find(|line| wanted(line)).map(str::to_owned)
        })
    }

    /// Waits for the end of the output; true if it came.
    pub(crate) fn wait_for_end(&self, deadline: Instant) -> bool {
        self.wait(deadline, |_| None) == Waited::Closed
    }

    fn wait(&self, deadline: Instant, find: impl Fn(&State) -> Option<String>) -> Waited {
        let mut state = self.state();
        loop {
            if let Some(found) = find(&state) {
                return Waited::Found(found);
            }
            if state.closed {
                return Waited::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Waited::Late;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_whole_lines_are_found() {
        let soon = || Instant::now() + Duration::from_secs(60);
        let collected = Collected::of(Cursor::new(b"read: 5 rows\nhalf a li".to_vec()));
        assert_eq!(collected.wait_for_line_after(0, soon(), |line| line.contains("half")), Waited::Closed);
        assert!(collected.wait_for_end(soon()));
        let read = |lines| collected.wait_for_line_after(lines, soon(), |line| line.starts_with("read"));
        assert_eq!(read(0), Waited::Found("read: 5 rows".to_owned()));
        assert_eq!(read(1), Waited::Closed);
        assert_eq!(collected.text(), "read: 5 rows\nhalf a li");
    }
}
