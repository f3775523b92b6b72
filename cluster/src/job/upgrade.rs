//! Upgrades of a job: what one changes, which specifications the job has had, and which one its next life has. Pure.
//!
//! Invariants: a life keeps the specification that it began with; a specification's number is never used again; of two
//! upgrades the later one builds on the earlier one, whether that has begun or not.

use std::time::Duration;

use flightline_engine::ids::ProcessCount;
use serde::{Deserialize, Serialize};

use super::shared::SharedSpec;
use super::spec::{CarriedFile, JobSpec, Program};
use crate::ids::{Cores, Memory, Moment, SpecNumber, SubmissionId};

/// A job remembers so many of its specifications, for people and for who asks again.
const REMEMBERED: usize = 8;

/// What an upgrade asks for. What it leaves out stays as it is, so a whole [`JobSpec`] is one, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What runs. No other than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// All of its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// All files that travel with it. Without them, new arguments have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<CarriedFile>>,
    /// How many processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<ProcessCount>,
    /// Cores of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<Cores>,
    /// Memory of each process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Whether it runs for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervise: Option<bool>,
    /// How often it is run again. No other than before.
    #[serde(skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub every: Option<Duration>,
}

impl Changes {
    /// The specification that comes of this one.
    ///
    /// # Errors
    /// What can't be changed, a sentence each.
    pub fn of(self, spec: &JobSpec) -> Result<JobSpec, Vec<String>> {
        let mut mistakes = Vec::new();
        if let Some(program) = self.program.filter(|program| *program != spec.program) {
            let now = spec.program;
            mistakes.push(format!("the job runs {now}, and {program} would be another job: submit that one"));
        }
        if self.every.is_some() && self.every != spec.every {
            let mistake = "how often a job is run again can't be changed: stop its schedule, and submit another one";
            mistakes.push(mistake.to_owned());
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let files = self.files.or_else(|| self.args.as_ref().map(|_| Vec::new()));
        Ok(JobSpec {
            name: self.name.unwrap_or_else(|| spec.name.clone()),
            program: spec.program,
            args: self.args.unwrap_or_else(|| spec.args.clone()),
            files: files.unwrap_or_else(|| spec.files.clone()),
            processes: self.processes.unwrap_or(spec.processes),
            cores: self.cores.unwrap_or(spec.cores),
            memory: self.memory.unwrap_or(spec.memory),
            supervise: self.supervise.unwrap_or(spec.supervise),
            every: spec.every,
        })
    }
}

/// A specification and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Which one.
    pub number: SpecNumber,
    /// What it asks for.
    pub spec: SharedSpec,
}

/// What is remembered of a specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Which one.
    pub number: SpecNumber,
    /// When it was asked for.
    pub asked: Moment,
    /// By which submission, if it was a command's upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<SubmissionId>,
    /// What it asks for, without the texts of files.
    pub spec: JobSpec,
    /// Why the job went back from it to the one before, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
}

/// The specifications of a job, beside that which its present life has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrades {
    /// The number of the present one.
    pub present: SpecNumber,
    /// The one that the next life has, while the life before is drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Numbered>,
    /// The last one with which the job was at work, until the present one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Numbered>,
    /// Whether the job was at work with the present one. Said here, since the life that was may be forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven: bool,
    /// The newest of a job that was upgraded, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<Remembered>,
}

impl Upgrades {
    /// Whether there is nothing to say of any upgrade.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The highest number.
    #[must_use]
    pub fn last(&self) -> SpecNumber {
        self.remembered.last().map_or(self.present, |last| last.number)
    }

    /// The specification that this submission has made.
    #[must_use]
    pub fn asked_by(&self, submission: SubmissionId) -> Option<SpecNumber> {
        self.remembered.iter().find(|spec| spec.submission == Some(submission)).map(|spec| spec.number)
    }

    /// Gives a specification its number, and remembers it. `present` is what the job has, and when that was submitted.
    pub fn ask(
        &mut self,
        (present, submitted): (&JobSpec, Moment),
        spec: SharedSpec,
        submission: Option<SubmissionId>,
        asked: Moment,
    ) {
        if self.remembered.is_empty() {
            let spec = present.without_texts();
            let first = Remembered { number: self.present, asked: submitted, submission: None, spec, given_up: None };
            self.remembered.push(first);
        }
        let number = SpecNumber(self.last().0 + 1);
        let shown = spec.without_texts();
        self.remembered.push(Remembered { number, asked, submission, spec: shown, given_up: None });
        let too_many = self.remembered.len().saturating_sub(REMEMBERED);
        self.remembered.drain(..too_many);
        self.next = Some(Numbered { number, spec });
    }

    /// Takes the next specification, if there is one, in the place of `present`.
    pub fn take_next(&mut self, present: &SharedSpec) -> Option<SharedSpec> {
        let next = self.next.take()?;
        if std::mem::take(&mut self.proven) {
            self.before = Some(Numbered { number: self.present, spec: present.clone() });
        }
        self.present = next.number;
        Some(next.spec)
    }

    /// The job is at work with the present one.
    pub fn prove(&mut self) {
        self.before = None;
        self.proven = true;
    }

    /// Gives the present one up, for the one before with which the job was at work; `None` if there is none.
    pub fn go_back(&mut self, why: &str) -> Option<SharedSpec> {
        let before = self.before.take()?;
        if let Some(spec) = self.remembered.iter_mut().find(|spec| spec.number == self.present) {
            spec.given_up = Some(why.to_owned());
        }
        self.present = before.number;
        self.proven = true;
        Some(before.spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> JobSpec {
        JobSpec {
            name: "live".to_owned(),
            program: Program::Predict,
            args: ["--config", "{carried}/job.toml"].map(str::to_owned).into(),
            files: vec![CarriedFile { name: "job.toml".to_owned(), text: "x = 1".to_owned() }],
            processes: ProcessCount::new(1),
            cores: Cores(1),
            memory: Memory(1 << 30),
            supervise: true,
            every: None,
        }
    }

    #[test]
    fn what_is_left_out_stays_and_new_arguments_bring_their_own_files() {
        assert_eq!(Changes::default().of(&spec()), Ok(spec()));
        let two = Changes { processes: Some(ProcessCount::new(2)), ..Changes::default() };
        assert_eq!(two.of(&spec()), Ok(JobSpec { processes: ProcessCount::new(2), ..spec() }));
        let bare = Changes { args: Some(vec!["--live".to_owned()]), ..Changes::default() };
        assert_eq!(bare.of(&spec()), Ok(JobSpec { args: vec!["--live".to_owned()], files: Vec::new(), ..spec() }));
    }

    #[test]
    fn a_whole_job_is_an_upgrade_and_a_word_that_nobody_knows_is_none() {
        let whole = serde_json::to_value(JobSpec { cores: Cores(2), ..spec() }).unwrap();
        let changes: Changes = serde_json::from_value(whole).unwrap();
        assert_eq!(changes.of(&spec()), Ok(JobSpec { cores: Cores(2), ..spec() }));
        let error = serde_json::from_str::<Changes>(r#"{"proceses":2}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `proceses`"), "{error}");
    }

    #[test]
    fn another_program_and_another_schedule_are_other_jobs() {
        let every = Some(Duration::from_secs(60));
        let mistakes = Changes { program: Some(Program::Train), every, ..Changes::default() }.of(&spec()).unwrap_err();
        assert_eq!(mistakes[0], "the job runs predict, and train would be another job: submit that one");
        assert!(mistakes[1].contains("stop its schedule"), "{mistakes:?}");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_holds_no_text_of_a_file() {
        let mut upgrades = Upgrades::default();
        for at in 1..=20 {
            upgrades.ask((&spec(), Moment(0)), spec().into(), None, Moment(at));
        }
        assert_eq!((upgrades.remembered.len(), upgrades.last()), (REMEMBERED, SpecNumber(21)));
        assert!(upgrades.remembered.iter().all(|spec| spec.spec.files[0].text.is_empty()));
    }

    #[test]
    fn who_goes_back_goes_to_what_was_last_at_work() {
        let mut upgrades = Upgrades::default();
        let named = |name: &str| SharedSpec::from(JobSpec { name: name.to_owned(), ..spec() });
        let mut present = named("first");
        for (name, proven) in [("second", true), ("third", false)] {
            upgrades.ask((&present, Moment(0)), named(name), None, Moment(1));
            if proven {
                upgrades.prove();
            }
            present = upgrades.take_next(&present).unwrap();
        }
        assert_eq!((present.name.as_str(), upgrades.present), ("third", SpecNumber(3)));
        assert_eq!(upgrades.go_back("it was wrong").unwrap().name, "first");
        assert_eq!((upgrades.present, upgrades.last(), upgrades.proven), (SpecNumber(1), SpecNumber(3), true));
        assert_eq!(upgrades.remembered[2].given_up.as_deref(), Some("it was wrong"));
        assert_eq!(upgrades.go_back("there is nothing before"), None);
    }
}
