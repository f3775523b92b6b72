//! Runs of `train` on the same rows by one process or several, on loopback or on hosts with a slow wire between them.
//!
//! All processes share the machine's cores. Hosts are network namespaces whose devices let 1 Gbit/s out (`tc tbf`); each
//! reaches the others through a [`SlowWire`] at the switch. Only process 0 has a folder of models.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use flightline_tests::{Ended, Folder, Hosts, Invocation, Lan, Running};
use serde::Deserialize;

use crate::slow_wire::SlowWire;

/// What a host's device lets out: 1 Gbit/s.
pub const BYTES_PER_SECOND: f64 = 1e9 / 8.0;
/// A run that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Where processes listen on hosts, whose ports are all free.
const PORT: u16 = 2101;

/// Who trains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrangement {
    /// Processes.
    pub processes: u32,
    /// Workers of each.
    pub workers: u32,
    /// Each process on a host of its own, with so much time between two of them, one way.
    pub apart: Option<Duration>,
}

impl Arrangement {
    /// As it stands in the table.
    #[must_use]
    pub fn name(self) -> String {
        let Self { processes, workers, apart } = self;
        let many =
            |number: u32, what: &str, whats: &str| format!("{number} {}", if number == 1 { what } else { whats });
        match (processes, apart) {
            (1, _) => many(workers, "worker", "workers"),
            (_, None) => many(processes, "process", "processes"),
            (_, Some(delay)) => format!("{processes} hosts, {} ms apart", delay.as_secs_f64() * 1e3),
        }
    }
}

/// What `train --json` says of a run, of which more stands there.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    /// The model's id.
    pub model: String,
    /// Good rows of the input.
    pub rows: u64,
    /// The rows that the forest was grown from.
    pub train: Rows,
    /// Seconds of each stage.
    pub seconds: BTreeMap<String, f64>,
    /// Seconds from the start to the saved model.
    pub wall_seconds: f64,
    /// Largest memory of process 0, in bytes.
    pub peak_memory_bytes: u64,
    /// What was sent while growing, the root's level first; nothing from a `train` that doesn't say it.
    #[serde(default)]
    pub levels: Vec<Level>,
}

/// A number of rows.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Rows {
    /// The number.
    pub rows: u64,
}

/// What was sent for one level of all trees, between all workers.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Level {
    /// Nodes that were decided about.
    pub nodes: u64,
    /// Bytes of histograms to owners.
    pub histogram_bytes: u64,
    /// Bytes of decisions to all.
    pub decision_bytes: u64,
}

impl Told {
    /// Seconds of growing.
    ///
    /// # Errors
    /// The run doesn't say it.
    pub fn growing(&self) -> anyhow::Result<f64> {
        self.seconds.get("grow").copied().context("`train --json` says no seconds.grow: build it anew")
    }
}

/// What all runs have in common: rows and parameters.
#[derive(Debug)]
pub struct Training {
    folder: Folder,
    input: PathBuf,
    words: String,
}

impl Training {
    /// On the rows of `input`, taken `times` times, with more words for `train`.
    ///
    /// # Errors
    /// No such file, or no room for links to it.
    pub fn new(input: &Path, times: u32, words: &str) -> anyhow::Result<Self> {
        let input = input.canonicalize().with_context(|| format!("there is no {}", input.display()))?;
        let name = input.file_name().context("the input has no name")?.to_string_lossy().into_owned();
        let folder = Folder::new();
        // In a folder of links a file may stand more than once.
        let links = folder.join("input");
        std::fs::create_dir(&links)?;
        for time in 0..times {
            std::os::unix::fs::symlink(&input, links.join(format!("{time}-{name}")))?;
        }
        Ok(Self { folder, input: links, words: words.to_owned() })
    }

    /// Trains once.
    ///
    /// # Errors
    /// A process that didn't end well, with what it said.
    pub fn run(&self, arrangement: Arrangement, lan: Option<&Lan>) -> anyhow::Result<Told> {
        let Arrangement { processes, workers, apart } = arrangement;
        let line = || {
            let line = self.folder.run("train").arg("--input").arg(&self.input).words(&self.words);
            line.args(["--models", "models", "--promote", "never", "--json", "-w", &workers.to_string()])
        };
        let hosts = Hosts::new(&self.folder, processes as usize);
        let (lines, _wires): (Vec<Invocation>, Vec<SlowWire>) = match (apart, lan) {
            _ if processes == 1 => (vec![line()], vec![]),
            (Some(delay), Some(lan)) => self.on_hosts(lan, processes, delay, &hosts, line)?,
            _ => ((0..processes as usize).map(|process| hosts.process(line(), process)).collect(), vec![]),
        };
        let running: Vec<Running> = lines.into_iter().map(Invocation::start).collect();
        let ended: Vec<Ended> = running.into_iter().map(|running| running.end_within(PATIENCE)).collect();
        let ended = ended.into_iter().map(told).collect::<anyhow::Result<Vec<_>>>()?;
        let first = ended.first().context("no process ran")?;
        serde_json::from_str(&first.stdout).with_context(|| format!("this is no report: {}", first.stdout))
    }

    /// A process on each host. Each has a hostfile of its own, by which the others are behind their wires.
    fn on_hosts(
        &self,
        lan: &Lan,
        processes: u32,
        delay: Duration,
        hosts: &Hosts,
        line: impl Fn() -> Invocation,
    ) -> anyhow::Result<(Vec<Invocation>, Vec<SlowWire>)> {
        let switch = IpAddr::from(lan.switch());
        let addresses: Vec<SocketAddr> =
            (0..processes).map(|host| SocketAddr::from((lan.address(host as u8), PORT))).collect();
        let wires = addresses.iter().map(|address| SlowWire::to(switch, *address, delay));
        let wires = wires.collect::<Result<Vec<_>, _>>().context("no wire can be laid")?;
        let on_host = |us: usize| {
            let of = |(host, wire): (usize, &SlowWire)| if host == us { addresses[us] } else { wire.address() };
            let text: String = wires.iter().enumerate().map(of).map(|address| format!("{address}\n")).collect();
            let file = self.folder.write(&format!("hosts-of-{us}.txt"), text);
            let line =
                line().words(&format!("-n {processes} -p {us} -h")).arg(file).arg("--secret-file").arg(&hosts.secret);
            lan.on(us as u8, line)
        };
        Ok(((0..wires.len()).map(on_host).collect(), wires))
    }
}

/// A network whose hosts let 1 Gbit/s out; `None` for who isn't root, or wants no hosts.
///
/// # Errors
/// `tc` doesn't do it.
pub fn network(hosts: u8) -> anyhow::Result<Option<Lan>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let Some(lan) = Lan::new(hosts) else { return Ok(None) };
    let folder = Folder::new();
    for host in 0..hosts {
        let line = Invocation::of("tc", folder.path());
        told(lan.on(host, line.words("qdisc add dev eth0 root tbf rate 1gbit burst 256kb latency 50ms")).finish())?;
    }
    Ok(Some(lan))
}

fn told(ended: Ended) -> anyhow::Result<Ended> {
    ensure!(ended.status.success(), "{ended}");
    Ok(ended)
}
