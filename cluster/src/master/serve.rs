//! The master's answers to the calls of agents and of people's commands.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::ids::ProcessIndex;
use flightline_engine::supervised::{Graph, Telemetry};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::desk::{Desk, heard};
use crate::entropy::Entropy;
use crate::guard::{self, Refusal, Roots};
use crate::ids::{Generation, JobId, ProcessRef};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::protocol::LogStream;
use crate::protocol::messages::{AgentId, FromAgent, FromMaster, FromUser, Heard, Orders};
use crate::rpc::call::Caller;
use crate::rpc::seal::Role;
use crate::rpc::serve::{Handler, Outcome};
use crate::secret::ClusterSecret;
use crate::view::LogPiece;

/// No agent waits longer for new orders in one call.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What an agent may take to answer the master.
const AGENT_WAIT: Duration = Duration::from_secs(5);

/// Answers for the master.
pub struct Front {
    desk: Arc<Desk>,
    secret: ClusterSecret,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Front({:?})", self.desk)
    }
}

impl Front {
    /// Answers from this desk; agents are asked with this secret.
    #[must_use]
    pub fn new(desk: Arc<Desk>, secret: ClusterSecret, entropy: Arc<dyn Entropy>) -> Self {
        Self { desk, secret, entropy }
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Takes a job, or says all that is wrong with it.
    ///
    /// # Errors
    /// All mistakes, a sentence each.
    pub fn submit(&self, spec: JobSpec) -> Result<JobId, Vec<String>> {
        let mut mistakes: Vec<String> = spec.check().iter().map(ToString::to_string).collect();
        let roots: BTreeSet<(Vec<String>, Vec<String>)> = self.desk.read(|cluster| {
            let all = cluster.workers().values().filter(|worker| worker.is_there());
            all.map(|worker| (worker.machine.roots.clone(), worker.machine.own.clone())).collect()
        });
        // Each agent looks again; here somebody is told who can mend it.
        let known = roots.iter().filter_map(|(roots, own)| Some(Roots::new(roots).ok()?.without(own)));
        let refusals: Vec<Refusal> = known.filter_map(|roots| guard::check(&spec, &roots).err()).collect();
        if let Some(refusal) = refusals.first().filter(|_| refusals.len() == roots.len()) {
            mistakes.extend(refusal.0.iter().map(ToString::to_string));
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        self.desk.change(|cluster, at| cluster.submit(spec, at)).map_err(|broken| vec![broken.to_string()])
    }

    /// Ends a job.
    ///
    /// # Errors
    /// Why it can't be, in a sentence.
    pub fn stop(&self, job: JobId, how: StopHow) -> Result<(), String> {
        let stopped =
            self.desk.change(|cluster, at| cluster.stop(job, how, at)).map_err(|broken| broken.to_string())?;
        stopped.map_err(|error| error.to_string())
    }

    /// A piece of a process's log, from its agent. Blocks.
    ///
    /// # Errors
    /// Why it can't be had, in a sentence.
    pub fn log(
        &self,
        job: JobId,
        generation: Option<Generation>,
        (process, stream): (ProcessIndex, LogStream),
        from: Option<u64>,
    ) -> Result<LogPiece, String> {
        let generation =
            generation.or_else(|| self.desk.read(|cluster| Some(cluster.jobs().get(&job)?.life()?.number)));
        let generation = generation.ok_or_else(|| format!("job {job} has not been started yet"))?;
        let id = ProcessRef { job, generation, process };
        self.ask(id, &FromMaster::Log { id, stream, from })
    }

    /// What the processes of a job's present life run, added up. Blocks.
    ///
    /// # Errors
    /// Why it can't be had, in a sentence.
    pub fn graph(&self, job: JobId) -> Result<Graph, String> {
        let life = self.desk.read(|cluster| {
            let life = cluster.jobs().get(&job)?.life()?;
            Some((life.number, life.places.len()))
        });
        let (generation, processes) = life.ok_or_else(|| format!("job {job} has not been started yet"))?;
        let mut graphs = Vec::new();
        for process in (0..processes).map(ProcessIndex::new) {
            let id = ProcessRef { job, generation, process };
            let telemetry: Option<Telemetry> = self.ask(id, &FromMaster::Telemetry { id })?;
            graphs.extend(telemetry.and_then(|telemetry| telemetry.graph));
        }
        if graphs.is_empty() { Err(format!("job {job} runs no dataflow just now")) } else { Ok(Graph::merge(graphs)) }
    }

    /// Asks the agent whose process this is or was.
    fn ask<A: DeserializeOwned>(&self, id: ProcessRef, message: &FromMaster) -> Result<A, String> {
        let address = self.desk.read(|cluster| {
            let lives = &cluster.jobs().get(&id.job)?.lives;
            let life = lives.iter().find(|life| life.number == id.generation)?;
            let machine = &cluster.workers().get(&life.places.get(id.process.get())?.worker)?.machine;
            Some(machine.address())
        });
        let address = address.ok_or_else(|| format!("there is no {id} on any worker that is known here"))?;
        let caller = Caller::new(&address, Role::Master, self.secret.bytes(), Arc::clone(&self.entropy));
        caller.call(message, AGENT_WAIT).map_err(|error| error.to_string())
    }

    fn of_agent(&self, message: FromAgent) -> Result<String, String> {
        let change = |told: Result<Heard, _>| told.map_err(|broken: super::desk::Broken| broken.to_string());
        let told = match message {
            FromAgent::Register(machine) => {
                tracing::info!(
                    "worker {} at {} has come: {} cores, {}",
                    machine.worker,
                    machine.address(),
                    machine.cores,
                    machine.memory
                );
                self.desk.change(|cluster, at| {
                    cluster.register(machine, at);
                    Heard::Yes
                })
            }
            FromAgent::Report { agent: AgentId { worker, incarnation }, processes } => {
                self.desk.change(|cluster, at| heard(cluster.report((&worker, incarnation), processes, at)))
            }
            FromAgent::Drain { agent: AgentId { worker, incarnation } } => {
                self.desk.change(|cluster, at| heard(cluster.drain(&worker, incarnation, at)))
            }
            FromAgent::Leave { agent: AgentId { worker, incarnation } } => {
                tracing::info!("worker {worker} goes");
                self.desk.change(|cluster, at| heard(cluster.leave(&worker, incarnation, at)))
            }
            FromAgent::Orders { .. } => return Err("orders are waited for elsewhere (bug)".to_owned()),
        };
        text(&change(told)?)
    }

    fn of_user(&self, message: FromUser) -> Result<String, String> {
        match message {
            FromUser::Submit { spec } => text(&self.submit(spec).map_err(|mistakes| mistakes.join("\n"))?),
            FromUser::Cluster => text(&self.desk.cluster()),
            FromUser::Job { job } => {
                text(&self.desk.job(job).ok_or_else(|| format!("there is no job {job}; `submit list` shows all"))?)
            }
            FromUser::Stop { job, how } => text(&self.stop(job, how)?),
            FromUser::Log { job, generation, process, stream, from } => {
                text(&self.log(job, generation, (process, stream), from)?)
            }
        }
    }
}

/// An agent that waits for orders. Dropped before that is over, it has hung up.
struct Waiting<'a> {
    desk: &'a Desk,
    agent: Option<&'a AgentId>,
}

impl Waiting<'_> {
    fn over(mut self) {
        self.agent = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(AgentId { worker, incarnation }) = self.agent else { return };
        // Nothing of it is written down; and what can't be, the desk has told already.
        let _ = self.desk.change(|cluster, at| cluster.hang_up(worker, *incarnation, at));
    }
}

impl Handler for Front {
    fn handle(self: Arc<Self>, role: Role, body: String) -> Outcome {
        Box::pin(async move {
            if role == Role::User {
                let message: FromUser = parse(&body)?;
                return blocking(move || self.of_user(message)).await;
            }
            match parse(&body)? {
                FromAgent::Orders { agent, seen, wait_ms } => {
                    let wait = Duration::from_millis(wait_ms).min(LONGEST_WAIT);
                    let waiting = Waiting { desk: &self.desk, agent: Some(&agent) };
                    let orders: Orders = self.desk.orders(&agent, seen, wait).await;
                    waiting.over();
                    text(&orders)
                }
                message => blocking(move || self.of_agent(message)).await,
            }
        })
    }
}

async fn blocking(work: impl FnOnce() -> Result<String, String> + Send + 'static) -> Result<String, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the call ended with a bug: {error}"))?
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body)
        .map_err(|error| format!("this version doesn't know that call ({error}): install the same version everywhere"))
}

fn text(answer: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| format!("the answer can't be written down (bug): {error}"))
}

#[cfg(test)]
mod tests {
    use flightline_engine::clock::ManualClock;
    use flightline_engine::ids::ProcessCount;

    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::ids::{Cores, Incarnation, Memory, Moment, WorkerName};
    use crate::job::spec::Program;
    use crate::master::state::Rules;
    use crate::master::store::Store;
    use crate::protocol::Machine;

    fn spec(args: &[&str]) -> JobSpec {
        JobSpec {
            name: "it".to_owned(),
            program: Program::Train,
            args: args.iter().map(|&word| word.to_owned()).collect(),
            files: Vec::new(),
            processes: ProcessCount::new(1),
            cores: Cores(1),
            memory: Memory(1 << 30),
            supervise: false,
            every: None,
        }
    }

    /// Only the command line asked whether a job makes sense, and a job without a process was taken from programs; and that the
    /// token itself lay below a root was seen by nobody.
    #[test]
    fn a_call_can_ask_for_no_more_than_a_person_and_is_told_all_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let cluster = store.load(Rules::default()).unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let clock = Arc::new(ManualClock::new());
        let desk = Arc::new(Desk::new(store, cluster, clock, Arc::new(|| Moment(1)), Arc::clone(&entropy)));
        let machine = Machine {
            worker: WorkerName("worker".into()),
            incarnation: Incarnation(1),
            host: "127.0.0.1".to_owned(),
            port: 1,
            page: "http://127.0.0.1:1".to_owned(),
            mesh_ports: (1, 1),
            cores: Cores(1),
            memory: Memory(1 << 30),
            roots: vec!["/srv".to_owned()],
            own: vec!["/srv/flightline-cluster".to_owned()],
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        desk.change(|cluster, at| cluster.register(machine, at)).unwrap();
        let (secret, _) = ClusterSecret::read_or_make(&folder.path().join("secret"), &entropy).unwrap();
        let front = Front::new(desk, secret, entropy);

        let none = JobSpec { processes: ProcessCount::new(0), cores: Cores(0), ..spec(&["--output", "/etc/x"]) };
        let told = front.of_user(FromUser::Submit { spec: none.clone() }).unwrap_err();
        for part in ["0 processes can't be had", "0 cores for each", "argument 2 names \"/etc/x\""] {
            assert!(told.contains(part), "{part:?} is not in: {told}");
        }
        assert_eq!(front.submit(none).unwrap_err().len(), 3);
        let told = front.submit(spec(&["--output", "flightline-cluster/token"])).unwrap_err();
        assert!(told[0].contains("the cluster's own"), "{told:?}");
        assert!(front.desk().read(|cluster| cluster.jobs().is_empty()), "nothing of that became a job");
        assert_eq!(front.submit(spec(&["--output", "models/x"])), Ok(JobId(1)));
    }
}
