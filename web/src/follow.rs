//! The one consumer of the response topic that all streams of this process share, from the present end on.
//!
//! Invariants: no failure ends it, it tries again with growing pauses and its [`Standing`] says why; every line that is an
//! answer is published once, in the order of its partition; [`Worker::end`] returns when nobody follows any more. What was
//! answered before it began, or while it had to begin anew, is not its to know: the collection holds it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use flightline_jobs::clients::Backoff;

use crate::answers::{Answer, Answers};
use crate::backend::{Backend, BackendError};
use crate::standing::{Part, Standing};
use crate::worker::{Stop, Worker};

/// How long it waits for a line; so long may it take until it sees that it should stop.
const WAIT: Duration = Duration::from_millis(500);
/// About how many bytes are taken at once.
const AT_ONCE: usize = 4 << 20;

/// The consumer.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) standing: Arc<Standing>,
    pub(crate) worker: Worker,
}

impl Feed {
    /// Starts to follow. The backend need not be reachable yet.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(backend: Arc<dyn Backend>, answers: Arc<Answers>) -> io::Result<Self> {
        let standing = Arc::new(Standing::new(Part::Responses));
        let follows = Following { backend, answers, standing: Arc::clone(&standing) };
        let worker = Worker::start(Part::Responses.name(), move |stop| follows.until(stop))?;
        Ok(Self { standing, worker })
    }
}

struct Following {
    backend: Arc<dyn Backend>,
    answers: Arc<Answers>,
    standing: Arc<Standing>,
}

impl Following {
    fn until(&self, stop: &Stop) {
        let mut backoff = Backoff::of(Part::Responses.name());
        while !stop.is_asked() {
            if let Err(why) = self.follow(stop, &mut backoff) {
                self.standing.away(why);
            }
            stop.wait(backoff.next_wait());
        }
    }

    /// Follows until it is time to stop, or until that goes no longer.
    fn follow(&self, stop: &Stop, backoff: &mut Backoff) -> Result<(), BackendError> {
        let mut follower = self.backend.follow()?;
        self.standing.there();
        while !stop.is_asked() {
            let came = follower.next(AT_ONCE, WAIT)?;
            backoff.succeeded();
            for line in came.records {
                match Answer::parse(&line.payload) {
                    Ok(answer) => self.answers.publish(answer),
                    Err(error) => {
                        let (partition, offset) = (line.position.partition, line.position.offset);
                        tracing::debug!("line {offset} of partition {partition} of the response topic: {error}");
                    }
                }
            }
            match came.away {
                None => self.standing.there(),
                Some(why) => self.standing.away(why.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
