//! A cluster with a stream under load, and a job that waits for a process which never comes.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flightline_cluster::entropy::SystemEntropy;
use flightline_cluster::ids::{Cores, Generation, Incarnation, JobId, Memory, WorkerName};
use flightline_cluster::job::state::Phase;
use flightline_cluster::protocol::messages::{AgentId, FromAgent, Heard, Orders};
use flightline_cluster::protocol::{HowEnded, Machine, ProcessOrder, ProcessReport, ProcessState, Wish};
use flightline_cluster::rpc::call::Caller;
use flightline_cluster::rpc::seal::Role;
use flightline_cluster::view::WorkerState;
use flightline_tests::cluster::{Cluster, JobProcess, STATE};
use flightline_tests::job::{Job, Load, World, wait_for_work};
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Chance, Folder, wait_until};

/// For an answer.
pub(super) const WAIT: Duration = Duration::from_secs(20);

/// All of it.
pub(super) struct Scene<'a> {
    pub(super) cluster: Cluster<'a>,
    pub(super) world: &'a World,
    pub(super) chance: Chance,
    job: Job,
    load: Load,
    /// The stream, and the job that waits, with the processes that they have.
    jobs: Vec<(JobId, JobProcess)>,
    /// The addresses of the processes of the job that waits.
    pub(super) mesh: Vec<SocketAddr>,
    _mute: Mute,
}

impl<'a> Scene<'a> {
    /// Waits until the stream answers and the other job's mesh is open.
    pub(super) fn set(world: &'a World) -> Self {
        let mut chance = Chance::new();
        world.folder().write("rows.jsonl", json_lines(&sample(400, 0)));
        let mut cluster = Cluster::start(world.folder(), 0);
        cluster.add_worker_with("--cores 4 --memory 8G", &[]);
        let stream = cluster.run("predict --supervise -- --config job.toml --config more.toml");
        cluster.wait_until_job_is(stream, Phase::Running);
        let job = world.others_job(1);
        let load = world.load(job.requests(), chance.fork());
        wait_for_work(&job, &load);

        let mute = Mute::start(world.folder(), &cluster.address());
        cluster.wait_for_cluster("the mute worker has come", |view| {
            view.workers.len() == 2 && view.workers.iter().all(|worker| worker.state == WorkerState::Alive)
        });
        let line = "train --processes 2 --cores 2 -- --models trained --input rows.jsonl";
        let waits = cluster.run(line);
        let view = cluster.wait_for_job(waits, "it is placed", |view| !view.generations.is_empty());
        let processes = &view.generations[0].processes;
        assert_eq!(processes[0].worker, cluster.name(0), "the first process is on the worker that is one\n{view:#?}");
        let mesh: Vec<SocketAddr> = processes.iter().map(|process| process.address.parse().unwrap()).collect();
        wait_until("the mesh of the job is open", || TcpStream::connect(mesh[0]).is_ok());
        let agent = cluster.agent(0).pid();
        let process = |program, index| JobProcess::of(agent, program, Generation(1), index).expect("it runs");
        let jobs = vec![(stream, process("predict", None)), (waits, process("train", Some(0)))];
        Self { cluster, world, chance, job, load, jobs, mesh, _mute: mute }
    }

    /// All ports, by what they are.
    pub(super) fn ports(&self) -> [(&'static str, SocketAddr); 6] {
        let http = self.world.address();
        let address = |text: &str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        [
            ("the master's calls", address(&self.cluster.address())),
            ("the master's pages", address(&self.cluster.page())),
            ("an agent's calls", address(&self.cluster.agent_address(0))),
            ("an agent's pages", address(&self.cluster.agent_page(0))),
            ("a mesh", self.mesh[0]),
            ("a stream", address(http.strip_prefix("http://").unwrap())),
        ]
    }

    /// The secret of the cluster.
    pub(super) fn secret(&self) -> Vec<u8> {
        secret(self.world.folder())
    }

    /// Someone who calls.
    pub(super) fn caller(address: &str, role: Role, secret: &[u8]) -> Caller {
        Caller::new(address, role, secret, Arc::new(SystemEntropy))
    }

    /// Waits until the master has heard the worker so much later than it had before this: it would have missed it by then.
    pub(super) fn outlast(&self, time: Duration) {
        let until = self.cluster.status().now.0 + u64::try_from(time.as_millis()).unwrap();
        wait_until("the worker is heard later", || self.cluster.worker(0).heard.0 > until);
    }

    /// The stream's number.
    pub(super) fn stream(&self) -> JobId {
        self.jobs[0].0
    }

    /// Ends the job that waits: it does so for half a minute only.
    pub(super) fn wait_no_longer(&mut self) {
        let (job, _) = self.jobs.remove(1);
        self.cluster.submit(&format!("kill {job} --wait")).succeed();
    }

    /// Nothing has changed for the jobs, and new requests are answered.
    #[track_caller]
    pub(super) fn goes_on(&self) {
        self.goes_on_with(2);
    }

    #[track_caller]
    fn goes_on_with(&self, jobs: usize) {
        wait_for_work(&self.job, &self.load);
        for (job, process) in &self.jobs {
            let view = self.cluster.job(*job);
            assert!(process.is_alive() && view.generations.len() == 1, "{view:#?}\n{}", self.cluster.story());
        }
        if let Some((waits, _)) = self.jobs.get(1) {
            assert_eq!(self.cluster.job(*waits).line.state.phase(), Phase::Starting, "nobody has joined it");
        }
        let view = self.cluster.status();
        let is_alive = |name: &str| {
            view.workers.iter().any(|worker| &*worker.name.0 == name && worker.state == WorkerState::Alive)
        };
        let story = || format!("{view:#?}\n{}", self.cluster.story());
        assert!(is_alive("worker-0") && is_alive("mute") && view.jobs.len() == jobs, "{}", story());
    }

    /// The same; and in the end all is answered once.
    #[track_caller]
    pub(super) fn end(self) {
        self.end_with(2);
    }

    /// The same, where the test has brought the number of jobs to this.
    #[track_caller]
    pub(super) fn end_with(mut self, jobs: usize) {
        self.goes_on_with(jobs);
        if self.jobs.len() > 1 {
            self.wait_no_longer();
        }
        let stream = self.stream();
        self.load.stop();
        self.job.wait_until_done();
        self.cluster.submit(&format!("stop {stream} --wait")).succeed();
        let holdings = self.world.holdings();
        println!("{} requests", holdings.requests());
        assert_eq!(holdings.check(), Ok(()));
    }
}

fn secret(folder: &Folder) -> Vec<u8> {
    folder.read(format!("{STATE}/cluster.secret")).trim().as_bytes().to_vec()
}

/// A worker that takes each process and starts none, so that the others of a job wait.
struct Mute {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mute {
    fn start(folder: &Folder, master: &str) -> Self {
        let caller = Scene::caller(master, Role::Agent, &secret(folder));
        let machine = Machine {
            worker: WorkerName("mute".into()),
            incarnation: Incarnation(1),
            host: "127.0.0.1".to_owned(),
            port: 1,
            page: "http://127.0.0.1:1".to_owned(),
            mesh_ports: (1, 1),
            cores: Cores(2),
            memory: Memory(4 << 30),
            roots: vec![folder.path().display().to_string()],
            own: Vec::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let agent = AgentId { worker: machine.worker.clone(), incarnation: machine.incarnation };
            while !is_over.load(Ordering::SeqCst) {
                // What fails is said again: the master misses it only after seconds.
                let orders = FromAgent::Orders { agent: agent.clone(), seen: 0, wait_ms: 0 };
                match caller.call::<Orders>(&orders, WAIT) {
                    Ok(orders) if orders.heard == Heard::Yes => {
                        let processes = orders.processes.into_iter().map(said_of).collect();
                        let _ = caller
                            .call::<Heard>(&FromAgent::Report { agent: agent.clone(), processes, ending: false }, WAIT);
                    }
                    _ => drop(caller.call::<Heard>(&FromAgent::Register(machine.clone()), WAIT)),
                }
                thread::sleep(Duration::from_millis(200));
            }
        });
        Self { over, thread: Some(thread) }
    }
}

/// That it starts, until it shall end.
fn said_of(order: ProcessOrder) -> ProcessReport {
    let state = match order.wish {
        Wish::Run => ProcessState::Starting { pid: 1 },
        Wish::Drain | Wish::Kill => {
            ProcessState::Ended { how: HowEnded::Ordered, last_lines: Vec::new(), ledger: None, model: None }
        }
    };
    ProcessReport { id: order.id, state, memory: Memory(0), stream: None, stages: Vec::new() }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
