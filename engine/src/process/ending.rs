//! Who ends the process. The first who has a reason does; what follows from it (a signal's lost peers, a panic's poisoned
//! queues) must not speak, nor change the exit code.

use std::sync::atomic::{AtomicBool, Ordering};

static CLAIMED: AtomicBool = AtomicBool::new(false);

/// True for the first caller in this process, who must end it.
pub(crate) fn claim() -> bool {
    !CLAIMED.swap(true, Ordering::SeqCst)
}
