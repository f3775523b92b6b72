//! Calls that outlast a master that is away. Its jobs go on without it, and so does who waits for one.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::rpc::call::{CallError, Caller};

/// Between two looks at what somebody waits for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who can't be reached for so long is not waited for any longer.
const LONGEST: Duration = Duration::from_secs(600);

/// For an answer.
pub const WAIT: Duration = Duration::from_secs(10);

/// How long somebody has been away.
#[derive(Debug, Default)]
pub struct Patience(Option<Instant>);

impl Patience {
    /// They are there.
    pub fn restore(&mut self) {
        self.0 = None;
    }

    /// They are away, and it is waited a moment. False when that has lasted too long.
    pub fn wait(&mut self) -> bool {
        let is_left = self.0.get_or_insert_with(Instant::now).elapsed() < LONGEST;
        if is_left {
            sleep(LOOK_EVERY);
        }
        is_left
    }
}

/// Makes a call again and again while the master is away, and says why.
///
/// # Errors
/// It is away for long, or says no.
pub fn call_patiently<A: DeserializeOwned>(
    caller: &Caller,
    message: &impl Serialize,
    mut say: impl FnMut(&str),
) -> Result<A, CallError> {
    let mut patience = Patience::default();
    loop {
        match caller.call(message, WAIT) {
            Err(error) if error.is_away() && patience.wait() => say(&format!("waiting for the master: {error}")),
            called => return called,
        }
    }
}

/// A call that gave nothing, as a command's failure.
#[must_use]
pub fn called(error: &CallError) -> Failure {
    match error {
        CallError::Refused(_) | CallError::NotLetIn { .. } | CallError::NoCallee { .. } | CallError::TooLong { .. } => {
            Failure::usage(error)
        }
        _ => Failure::cluster(error),
    }
}
