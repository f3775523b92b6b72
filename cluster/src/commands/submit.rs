//! `submit`: runs jobs on the cluster, watches them and ends them.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;

use flightline_engine::ids::ProcessIndex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::entropy::{Entropy, SystemEntropy};
use crate::failure::Failure;
use crate::ids::{JobId, SubmissionId};
use crate::job::state::{JobState, StopHow};
use crate::protocol::LogStream;
use crate::protocol::messages::{FromUser, Submitted, Upgraded};
use crate::rpc::call::{CallError, Caller};
use crate::rpc::seal::Role;
use crate::secret::Token;
pub use crate::submit::flags::SubmitFlags;
use crate::submit::flags::{LogFlags, UpgradeFlags, What};
use crate::submit::follow::Reading;
use crate::submit::patience::{LOOK_EVERY, WAIT, call_patiently, called};
use crate::submit::screen::Screen;
use crate::submit::upgraded::Standing;
use crate::submit::watch::{Output, log, wait, wait_for_upgrade};
use crate::submit::{show, spec};
use crate::view::{ClusterView, JobView};

/// The variable that may hold the token itself.
const TOKEN: &str = "FLIGHTLINE_TOKEN";

/// Runs the command.
///
/// # Errors
/// The command line is wrong, the master refuses, or can't be reached.
pub fn run(flags: &SubmitFlags) -> Result<ExitCode, Failure> {
    let token = token(std::env::var(TOKEN).ok(), flags)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let caller = Caller::new(&flags.master, Role::User, token.reveal().as_bytes(), Arc::clone(&entropy));
    if let Some((program, run)) = flags.what.run() {
        let spec = spec::spec(program, run).map_err(|mistakes| Failure::usage(mistakes.join("; ")))?;
        let id = SubmissionId::draw(&entropy).map_err(Failure::cluster)?;
        let screen = watched("the job may have been submitted; `submit list` shows it".to_owned());
        let submitted = if run.unless_running {
            submit_unless_running(&caller, &FromUser::SubmitUnlessRunning { id, spec }, run.wait, |line| {
                screen.say(line);
            })
        } else {
            submit(&caller, &FromUser::Submit { id, spec }, run.wait, |line| screen.say(line)).map(Submitted::New)
        };
        let submitted = submitted.map_err(|error| called(&error))?;
        let (job, is_new) = (submitted.job(), matches!(submitted, Submitted::New(_)));
        let what = if is_new { "was submitted" } else { "of that name is at work already: nothing was submitted" };
        if !run.wait {
            say(flags.json, &serde_json::json!({ "job": job, "submitted": is_new }), || {
                format!("job {job} {what}; `submit status {job}` shows how it is\n")
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        screen.part_with(goes_on(job));
        screen.say(&format!("job {job} {what}"));
        return waited(&caller, job, &screen);
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
        What::Upgrade(of) => return upgrade(&caller, of, flags.json, &entropy),
        What::Logs(flags) => logs(&caller, flags)?,
        What::Stop { job, wait } => return stop(&caller, *job, StopHow::Stop, *wait),
        What::Kill { job, wait } => return stop(&caller, *job, StopHow::Kill, *wait),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The variable's token, or the file's if the variable says nothing.
fn token(variable: Option<String>, flags: &SubmitFlags) -> Result<Token, Failure> {
    match variable.filter(|token| !token.trim().is_empty()) {
        Some(token) => Ok(Token::new(&token)),
        None => Token::read(&flags.token_file).map_err(Failure::usage),
    }
}

/// Submits a job. Where nobody knows whether that was done, and for who waits for the job anyway, it is submitted again and again:
/// by its number the master knows it.
///
/// # Errors
/// The master refuses, or can't be reached.
pub fn submit<A: DeserializeOwned>(
    caller: &Caller,
    submission: &FromUser,
    wait: bool,
    say: impl FnMut(&str),
) -> Result<A, CallError> {
    once(caller, submission, wait, "the job", say)
}

/// Lets a job go on otherwise, in the same way.
///
/// # Errors
/// The master refuses, or can't be reached.
pub fn ask_for_upgrade(
    caller: &Caller,
    upgrade: &FromUser,
    wait: bool,
    say: impl FnMut(&str),
) -> Result<Upgraded, CallError> {
    once(caller, upgrade, wait, "the upgrade", say)
}

fn once<A: DeserializeOwned>(
    caller: &Caller,
    submission: &FromUser,
    wait: bool,
    what: &str,
    mut say: impl FnMut(&str),
) -> Result<A, CallError> {
    match caller.call(submission, WAIT) {
        Err(error) if error.may_be_done() || wait && error.is_away() => {
            say(&format!("waiting for the master, to hear whether it has {what}: {error}"));
            call_patiently(caller, submission, say)
        }
        called => called,
    }
}

/// Submits a job as [`submit`], unless one of its name is at work. One that is coming to its end is waited for, since only then it
/// is known whether it comes again.
///
/// # Errors
/// The master refuses, or can't be reached.
pub fn submit_unless_running(
    caller: &Caller,
    submission: &FromUser,
    wait: bool,
    mut say: impl FnMut(&str),
) -> Result<Submitted, CallError> {
    let mut submitted = submit(caller, submission, wait, &mut say)?;
    while let Submitted::Ending(job) = submitted {
        say(&format!("waiting for the end of job {job}, which has that name"));
        sleep(LOOK_EVERY);
        submitted = call_patiently(caller, submission, &mut say)?;
    }
    Ok(submitted)
}

fn upgrade(caller: &Caller, flags: &UpgradeFlags, json: bool, entropy: &Arc<dyn Entropy>) -> Result<ExitCode, Failure> {
    let asked = flags.job;
    let changes = spec::changes(flags).map_err(|mistakes| Failure::usage(mistakes.join("; ")))?;
    let id = SubmissionId::draw(entropy).map_err(Failure::cluster)?;
    let screen = watched(format!("job {asked} may have been upgraded; `submit status {asked}` shows it"));
    let upgrade = FromUser::Upgrade { id, job: asked, changes };
    let upgraded = ask_for_upgrade(caller, &upgrade, flags.wait, |line| screen.say(line));
    let upgraded = upgraded.map_err(|error| called(&error))?;
    let Upgraded { job, specification: number, next_run } = upgraded;
    let mut exit = 0;
    // What a schedule does next is nothing to wait for: that may be tomorrow.
    if flags.wait && !next_run {
        screen.part_with(format!("job {job} goes on to specification {number}; `submit status {job}` shows it"));
        screen.say(&format!("job {job} goes on to specification {number}"));
        match wait_for_upgrade(caller, job, number, &screen)? {
            Standing::OnItsWay => {}
            Standing::AtWork(generation) => screen.say(&format!("generation {generation} is at work with it")),
            Standing::Replaced(later) => screen.say(&format!("specification {later} has come meanwhile")),
            Standing::Ended(code) => {
                screen.say(&format!("job {job} was started with it and is over; `submit status {job}` shows how"));
                exit = code;
            }
            Standing::GivenUp(why) => {
                return Err(Failure::usage(format!(
                    "job {job} went back to what it was before, since it can't be started with specification {number}: {why}"
                )));
            }
            Standing::Over => {
                return Err(Failure::usage(format!("job {job} is over; `submit status {job}` shows why")));
            }
        }
    }
    say(json, &serde_json::json!({ "job": job, "specification": number, "next_run": next_run }), || {
        let what = if next_run { "is over: specification" } else { "goes on to specification" };
        let then = if next_run { " holds for the next run of its schedule" } else { "" };
        format!("job {job} {what} {number}{then}; `submit status {job}` shows how it is\n")
    })?;
    Ok(ExitCode::from(exit))
}

fn goes_on(job: JobId) -> String {
    format!("job {job} goes on; `submit stop {job}` ends it, `submit status {job}` shows it")
}

/// A screen that Ctrl-C leaves with this line.
fn watched(parting: String) -> Screen {
    let screen = Screen::new(parting);
    if let Err(error) = screen.watch_signals() {
        screen.say(&format!("warning: Ctrl-C will end this command without a word: {error}"));
    }
    screen
}

fn logs(caller: &Caller, flags: &LogFlags) -> Result<(), Failure> {
    let reading = Reading {
        job: flags.job,
        generation: flags.generation,
        process: ProcessIndex::new(flags.process),
        stream: if flags.stdout { LogStream::Stdout } else { LogStream::Stderr },
        from: flags.all.then_some(0),
        follow: flags.follow,
        patient: flags.follow,
    };
    let screen = watched(goes_on(flags.job));
    log(caller, reading, &screen, &mut Output::new(&mut stdout(), stdout().is_terminal()))
}

fn stop(caller: &Caller, job: JobId, how: StopHow, and_wait: bool) -> Result<ExitCode, Failure> {
    let _: Value = caller.call(&FromUser::Stop { job, how }, WAIT).map_err(|error| called(&error))?;
    if !and_wait {
        eprintln!("job {job} was asked to end");
        return Ok(ExitCode::SUCCESS);
    }
    let screen = watched(format!("job {job} was asked to end, and goes on with that; `submit status {job}` shows it"));
    let view = wait(caller, job, &screen)?;
    eprint!("{}", show::job(&view));
    Ok(ExitCode::SUCCESS)
}

/// Waits for a job, prints what its first process printed, and ends as it did.
fn waited(caller: &Caller, job: JobId, screen: &Screen) -> Result<ExitCode, Failure> {
    let view = wait(caller, job, screen)?;
    let line = &view.line;
    let (process, stream) = (ProcessIndex::new(0), LogStream::Stdout);
    // Who has completed a job is there; of others nobody knows.
    let patient = line.state == JobState::Completed;
    let printed = Reading { job, generation: line.generation, process, stream, from: Some(0), follow: false, patient };
    if line.generation.is_some()
        && let Err(failure) = log(caller, printed, screen, &mut Output::new(&mut stdout(), stdout().is_terminal()))
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

#[cfg(test)]
mod tests;
