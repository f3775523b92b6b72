//! A process of a job, as the operating system has it: to be killed, paused and looked for.

use std::fs;

use flightline_cluster::ids::Generation;
use rustix::process::{Pid, Signal, kill_process};

/// A process of the operating system, whose number may be another's by now: so it is known by when it began, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobProcess {
    pid: Pid,
    began: u64,
}

impl JobProcess {
    /// The child of an agent that runs this program in this life of a job; as this process, if there are several.
    #[must_use]
    pub fn of(agent: Pid, program: &str, generation: Generation, index: Option<usize>) -> Option<Self> {
        let agent = agent.as_raw_nonzero().get().to_string();
        let is_it = |pid: &Pid| {
            let words = words(*pid);
            let has = |flag: &str, value: String| words.windows(2).any(|pair| pair[0] == flag && pair[1] == value);
            words.first().is_some_and(|file| file.rsplit('/').next() == Some(program))
                && has("--generation", generation.to_string())
                && index.is_none_or(|index| has("-p", index.to_string()))
        };
        let children = all().filter(|pid| stat(*pid).is_some_and(|fields| fields[1] == agent));
        children.filter(is_it).find_map(Self::with)
    }

    fn with(pid: Pid) -> Option<Self> {
        Some(Self { pid, began: began(pid)? })
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it is there, and no zombie.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let fields = stat(self.pid);
        fields.is_some_and(|fields| !["Z", "X"].contains(&fields[0].as_str()) && began(self.pid) == Some(self.began))
    }

    /// Whether a signal has stopped it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        stat(self.pid).is_some_and(|fields| fields[0] == "T")
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it is gone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        assert!(self.is_alive(), "{self:?} is gone");
        kill_process(self.pid, signal).expect("a process of ours can be signalled");
    }
}

/// All processes of this host that can be seen.
fn all() -> impl Iterator<Item = Pid> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok().and_then(Pid::from_raw))
}

fn words(pid: Pid) -> Vec<String> {
    let line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The fields of `/proc/PID/stat` behind its name: state, parent and so on.
fn stat(pid: Pid) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // Its name may have blanks and brackets in it.
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// When it began, in ticks since the system did.
fn began(pid: Pid) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}
