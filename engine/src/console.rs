//! The one writer to standard error, so that a log line or a last word never lands in the middle of a progress bar.
//!
//! While bars are drawn they are registered here; every line takes them off the screen, writes, and puts them back.
//! A write that fails is ignored: there is nowhere left to report it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

/// Name of the thread that draws. It must not wait for itself when it has something to say.
pub(crate) const DRAWING_THREAD: &str = "progress";

static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Whether the last word was said. It is looked at with the lock on standard error held.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Makes the bars known that lines must step around; `None` when they are gone.
pub(crate) fn show_bars(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// Writes whole lines (`text` without its last newline) to standard error.
pub(crate) fn line(text: &str) {
    write(format!("{text}\n").as_bytes());
}

/// Writes why the process ends. Nothing is written after it: the worker, which goes on until the process is gone, once had a
/// stage's line come last, where whoever reads the end of a log looks for the reason.
pub(crate) fn last_word(text: &str) {
    to_stderr(format!("{text}\n").as_bytes(), true);
}

/// Writes bytes that end with a newline to standard error, in one piece.
pub(crate) fn write(bytes: &[u8]) {
    to_stderr(bytes, false);
}

fn to_stderr(bytes: &[u8], is_last: bool) {
    let write = || {
        let mut stderr = io::stderr().lock();
        if !SILENT.fetch_or(is_last, Ordering::SeqCst) {
            let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
        }
    };
    let drawing = std::thread::current().name() == Some(DRAWING_THREAD);
    let bars = if drawing { None } else { BARS.lock().unwrap_or_else(PoisonError::into_inner).clone() };
    match bars {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}
