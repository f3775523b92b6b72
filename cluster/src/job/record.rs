//! All that is known of a job, as the master keeps it.

use serde::{Deserialize, Serialize};

use super::life::Life;
use super::shared::SharedSpec;
use super::state::{JobState, Phase};
use super::verdict::exit_code;
use crate::ids::{Generation, JobId, Moment};

/// A job keeps so many of its lives; older ones are forgotten.
const KEPT_LIVES: usize = 50;

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Which one.
    pub id: JobId,
    /// What was asked for.
    pub spec: SharedSpec,
    /// Where it stands. Changed by [`Job::go`] only.
    state: JobState,
    /// When it was submitted.
    pub submitted: Moment,
    /// When it was over.
    pub ended: Option<Moment>,
    /// The exit code that a command gives that waited for its end.
    pub exit: Option<u8>,
    /// Since when somebody waits for its end.
    pub stop_asked: Option<Moment>,
    /// Lives in a row that ended before their time.
    pub failures: u32,
    /// The next life's number is above this.
    pub above: Generation,
    /// Its lives, the oldest first.
    pub lives: Vec<Life>,
    /// When it runs again, if it does.
    pub next_run: Option<Moment>,
}

impl Job {
    /// A job that was just submitted.
    #[must_use]
    pub fn new(id: JobId, spec: impl Into<SharedSpec>, now: Moment) -> Self {
        let spec = spec.into();
        let next_run = spec.every.map(|every| now.after(every));
        let state = JobState::Queued { why: "it was just submitted".to_owned() };
        let (lives, above) = (Vec::new(), Generation(0));
        Self {
            id,
            spec,
            state,
            submitted: now,
            ended: None,
            exit: None,
            stop_asked: None,
            failures: 0,
            above,
            lives,
            next_run,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> &JobState {
        &self.state
    }

    /// In a word.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// Takes a step of the life cycle. One that isn't legal is not taken, and says so: it would be a bug.
    pub fn go(&mut self, to: JobState, now: Moment) -> bool {
        let legal = self.phase().next().contains(&to.phase());
        if !legal {
            tracing::error!("job {} can't go from {} to {} (bug)", self.id, self.phase(), to.phase());
            return false;
        }
        self.state = to;
        if self.state.is_over() {
            self.ended = Some(now);
            self.exit = Some(exit_code(&self.state, self.lives.last()));
        }
        true
    }

    /// Says anew what a queued job waits for. True if that changed.
    pub fn waits_for(&mut self, what: String) -> bool {
        match &mut self.state {
            JobState::Queued { why } if *why != what => {
                *why = what;
                true
            }
            _ => false,
        }
    }

    /// The life that is at work, or was last.
    #[must_use]
    pub fn life(&self) -> Option<&Life> {
        self.lives.last()
    }

    /// The same, to be changed.
    pub fn life_mut(&mut self) -> Option<&mut Life> {
        self.lives.last_mut()
    }

    /// Begins a life.
    pub fn begin(&mut self, life: Life) {
        self.above = self.above.max(life.number);
        if self.lives.len() >= KEPT_LIVES {
            self.lives.remove(0);
        }
        self.lives.push(life);
    }

    /// The number of its next life.
    #[must_use]
    pub const fn next_generation(&self) -> Generation {
        Generation(self.above.0 + 1)
    }
}
