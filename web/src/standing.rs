//! How the page stands to each part of the system behind it: the log tells when that changes, `/health` how it is.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::BackendError;
use crate::worker::Worker;

/// A part of the system behind the page, which may be away while the others are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The request topic.
    Requests,
    /// The response topic.
    Responses,
    /// The collection of answers.
    Answers,
}

impl Part {
    /// What it is called, in `/health` and in the documentation.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Responses => "responses",
            Self::Answers => "answers",
        }
    }

    /// What does not go while it is away.
    const fn trouble(self) -> &'static str {
        match self {
            Self::Requests => "requests can't be asked",
            Self::Responses => "the response topic can't be followed",
            Self::Answers => "stored answers can't be looked up",
        }
    }

    /// What goes again when it is back.
    const fn relief(self) -> &'static str {
        match self {
            Self::Requests => "requests can be asked again",
            Self::Responses => "the response topic is followed again",
            Self::Answers => "stored answers can be looked up again",
        }
    }
}

/// How the page stands to a part.
#[derive(Debug)]
pub(crate) struct Standing {
    part: Part,
    state: Mutex<State>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nobody knows yet.
    Starting,
    There,
    Away(BackendError),
}

impl Standing {
    pub(crate) const fn new(part: Part) -> Self {
        Self { part, state: Mutex::new(State::Starting) }
    }

    /// Which part it is of.
    pub(crate) const fn part(&self) -> Part {
        self.part
    }

    /// It works.
    pub(crate) fn there(&self) {
        let mut state = self.state();
        if matches!(*state, State::Away(_)) {
            tracing::info!("{}", self.part.relief());
        }
        *state = State::There;
    }

    /// It does not, and this is why; it is tried again.
    pub(crate) fn away(&self, why: BackendError) {
        let mut state = self.state();
        if !matches!(*state, State::Away(_)) {
            tracing::warn!("{}, trying again: {why}", self.part.trouble());
        }
        *state = State::Away(why);
    }

    /// Whether it is known to work.
    pub(crate) fn is_there(&self) -> bool {
        *self.state() == State::There
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that looks again and again whether a part is there.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) standing: Arc<Standing>,
    pub(crate) worker: Worker,
}

impl Watch {
    /// Begins to look, with this pause between two looks.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(
        part: Part,
        pause: Duration,
        look: impl Fn() -> Result<(), BackendError> + Send + 'static,
    ) -> io::Result<Self> {
        let standing = Arc::new(Standing::new(part));
        let of_thread = Arc::clone(&standing);
        let worker = Worker::start(part.name(), move |stop| {
            while !stop.is_asked() {
                match look() {
                    Ok(()) => of_thread.there(),
                    Err(why) => of_thread.away(why),
                }
                stop.wait(pause);
            }
        })?;
        Ok(Self { standing, worker })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_part_that_goes_and_comes_is_noticed() {
        let (tell, told) = mpsc::channel();
        let told = Mutex::new(told);
        let look = move || told.lock().unwrap().recv().unwrap_or(Ok(()));
        let watch = Watch::start(Part::Answers, Duration::ZERO, look).unwrap();
        assert!(!watch.standing.is_there(), "nobody knows yet");
        for is_there in [true, false, true] {
            // The second is taken when the first has been noted.
            for _ in 0..2 {
                tell.send(if is_there { Ok(()) } else { Err(BackendError::Unavailable("x".to_owned())) }).unwrap();
            }
            while watch.standing.is_there() != is_there {
                std::thread::yield_now();
            }
        }
        watch.worker.ask_to_end();
        drop(tell);
        watch.worker.end();
    }
}
