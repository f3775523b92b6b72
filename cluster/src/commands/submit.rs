//! `submit`: runs jobs on the cluster, watches them and ends them.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::ids::ProcessIndex;
use serde::Serialize;
use serde_json::Value;

use crate::entropy::SystemEntropy;
use crate::failure::Failure;
use crate::ids::JobId;
use crate::job::state::{JobState, StopHow};
use crate::protocol::LogStream;
use crate::protocol::messages::FromUser;
use crate::rpc::call::Caller;
use crate::rpc::seal::Role;
use crate::secret::Token;
pub use crate::submit::flags::SubmitFlags;
use crate::submit::flags::{LogFlags, What};
use crate::submit::watch::{called, log, wait};
use crate::submit::{show, spec};
use crate::view::{ClusterView, JobView};

/// The variable that may hold the token itself.
const TOKEN: &str = "FLIGHTLINE_TOKEN";

/// For an answer.
const WAIT: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// The command line is wrong, the master refuses, or can't be reached.
pub fn run(flags: &SubmitFlags) -> Result<ExitCode, Failure> {
    let token = match std::env::var(TOKEN) {
        Ok(token) => Token::new(&token),
        Err(_) => Token::read(&flags.token_file).map_err(Failure::usage)?,
    };
    let caller = Caller::new(&flags.master, Role::User, token.reveal().as_bytes(), Arc::new(SystemEntropy));
    if let Some((program, run)) = flags.what.run() {
        let spec = spec::spec(program, run).map_err(|mistakes| Failure::usage(mistakes.join("; ")))?;
        let job: JobId = caller.call(&FromUser::Submit { spec }, WAIT).map_err(|error| called(&error))?;
        if !run.wait {
            say(flags.json, &serde_json::json!({ "job": job }), || {
                format!("job {job} was submitted; `submit status {job}` shows how it is\n")
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("job {job} was submitted");
        return waited(&caller, job);
    }
    match &flags.what {
        What::List => {
            let view: ClusterView = caller.call(&FromUser::Cluster, WAIT).map_err(|error| called(&error))?;
            say(flags.json, &view.jobs, || show::jobs(&view))?;
        }
        What::Status { job: None } => {
            let view: ClusterView = caller.call(&FromUser::Cluster, WAIT).map_err(|error| called(&error))?;
            say(flags.json, &view, || show::cluster(&view))?;
        }
        What::Status { job: Some(job) } => {
            let view: JobView = caller.call(&FromUser::Job { job: *job }, WAIT).map_err(|error| called(&error))?;
            say(flags.json, &view, || show::job(&view))?;
        }
        What::Logs(flags) => logs(&caller, flags)?,
        What::Stop { job, wait } => return stop(&caller, *job, StopHow::Stop, *wait),
        What::Kill { job, wait } => return stop(&caller, *job, StopHow::Kill, *wait),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn logs(caller: &Caller, flags: &LogFlags) -> Result<(), Failure> {
    let stream = if flags.stdout { LogStream::Stdout } else { LogStream::Stderr };
    let from = flags.all.then_some(0);
    let process = ProcessIndex::new(flags.process);
    log(caller, (flags.job, flags.generation), (process, stream), (from, flags.follow), &mut stdout())
}

fn stop(caller: &Caller, job: JobId, how: StopHow, and_wait: bool) -> Result<ExitCode, Failure> {
    let _: Value = caller.call(&FromUser::Stop { job, how }, WAIT).map_err(|error| called(&error))?;
    if !and_wait {
        eprintln!("job {job} was asked to end");
        return Ok(ExitCode::SUCCESS);
    }
    let view = wait(caller, job)?;
    eprint!("{}", show::job(&view));
    Ok(ExitCode::SUCCESS)
}

/// Waits for a job, prints what its first process printed, and ends as it did.
fn waited(caller: &Caller, job: JobId) -> Result<ExitCode, Failure> {
    let view = wait(caller, job)?;
    let line = &view.line;
    let lead = (ProcessIndex::new(0), LogStream::Stdout);
    if line.generation.is_some()
        && let Err(failure) = log(caller, (job, None), lead, (Some(0), false), &mut stdout())
    {
        eprintln!("what job {job} printed can't be had: {failure}");
    }
    if let JobState::Failed { why } = &line.state {
        let last_lines = view
            .generations
            .first()
            .into_iter()
            .flat_map(|life| &life.processes)
            .flat_map(|process| &process.last_lines);
        let mut output = stderr();
        for text in last_lines {
            // There is no place to say that it can't be said.
            let _ = writeln!(output, "  | {}", show::clean(text));
        }
        eprintln!("error: job {job} has failed: {why}");
    }
    Ok(ExitCode::from(line.exit.unwrap_or(0)))
}

fn say(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let text = if json {
        let object = serde_json::to_string(value)
            .map_err(|error| Failure::storage(format!("the answer is no JSON (bug): {error}")))?;
        format!("{object}\n")
    } else {
        text()
    };
    match stdout().write_all(text.as_bytes()) {
        // Who reads no further has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::storage(format!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
