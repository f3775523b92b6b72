//! What Ctrl-C and SIGTERM do. The second one ends the process at once, whatever it is.
//!
//! A batch job cleans up, says one sentence and exits with 130 or 143: it renames its results into place as its last act,
//! so ending at any moment leaves nothing half-written under a final name. A service is asked to drain, and ends by itself
//! when it has.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::iterator::Signals;

use super::Exit;
use super::ending;
use crate::console;

/// From now on SIGINT and SIGTERM write a sentence to standard error, run `on_signal` (remove temporary files, say) and
/// end the process with [`Exit::Interrupted`] or [`Exit::Terminated`]. A second signal ends it at once, even while
/// `on_signal` still runs, which it does on a thread of its own, beside all others. Nothing that is logged after the sentence
/// is written any more.
///
/// If the operating system refuses the handlers, a warning says so, and signals end the process as they do by default.
pub fn install_signal_policy(on_signal: impl Fn() + Send + 'static) {
    if let Err(error) = install(on_signal) {
        tracing::warn!("Ctrl-C and SIGTERM will end this process without cleaning up: {error}");
    }
}

/// From now on SIGINT and SIGTERM write a sentence to standard error and call `drain`, which asks the job to end and
/// returns at once. A second signal ends the process.
///
/// If the operating system refuses the handlers, a warning says so, and signals end the process as they do by default.
pub fn install_drain_policy(drain: impl Fn() + Send + 'static) {
    install_drain_policy_saying("finishing what was read", drain);
}

/// The same for who does something else meanwhile: `what`, as a part of the sentence.
pub fn install_drain_policy_saying(what: &'static str, drain: impl Fn() + Send + 'static) {
    let on_first = move |_signal| {
        console::line(&format!("asked to end: {what}; a second signal ends at once"));
        drain();
    };
    if let Err(error) = on_first_signal(on_first) {
        tracing::warn!("Ctrl-C and SIGTERM will end this process without draining: {error}");
    }
}

fn install(on_signal: impl Fn() + Send + 'static) -> io::Result<()> {
    on_first_signal(move |signal| {
        let (sentence, exit) = verdict(signal);
        // Ctrl-C reaches the other processes of a terminal too: their end must not become our reason.
        if ending::claim() {
            console::last_word(sentence);
            on_signal();
            exit.end();
        }
    })
}

/// Calls `then` with the first signal, on a thread of its own; any further one ends the process at once.
fn on_first_signal(then: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    let armed = Arc::new(AtomicBool::new(false));
    // Before the handlers that wake the thread: a signal that arms must not fire in its own run.
    for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
        register_conditional_shutdown(signal, i32::from(exit.code()), Arc::clone(&armed))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            armed.store(true, Ordering::SeqCst);
            then(signal);
        }
    })?;
    Ok(())
}

fn verdict(signal: i32) -> (&'static str, Exit) {
    if signal == SIGINT {
        ("interrupted (Ctrl-C): ending; nothing unfinished gets its final name", Exit::Interrupted)
    } else {
        ("asked to end (SIGTERM): ending; nothing unfinished gets its final name", Exit::Terminated)
    }
}
