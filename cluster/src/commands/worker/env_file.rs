//! `--env-file`: variables of a file, for the flags that were neither given nor are in the environment, and for jobs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::agent::is_passed;

/// How variables of ours begin.
const OURS: &str = "FLIGHTLINE_";

/// How those begin of them that a file can have for jobs. The environment itself may have others: there nothing says that
/// somebody has mistyped one of a flag's.
const OF_JOBS: [&str; 2] = ["FLIGHTLINE_JOB_", "FLIGHTLINE_LOG"];

/// What a file brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// The command line, with the flags that its variables stand for.
    pub(super) words: Vec<OsString>,
    /// What it has for jobs.
    pub(super) variables: Vec<(OsString, OsString)>,
}

/// The command line with the flags that the variables of `file` stand for, where neither the command line nor the environment
/// says anything of them; and what is left for jobs, where the environment has nothing of the same name.
///
/// # Errors
/// The file can't be read, is none of variables, or has some that nobody would get: all of them.
pub(super) fn with_variables(
    command: &Command,
    words: Vec<OsString>,
    given: &ArgMatches,
    file: &Path,
) -> Result<Read, String> {
    let unreadable = |error: dotenvy::Error| format!("--env-file {} can't be read: {error}", file.display());
    let lines = dotenvy::from_path_iter(file).map_err(unreadable)?;
    let mut variables: BTreeMap<String, String> = lines.collect::<Result<_, _>>().map_err(unreadable)?;
    let mut words = words;
    for argument in command.get_arguments() {
        let (Some(variable), Some(flag)) = (argument.get_env(), argument.get_long()) else { continue };
        let Some(value) = variable.to_str().and_then(|variable| variables.remove(variable)) else { continue };
        let source = given.value_source(argument.get_id().as_str());
        if !matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            words.push(format!("--{flag}={value}").into());
        }
    }
    let mistakes: Vec<String> = variables.keys().filter_map(|name| mistake(name)).collect();
    if !mistakes.is_empty() {
        return Err(format!("--env-file {}: {}", file.display(), mistakes.join("; ")));
    }
    let for_jobs = variables.into_iter().filter(|(name, _)| std::env::var_os(name).is_none());
    Ok(Read { words, variables: for_jobs.map(|(name, value)| (name.into(), value.into())).collect() })
}

/// Why a variable that is no flag's is nobody's, if it is.
fn mistake(name: &str) -> Option<String> {
    let is_ours = name.starts_with(OURS) && !OF_JOBS.iter().any(|of_jobs| name.starts_with(of_jobs));
    if is_ours {
        return Some(format!(
            "there is no variable {name}; `worker --help` lists them, and those for jobs begin with {}",
            OF_JOBS[0]
        ));
    }
    (!is_passed(name)).then(|| {
        format!("jobs get no variable {name}; call it {}... if it is a secret of theirs, or leave it out", OF_JOBS[0])
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::WorkerFlags;
    use super::*;

    fn read(text: &str, line: &[&str]) -> Result<Read, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.env");
        std::fs::write(&file, text).unwrap();
        let mut command = WorkerFlags::command();
        let words: Vec<OsString> = [&["worker"], line].concat().into_iter().map(OsString::from).collect();
        let given = command.try_get_matches_from_mut(&words).unwrap();
        with_variables(&command, words, &given, &file)
    }

    #[test]
    fn variables_are_flags_that_were_not_given_and_what_jobs_get() {
        let text = "FLIGHTLINE_WORKER_NAME=me\nFLIGHTLINE_WORKER_CORES=3\nAWS_REGION=eu\nFLIGHTLINE_JOB_PASSWORD=p\n\
                    FLIGHTLINE_LOG=debug\n";
        let Read { words, variables } = read(text, &["--cores", "2"]).unwrap();
        assert_eq!(words, ["worker", "--cores", "2", "--name=me"].map(OsString::from));
        let names: Vec<_> = variables.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["AWS_REGION", "FLIGHTLINE_JOB_PASSWORD", "FLIGHTLINE_LOG"]);
    }

    /// A misspelt `FLIGHTLINE_MASTR` left the worker with the master of the defaults, and nobody was told.
    #[test]
    fn variables_that_nobody_would_get_are_refused_all_together() {
        let text = "FLIGHTLINE_MASTR=head:7077\nFLIGHTLINE_WORKER_CORE=2\nLD_PRELOAD=x.so\nFLIGHTLINE_TOKEN=t\n";
        let told = read(text, &[]).unwrap_err();
        for name in ["FLIGHTLINE_MASTR", "FLIGHTLINE_WORKER_CORE", "FLIGHTLINE_TOKEN"] {
            assert!(told.contains(&format!("there is no variable {name};")), "{told}");
        }
        assert!(told.contains("jobs get no variable LD_PRELOAD"), "{told}");
    }
}
