//! Waiting for a job with its progress, and reading a log.

use std::io::{self, ErrorKind, Write};
use std::thread::sleep;

use super::follow::{Reader, Reading, Then};
use super::patience::{LOOK_EVERY, Patience, WAIT, call_patiently, called};
use super::screen::Screen;
use super::show;
use super::upgraded::{Standing, standing};
use crate::failure::Failure;
use crate::ids::{JobId, SpecNumber};
use crate::protocol::messages::FromUser;
use crate::rpc::call::Caller;
use crate::view::{JobView, LifeLog};

/// Waits until a job is over, and shows its progress meanwhile.
///
/// # Errors
/// The master can't be reached for long, or has forgotten the job.
pub fn wait(caller: &Caller, job: JobId, screen: &Screen) -> Result<JobView, Failure> {
    loop {
        let called_for = call_patiently::<JobView>(caller, &FromUser::Job { job }, |line| screen.say(line));
        let view = called_for.map_err(|error| called(&error))?;
        screen.show(&view);
        if view.line.state.is_over() {
            return Ok(view);
        }
        sleep(LOOK_EVERY);
    }
}

/// Waits until a job is at work as an upgrade wanted, or will not be.
///
/// # Errors
/// The master can't be reached for long, or has forgotten the job.
pub fn wait_for_upgrade(caller: &Caller, job: JobId, number: SpecNumber, screen: &Screen) -> Result<Standing, Failure> {
    loop {
        let called_for = call_patiently::<JobView>(caller, &FromUser::Job { job }, |line| screen.say(line));
        let view = called_for.map_err(|error| called(&error))?;
        screen.show(&view);
        match standing(&view, number) {
            Standing::OnItsWay => sleep(LOOK_EVERY),
            standing => return Ok(standing),
        }
    }
}

/// Writes a log: its end or all of it; for who follows, what is yet to be written, too, also by the job's next lives.
///
/// # Errors
/// It can't be had, or the master or the worker is away for long.
pub fn log(caller: &Caller, what: Reading, screen: &Screen, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut reader = Reader::new(what);
    let mut patience = Patience::default();
    loop {
        let question = reader.question();
        let answer = if what.patient {
            call_patiently(caller, &question, |line| screen.say(line))
        } else {
            caller.call(&question, WAIT)
        };
        let answer: LifeLog = answer.map_err(|error| called(&error))?;
        let (text, then) = reader.take(answer);
        match output.write(&text) {
            // Who reads no further has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => {
                written.map_err(|error| Failure::storage(format!("can't write to standard output: {error}")))?;
            }
        }
        if !matches!(then, Then::Away(_)) {
            patience.restore();
        }
        match then {
            Then::On => {}
            Then::Pause => sleep(LOOK_EVERY),
            Then::Next(line) => screen.say(&line),
            Then::Away(why) => {
                if what.patient {
                    screen.say(&format!("waiting for the worker: {why}"));
                }
                if !what.patient || !patience.wait() {
                    return Err(Failure::cluster(why));
                }
            }
            Then::Done => return Ok(()),
            Then::Missing(why) => return Err(Failure::usage(why)),
        }
    }
}

/// Where a log goes.
pub struct Output<'a> {
    to: &'a mut dyn Write,
    is_terminal: bool,
}

impl<'a> Output<'a> {
    /// To there: as it is, or, to a terminal, with what could steer it spelt out.
    pub fn new(to: &'a mut dyn Write, is_terminal: bool) -> Self {
        Self { to, is_terminal }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.is_terminal {
            self.to.write_all(show::clean_lines(text).as_bytes())?;
        } else {
            self.to.write_all(text.as_bytes())?;
        }
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job's log could paint a terminal, and type into it.
    #[test]
    fn a_log_steers_no_terminal_and_is_a_file_as_it_was_written() {
        let text = "\u{1b}[2J\u{1b}]0;title\u{7}one\ttwo\r\nthree\u{9b}5n\n";
        for (is_terminal, written) in
            [(true, "\\u{1b}[2J\\u{1b}]0;title\\u{7}one\ttwo\r\nthree\\u{9b}5n\n"), (false, text)]
        {
            let mut bytes = Vec::new();
            Output::new(&mut bytes, is_terminal).write(text).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), written);
        }
    }
}
