//! All that is known of a job, as the master keeps it.

use serde::{Deserialize, Serialize};

use super::life::Life;
use super::restart::Strikes;
use super::shared::SharedSpec;
use super::state::{JobState, Phase};
use super::upgrade::Upgrades;
use super::verdict::exit_code;
use crate::ids::{Generation, JobId, Moment, SpecNumber, SubmissionId};

/// A job keeps so many of its lives; older ones are forgotten.
const KEPT_LIVES: usize = 50;

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Which one.
    pub id: JobId,
    /// What was asked for.
    pub spec: SharedSpec,
    /// By which submission, if it was a command's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<SubmissionId>,
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
    /// How its last lives have ended.
    #[serde(default)]
    pub strikes: Strikes,
    /// The next life's number is above this.
    pub above: Generation,
    /// Its lives, the oldest first.
    pub lives: Vec<Life>,
    /// How many lives were before those.
    #[serde(default)]
    pub forgotten_lives: u64,
    /// When it runs again, if it does.
    pub next_run: Option<Moment>,
    /// Its other specifications, if it was upgraded.
    #[serde(default, skip_serializing_if = "Upgrades::is_none")]
    pub upgrades: Upgrades,
    /// The first job of the schedule that it is a run of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<JobId>,
}

impl Job {
    /// A job that was just submitted.
    #[must_use]
    pub fn new(id: JobId, spec: impl Into<SharedSpec>, now: Moment) -> Self {
        let spec = spec.into();
        let next_run = spec.every.map(|every| now.after(every));
        let state = JobState::Queued { why: "it was just submitted".to_owned() };
        let schedule = next_run.map(|_| id);
        let (lives, above) = (Vec::new(), Generation(0));
        Self {
            id,
            spec,
            submission: None,
            state,
            submitted: now,
            ended: None,
            exit: None,
            stop_asked: None,
            strikes: Strikes::default(),
            above,
            lives,
            forgotten_lives: 0,
            next_run,
            upgrades: Upgrades::default(),
            schedule,
        }
    }

    /// The next run of a job on a schedule.
    #[must_use]
    pub fn again(&self, id: JobId, now: Moment) -> Self {
        let spec = self.upgrades.next.as_ref().map_or(&self.spec, |next| &next.spec);
        Self { schedule: self.schedule, ..Self::new(id, spec.clone(), now) }
    }

    /// What its next life has, as far as it is known, and the number of that.
    #[must_use]
    pub fn next_spec(&self) -> (SpecNumber, &SharedSpec) {
        self.upgrades.next.as_ref().map_or((self.upgrades.present, &self.spec), |next| (next.number, &next.spec))
    }

    /// Goes on as an upgrade has asked, if one has; without the strikes of what was before. No life may be at work.
    pub fn take_upgrade(&mut self) {
        let present = self.upgrades.present;
        // An earlier version of the master has written it down of lives only.
        self.upgrades.proven |= self.lives.iter().any(|life| life.spec == present && life.up_since.is_some());
        if let Some(spec) = self.upgrades.take_next(&self.spec) {
            self.spec = spec;
            self.strikes = Strikes::default();
        }
    }

    /// Goes back from a specification with which it never was at work to the one with which it was; false if there is none.
    pub fn go_back(&mut self, why: &str) -> bool {
        let Some(spec) = self.upgrades.go_back(why) else { return false };
        self.spec = spec;
        self.strikes = Strikes::default();
        true
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
            self.forgotten_lives += 1;
        }
        self.lives.push(life);
    }

    /// How often it was started again after its first life.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        (self.forgotten_lives + self.lives.len() as u64).saturating_sub(1)
    }

    /// The number of its next life.
    #[must_use]
    pub const fn next_generation(&self) -> Generation {
        Generation(self.above.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{JobSpec, Program};
    use super::*;
    use crate::samples;

    fn job() -> Job {
        let spec = JobSpec { supervise: true, ..samples::spec(Program::Predict, &[]) };
        Job::new(JobId(1), spec, Moment(0))
    }

    /// They were counted by the lives that are kept, and so never were more than 49.
    #[test]
    fn restarts_are_counted_also_of_lives_that_are_forgotten() {
        let mut job = job();
        assert_eq!(job.restarts(), 0);
        for restarts in 0..120 {
            let number = job.next_generation();
            let spec = SpecNumber::default();
            let life = Life { number, spec, started: Moment(0), up_since: None, ended: None, places: Vec::new() };
            job.begin(life);
            assert_eq!(job.restarts(), restarts);
        }
        assert_eq!(job.lives.len(), KEPT_LIVES);
    }

    fn life(job: &Job, up_since: Option<Moment>) -> Life {
        let (number, spec) = (job.next_generation(), job.upgrades.present);
        Life { number, spec, started: Moment(0), up_since, ended: None, places: Vec::new() }
    }

    /// An upgrade that could not be started was the end of it, since by then no life was known that had been at work.
    #[test]
    fn a_job_that_was_at_work_a_hundred_failures_ago_goes_back_to_what_it_was() {
        let mut job = job();
        job.begin(life(&job, Some(Moment(1))));
        job.upgrades.prove();
        for _ in 0..100 {
            job.begin(life(&job, None));
        }
        let (present, next) = (job.spec.clone(), JobSpec { args: vec!["--wrong".to_owned()], ..(*job.spec).clone() });
        job.upgrades.ask((&present, Moment(0)), next.into(), None, Moment(2));
        let written = serde_json::to_string(&job).unwrap();
        let mut job: Job = serde_json::from_str(&written).unwrap();
        job.take_upgrade();
        assert_eq!(job.spec.args, ["--wrong"]);
        assert!(job.go_back("it is wrong"));
        assert_eq!(job.spec, present);
    }

    #[test]
    fn a_job_whose_upgrades_an_earlier_version_wrote_down_goes_back_to_what_was_at_work() {
        for (up_since, is_there) in [(Some(Moment(1)), true), (None, false)] {
            let mut job = job();
            job.begin(life(&job, up_since));
            let present = job.spec.clone();
            job.upgrades.ask((&present, Moment(0)), present.clone(), None, Moment(2));
            job.take_upgrade();
            assert_eq!((job.upgrades.present, job.go_back("it is wrong")), (SpecNumber(2), is_there));
        }
    }

    #[test]
    fn a_job_that_an_earlier_version_wrote_down_is_read() {
        let job = job();
        let mut written = serde_json::to_value(&job).unwrap();
        assert!(written.as_object_mut().unwrap().remove("forgotten_lives").is_some());
        assert!(written.get("submission").is_none());
        assert_eq!(serde_json::from_value::<Job>(written).unwrap(), job);
    }
}
