//! What a cluster costs, and how long its users wait when something of it is lost.
//!
//!     cargo build --release --workspace --bins
//!     cargo run --release -p flightline-bench --bin bench-cluster -- [ROUNDS]
//!     tests/services up
//!     cargo run --release -p flightline-bench --bin bench-cluster -- [ROUNDS] --hosts
//!
//! Five rounds by default. Each starts a master and three workers in an empty folder, from nothing (secrets are made, too)
//! until the master says that all are there, and looks at what memory each process has when it has had no work for some
//! seconds. Then, on a supervised stream in the embedded stores and under load, its process is killed with -9, and so is the
//! agent that has it: until a request that was sent after that is answered.
//!
//! `--hosts` is the same for a host that is lost, and one that is paused, on Kafka, MongoDB and HDFS. It needs root: hosts
//! are network namespaces. In the end of each round, nothing may be lost or doubled.

use std::fs;
use std::io::{Write, stdout};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use flightline_cluster::view::WorkerState;
use flightline_engine::contract::Guarantee;
use flightline_tests::cluster::{Cluster, EmbeddedStream, JobProcess, StreamOnServers};
use flightline_tests::job::World;
use flightline_tests::servers::Servers;
use flightline_tests::{Folder, Lan, Signal, wait_until};
use rustix::process::Pid;

/// Workers of the cluster that is started.
const WORKERS: usize = 3;
/// Without work before memory is looked at.
const IDLE: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let (mut rounds, mut hosts) = (5, false);
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--hosts" => hosts = true,
            _ => rounds = word.parse().with_context(|| format!("{word} is no number of rounds, nor --hosts"))?,
        }
    }
    if rounds == 0 {
        bail!("0 rounds tell nothing: ask for one at least");
    }
    let mut table = if hosts { lost_hosts(rounds) } else { one_host(rounds)? };
    table.push(String::new());
    stdout().write_all(table.join("\n").as_bytes()).context("standard output is closed")
}

fn one_host(rounds: usize) -> anyhow::Result<Vec<String>> {
    let (mut starts, mut masters, mut workers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut processes, mut agents) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let folder = Folder::new();
        let begun = Instant::now();
        let mut cluster = Cluster::start(&folder, WORKERS);
        starts.push(begun.elapsed().as_secs_f64());
        thread::sleep(IDLE);
        masters.push(resident(cluster.master().pid())?);
        for worker in 0..WORKERS {
            workers.push(resident(cluster.agent(worker).pid())?);
        }
        cluster.stop();
    }
    for _ in 0..rounds {
        let world = World::new();
        let mut stream = EmbeddedStream::start(&world, 2, 1);
        let process = stream.cluster.processes(stream.id)[0];
        process.signal(Signal::KILL);
        processes.push(stream.wait_until_it_answers("a killed process").as_secs_f64());
        let agent = place(&stream);
        drop(stream.cluster.kill_worker(agent));
        agents.push(stream.wait_until_it_answers("a killed agent").as_secs_f64());
        stream.finish();
    }
    Ok(vec![
        head(rounds),
        row("master and three workers up", "s", &mut starts),
        row("memory of the master without work", "MB", &mut masters),
        row("memory of a worker without work", "MB", &mut workers),
        row("until a stream answers, its process killed", "s", &mut processes),
        row("the same, its worker's agent killed", "s", &mut agents),
    ])
}

fn lost_hosts(rounds: usize) -> Vec<String> {
    let (mut lost, mut paused) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let Some(lan) = Lan::new(3) else { return vec!["nothing was measured".to_owned()] };
        let _servers = StreamOnServers::bring_servers(&lan, Servers::shared());
        let world = World::on(Servers::shared(), Guarantee::ExactlyOnce);
        let mut stream = StreamOnServers::start(&world, Cluster::start_on(&lan, world.folder(), 2));
        let (place, old) = (stream.place(), stream.cluster.processes(stream.id));
        let host = stream.cluster.host_of(place);
        lan.cut(host);
        lost.push(stream.wait_until_it_answers("its host was lost").as_secs_f64());
        lan.heal(host);
        stream.cluster.wait_until_worker_is(place, WorkerState::Alive);
        wait_until("the old life ends", || !old.iter().any(JobProcess::is_alive));

        let (place, old) = (stream.place(), stream.cluster.processes(stream.id)[0]);
        stream.cluster.signal_worker(place, Signal::STOP);
        old.signal(Signal::STOP);
        paused.push(stream.wait_until_it_answers("its host was paused").as_secs_f64());
        old.signal(Signal::CONT);
        stream.cluster.signal_worker(place, Signal::CONT);
        stream.cluster.wait_until_worker_is(place, WorkerState::Alive);
        stream.finish();
    }
    vec![
        head(rounds),
        row("until a stream answers, its host lost", "s", &mut lost),
        row("the same, its host paused", "s", &mut paused),
    ]
}

/// The worker that has the stream.
fn place(stream: &EmbeddedStream<'_>) -> usize {
    let view = stream.cluster.job(stream.id);
    stream.cluster.number(&view.generations[0].processes[0].worker)
}

/// Memory that a process has now, in MB.
fn resident(process: Pid) -> anyhow::Result<f64> {
    let path = format!("/proc/{}/status", process.as_raw_nonzero());
    let status = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<f64>().ok());
    Ok(kibibytes.with_context(|| format!("{path} has no VmRSS"))? * 1024.0 / 1e6)
}

fn head(rounds: usize) -> String {
    format!("{:<46} {:>8} {:>8} {:>8}   of {rounds} rounds", "", "least", "median", "most")
}

fn row(what: &str, unit: &str, figures: &mut [f64]) -> String {
    figures.sort_by(f64::total_cmp);
    let (least, most) = (figures.first().copied().unwrap_or(0.0), figures.last().copied().unwrap_or(0.0));
    let median = figures.get(figures.len() / 2).copied().unwrap_or(0.0);
    format!("{what:<46} {least:>8.2} {median:>8.2} {most:>8.2} {unit}")
}
