//! Waiting for conditions, with a deadline for the case that they never come.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what must come. It is far more than anything takes, since a slow machine is no failure.
pub const DEADLINE: Duration = Duration::from_secs(180);

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `condition` holds. For what can only be looked at, such as files; output is waited for without looking.
///
/// # Panics
/// If it doesn't hold before the [`DEADLINE`].
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    wait_until_or_tell(what, condition, String::new);
}

/// The same, with a story for the case that it never holds.
#[track_caller]
pub(crate) fn wait_until_or_tell(what: &str, mut condition: impl FnMut() -> bool, story: impl Fn() -> String) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited {} s in vain until {what}\n{}", DEADLINE.as_secs(), story());
        thread::sleep(LOOK_EVERY);
    }
}
