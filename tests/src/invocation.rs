//! A command line, to be finished or started.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use flightline_engine::process::Exit;

use crate::binaries::binary;
use crate::{DEADLINE, Ended, Running};

/// A command line that has not been started yet.
#[derive(Debug)]
pub struct Invocation(Command);

impl Invocation {
    /// A binary of ours.
    pub(crate) fn of_binary(name: &str, folder: &Path) -> Self {
        Self::of(binary(name), folder)
    }

    /// Any program. It gets no standard input, and none of the variables that change what ours do.
    #[must_use]
    pub fn of(program: impl AsRef<OsStr>, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("FLIGHTLINE_LOG").env_remove("FLIGHTLINE_CORD").env_remove("COLUMNS").env_remove("NO_COLOR");
        for name in ["FLIGHTLINE_TOKEN", "FLIGHTLINE_TOKEN_FILE", "FLIGHTLINE_MASTER", "FLIGHTLINE_CLUSTER_SECRET_FILE"]
        {
            command.env_remove(name);
        }
        for name in ["FLIGHTLINE_MONGODB_URL", "FLIGHTLINE_MONGODB_USER", "FLIGHTLINE_MONGODB_PASSWORD"] {
            command.env_remove(name);
        }
        Self(command)
    }

    /// This command line as arguments of another program, one that sets a limit for it, say.
    #[must_use]
    pub fn wrapped(self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        let folder = self.0.get_current_dir().expect("it was given a folder").to_owned();
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args()).map(OsStr::to_owned);
        let mut wrapped = Self::of(program, &folder).args(arguments).args(words.collect::<Vec<OsString>>());
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => wrapped.0.env(name, value),
                None => wrapped.0.env_remove(name),
            };
        }
        wrapped
    }

    /// The path of the program, for a script that runs it itself.
    #[must_use]
    pub fn program(&self) -> String {
        self.0.get_program().to_string_lossy().into_owned()
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Adds arguments that stand in one text with blanks between.
    #[must_use]
    pub fn words(self, arguments: &str) -> Self {
        self.args(arguments.split_whitespace())
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Gives it a standard input.
    #[must_use]
    pub fn stdin(mut self, from: impl Into<Stdio>) -> Self {
        self.0.stdin(from);
        self
    }

    /// Starts it and waits for its end.
    ///
    /// # Panics
    /// If it can't be started, or doesn't end before the [`DEADLINE`].
    #[track_caller]
    #[must_use]
    pub fn finish(self) -> Ended {
        self.start().end_within(DEADLINE)
    }

    /// Starts it, waits for its end, and asserts that it ended well.
    #[track_caller]
    pub fn succeed(self) -> Ended {
        let ended = self.finish();
        ended.expect(Exit::Ok);
        ended
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it can't be started.
    #[track_caller]
    #[must_use]
    pub fn start(mut self) -> Running {
        let line = self.line();
        let child = self.0.spawn().unwrap_or_else(|error| panic!("can't start {line}: {error}"));
        Running::new(line, child)
    }

    /// As one would type it, from its folder.
    fn line(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    #[test]
    fn a_failure_shows_what_to_type_and_what_came_of_it() {
        let folder = Folder::new();
        let ended = Invocation::of("sh", folder.path()).args(["-c", "echo out; echo 'it''s err' >&2; exit 3"]).finish();
        let story = ended.to_string();
        for part in ["command: sh -c 'echo out;", "code 3", "| out", "| its err"] {
            assert!(story.contains(part), "{story}");
        }
        ended.expect(Exit::BadInput).says(&["err"]);
        let wrapped = Invocation::of("echo", folder.path()).arg("a b").env("X", "5");
        let wrapped = wrapped.wrapped("sh", &["-c", r#"echo $X "$@""#, "sh"]).succeed();
        assert_eq!(wrapped.stdout, "5 echo a b\n");
    }
}
