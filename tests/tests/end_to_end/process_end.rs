//! How real processes end: bugs, lost peers, signals, and clean ends that must not look like any of these.
//!
//! Each test starts this very test program again, to run the one ignored test `child` in the role that an environment
//! variable names.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use flightline_engine::bridge;
use flightline_engine::cluster::{self, ClusterFlags, ClusterPlan};
use flightline_engine::ids::WorkerCount;
use flightline_engine::process::{Exit, install_panic_policy, install_signal_policy};
use flightline_engine::telemetry::{self, LogFormat};
use flightline_tests::{Folder, Hosts};
use timely::dataflow::operators::{Exchange, Probe, ToStream};
use timely::worker::Worker;

const ROLE: &str = "FLIGHTLINE_TEST_ROLE";
const FLAGS: &str = "FLIGHTLINE_TEST_FLAGS";

/// A process of ours that is killed when the test is over, however it ends.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, flags: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "process_end::child", "--nocapture"])
            .envs([(ROLE, role), (FLAGS, flags)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Waits until the child has written this line.
    fn wait_for(&mut self, awaited: &str) {
        let mut line = String::new();
        while !line.contains(awaited) {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "ended before it said {awaited:?}");
        }
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end, and gives its code and what it wrote to standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn assert_ends(process: Process, exit: Exit, says: &str) {
    let (code, stderr) = process.end();
    assert_eq!(code, Some(i32::from(exit.code())), "{stderr}");
    assert!(stderr.contains(says), "{stderr:?} lacks {says:?}");
}

/// A cluster on free ports, and the flags for each process of it.
fn cluster_of(folder: &Folder, processes: usize) -> (Hosts, Vec<String>) {
    let hosts = Hosts::new(folder, processes);
    let (path, secret) = (hosts.file.display(), hosts.secret.display());
    let flags = |process| format!("-w 2 -n {processes} -p {process} -h {path} --secret-file {secret}");
    let flags = (0..processes).map(flags).collect();
    (hosts, flags)
}

#[test]
fn a_panic_ends_the_process_as_a_bug_that_is_named() {
    assert_ends(Process::start("worker-panics", ""), Exit::Bug, "internal error (bug) in timely:work-1 at ");
    assert_ends(Process::start("producer-panics", ""), Exit::Bug, "internal error (bug) in bridge:rows at ");
    assert_ends(
        Process::start("foreign-producer-panics", ""),
        Exit::Bug,
        "a producer panicked while it fed a dataflow",
    );
    assert_ends(Process::start("any-thread-panics", ""), Exit::Bug, "internal error (bug) in helper at ");
}

#[test]
fn the_others_end_soon_when_a_peer_is_killed() {
    let folder = Folder::new();
    for victim in [0, 1] {
        let (hosts, flags) = cluster_of(&folder, 2);
        let mut processes: Vec<_> = flags.iter().map(|flags| Process::start("works-for-ever", flags)).collect();
        processes.iter_mut().for_each(|process| process.wait_for("working"));
        let mut killed = processes.remove(victim);
        let survivor = processes.remove(0);
        killed.child.kill().unwrap();
        let begun = Instant::now();
        let port = hosts.ports[victim];
        assert_ends(survivor, Exit::PeerLost, &format!("lost process {victim} (127.0.0.1:{port}): "));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn processes_that_finish_one_after_the_other_all_end_well() {
    let folder = Folder::new();
    for late in 0..3 {
        let (_hosts, flags) = cluster_of(&folder, 3);
        let mut processes: Vec<_> = (0..3)
            .map(|index| {
                let role = if index == late { "ends-when-told" } else { "ends-at-once" };
                Process::start(role, &flags[index])
            })
            .collect();
        // Both workers of each of the others are at their end while the late one still works.
        for (index, process) in processes.iter_mut().enumerate().filter(|(index, _)| *index != late) {
            (0..2).for_each(|_| process.wait_for("worker done"));
            assert!(process.child.try_wait().unwrap().is_none(), "process {index} left before process {late}");
        }
        processes[late].go_on();
        processes.into_iter().for_each(|process| assert_ends(process, Exit::Ok, ""));
    }
}

#[test]
fn signals_clean_up_and_the_second_one_does_not_wait() {
    for (signal, exit, says) in
        [("INT", Exit::Interrupted, "interrupted (Ctrl-C)"), ("TERM", Exit::Terminated, "asked to end (SIGTERM)")]
    {
        let mut process = Process::start("cleans-up", "");
        process.wait_for("ready");
        process.signal(signal);
        process.wait_for("cleaned up");
        let (code, stderr) = process.end();
        assert_eq!(code, Some(i32::from(exit.code())), "{stderr}");
        assert!(
            stderr.lines().last().is_some_and(|line| line.starts_with(says)),
            "{stderr:?} doesn't end with {says:?}"
        );

        let mut process = Process::start("never-cleans-up", "");
        process.wait_for("ready");
        process.signal(signal);
        process.wait_for("cleaning");
        process.signal(signal);
        assert_ends(process, exit, says);
    }
}

#[derive(Parser)]
#[command(disable_help_flag = true)]
struct Flags {
    #[command(flatten)]
    cluster: ClusterFlags,
}

fn plan() -> ClusterPlan {
    let flags = std::env::var(FLAGS).unwrap();
    Flags::parse_from(std::iter::once("child").chain(flags.split_whitespace())).cluster.plan().unwrap()
}

fn two_workers() -> ClusterPlan {
    ClusterPlan::local(WorkerCount::new(2))
}

fn say(line: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).unwrap();
}

/// Brings a row to each worker, so that every socket has been used.
fn exchange(worker: &mut Worker) {
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        (0..100_u64).to_stream(scope).container::<Vec<_>>().exchange(|row| *row).probe().0
    });
    while !probe.done() {
        worker.step_or_park(None);
    }
}

fn park() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
#[ignore = "the other tests start it in a process of its own"]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        // The other worker would wait for ever.
        "worker-panics" => drop(cluster::run(two_workers(), |worker| {
            assert_ne!(worker.index(), 1, "on purpose");
            park();
        })),
        "producer-panics" => feed(|_sender| panic!("on purpose")),
        "foreign-producer-panics" => feed(|sender| {
            let other = std::thread::spawn(move || {
                sender.send(1).unwrap();
                panic!("on purpose");
            });
            let _ = other.join();
        }),
        "any-thread-panics" => {
            install_panic_policy();
            std::thread::Builder::new().name("helper".to_owned()).spawn(|| panic!("on purpose")).unwrap();
            park();
        }
        "works-for-ever" => drop(cluster::run(plan(), |worker| {
            exchange(worker);
            say("working");
            loop {
                exchange(worker);
            }
        })),
        "ends-at-once" => drop(cluster::run(plan(), |worker| {
            exchange(worker);
            say("worker done");
        })),
        "ends-when-told" => drop(cluster::run(plan(), |worker| {
            exchange(worker);
            if worker.index() % 2 == 0 {
                std::io::stdin().read_line(&mut String::new()).unwrap();
            }
        })),
        "cleans-up" => {
            telemetry::init(LogFormat::Human, tracing::Level::INFO, &[]).unwrap();
            install_signal_policy(|| {
                tracing::info!("said too late");
                say("cleaned up");
            });
            say("ready");
            park();
        }
        "never-cleans-up" => {
            install_signal_policy(|| {
                say("cleaning");
                park();
            });
            say("ready");
            park();
        }
        role => panic!("no such role: {role}"),
    }
}

/// Runs a dataflow with nothing but a bridge from `produce`.
fn feed(produce: impl Fn(bridge::BridgeSender<u8>) + Clone + Send + Sync + 'static) {
    let ran = cluster::run(two_workers(), move |worker| {
        let produce = produce.clone();
        worker.dataflow::<u64, _, _>(|scope| {
            bridge(scope, "rows", 4, produce).probe();
        });
    });
    drop(ran);
}
