//! A cluster of real processes: a master, workers, and whoever submits jobs to them.
//!
//! All of it is on this host, or each part of it on a host of its own of a [`Lan`]: the master on the first one, and the
//! workers on those that follow. It stands in the folder of a test, which is the one root of its workers. Everything is
//! asked of the master by `submit`, as a person does; only which processes of the operating system a worker has is looked
//! up in `/proc`.

mod embedded_stream;
mod process;
mod stream_on_servers;

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use flightline_cluster::ids::{JobId, WorkerName};
use flightline_cluster::job::state::Phase;
use flightline_cluster::view::{ClusterView, JobLine, JobView, WorkerState, WorkerView};
use serde::de::DeserializeOwned;

use crate::wait::wait_until_or_tell;
use crate::{DEADLINE, Ended, Folder, Invocation, Lan, Running, Signal, free_ports_in_a_row};

pub use embedded_stream::EmbeddedStream;
pub use process::JobProcess;
pub use stream_on_servers::StreamOnServers;

/// Ports of a worker for processes of jobs.
const MESH_PORTS: u16 = 12;
/// Between two looks at the cluster: each is a process.
const LOOK_EVERY: Duration = Duration::from_millis(30);
/// The state folder of the master.
pub const STATE: &str = "flightline-cluster";

/// A master and its workers.
#[derive(Debug)]
pub struct Cluster<'a> {
    folder: &'a Folder,
    lan: Option<&'a Lan>,
    rpc: u16,
    ui: u16,
    master: Option<Running>,
    workers: Vec<Worker>,
}

/// A worker, whether its agent runs or not.
#[derive(Debug)]
struct Worker {
    name: String,
    rpc: u16,
    ui: u16,
    mesh: u16,
    words: String,
    env: Vec<(&'static str, String)>,
    agent: Option<Running>,
}

impl<'a> Cluster<'a> {
    /// A master with so many workers of 2 cores and 4 GiB each, all of which it knows.
    #[must_use]
    #[track_caller]
    pub fn start(folder: &'a Folder, workers: usize) -> Self {
        Self::start_in(folder, None, workers)
    }

    /// The same on hosts, which are one more than workers.
    #[must_use]
    #[track_caller]
    pub fn start_on(lan: &'a Lan, folder: &'a Folder, workers: usize) -> Self {
        Self::start_in(folder, Some(lan), workers)
    }

    #[track_caller]
    fn start_in(folder: &'a Folder, lan: Option<&'a Lan>, workers: usize) -> Self {
        let rpc = free_ports_in_a_row(2);
        let mut cluster = Self { folder, lan, rpc, ui: rpc + 1, master: None, workers: Vec::new() };
        cluster.start_master();
        for _ in 0..workers {
            cluster.enlist("--cores 2 --memory 4G", &[]);
        }
        cluster.wait_for_cluster("all workers have come", |view| {
            view.workers.len() == workers && view.workers.iter().all(|worker| worker.state == WorkerState::Alive)
        });
        cluster
    }

    /// Adds a worker like the others, and gives its number.
    #[track_caller]
    pub fn add_worker(&mut self) -> usize {
        self.add_worker_with("--cores 2 --memory 4G", &[])
    }

    /// Adds a worker with these flags and variables, and gives its number.
    #[track_caller]
    pub fn add_worker_with(&mut self, words: &str, env: &[(&'static str, &str)]) -> usize {
        let worker = self.enlist(words, env);
        self.wait_until_worker_is(worker, WorkerState::Alive);
        worker
    }

    fn enlist(&mut self, words: &str, env: &[(&'static str, &str)]) -> usize {
        let number = self.workers.len();
        let row = free_ports_in_a_row(MESH_PORTS + 2);
        let env = env.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let name = format!("worker-{number}");
        self.workers.push(Worker {
            name,
            rpc: row,
            ui: row + 1,
            mesh: row + 2,
            words: words.to_owned(),
            env,
            agent: None,
        });
        self.start_worker(number);
        number
    }

    /// Starts the master, without waiting for workers.
    ///
    /// # Panics
    /// If it runs.
    #[track_caller]
    pub fn start_master(&mut self) {
        assert!(self.master.is_none(), "the master runs");
        let mut master = self.master_line(&self.address(), &self.page(), STATE).start();
        master.wait_for_line("where it takes calls", |line| line.contains("master: calls at"));
        self.master = Some(master);
    }

    /// The command line of a master.
    #[must_use]
    pub fn master_line(&self, rpc: &str, ui: &str, state: &str) -> Invocation {
        self.on(0, self.folder.run("master").args(["--rpc", rpc, "--ui", ui, "--state", state]))
    }

    /// Where the master's pages are, on its own host.
    #[must_use]
    pub fn page(&self) -> String {
        format!("127.0.0.1:{}", self.ui)
    }

    /// What opens the master's pages.
    #[must_use]
    pub fn token(&self) -> String {
        self.folder.read(format!("{STATE}/token")).trim().to_owned()
    }

    /// Where the pages of a worker's agent are, on its own host.
    #[must_use]
    pub fn worker_page(&self, worker: usize) -> String {
        format!("127.0.0.1:{}", self.workers[worker].ui)
    }

    /// What opens them.
    #[must_use]
    pub fn worker_token(&self, worker: usize) -> String {
        self.folder.read(format!("{}/token", self.workers[worker].name)).trim().to_owned()
    }

    /// Where the master takes calls.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host(0), self.rpc)
    }

    /// The address of the host that is the master's, 0, or one of the workers'.
    fn host(&self, host: usize) -> Ipv4Addr {
        self.lan.map_or(Ipv4Addr::LOCALHOST, |lan| lan.address(u8::try_from(host).expect("a few")))
    }

    /// A command line as it is run on that host.
    fn on(&self, host: usize, line: Invocation) -> Invocation {
        match self.lan {
            Some(lan) => lan.on(u8::try_from(host).expect("a few"), line),
            None => line,
        }
    }

    /// Where an agent takes calls.
    #[must_use]
    pub fn agent_address(&self, worker: usize) -> String {
        format!("{}:{}", self.host(worker + 1), self.workers[worker].rpc)
    }

    /// Where an agent's pages are, on its own host.
    #[must_use]
    pub fn agent_page(&self, worker: usize) -> String {
        format!("127.0.0.1:{}", self.workers[worker].ui)
    }

    /// The number of the host that a worker is on.
    #[must_use]
    pub fn host_of(&self, worker: usize) -> u8 {
        u8::try_from(worker + 1).expect("a few")
    }

    /// Kills the master as `kill -9` does.
    #[track_caller]
    pub fn kill_master(&mut self) -> Ended {
        self.master.take().expect("the master runs").kill()
    }

    /// The master's process.
    #[must_use]
    #[track_caller]
    pub fn master(&mut self) -> &mut Running {
        self.master.as_mut().expect("the master runs")
    }

    /// Starts the agent of a worker, without waiting for anything.
    ///
    /// # Panics
    /// If it runs.
    #[track_caller]
    pub fn start_worker(&mut self, worker: usize) {
        assert!(self.workers[worker].agent.is_none(), "{} runs", self.workers[worker].name);
        self.workers[worker].agent = Some(self.worker_line(worker).start());
    }

    fn worker_line(&self, worker: usize) -> Invocation {
        let Worker { name, rpc, ui, mesh, words, env, .. } = &self.workers[worker];
        let (host, last) = (self.host(worker + 1), mesh + MESH_PORTS - 1);
        let places = format!("--host {host} --rpc-port {rpc} --ui 127.0.0.1:{ui} --mesh-ports {mesh}-{last}");
        let line = format!("{places} --work {name} {words}");
        self.on(worker + 1, env.iter().fold(self.agent_line(name, &line), |line, (name, value)| line.env(name, value)))
    }

    /// The command line of an agent of this master, as a worker of this name and with these flags.
    #[must_use]
    pub fn agent_line(&self, name: &str, words: &str) -> Invocation {
        self.folder.run("worker").args(["--allow-root", "--master", &self.address(), "--name", name]).words(words)
    }

    /// Kills an agent as `kill -9` does.
    #[track_caller]
    pub fn kill_worker(&mut self, worker: usize) -> Ended {
        self.take_agent(worker).kill()
    }

    /// An agent, out of this cluster's hands.
    ///
    /// # Panics
    /// If it doesn't run.
    #[must_use]
    #[track_caller]
    pub fn take_agent(&mut self, worker: usize) -> Running {
        let agent = self.workers[worker].agent.take();
        agent.unwrap_or_else(|| panic!("{} doesn't run", self.workers[worker].name))
    }

    /// An agent's process.
    ///
    /// # Panics
    /// If it doesn't run.
    #[must_use]
    #[track_caller]
    pub fn agent(&self, worker: usize) -> &Running {
        let agent = self.workers[worker].agent.as_ref();
        agent.unwrap_or_else(|| panic!("{} doesn't run", self.workers[worker].name))
    }

    /// Sends an agent a signal: STOP pauses it, and CONT lets it go on.
    #[track_caller]
    pub fn signal_worker(&self, worker: usize, signal: Signal) {
        self.agent(worker).signal(signal);
    }

    /// The name of a worker.
    #[must_use]
    pub fn name(&self, worker: usize) -> WorkerName {
        WorkerName(self.workers[worker].name.as_str().into())
    }

    /// The number of the worker of this name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn number(&self, name: &WorkerName) -> usize {
        let found = self.workers.iter().position(|worker| *worker.name == *name.0);
        found.unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// `submit` with these words, in the test's folder.
    #[must_use]
    pub fn submit(&self, words: &str) -> Invocation {
        self.on(0, self.folder.run("submit").args(["--master", &self.address()]).words(words))
    }

    /// Submits a job, and gives its number.
    #[track_caller]
    pub fn run(&self, words: &str) -> JobId {
        let told = self.submit("--json").words(words).succeed().json();
        JobId(told["job"].as_u64().unwrap_or_else(|| panic!("{told} has no job")))
    }

    /// `submit status --json`.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> ClusterView {
        typed(&self.submit("status --json").succeed())
    }

    /// `submit list --json`.
    #[must_use]
    #[track_caller]
    pub fn list(&self) -> Vec<JobLine> {
        typed(&self.submit("list --json").succeed())
    }

    /// `submit status JOB --json`.
    #[must_use]
    #[track_caller]
    pub fn job(&self, job: JobId) -> JobView {
        typed(&self.submit(&format!("status {job} --json")).succeed())
    }

    /// A worker, as the master sees it.
    ///
    /// # Panics
    /// If it doesn't know it.
    #[must_use]
    #[track_caller]
    pub fn worker(&self, worker: usize) -> WorkerView {
        let (view, name) = (self.status(), self.name(worker));
        let found = view.workers.iter().find(|worker| worker.name == name).cloned();
        found.unwrap_or_else(|| panic!("the master doesn't know {name}: {view:#?}"))
    }

    /// Waits until the cluster is so, and gives what was seen. A master that is away is asked again.
    #[track_caller]
    pub fn wait_for_cluster(&self, what: &str, wanted: impl Fn(&ClusterView) -> bool) -> ClusterView {
        self.wait_for(what, "status --json", wanted)
    }

    /// Waits until a job is so, and gives what was seen. A master that is away is asked again.
    #[track_caller]
    pub fn wait_for_job(&self, job: JobId, what: &str, wanted: impl Fn(&JobView) -> bool) -> JobView {
        self.wait_for(what, &format!("status {job} --json"), wanted)
    }

    /// Waits until a job is in this phase.
    ///
    /// # Panics
    /// If it is over in another one.
    #[track_caller]
    pub fn wait_until_job_is(&self, job: JobId, phase: Phase) -> JobView {
        self.wait_for_job(job, &format!("job {job} is {phase}"), |view| {
            let state = &view.line.state;
            assert!(state.phase() == phase || !state.is_over(), "job {job} is not {phase}\n{view:#?}");
            state.phase() == phase
        })
    }

    /// Waits until the master sees a worker so.
    #[track_caller]
    pub fn wait_until_worker_is(&self, worker: usize, state: WorkerState) {
        let name = self.name(worker);
        self.wait_for_cluster(&format!("{name} is {state:?}"), |view| {
            view.workers.iter().any(|worker| worker.name == name && worker.state == state)
        });
    }

    #[track_caller]
    fn wait_for<T: DeserializeOwned>(&self, what: &str, words: &str, wanted: impl Fn(&T) -> bool) -> T {
        let mut seen = None;
        let last = std::cell::RefCell::new(String::new());
        let condition = || {
            let told = self.submit(words).finish();
            if told.status.success() {
                seen = Some(typed(&told)).filter(&wanted);
            }
            *last.borrow_mut() = told.to_string();
            if seen.is_none() {
                thread::sleep(LOOK_EVERY);
            }
            seen.is_some()
        };
        wait_until_or_tell(what, condition, || format!("{}\n{}", last.borrow(), self.story()));
        seen.expect("it was waited for")
    }

    /// What master and agents have said, for the message of a failure.
    #[must_use]
    pub fn story(&self) -> String {
        let agents = self.workers.iter().filter_map(|worker| worker.agent.as_ref());
        self.master.iter().chain(agents).map(Running::story).collect()
    }

    /// The processes of a job's present life, in their order, as the operating system has them.
    ///
    /// # Panics
    /// If one of them isn't there.
    #[must_use]
    #[track_caller]
    pub fn processes(&self, job: JobId) -> Vec<JobProcess> {
        let view = self.job(job);
        let life = view.generations.first().unwrap_or_else(|| panic!("job {job} never began\n{view:#?}"));
        let spreads = life.processes.len() > 1;
        let find = |(index, process): (usize, &flightline_cluster::view::ProcessView)| {
            let agent = self.agent(self.number(&process.worker));
            let index = spreads.then_some(index);
            let found = JobProcess::of(agent.pid(), &view.line.program, life.number, index);
            found.unwrap_or_else(|| panic!("process {index:?} of job {job} isn't there\n{view:#?}\n{}", self.story()))
        };
        life.processes.iter().enumerate().map(find).collect()
    }

    /// Ends it as people do: the agents drain, the master ends. What doesn't end well fails the test.
    #[track_caller]
    pub fn stop(mut self) {
        let agents: Vec<Running> = self.workers.iter_mut().filter_map(|worker| worker.agent.take()).collect();
        for running in agents.into_iter().chain(self.master.take()) {
            running.signal(Signal::TERM);
            running.end_within(DEADLINE).ok();
        }
    }
}

/// What a command printed, as what it is.
#[track_caller]
fn typed<T: DeserializeOwned>(told: &Ended) -> T {
    serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("this is something else: {error}\n{told}"))
}
