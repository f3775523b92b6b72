//! `--env-file`: variables of a file, for the flags that were neither given nor are in the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// How variables of ours begin that only a worker has.
const OWN: &str = "FLIGHTLINE_WORKER_";

/// The command line with the flags that the variables of `file` stand for, where neither the command line nor the environment
/// says anything of them.
///
/// # Errors
/// The file can't be read, is none of variables, or has one of ours that there isn't.
pub(super) fn with_variables(
    command: &Command,
    words: Vec<OsString>,
    given: &ArgMatches,
    file: &Path,
) -> Result<Vec<OsString>, String> {
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
    match variables.into_keys().find(|name| name.starts_with(OWN)) {
        None => Ok(words),
        Some(name) => {
            Err(format!("--env-file {}: there is no variable {name}; `worker --help` lists them", file.display()))
        }
    }
}
