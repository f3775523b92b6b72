//! Work in pieces on several threads, whose results come out in order.
//!
//! Thread t of T makes the pieces t, t + T, t + 2 T, …, and is at most [`AHEAD`] pieces ahead of who takes them. So memory is
//! bounded by the number of threads, and nothing depends on which of them is fast.

use std::io;
use std::num::NonZero;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Finished pieces of a thread that may wait.
const AHEAD: usize = 1;

/// Makes the pieces 0 up to `number` on so many threads, and takes them in order on this one.
///
/// # Errors
/// The first error of `make` or `take`, in the order of pieces, or that the system gives no threads.
pub(super) fn in_order<T: Send, E: Send + From<io::Error>>(
    threads: NonZero<usize>,
    number: u64,
    make: impl Fn(u64) -> Result<T, E> + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.get().min(usize::try_from(number).unwrap_or(usize::MAX)).max(1);
    thread::scope(|scope| {
        let mut made = Vec::with_capacity(threads);
        for first in 0..threads {
            let (sender, receiver) = sync_channel(AHEAD);
            let make = &make;
            let work = move || {
                let mut pieces = (first as u64..number).step_by(threads);
                // Who takes is gone when something has failed.
                while pieces.next().is_some_and(|piece| sender.send(make(piece)).is_ok()) {}
            };
            thread::Builder::new().name(format!("make-{first}")).spawn_scoped(scope, work)?;
            made.push(receiver);
        }
        for receiver in made.iter().cycle().take(usize::try_from(number).unwrap_or(usize::MAX)) {
            // A thread without a result has panicked, which the scope passes on.
            let Ok(piece) = receiver.recv() else { break };
            take(piece?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_come_in_order_and_each_once(threads in 1_usize..6, number in 0_u64..50) {
            let mut taken = Vec::new();
            let threads = NonZero::new(threads).unwrap();
            in_order(threads, number, Ok::<u64, io::Error>, |piece| {
                taken.push(piece);
                Ok(())
            })
            .unwrap();
            prop_assert_eq!(taken, (0..number).collect::<Vec<_>>());
        }

        #[test]
        fn the_first_failure_in_order_ends_it_and_little_is_made_beyond(
            threads in 1_usize..6, fails_at in 0_u64..40, in_make: bool,
        ) {
            let made = AtomicU64::new(0);
            let failure = || io::Error::other(fails_at.to_string());
            let make = |piece| {
                made.fetch_add(1, Ordering::Relaxed);
                if in_make && piece >= fails_at { Err(failure()) } else { Ok(piece) }
            };
            let take = |piece| if piece == fails_at { Err(failure()) } else { Ok(()) };
            let error = in_order(NonZero::new(threads).unwrap(), 1_000_000, make, take).unwrap_err();
            prop_assert_eq!(error.to_string(), fails_at.to_string());
            // Of each thread one that waits, one that is being handed over and one that was just taken.
            prop_assert!(made.into_inner() <= fails_at + 3 * threads as u64);
        }
    }
}
