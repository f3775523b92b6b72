//! A set of servers of a test's own, for what can't be done to servers that others use.

use std::path::Path;
use std::process::{Command, Output};

use super::addresses::{address_in, root};

/// Servers with a state folder of their own, taken down when this is dropped.
pub(crate) struct Services {
    state: tempfile::TempDir,
}

impl Services {
    /// Starts them.
    pub(crate) fn up(servers: &[&str]) -> Self {
        let services = Self { state: tempfile::Builder::new().prefix("flightline-services-").tempdir().unwrap() };
        services.run("up", servers);
        services
    }

    /// Runs a command such as `pause namenode` on them.
    pub(crate) fn run(&self, command: &str, words: &[&str]) -> Output {
        let output = run(Some(self.state.path()), command, words);
        assert!(output.status.success(), "tests/services {command} {words:?}: {}", told(&output));
        output
    }

    /// What their addresses file says under `key`.
    pub(crate) fn address(&self, key: &str) -> String {
        address_in(&self.state.path().join("addresses.env"), key).expect("a set that is up has its addresses")
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // What is paused can't end.
        for part in ["kafka", "namenode", "datanode", "s3"] {
            let _ = run(Some(self.state.path()), "resume", &[part]);
        }
        let output = run(Some(self.state.path()), "down", &[]);
        if !output.status.success() {
            println!("tests/services down: {}", told(&output));
        }
    }
}

fn run(state: Option<&Path>, command: &str, words: &[&str]) -> Output {
    let mut script = Command::new(root().join("tests/services"));
    script.arg(command);
    if let Some(state) = state {
        script.arg("--state").arg(state);
    }
    script.args(words).output().expect("tests/services can be run")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
