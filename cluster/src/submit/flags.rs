//! The command line of `submit`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::ids::{Generation, JobId, Memory};
use crate::job::spec::Program;
use crate::port::callee;

const EXAMPLES: &str = "\
Examples:
  submit train --wait -- --preset accurate            trains on the cluster, shows its progress, ends with its exit code
  submit train --processes 3 --cores 2 -- --trees 100
  submit train --every 24h                            each day; the new model is used only if it is better
  submit predict --supervise -- --config my.toml      runs for ever; my.toml travels with it
  submit predict --supervise --name delays --unless-running -- --config my.toml      the same, however often it is asked for
  submit list                                         all jobs
  submit status 3                                     one job: its lives, its processes, why each ended
  submit logs 3 -f                                    follows its log
  submit upgrade 3 --processes 2 -- --config new.toml  goes on so, when what was begun is finished; no answer is lost
  submit stop 3                                       finishes what it has begun; `kill` ends it at once

What comes after -- is the program's own: see `train --help`. Say nothing there of -w -n -p -h: that is what --cores and
--processes are for. A file that is given there with --config travels with the job.

Exit codes: 0 done, 2 command line, or the master refuses the job, 5 the master can't be reached; with --wait those of the job.
Ctrl-C ends only the waiting, with 130: the job goes on.";

/// Run our programs on the cluster, watch them and end them.
#[derive(Clone, Debug, Parser)]
#[command(name = "submit", version, after_help = EXAMPLES)]
pub struct SubmitFlags {
    /// Where the master takes calls
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7077", value_parser = callee, env = "FLIGHTLINE_MASTER", global = true)]
    pub master: String,
    /// File of the token that the master made at its first start
    #[arg(
        long,
        value_name = "FILE",
        default_value = "flightline-cluster/token",
        env = "FLIGHTLINE_TOKEN_FILE",
        global = true
    )]
    pub token_file: PathBuf,
    /// Print JSON instead of what people read
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub what: What,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Train a model
    Train(RunFlags),
    /// Answer requests, from a stream or from files
    Predict(RunFlags),
    /// Make training rows of what the authorities publish
    Extract(RunFlags),
    /// Make the table of distances
    Distances(RunFlags),
    /// Bring tables into a server
    Import(RunFlags),
    /// Manage models
    Model(RunFlags),
    /// Compute answers again and compare
    Replay(RunFlags),
    /// Show what could not be answered, and send it again
    DeadLetters(RunFlags),
    /// Let a job go on otherwise, without losing an answer: with what is given here, and all else as it was
    Upgrade(UpgradeFlags),
    /// Show all jobs
    List,
    /// Show the cluster, or one job
    Status {
        /// Its number
        #[arg(value_parser = job)]
        job: Option<JobId>,
    },
    /// Show a process's log
    Logs(LogFlags),
    /// End a job when it has finished what it has begun, and its schedule
    Stop {
        /// Its number
        #[arg(value_parser = job)]
        job: JobId,
        /// Wait until it has ended
        #[arg(long)]
        wait: bool,
    },
    /// End a job at once, and its schedule; nothing is lost or doubled by that either
    Kill {
        /// Its number
        #[arg(value_parser = job)]
        job: JobId,
        /// Wait until it has ended
        #[arg(long)]
        wait: bool,
    },
}

/// What a job gets.
#[derive(Args, Clone, Debug)]
pub struct RunFlags {
    /// What people call it; the program's name without it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Only if no job of that name is at work, or comes again: else its number is said. One that is ending is waited for
    #[arg(long, requires = "name")]
    pub unless_running: bool,
    /// Processes, spread over the workers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub processes: usize,
    /// Cores of each process: its worker threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub cores: u32,
    /// Memory of each process; one that uses more is ended
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    pub memory: Memory,
    /// It runs until it is stopped: it is started again unless it is wrong, or crashes five times in a row
    #[arg(long)]
    pub supervise: bool,
    /// Run it again so long after each start: 24h, 30m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub every: Option<Duration>,
    /// Wait for its end with its progress, print what it prints, and end with its exit code
    #[arg(long)]
    pub wait: bool,
    /// The program's own arguments
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub args: Vec<String>,
}

/// What a job gets instead of what it has.
#[derive(Args, Clone, Debug)]
pub struct UpgradeFlags {
    /// Its number
    #[arg(value_parser = job)]
    pub job: JobId,
    /// What people call it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Processes, spread over the workers
    #[arg(long, value_name = "N")]
    pub processes: Option<usize>,
    /// Cores of each process: its worker threads
    #[arg(long, value_name = "N")]
    pub cores: Option<u32>,
    /// Memory of each process; one that uses more is ended
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,
    /// It runs until it is stopped, or, with =false, until it is done
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub supervise: Option<bool>,
    /// Wait until it is at work again
    #[arg(long)]
    pub wait: bool,
    /// All of the program's own arguments, and with --config the files that travel with them
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub args: Vec<String>,
}

/// Which log.
#[derive(Args, Clone, Debug)]
pub struct LogFlags {
    /// The job's number
    #[arg(value_parser = job)]
    pub job: JobId,
    /// Go on with what is yet to be written, also by the job's next lives, until the job is over; with -g until that life is
    #[arg(short, long)]
    pub follow: bool,
    /// Which process
    #[arg(short, long, value_name = "I", default_value_t = 0)]
    pub process: usize,
    /// Which life; the last one without it
    #[arg(short, long, value_name = "N", value_parser = generation)]
    pub generation: Option<Generation>,
    /// What it printed on standard output, instead of what it says to people
    #[arg(long)]
    pub stdout: bool,
    /// From its beginning, as far as it is kept
    #[arg(long)]
    pub all: bool,
}

impl What {
    /// The program to run, if that is what is asked for.
    #[must_use]
    pub const fn run(&self) -> Option<(Program, &RunFlags)> {
        Some(match self {
            Self::Train(flags) => (Program::Train, flags),
            Self::Predict(flags) => (Program::Predict, flags),
            Self::Extract(flags) => (Program::Extract, flags),
            Self::Distances(flags) => (Program::Distances, flags),
            Self::Import(flags) => (Program::Import, flags),
            Self::Model(flags) => (Program::Model, flags),
            Self::Replay(flags) => (Program::Replay, flags),
            Self::DeadLetters(flags) => (Program::DeadLetters, flags),
            _ => return None,
        })
    }
}

fn job(text: &str) -> Result<JobId, String> {
    text.parse().map(JobId).map_err(|_| format!("{text:?} is no number of a job; `submit list` shows them"))
}

fn generation(text: &str) -> Result<Generation, String> {
    text.parse().map(Generation).map_err(|_| format!("{text:?} is no number of a life; `submit status JOB` shows them"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_each_program_has_its_command() {
        SubmitFlags::command().debug_assert();
        for program in Program::ALL {
            let flags = SubmitFlags::parse_from(["submit", program.name(), "--wait", "--", "-x", "--wait"]);
            let (asked, run) = flags.what.run().unwrap();
            assert_eq!((asked, run.wait, run.args.len()), (program, true, 2));
        }
    }

    #[test]
    fn what_is_looked_for_by_its_name_has_one() {
        let error = SubmitFlags::try_parse_from(["submit", "train", "--unless-running"]).unwrap_err();
        assert!(error.to_string().contains("--name <NAME>"), "{error}");
        assert!(SubmitFlags::try_parse_from(["submit", "train", "--unless-running", "--name", "it"]).is_ok());
    }

    #[test]
    fn a_foreign_program_is_no_command() {
        let error = SubmitFlags::try_parse_from(["submit", "/bin/sh", "--", "-c", "id"]).unwrap_err();
        assert!(error.to_string().contains("unrecognized subcommand '/bin/sh'"), "{error}");
    }
}
