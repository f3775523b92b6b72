//! A process that runs: to be watched, signalled and killed.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::collected::{Collected, Waited};
use crate::{DEADLINE, Ended};

/// A running process. Dropping it kills it, so that nothing outlives its test.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
    started: Instant,
    stdout: Collected,
    stderr: Collected,
}

impl Running {
    pub(crate) fn new(line: String, mut child: Child) -> Self {
        let stdout = Collected::of(child.stdout.take().expect("standard output is a pipe"));
        let stderr = Collected::of(child.stderr.take().expect("standard error is a pipe"));
        Self { line, child, started: Instant::now(), stdout, stderr }
    }

    /// Waits until it has written a line to standard error that is wanted, and gives the line.
    ///
    /// # Panics
    /// If it ends first, or if the line doesn't come before the [`DEADLINE`].
    #[track_caller]
    pub fn wait_for_line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for_line_after(0, what, wanted)
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// How many lines it has written to standard error.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.stderr.text().lines().count()
    }

    /// Waits until it has written a line to standard error that is wanted and comes after so many, and gives the line.
    ///
    /// # Panics
    /// As [`Running::wait_for_line`].
    #[track_caller]
    pub fn wait_for_line_after(&mut self, lines: usize, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        match self.stderr.wait_for_line_after(lines, Instant::now() + DEADLINE, wanted) {
            Waited::Found(line) => line,
            Waited::Closed => {
                let ended = self.end(DEADLINE);
                panic!("it ended, but it should first have said {what}\n{ended}")
            }
            Waited::Late => panic!("it doesn't say {what}\n{}", self.story()),
        }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the operating system refuses.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        // It is not waited for before it is dropped or consumed, so the number can't be another process's by now.
        kill_process(self.pid(), signal).expect("one's own child can be signalled");
    }

    /// Whether it has ended by itself. It can still be signalled, and is gone when it is waited for.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.stderr.wait_for_end(Instant::now())
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    #[track_caller]
    pub fn kill(mut self) -> Ended {
        self.signal(Signal::KILL);
        self.end(DEADLINE)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it doesn't end in time; it is killed then.
    #[track_caller]
    pub fn end_within(mut self, time: Duration) -> Ended {
        self.end(time)
    }

    #[track_caller]
    fn end(&mut self, time: Duration) -> Ended {
        let deadline = Instant::now() + time;
        let closed = self.stdout.wait_for_end(deadline) && self.stderr.wait_for_end(deadline);
        assert!(closed, "it doesn't end within {:.1} s\n{}", time.as_secs_f64(), self.story());
        let status = self.child.wait().expect("one's own child can be waited for");
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        Ended { line: self.line.clone(), status, stdout, stderr, took: self.started.elapsed() }
    }

    /// For how long processors have worked for it, in all of its threads together.
    ///
    /// # Panics
    /// If it is gone, or the operating system doesn't say.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let fields = self.stat();
        let ticks = |field: usize| -> u64 { fields[field].parse().expect("ticks are a number") };
        // A tick of this file is a hundredth of a second, whatever the kernel counts in.
        Duration::from_millis(10 * (ticks(11) + ticks(12)))
    }

    /// Whether a signal has stopped it, until another one lets it go on.
    ///
    /// # Panics
    /// As [`Running::processor_time`].
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.stat()[0] == "T"
    }

    /// What the operating system knows of it: the fields of `/proc/PID/stat` behind its name.
    fn stat(&self) -> Vec<String> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        // Its name may have blanks and brackets in it.
        let (_, fields) = stat.rsplit_once(')').unwrap_or_else(|| panic!("{path}: {stat}"));
        fields.split_whitespace().map(str::to_owned).collect()
    }

    /// What is known of it now, for the message of a failure.
    pub(crate) fn story(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        format!("  command: {}\n  runs for {seconds:.1} s\n{stdout}{stderr}", self.line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::{Folder, Invocation, wait_until};

    fn shell(folder: &Folder, script: &str) -> Running {
        Invocation::of("sh", folder.path()).args(["-c", script]).start()
    }

    #[test]
    fn a_line_is_waited_for_and_a_signal_arrives() {
        let folder = Folder::new();
        let script = "trap 'echo bye >&2; exit 7' INT; echo ready >&2; while :; do sleep 0.01; done";
        let mut running = shell(&folder, script);
        assert_eq!(running.wait_for_line("ready", |line| line == "ready"), "ready");
        running.signal(Signal::INT);
        let ended = running.end_within(DEADLINE);
        assert_eq!((ended.status.code(), ended.verdict()), (Some(7), "bye"));
    }

    #[test]
    fn what_was_started_dies_with_its_handle() {
        let folder = Folder::new();
        let running = shell(&folder, "echo up >&2; exec sleep 1000");
        let pid = Pid::from_child(&running.child);
        drop(running);
        // It was waited for, so that not even a zombie is left under its number.
        wait_until("it is gone", || rustix::process::test_kill_process(pid).is_err());
        let killed = shell(&folder, "exec sleep 1000").kill();
        assert_eq!(killed.status.signal(), Some(9));
    }
}
