//! Real servers: Kafka, HDFS, FerretDB and an S3 server, started by `tests/services`.
//!
//! [`Servers::shared`] are those that `./test` has started for all tests, each of which uses names of its own on them.
//! [`Servers::own`] starts a set for one test that stops, kills or pauses them. [`Proxy`] stands between a client and a
//! server, and cuts, delays, slows and loses what goes through it.

mod proxy;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub use proxy::Proxy;

use crate::{Folder, project_root};

/// Servers that run.
#[derive(Debug)]
pub struct Servers {
    addresses: BTreeMap<String, String>,
}

/// Servers of one test, which are gone when this is dropped.
#[derive(Debug)]
pub struct OwnServers {
    servers: Servers,
    /// Where they keep everything.
    state: PathBuf,
    _folder: Folder,
}

impl Servers {
    /// Those that all tests share.
    ///
    /// # Panics
    /// If they don't run.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Servers> = OnceLock::new();
        SHARED.get_or_init(|| Self::read(&project_root().join("target/services")))
    }

    /// Starts some of `kafka hdfs ferretdb s3` for one test.
    ///
    /// # Panics
    /// If one of them doesn't come up.
    #[must_use]
    pub fn own(servers: &[&str]) -> OwnServers {
        let folder = Folder::new();
        let state = folder.join("servers");
        // Made first, so that what a panic leaves half started is stopped, too.
        let mut own = OwnServers { servers: Self { addresses: BTreeMap::new() }, state, _folder: folder };
        own.run("up", servers);
        own.servers = Self::read(&own.state);
        own
    }

    fn read(state: &Path) -> Self {
        let file = state.join("addresses.env");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| {
            panic!(
                "the servers of this test don't run ({}: {error}): start them with tests/services up",
                file.display()
            )
        });
        let pair = |line: &str| {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line:?} is no address"));
            (key.to_owned(), value.to_owned())
        };
        Self { addresses: text.lines().map(pair).collect() }
    }

    /// An address by its key, such as `KAFKA_BROKERS`; the header of `tests/services` says which there are.
    ///
    /// # Panics
    /// If that server doesn't run.
    #[must_use]
    pub fn address(&self, key: &str) -> &str {
        self.addresses.get(key).unwrap_or_else(|| {
            panic!("no server with {key} runs, and this test needs one: start it with tests/services up, and see why it didn't")
        })
    }

    /// Host and port of an address that may be a URL.
    ///
    /// # Panics
    /// As [`Servers::address`].
    #[must_use]
    pub fn authority(&self, key: &str) -> &str {
        let address = self.address(key);
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// These servers, but for the address at a key, which is that of others.
    #[must_use]
    pub fn but(&self, key: &str, others: &Self) -> Self {
        self.with_addresses([(key, others.address(key).to_owned())])
    }

    /// These servers with other addresses, such as those of proxies.
    #[must_use]
    pub fn with_addresses<const N: usize>(&self, others: [(&str, String); N]) -> Self {
        let mut addresses = self.addresses.clone();
        addresses.extend(others.map(|(key, address)| (key.to_owned(), address)));
        Self { addresses }
    }

    /// What stands in the file whose path is this address, such as `KAFKA_SASL_PASSWORD_FILE`.
    ///
    /// # Panics
    /// If it can't be read.
    #[must_use]
    pub fn secret(&self, key: &str) -> String {
        let path = self.address(key);
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{key}, {path}: {error}"));
        text.trim().to_owned()
    }

    /// Gives a topic more partitions.
    ///
    /// # Panics
    /// If the brokers don't.
    pub fn grow_topic(&self, topic: &str, partitions: u32) {
        self.python("topics.py", &[self.address("KAFKA_BROKERS"), "grow", topic, &partitions.to_string()]);
    }

    /// Deletes a topic and makes it anew, empty.
    ///
    /// # Panics
    /// If the brokers don't.
    pub fn remake_topic(&self, topic: &str, partitions: u32) {
        self.python("topics.py", &[self.address("KAFKA_BROKERS"), "remake", topic, &partitions.to_string()]);
    }

    #[track_caller]
    fn python(&self, script: &str, arguments: &[&str]) {
        let python = self.address("PYTHON");
        let output =
            Command::new(python).arg(project_root().join("tests/servers").join(script)).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{python}: {error}"));
        assert!(output.status.success(), "{script} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl OwnServers {
    /// Asks a part to end, and waits until it has: `kafka`, `namenode`, `datanode`, `ferretdb` or `s3`.
    pub fn stop(&self, part: &str) {
        self.run("stop", &[part]);
    }

    /// Ends a part as `kill -9` does.
    pub fn kill(&self, part: &str) {
        self.run("kill", &[part]);
    }

    /// Starts a part again, at the same address with the same data, and waits until it answers.
    pub fn start(&self, part: &str) {
        self.run("start", &[part]);
    }

    /// Stops a part without its knowing, as a machine does that sleeps.
    pub fn pause(&self, part: &str) {
        self.run("pause", &[part]);
    }

    /// Lets a part go on.
    pub fn resume(&self, part: &str) {
        self.run("resume", &[part]);
    }

    /// A command on HDFS, such as `dfs -cat /x`; gives what it printed.
    #[must_use]
    pub fn hdfs(&self, arguments: &[&str]) -> String {
        hdfs(&self.state, arguments)
    }

    #[track_caller]
    fn run(&self, command: &str, words: &[&str]) {
        services(&[&[command, "--state", &self.state.display().to_string()], words].concat());
    }
}

impl std::ops::Deref for OwnServers {
    type Target = Servers;

    fn deref(&self) -> &Servers {
        &self.servers
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        // A failing test need not fail twice.
        let _ = command(&["down", "--state", &self.state.display().to_string()]);
    }
}

/// A command on the HDFS that all tests share; gives what it printed.
#[must_use]
pub fn shared_hdfs(arguments: &[&str]) -> String {
    hdfs(&project_root().join("target/services"), arguments)
}

#[track_caller]
fn hdfs(state: &Path, arguments: &[&str]) -> String {
    let state = state.display().to_string();
    let output = services(&[&["hdfs", "--state", &state], arguments].concat());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn services(arguments: &[&str]) -> Output {
    let output = command(arguments);
    assert!(
        output.status.success(),
        "tests/services {arguments:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn command(arguments: &[&str]) -> Output {
    let script = project_root().join("tests/services");
    Command::new(&script).args(arguments).output().unwrap_or_else(|error| panic!("{}: {error}", script.display()))
}
