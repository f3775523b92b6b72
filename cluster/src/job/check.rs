//! What a job may ask for. The same answer for the command line, the form, and calls of programs.

use std::time::Duration;

use thiserror::Error;

use super::spec::{JobSpec, Program};
use crate::ids::{Cores, Memory};

/// The most processes of a job.
pub const MOST_PROCESSES: usize = 1024;

/// The most characters of a job's name.
pub const LONGEST_NAME: usize = 100;

/// The most arguments.
pub const MOST_ARGUMENTS: usize = 10_000;

/// The most bytes that they have together; the system takes no longer one.
pub const MOST_ARGUMENT_BYTES: usize = 100_000;

/// The least memory of a process.
const LEAST_MEMORY: Memory = Memory(1 << 20);

/// The shortest time between two starts of a schedule.
const SHORTEST_EVERY: Duration = Duration::from_secs(10);

/// The longest one: a year.
const LONGEST_EVERY: Duration = Duration::from_secs(31_557_600);

/// What a job can't ask for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecMistake {
    /// A name that no page and no line has room for, or none.
    #[error("a job's name has 1 to {LONGEST_NAME} characters and no control characters: {0}")]
    Name(&'static str),
    /// None, or more than anybody has.
    #[error("{0} processes can't be had: ask for 1 to {MOST_PROCESSES}")]
    Processes(usize),
    /// None, or more than a computer has.
    #[error("{0} cores for each process can't be had: ask for 1 to {most}", most = Cores::MOST)]
    Cores(Cores),
    /// Several of a program that is one.
    #[error("{0} runs in one process on one core: leave --processes and --cores out")]
    Alone(Program),
    /// None, or more than a computer has.
    #[error("{0} of memory for each process can't be had: ask for {LEAST_MEMORY} to {most}", most = Memory::MOST)]
    Memory(Memory),
    /// Two contradictions.
    #[error("--supervise runs for ever and --every comes to an end: give one of them")]
    EndlessSchedule,
    /// Too often or too seldom.
    #[error("a job can't be run again every {every}: {least} is the least and {most} the most",
        every = humantime::format_duration(*.0),
        least = humantime::format_duration(SHORTEST_EVERY),
        most = humantime::format_duration(LONGEST_EVERY))]
    Every(Duration),
    /// More words or letters than a process can be started with.
    #[error(
        "{words} arguments with {bytes} bytes are too many: {MOST_ARGUMENTS} and {MOST_ARGUMENT_BYTES} are the most; name \
         folders or patterns"
    )]
    Arguments {
        /// How many.
        words: usize,
        /// How long together.
        bytes: usize,
    },
}

impl SpecMistake {
    /// The field of [`JobSpec`] that it is about.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Processes(_) | Self::Alone(_) => "processes",
            Self::Cores(_) => "cores",
            Self::Memory(_) => "memory",
            Self::EndlessSchedule | Self::Every(_) => "every",
            Self::Arguments { .. } => "args",
        }
    }
}

impl JobSpec {
    /// All that is wrong with what is asked for, whatever the cluster has. Whether the job may run somewhere is for
    /// [`guard`](crate::guard) to say.
    #[must_use]
    pub fn check(&self) -> Vec<SpecMistake> {
        let mut mistakes = Vec::new();
        mistakes.extend(wrong_with_name(&self.name).map(SpecMistake::Name));
        let (processes, cores) = (self.processes.get(), self.cores);
        if !(1..=MOST_PROCESSES).contains(&processes) {
            mistakes.push(SpecMistake::Processes(processes));
        }
        if !(Cores(1)..=Cores::MOST).contains(&cores) {
            mistakes.push(SpecMistake::Cores(cores));
        }
        if !self.program.spreads() && (processes > 1 || cores > Cores(1)) {
            mistakes.push(SpecMistake::Alone(self.program));
        }
        if !(LEAST_MEMORY..=Memory::MOST).contains(&self.memory) {
            mistakes.push(SpecMistake::Memory(self.memory));
        }
        if self.supervise && self.every.is_some() {
            mistakes.push(SpecMistake::EndlessSchedule);
        }
        mistakes.extend(
            self.every.filter(|every| !(SHORTEST_EVERY..=LONGEST_EVERY).contains(every)).map(SpecMistake::Every),
        );
        let (words, bytes) = (self.args.len(), self.args.iter().map(String::len).sum());
        if words > MOST_ARGUMENTS || bytes > MOST_ARGUMENT_BYTES {
            mistakes.push(SpecMistake::Arguments { words, bytes });
        }
        mistakes
    }
}

/// What is wrong with a name that people shall read in one line, of a job or of a worker.
pub(crate) fn wrong_with_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("this one is empty")
    } else if name.chars().count() > LONGEST_NAME {
        Some("this one is longer")
    } else if name.contains(char::is_control) {
        Some("this one has some")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::ids::ProcessCount;
    use proptest::prelude::*;

    use super::*;
    use crate::samples;

    fn spec() -> JobSpec {
        samples::spec(Program::Train, &[])
    }

    fn fields(spec: &JobSpec) -> Vec<&'static str> {
        spec.check().iter().map(SpecMistake::field).collect()
    }

    /// The master took all of these by its API, one of them to say "it had no process (bug)".
    #[test]
    fn what_no_job_can_ask_for_is_told_all_together() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        assert_eq!(fields(&spec()), Vec::<&str>::new());
        for name in ["", "  ", "a\nb", "\u{7f}", &"n".repeat(100_000)] {
            assert_eq!(fields(&JobSpec { name: name.to_owned(), ..spec() }), ["name"]);
        }
        assert_eq!(fields(&JobSpec { name: "ä".repeat(100), ..spec() }), Vec::<&str>::new());
        for every in [Duration::ZERO, Duration::from_micros(1), Duration::MAX] {
            let spec = JobSpec { every: Some(every), ..spec() };
            assert_eq!(fields(&spec), ["every"]);
            assert!(spec.check()[0].to_string().contains("10s is the least"), "{}", spec.check()[0]);
        }
        assert_eq!(fields(&JobSpec { every: hours(24), supervise: true, ..spec() }), ["every"]);
        assert_eq!(
            fields(&JobSpec { program: Program::Model, processes: ProcessCount::new(3), ..spec() }),
            ["processes"]
        );
        let many = JobSpec { args: vec!["x".to_owned(); MOST_ARGUMENTS + 1], ..spec() };
        let long = JobSpec { args: vec!["x".repeat(MOST_ARGUMENT_BYTES + 1)], ..spec() };
        assert_eq!((fields(&many), fields(&long)), (vec!["args"], vec!["args"]));
        let wrong = JobSpec {
            name: String::new(),
            processes: ProcessCount::new(0),
            cores: Cores(0),
            memory: Memory(0),
            every: hours(0),
            supervise: true,
            ..spec()
        };
        assert_eq!(fields(&wrong), ["name", "processes", "cores", "memory", "every", "every"]);
    }

    proptest! {
        #[test]
        fn numbers_are_within_their_bounds_or_told(
            (processes, cores, memory) in (any::<usize>(), any::<u32>(), any::<u64>()),
            (few, least, little) in (0_usize..2000, 0_u32..5000, 0_u64..1 << 21),
            is_small in any::<bool>(),
        ) {
            let (processes, cores, memory) = if is_small { (few, least, little) } else { (processes, cores, memory) };
            let spec = JobSpec { processes: ProcessCount::new(processes), cores: Cores(cores), memory: Memory(memory), ..spec() };
            let told = fields(&spec);
            prop_assert_eq!(told.contains(&"processes"), processes == 0 || processes > 1024);
            prop_assert_eq!(told.contains(&"cores"), cores == 0 || cores > 4096);
            prop_assert_eq!(told.contains(&"memory"), !(1 << 20..=1 << 50).contains(&memory));
        }
    }
}
