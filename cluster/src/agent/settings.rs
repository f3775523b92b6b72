//! Where an agent works, and within which limits.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use super::leftovers::Keep;
use super::log::LogLimits;
use crate::guard::Roots;

/// Where an agent works, and within which limits.
#[derive(Clone)]
pub struct Settings {
    /// The agent's own folder; made if it isn't there.
    pub work: PathBuf,
    /// The folder of our programs, an absolute path: that of the agent's own executable.
    pub programs: PathBuf,
    /// Where jobs may have their files. The first is their working directory.
    pub roots: Roots,
    /// The agent's own variables, of which processes have some.
    pub environment: Vec<(OsString, OsString)>,
    /// What is kept of generations that are over.
    pub keep: Keep,
    /// How much of a running process's log is kept.
    pub log: LogLimits,
    /// Between two looks at the memory of all processes.
    pub look_every: Duration,
}

impl Settings {
    /// How often an agent looks at memory if nobody says otherwise.
    pub const LOOK_EVERY: Duration = Duration::from_secs(1);

    /// Those of an agent that nobody has told more: this process's variables, and our programs beside its own executable.
    ///
    /// # Errors
    /// The system doesn't say where that is.
    pub fn new(work: PathBuf, roots: Roots) -> io::Result<Self> {
        let executable = std::env::current_exe()?;
        Ok(Self {
            work,
            programs: executable.parent().map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?,
            roots,
            environment: std::env::vars_os().collect(),
            keep: Keep::default(),
            log: LogLimits::default(),
            look_every: Self::LOOK_EVERY,
        })
    }
}

// Variables may hold secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("work", &self.work)
            .field("programs", &self.programs)
            .field("roots", &self.roots)
            .field("keep", &self.keep)
            .field("log", &self.log)
            .field("look_every", &self.look_every)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_those_beside_the_agents_own_and_variables_are_never_shown() {
        let roots = Roots::new(["/srv"]).unwrap();
        let mut settings = Settings::new("work".into(), roots).unwrap();
        assert_eq!(settings.programs, std::env::current_exe().unwrap().parent().unwrap());
        assert!(!settings.environment.is_empty());
        settings.environment.push(("AWS_SECRET_ACCESS_KEY".into(), "hush".into()));
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
