//! A process that has ended, and what a test may say about it. Every failure tells the whole story.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use flightline_engine::process::Exit;
use serde_json::Value;

/// Lines of each stream that a failure shows.
const TAIL_LINES: usize = 30;

/// How a process ended, and what it had written.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The command line, to be typed again.
    pub line: String,
    /// The exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    /// From its start to its end, or to when somebody looked, if that was later.
    pub took: Duration,
}

impl Ended {
    /// Asserts the exit code.
    #[track_caller]
    pub fn expect(&self, exit: Exit) -> &Self {
        assert!(self.status.code() == Some(i32::from(exit.code())), "expected {exit:?} ({})\n{self}", exit.code());
        self
    }

    /// Asserts that it ended well.
    #[track_caller]
    pub fn ok(&self) -> &Self {
        self.expect(Exit::Ok)
    }

    /// Asserts that the last line on standard error is the verdict: it has all `parts`, and is no panic.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> &Self {
        let verdict = self.verdict();
        for part in parts {
            assert!(verdict.contains(part), "the last line lacks {part:?}: {verdict:?}\n{self}");
        }
        for nonsense in ["panicked at", "RUST_BACKTRACE", "internal error", "Os {"] {
            assert!(!self.stderr.contains(nonsense), "nobody should have to read {nonsense:?}\n{self}");
        }
        self
    }

    /// Asserts that nothing was written to standard output.
    #[track_caller]
    pub fn silent(&self) -> &Self {
        assert!(self.stdout.is_empty(), "expected nothing on standard output\n{self}");
        self
    }

    /// The last line on standard error that says something.
    #[must_use]
    pub fn verdict(&self) -> &str {
        self.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default()
    }

    /// Standard output as the one JSON object that it must be, on one line.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not one JSON value: {error}\n{self}"));
        assert!(value.is_object(), "standard output is no JSON object\n{self}");
        value
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  command: {}", self.line)?;
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => writeln!(f, "  ended with code {code} after {:.1} s", self.took.as_secs_f64())?,
            (None, signal) => writeln!(f, "  ended by signal {}", signal.unwrap_or_default())?,
        }
        for (name, text) in [("standard output", &self.stdout), ("standard error", &self.stderr)] {
            let lines: Vec<&str> = text.lines().collect();
            let hidden = lines.len().saturating_sub(TAIL_LINES);
            writeln!(f, "  {name}: {} lines{}", lines.len(), if hidden > 0 { ", the last of them:" } else { "" })?;
            lines[hidden..].iter().try_for_each(|line| writeln!(f, "    | {line}"))?;
        }
        Ok(())
    }
}
