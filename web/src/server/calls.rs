//! Calls of the backend from tasks: on threads that may block, so many at once, and nobody waits for a thread for long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::backend::{Backend, BackendError};

/// The backend behind its bound.
#[derive(Debug)]
pub(super) struct Calls {
    backend: Arc<dyn Backend>,
    places: Arc<Semaphore>,
    patience: Duration,
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// All places were taken for too long.
    #[error("too much is being asked at once")]
    Busy,
    /// The backend's own error.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The call panicked, or the server ends.
    #[error("the call was broken off")]
    BrokenOff,
}

impl Calls {
    pub(super) fn new(backend: Arc<dyn Backend>, at_once: usize, patience: Duration) -> Self {
        Self { backend, places: Arc::new(Semaphore::new(at_once)), patience }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// No place became free in time, or the error of the call.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Backend) -> Result<T, BackendError> + Send + 'static,
    ) -> Result<T, CallError> {
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| CallError::Busy)?.map_err(|_| CallError::BrokenOff)?;
        let backend = Arc::clone(&self.backend);
        let running = spawn_blocking(move || {
            let outcome = call(&*backend);
            // The thread holds the place, also when nobody waits for the outcome any more.
            drop(place);
            outcome
        });
        Ok(running.await.map_err(|_| CallError::BrokenOff)??)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::memory::Memory;

    #[tokio::test]
    async fn a_call_without_a_place_is_sent_away_and_a_place_comes_back() {
        let calls = Arc::new(Calls::new(Arc::new(Memory::new(1)), 1, Duration::from_millis(20)));
        let (go_on, stop) = mpsc::channel::<()>();
        let (began, beginning) = tokio::sync::oneshot::channel();
        let first = Arc::clone(&calls);
        let first = tokio::spawn(async move {
            let call = move |_: &dyn Backend| {
                began.send(()).unwrap();
                Ok(stop.recv().is_ok())
            };
            first.run(call).await
        });
        beginning.await.unwrap();
        assert!(matches!(calls.run(|_| Ok(())).await, Err(CallError::Busy)));
        go_on.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        calls.run(|_| Ok(())).await.unwrap();
    }

    #[tokio::test]
    async fn the_error_of_a_call_is_handed_on() {
        let calls = Calls::new(Arc::new(Memory::new(1)), 1, Duration::from_secs(5));
        let refused = BackendError::Refused("no".to_owned());
        let of_call = refused.clone();
        let outcome = calls.run::<()>(|_| Err(of_call)).await;
        assert!(matches!(outcome, Err(CallError::Backend(error)) if error == refused));
    }
}
