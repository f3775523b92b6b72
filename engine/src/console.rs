//! The one writer to standard error, so that a log line or a last word never lands in the middle of a progress bar.
//!
//! While bars are drawn they are registered here; every line takes them off the screen, writes, and puts them back.
//! A write that fails is ignored: there is nowhere left to report it.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

/// Name of the thread that draws. It must not wait for itself when it has something to say.
pub(crate) const DRAWING_THREAD: &str = "progress";

static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Makes the bars known that lines must step around; `None` when they are gone.
pub(crate) fn show_bars(bars: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = bars;
}

/// Writes whole lines (`text` without its last newline) to standard error.
pub(crate) fn line(text: &str) {
    write(format!("{text}\n").as_bytes());
}

/// Writes bytes that end with a newline to standard error, in one piece.
pub(crate) fn write(bytes: &[u8]) {
    let to_stderr = || {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
    };
    let drawing = std::thread::current().name() == Some(DRAWING_THREAD);
    let bars = if drawing { None } else { BARS.lock().unwrap_or_else(PoisonError::into_inner).clone() };
    match bars {
        Some(bars) => bars.suspend(to_stderr),
        None => to_stderr(),
    }
}
