//! What somebody submits: which of our programs, with which arguments, on how much of the cluster.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use flightline_engine::ids::ProcessCount;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{Cores, Memory};

/// A program of ours. An agent starts no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// Trains a model.
    Train,
    /// Answers requests, from a stream or from files.
    Predict,
    /// Makes training rows of what the authorities publish.
    Extract,
    /// Makes the table of distances.
    Distances,
    /// Brings tables into a server.
    Import,
    /// Manages models.
    Model,
    /// Computes answers again and compares.
    Replay,
    /// Shows and sends again what could not be answered.
    DeadLetters,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Train,
        Self::Predict,
        Self::Extract,
        Self::Distances,
        Self::Import,
        Self::Model,
        Self::Replay,
        Self::DeadLetters,
    ];

    /// The name of its file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Predict => "predict",
            Self::Extract => "extract",
            Self::Distances => "distances",
            Self::Import => "import",
            Self::Model => "model",
            Self::Replay => "replay",
            Self::DeadLetters => "dead-letters",
        }
    }

    /// Whether it takes `-w -n -p -h`, and so runs on several threads and in several processes.
    #[must_use]
    pub const fn spreads(self) -> bool {
        matches!(self, Self::Train | Self::Predict | Self::Extract | Self::Distances)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of our programs'.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no program {0:?} to submit: there are {names}", names = Program::ALL.map(Program::name).join(", "))]
pub struct NoProgram(pub String);

impl FromStr for Program {
    type Err = NoProgram;

    fn from_str(name: &str) -> Result<Self, NoProgram> {
        Self::ALL.into_iter().find(|program| program.name() == name).ok_or_else(|| NoProgram(name.to_owned()))
    }
}

/// A small file that travels with a job, and stands beside its processes wherever they run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedFile {
    /// Its name, without a folder.
    pub name: String,
    /// What is in it.
    pub text: String,
}

// A configuration may hold secrets.
impl fmt::Debug for CarriedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CarriedFile({:?}, {} bytes)", self.name, self.text.len())
    }
}

/// What a job asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// What people call it.
    pub name: String,
    /// What runs.
    pub program: Program,
    /// Its arguments; those that say where it runs (`-w -n -p -h` and the like) come from the agent. The word
    /// `{carried}/NAME` stands for the path of a carried file.
    pub args: Vec<String>,
    /// The files that travel with it.
    pub files: Vec<CarriedFile>,
    /// How many processes.
    pub processes: ProcessCount,
    /// Cores of each process, which are its worker threads.
    pub cores: Cores,
    /// Memory of each process. Who uses more is ended.
    pub memory: Memory,
    /// Whether it runs for ever: any end but one that was asked for is followed by another life.
    pub supervise: bool,
    /// Run again so long after each start.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub every: Option<Duration>,
}

impl JobSpec {
    /// The same with what a schedule implies: a training promotes its model only if that is better than the present one, unless
    /// its arguments say something else.
    #[must_use]
    pub fn as_scheduled(mut self) -> Self {
        let says = self.args.iter().any(|arg| arg == PROMOTE || arg.starts_with("--promote="));
        if self.every.is_some() && self.program == Program::Train && !says {
            self.args.extend([PROMOTE, "if-better"].map(str::to_owned));
        }
        self
    }

    /// The same without what is in its files: their texts may be large, and are nobody's to see.
    #[must_use]
    pub fn without_texts(&self) -> Self {
        let Self { name, program, args, files, processes, cores, memory, supervise, every } = self;
        let without_text = |file: &CarriedFile| CarriedFile { name: file.name.clone(), text: String::new() };
        Self {
            name: name.clone(),
            program: *program,
            args: args.clone(),
            files: files.iter().map(without_text).collect(),
            processes: *processes,
            cores: *cores,
            memory: *memory,
            supervise: *supervise,
            every: *every,
        }
    }
}

/// The flag of `train`.
const PROMOTE: &str = "--promote";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn programs_are_known_by_name_and_no_others() {
        for program in Program::ALL {
            assert_eq!(program.name().parse(), Ok(program));
            assert_eq!(serde_json::to_string(&program).unwrap(), format!("{:?}", program.name()));
        }
        for foreign in ["sh", "../train", "/bin/train", "Train", ""] {
            assert!(foreign.parse::<Program>().unwrap_err().to_string().contains("train, predict"), "{foreign}");
        }
    }

    #[test]
    fn who_trains_on_a_schedule_promotes_only_what_is_better() {
        let spec = |program, every: bool, args: &[&str]| {
            let every = every.then_some(Duration::from_secs(60));
            JobSpec { every, ..samples::spec(program, args) }.as_scheduled().args.join(" ")
        };
        assert_eq!(spec(Program::Train, true, &["--trees", "3"]), "--trees 3 --promote if-better");
        assert_eq!(spec(Program::Train, true, &["--promote", "always"]), "--promote always");
        assert_eq!(spec(Program::Train, true, &["--promote=never"]), "--promote=never");
        assert_eq!(spec(Program::Train, false, &["--trees", "3"]), "--trees 3");
        assert_eq!(spec(Program::Distances, true, &["--trees", "3"]), "--trees 3");
    }

    #[test]
    fn what_travels_is_never_shown() {
        let file = CarriedFile { name: "job.toml".to_owned(), text: "password = \"hush\"".to_owned() };
        assert!(!format!("{file:?}").contains("hush"));
    }
}
