//! What Ctrl-C and SIGTERM do to a batch job: clean up, one sentence, exit 130 or 143. The second one ends at once.
//!
//! Batch jobs only: they rename their results into place as their last act, so ending at any moment leaves nothing
//! half-written under a final name. A service drains instead, and installs its own.

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
/// `on_signal` still runs, which it does on a thread of its own, beside all others.
///
/// If the operating system refuses the handlers, a warning says so, and signals end the process as they do by default.
pub fn install_signal_policy(on_signal: impl Fn() + Send + 'static) {
    if let Err(error) = install(on_signal) {
        tracing::warn!("Ctrl-C and SIGTERM will end this process without cleaning up: {error}");
    }
}

fn install(on_signal: impl Fn() + Send + 'static) -> io::Result<()> {
    let armed = Arc::new(AtomicBool::new(false));
    // Before the handlers that wake the thread: a signal that arms must not fire in its own run.
    for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
        register_conditional_shutdown(signal, i32::from(exit.code()), Arc::clone(&armed))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            armed.store(true, Ordering::SeqCst);
            let (sentence, exit) = verdict(signal);
            // Ctrl-C reaches the other processes of a terminal too: their end must not become our reason.
            if ending::claim() {
                console::line(sentence);
                on_signal();
                exit.end();
            }
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
