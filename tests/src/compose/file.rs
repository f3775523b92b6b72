//! A Compose file as Compose reads it.
//!
//! Invariants: a key that isn't known here is refused, so that nothing in the file goes unheeded without somebody's noticing.
//! What is the same for all is not read: `docker-compose config` and the specification's schema say whether it is well formed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::yaml::raw;

/// What a value of the environment may be before it is a text.
type Variables = BTreeMap<String, Value>;

/// A file.
#[derive(Clone, Debug, Deserialize)]
pub struct ComposeFile {
    /// By their names.
    pub services: BTreeMap<String, Service>,
    /// By their names.
    pub networks: BTreeMap<String, Option<Network>>,
    /// By their names; none has settings.
    pub volumes: BTreeMap<String, Option<()>>,
}

/// A network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Whether nothing comes in and nothing goes out.
    #[serde(default)]
    pub internal: bool,
}

/// What a container is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its image.
    pub image: String,
    /// From what Compose builds the image.
    pub build: Option<Build>,
    /// Whether the image may come from elsewhere.
    pub pull_policy: Option<String>,
    /// When it is started again; `no` for what is done once.
    pub restart: String,
    /// In place of the image's own.
    pub command: Option<Vec<String>>,
    /// In place of the image's own.
    pub entrypoint: Option<Vec<String>>,
    /// In place of the image's own.
    pub user: Option<String>,
    #[serde(default)]
    environment: Variables,
    env_file: Option<String>,
    /// `HOST:PORT:PORT`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// `SOURCE:TARGET[:ro]`.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// The networks that it is in.
    pub networks: BTreeSet<String>,
    /// What must be so before it is started.
    #[serde(default)]
    pub depends_on: BTreeMap<String, Dependency>,
    /// How somebody learns whether it is well.
    pub healthcheck: Option<Healthcheck>,
    /// Whether its own files can't be changed.
    #[serde(default)]
    pub read_only: bool,
    /// Folders in memory, with options behind a colon.
    #[serde(default)]
    pub tmpfs: Vec<String>,
    /// Capabilities that it doesn't have.
    #[serde(default)]
    pub cap_drop: BTreeSet<String>,
    /// Capabilities that it has in spite of that.
    #[serde(default)]
    pub cap_add: BTreeSet<String>,
    /// More about what it may do.
    #[serde(default)]
    pub security_opt: BTreeSet<String>,
    /// Memory that it may have.
    pub mem_limit: String,
    stop_grace_period: Option<String>,
}

/// From what an image is built.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The folder that is sent to the builder.
    pub context: String,
    /// `Dockerfile` without it.
    pub dockerfile: Option<String>,
    /// Over the defaults of the Dockerfile.
    #[serde(default)]
    pub args: BTreeMap<String, String>,
}

/// When a service that is waited for is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// The condition.
    pub condition: Condition,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs.
    ServiceStarted,
    /// Its check says so.
    ServiceHealthy,
    /// It has ended with code 0.
    ServiceCompletedSuccessfully,
}

/// A look at a service's health.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthcheck {
    /// `CMD`, and a command line of the container.
    pub test: Vec<String>,
    /// Time between two looks.
    pub interval: String,
    /// Time for a look.
    pub timeout: String,
    /// Looks in vain until it is unwell.
    pub retries: u32,
    /// Time at the start in which looks in vain don't count.
    pub start_period: String,
}

impl Healthcheck {
    /// The command line.
    ///
    /// # Panics
    /// If it isn't one.
    #[must_use]
    pub fn words(&self) -> &[String] {
        let [kind, words @ ..] = self.test.as_slice() else { panic!("a check of health is empty") };
        assert_eq!(kind, "CMD", "a check of health is a command line");
        words
    }

    /// Seconds for a look.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        duration(&self.timeout)
    }
}

/// A folder or file of elsewhere in a container.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(from = "String")]
pub struct Volume {
    /// Where it is from.
    pub source: Source,
    /// Where it is in the container.
    pub target: String,
    /// Whether it can't be changed from there.
    pub read_only: bool,
}

/// Where a volume is from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A volume by its name.
    Named(String),
    /// A path beside the file.
    Path(String),
}

impl From<String> for Volume {
    fn from(text: String) -> Self {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, options) = match parts.as_slice() {
            [source, target] => (*source, *target, ""),
            [source, target, options] => (*source, *target, *options),
            _ => panic!("{text:?} is no volume"),
        };
        assert!(["", "ro"].contains(&options), "{text:?} has options that aren't known here");
        let is_path = source.starts_with(['.', '/']);
        let source = if is_path { Source::Path(source.to_owned()) } else { Source::Named(source.to_owned()) };
        Self { source, target: target.to_owned(), read_only: options == "ro" }
    }
}

impl ComposeFile {
    /// Reads a file.
    ///
    /// # Panics
    /// If it can't be read, or has what isn't known here.
    #[must_use]
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        serde_json::from_value(raw(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// All services, each behind those that it depends on.
    ///
    /// # Panics
    /// If two depend on each other.
    #[must_use]
    pub fn in_order(&self) -> Vec<&str> {
        let mut order: Vec<&str> = Vec::new();
        while order.len() < self.services.len() {
            let next = self.services.iter().find(|(name, service)| {
                let is_there = |name: &String| order.contains(&name.as_str());
                !is_there(name) && service.depends_on.keys().all(is_there)
            });
            let (name, _) = next.expect("services that depend on each other, or on none of the file");
            order.push(name);
        }
        order
    }
}

impl Service {
    /// Whether it ends when it has done something.
    #[must_use]
    pub fn is_once(&self) -> bool {
        self.restart == "no"
    }

    /// What stands in its environment: that of its file, and over it its own.
    ///
    /// # Panics
    /// If the file can't be read.
    #[must_use]
    pub fn environment(&self, project: &Path) -> BTreeMap<String, String> {
        let mut all = self.env_file.as_ref().map(|file| variables_of(&project.join(file))).unwrap_or_default();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        all.extend(self.environment.iter().map(|(name, value)| (name.clone(), text(value))));
        all
    }

    /// How long it may take to end.
    #[must_use]
    pub fn grace(&self) -> Duration {
        // Ten seconds are Docker's own.
        self.stop_grace_period.as_deref().map_or(Duration::from_secs(10), duration)
    }

    /// The bytes that it may have.
    ///
    /// # Panics
    /// If the limit is none.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let (number, unit) = self.mem_limit.split_at(self.mem_limit.len() - 1);
        let number: u64 = number.parse().unwrap_or_else(|_| panic!("{:?} is no memory", self.mem_limit));
        number
            << match unit {
                "m" => 20,
                "g" => 30,
                _ => panic!("{:?} is no memory", self.mem_limit),
            }
    }
}

/// The `NAME=VALUE` lines of a file.
fn variables_of(file: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{}: {line:?}", file.display()));
        (name.to_owned(), value.to_owned())
    };
    lines.map(pair).collect()
}

fn duration(text: &str) -> Duration {
    let seconds = text.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or_else(|| panic!("{text:?} is no number of seconds")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    #[test]
    fn a_file_is_read_as_compose_reads_it() {
        let folder = Folder::new();
        folder.write("some.env", "# a comment\nA=file\nB=b=c\n");
        let file = ComposeFile::read(&folder.write(
            "docker-compose.yml",
            r#"
x-all: &all
  image: some
  restart: "no"
  networks: [inner]
  mem_limit: 256m
  env_file: some.env
x-others: &others
  <<: *all
  restart: always
x-variables: &variables { A: merged, N: 1 }
services:
  second:
    <<: *others
    environment: { <<: *variables, A: "own" }
    depends_on: { third: { condition: service_completed_successfully } }
    ports: ["${FLIGHTLINE_PORT:-127.0.0.1:80}:80"]
  third:
    <<: *all
    command: [sh, -c, "echo $$x"]
    volumes: ["./a:/b:ro", "kept:/c"]
networks: { inner: { internal: true }, outer: }
volumes: { kept: }
"#,
        ));
        assert_eq!(file.in_order(), ["third", "second"]);
        let (second, third) = (&file.services["second"], &file.services["third"]);
        let set = second.environment(folder.path());
        let set: Vec<_> = set.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(set, ["A=own", "B=b=c", "N=1"]);
        assert_eq!((second.ports[0].as_str(), second.memory()), ("127.0.0.1:80:80", 256 << 20));
        assert_eq!(third.command.as_ref().unwrap()[2], "echo $x");
        let [bound, named] = third.volumes.as_slice() else { panic!("{:?}", third.volumes) };
        assert_eq!((&bound.source, bound.read_only), (&Source::Path("./a".to_owned()), true));
        assert_eq!((&named.source, named.read_only), (&Source::Named("kept".to_owned()), false));
        assert!(third.is_once() && !second.is_once());
        assert_eq!(second.depends_on["third"].condition, Condition::ServiceCompletedSuccessfully);
    }
}
