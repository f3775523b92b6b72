//! The flags of every job: timely's own `-w -n -p -h`, and how the processes know each other.
//!
//! `-h` is the hostfile, as in timely, so a binary must take clap's own short help away with
//! `#[command(disable_help_flag = true)]`; [`ClusterFlags`] brings `--help` in its place.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::error::{ClusterError, FlagMistake};
use super::hostfile::{self, Address};
use super::plan::{ClusterPlan, MAX_PROCESSES, MAX_WORKERS};
use super::secret::MeshSecret;
use crate::ids::{ProcessCount, ProcessIndex, WorkerCount};
use crate::ledger::Generation;

/// Without a hostfile process `i` listens on this port plus `i` of this host, as in timely.
const FIRST_LOCAL_PORT: u16 = 2101;

const ONE_DAY: f64 = 86_400.0;

/// Where the work runs. To be flattened into a binary's flags; see the [module](self) about `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// Worker threads in each process
    #[arg(short = 'w', long, value_name = "N", default_value_t = 1)]
    pub workers: usize,

    /// Processes of the cluster; start each of them, with the same -w and another -p
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub processes: usize,

    /// Which process this is, from 0
    #[arg(short = 'p', long, value_name = "I", default_value_t = 0)]
    pub process: usize,

    /// File with the processes' addresses, HOST:PORT on each line, in order; without it: localhost, ports 2101 and up
    #[arg(short = 'h', long, value_name = "FILE")]
    pub hostfile: Option<PathBuf>,

    /// How long to wait for the other processes at the start
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    pub connect_timeout: f64,

    /// File with the secret by which the processes know each other, the same for all: 16 to 4096 bytes that nobody else
    /// may read (chmod 600); with -n above 1 this or --insecure is needed
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub secret_file: Option<PathBuf>,

    /// Let every process in that can reach the ports: only where nobody else can
    #[arg(long)]
    pub insecure: bool,

    /// The number of this life of the job, above all earlier ones; set by a master
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub generation: Option<u64>,

    /// Print help
    #[arg(long, action = ArgAction::Help, help_heading = "Options")]
    help: Option<bool>,
}

impl ClusterFlags {
    /// Checks the flags, and reads the hostfile and the secret.
    ///
    /// # Errors
    /// All mistakes together, as [`ClusterError::Flags`].
    pub fn plan(&self) -> Result<ClusterPlan, ClusterError> {
        let mut mistakes = Vec::new();
        let (workers, processes) = (WorkerCount::new(self.workers), ProcessCount::new(self.processes));
        let process = ProcessIndex::new(self.process);
        if !(1..=MAX_WORKERS).contains(&self.workers) {
            mistakes.push(FlagMistake::Workers(workers));
        }
        let processes_make_sense = (1..=MAX_PROCESSES).contains(&self.processes);
        if !processes_make_sense {
            mistakes.push(FlagMistake::Processes(processes));
        } else if self.process >= self.processes {
            mistakes.push(FlagMistake::Process { process, processes });
        }
        if !(self.connect_timeout > 0.0 && self.connect_timeout <= ONE_DAY) {
            mistakes.push(FlagMistake::Timeout(self.connect_timeout));
        }
        // With a senseless number of processes there is no saying how many lines the hostfile needs.
        let needed = if processes_make_sense { processes } else { ProcessCount::new(1) };
        let addresses = self.addresses(needed).unwrap_or_else(|found| {
            mistakes.extend(found);
            Vec::new()
        });
        if self.processes > 1 && self.secret_file.is_none() && !self.insecure {
            mistakes.push(FlagMistake::SecretMissing(processes));
        }
        let secret = self
            .secret_file
            .as_deref()
            .and_then(|file| MeshSecret::read(file).map_err(|mistake| mistakes.push(mistake)).ok());
        if !mistakes.is_empty() {
            return Err(ClusterError::Flags(mistakes));
        }
        Ok(ClusterPlan {
            workers_here: workers,
            process,
            addresses: if self.processes > 1 { addresses } else { Vec::new() },
            connect_timeout: Duration::from_secs_f64(self.connect_timeout),
            fingerprint: 0,
            generation: self.generation.map(Generation),
            secret,
        })
    }

    fn addresses(&self, processes: ProcessCount) -> Result<Vec<Address>, Vec<FlagMistake>> {
        match &self.hostfile {
            Some(file) => hostfile::read(file, processes),
            None => {
                Ok((FIRST_LOCAL_PORT..).take(processes.get()).map(|port| Address::new("localhost", port)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;
    use clap::error::ErrorKind;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(disable_help_flag = true)]
    struct Binary {
        #[command(flatten)]
        cluster: ClusterFlags,
    }

    fn plan(flags: &str) -> Result<ClusterPlan, Vec<String>> {
        let words = std::iter::once("binary").chain(flags.split_whitespace());
        match Binary::try_parse_from(words).unwrap().cluster.plan() {
            Ok(plan) => Ok(plan),
            Err(ClusterError::Flags(mistakes)) => Err(mistakes.iter().map(ToString::to_string).collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn without_flags_there_is_one_worker() {
        let plan = plan("").unwrap();
        assert_eq!((plan.workers().get(), plan.processes().get(), plan.is_lead()), (1, 1, true));
    }

    #[test]
    fn without_a_hostfile_the_processes_are_on_this_host() {
        let plan = plan("-w 2 -n 3 -p 1 --insecure").unwrap().with_fingerprint(7);
        let addresses: Vec<String> = plan.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["localhost:2101", "localhost:2102", "localhost:2103"]);
        assert_eq!((plan.workers().get(), plan.workers_here().get()), (6, 2));
        assert_eq!((plan.process().get(), plan.is_lead(), plan.fingerprint), (1, false, 7));
    }

    #[test]
    fn h_is_the_hostfile_and_help_is_long() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"a:1\nb:2\n").unwrap();
        let plan = plan(&format!("-n 2 --insecure -h {}", file.path().display())).unwrap();
        assert_eq!(plan.addresses, [Address::new("a", 1), Address::new("b", 2)]);
        let help = Binary::try_parse_from(["binary", "--help"]).unwrap_err();
        assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        let text = help.to_string();
        assert!(text.contains("-h, --hostfile <FILE>") && text.contains("--help"), "{text}");
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let cases: [(&str, &[&str]); 9] = [
            ("-w 0", &["-w 0 makes no sense"]),
            ("-w 5000", &["from 1 to 1024"]),
            ("-n 0", &["-n 0 makes no sense"]),
            ("-p 1", &["-p 1 is not below -n 1"]),
            ("-n 2 -p 2 -w 0", &["-w 0", "-p 2 is not below -n 2", "-n 2 needs a secret"]),
            ("-n 2", &["`(umask 077; head -c 32 /dev/urandom | base64 > FILE)`"]),
            ("-n 2 -w 0 --secret-file /no/such/file", &["-w 0", "secret file /no/such/file can't be read"]),
            ("--connect-timeout 0 -h /no/such/file", &["--connect-timeout 0", "/no/such/file can't be read"]),
            ("--connect-timeout NaN", &["--connect-timeout NaN"]),
        ];
        for (flags, says) in cases {
            let mistakes = plan(flags).unwrap_err();
            assert_eq!(mistakes.len(), says.len(), "{flags}: {mistakes:?}");
            for (mistake, part) in mistakes.iter().zip(says) {
                assert!(mistake.contains(part), "{mistake:?} lacks {part:?}");
            }
        }
    }
    #[test]
    fn the_secret_is_read_from_its_file_or_not_wanted() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"as good as thirty-two random bytes\n").unwrap();
        let flag = format!("--secret-file {}", file.path().display());
        assert!(plan(&format!("-n 2 {flag}")).unwrap().secret.is_some());
        assert!(plan("-n 2 --insecure").unwrap().secret.is_none());
        let both = Binary::try_parse_from(["binary", "--insecure", "--secret-file", "x"]).unwrap_err();
        assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_generation_is_from_1_and_the_next_life_has_the_next() {
        let plan_of = |flags| plan(flags).unwrap();
        assert_eq!(plan_of("").generation(), None);
        assert_eq!(plan_of("").next_life().generation(), None);
        assert_eq!(plan_of("--generation 7").generation(), Some(Generation(7)));
        assert_eq!(plan_of("--generation 7").next_life().generation(), Some(Generation(8)));
        assert!(Binary::try_parse_from(["binary", "--generation", "0"]).is_err());
    }
}
