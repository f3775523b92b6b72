//! What a panic does: it ends the whole process, at once and with one clear sentence.
//!
//! A worker that is gone stalls all others for ever, because progress in timely needs every one of them; so a half-dead
//! process is worse than none. Timely's network threads panic with a text that starts with
//! `timely communication error:` when another process is gone. That is not our bug, and is told apart: it names the
//! peer and ends with [`Exit::PeerLost`]; every other panic ends with [`Exit::Bug`].
//!
//! Threads of timely and of bridges are watched as soon as a cluster runs or a bridge is built, whatever binary (or
//! test) they run in. [`install_panic_policy`] extends it to all threads, and is for binaries: in a test, a failed
//! assertion of the test's own thread must stay a failed assertion. A panic in a watched thread can't be caught
//! with `catch_unwind`: the process ends before it unwinds. The one way is [`contain`], for a library that is known to
//! panic on bad data.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, PoisonError, RwLock};
use std::thread;

use super::{Exit, ending};
use crate::console;

/// How the names of threads start that feed a bridge.
pub(crate) const BRIDGE_THREADS: &str = "bridge:";

/// How timely names its workers and network threads.
const TIMELY_THREADS: &str = "timely:";

/// How timely's network threads say that the other end is gone.
const LOST_PEER: &str = "timely communication error:";

static HOOK: Once = Once::new();
static ALL_THREADS: AtomicBool = AtomicBool::new(false);
static PEER_ADDRESSES: RwLock<Vec<String>> = RwLock::new(Vec::new());

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `step`, and gives the text of its panic if it panics, without a word on standard error.
///
/// Only for calls into a library that panics on damaged data, where the panic *is* its error. `step` must leave nothing
/// half-changed that is used afterwards.
///
/// # Errors
/// The text of the panic.
pub fn contain<T>(step: impl FnOnce() -> T) -> Result<T, String> {
    watch_own_threads();
    let outside = CONTAINED.replace(true);
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(step));
    CONTAINED.set(outside);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("(no text)").to_owned()
    })
}

/// From now on a panic in any thread ends the process: with [`Exit::PeerLost`] if timely lost a peer, else with
/// [`Exit::Bug`]. Early in `main`; calling it again changes nothing.
pub fn install_panic_policy() {
    ALL_THREADS.store(true, Ordering::SeqCst);
    watch_own_threads();
}

/// From now on a panic in a thread of timely or of a bridge ends the process. Other threads panic as before.
pub(crate) fn watch_own_threads() {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CONTAINED.get() {
                return;
            }
            let thread = thread::current();
            let name = thread.name().unwrap_or("a thread without a name");
            let ours = name.starts_with(TIMELY_THREADS) || name.starts_with(BRIDGE_THREADS);
            if ours || ALL_THREADS.load(Ordering::SeqCst) { end_after(name, info) } else { before(info) }
        }));
    });
}

/// Whom the network threads talk to, in order of process, so that a lost peer can be named by its address.
pub(crate) fn remember_peers(addresses: Vec<String>) {
    *PEER_ADDRESSES.write().unwrap_or_else(PoisonError::into_inner) = addresses;
}

/// Ends the process with an internal error that needs no place, because a panic has named it before.
pub(crate) fn end_as_bug(what: &str) -> ! {
    end(&format!("internal error (bug): {what}"), Exit::Bug)
}

fn end_after(thread: &str, info: &PanicHookInfo<'_>) -> ! {
    let text = info.payload_as_str().unwrap_or("(no text)");
    let place = info
        .location()
        .map_or(Cow::from("an unknown place"), |place| Cow::from(format!("{}:{}", place.file(), place.line())));
    let addresses = PEER_ADDRESSES.try_read().map(|addresses| addresses.clone()).unwrap_or_default();
    let (sentence, exit) = verdict(thread, &place, text, &addresses);
    end(&sentence, exit)
}

/// The first thread to come here speaks and ends the process; others, whose panics follow from the first, stand still.
fn end(sentence: &str, exit: Exit) -> ! {
    if !ending::claim() {
        loop {
            thread::park();
        }
    }
    console::last_word(sentence);
    exit.end()
}

/// What a panic with this text in this thread is, in one sentence, and the code that goes with it.
fn verdict(thread: &str, place: &str, text: &str, addresses: &[String]) -> (String, Exit) {
    let Some(reason) = text.strip_prefix(LOST_PEER) else {
        return (format!("internal error (bug) in {thread} at {place}: {text}"), Exit::Bug);
    };
    let peer = peer_of(thread).map_or(Cow::from("another process of the cluster"), |index| {
        let address = addresses.get(index).map(|address| format!(" ({address})")).unwrap_or_default();
        Cow::from(format!("process {index}{address}"))
    });
    let sentence = format!(
        "lost {peer}: it ended or can't be reached any more ({}); this process ends too, since none can go on \
         without the others: see what the other one said, then start all of them again",
        reason.trim()
    );
    (sentence, Exit::PeerLost)
}

/// Timely's network threads are named `timely:recv-1` and `timely:send-1` after the process at the other end.
fn peer_of(thread: &str) -> Option<usize> {
    thread.strip_prefix("timely:recv-").or_else(|| thread.strip_prefix("timely:send-"))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contained_panic_is_an_error_also_in_a_watched_thread() {
        let watched = thread::Builder::new().name(format!("{BRIDGE_THREADS}test"));
        let outcome = watched.spawn(|| contain::<()>(|| panic!("bad {}", 7))).unwrap();
        assert_eq!(outcome.join().unwrap(), Err("bad 7".to_owned()));
        assert_eq!(contain(|| 3), Ok(3));
    }

    #[test]
    fn lost_peers_are_told_from_bugs_and_named() {
        let addresses = ["a:1".to_owned(), "b:2".to_owned()];
        let lost = "timely communication error: reading data: socket closed";
        let cases = [
            ("timely:recv-1", lost, Exit::PeerLost, "lost process 1 (b:2): "),
            ("timely:send-0", "timely communication error: writing data: Broken pipe", Exit::PeerLost, "Broken pipe"),
            ("timely:recv-7", lost, Exit::PeerLost, "lost process 7: "),
            ("main", lost, Exit::PeerLost, "lost another process of the cluster: "),
            ("timely:work-0", "index out of bounds", Exit::Bug, "(bug) in timely:work-0 at f.rs:3: index out of"),
            ("timely:recv-1", "Clean shutdown followed by data.", Exit::Bug, "(bug) in timely:recv-1"),
        ];
        for (thread, text, exit, says) in cases {
            let (sentence, code) = verdict(thread, "f.rs:3", text, &addresses);
            assert_eq!(code, exit, "{sentence}");
            assert!(sentence.contains(says), "{sentence:?} lacks {says:?}");
            assert!(!sentence.contains('\n'));
        }
    }
}
