//! The master's answers to the calls of agents and of people's commands.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::clock::Clock;
use flightline_engine::ids::ProcessIndex;
use flightline_engine::supervised::{Graph, Telemetry};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::desk::{Desk, heard};
use super::graphs::Graphs;
use super::orders::life_for;
use super::state::{Cluster, NotStopped};
use super::upgrade::{Refused, Upgrade};
use super::worker::Worker;
use crate::entropy::Entropy;
use crate::guard::{self, Refusal, Roots};
use crate::ids::{Generation, JobId, ProcessRef, SubmissionId};
use crate::job::life::Place;
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::job::upgrade::Changes;
use crate::protocol::life::{LifeRef, too_long};
use crate::protocol::messages::{AgentId, FromAgent, FromMaster, FromUser, Heard, Orders, Submitted, Upgraded};
use crate::protocol::{LogStream, Machine};
use crate::rpc::call::{CallError, Caller};
use crate::rpc::seal::Role;
use crate::rpc::serve::{Handler, Outcome};
use crate::secret::ClusterSecret;
use crate::ui::NotHad;
use crate::view::{LifeLog, LogPiece, LogTold};

/// No agent waits longer for new orders in one call.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What an agent may take to answer the master.
const AGENT_WAIT: Duration = Duration::from_secs(5);

/// Answers for the master.
pub struct Front {
    desk: Arc<Desk>,
    graphs: Graphs,
    secret: ClusterSecret,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Front({:?})", self.desk)
    }
}

impl Front {
    /// Answers from this desk; agents are asked with this secret. The clock says how old what they told is.
    #[must_use]
    pub fn new(desk: Arc<Desk>, secret: ClusterSecret, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { desk, graphs: Graphs::new(clock), secret, entropy }
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Takes a job, or says all that is wrong with it. One that was taken by this submission before is not taken again, and with
    /// `unless_running` none while another one of its name is there that is not over.
    ///
    /// # Errors
    /// All mistakes, a sentence each.
    pub fn submit(
        &self,
        spec: JobSpec,
        submission: Option<SubmissionId>,
        unless_running: bool,
    ) -> Result<Submitted, Vec<String>> {
        if let Some(job) = submission.and_then(|id| self.desk.read(|cluster| cluster.submitted(id))) {
            return Ok(Submitted::New(job));
        }
        let spec = spec.as_scheduled();
        self.check(&spec)?;
        self.desk.submit(spec, submission, unless_running).map_err(|why| vec![why.to_string()])
    }

    /// Lets a job go on otherwise, or says all that is wrong with that. What was done by this submission before is not done again.
    ///
    /// # Errors
    /// It can't go on, or not so.
    pub fn upgrade(&self, job: JobId, changes: Changes, submission: Option<SubmissionId>) -> Result<Upgraded, Refused> {
        if let Some(made) = submission.and_then(|id| self.desk.read(|cluster| cluster.upgraded(id))) {
            return Ok(made);
        }
        let (of, present) = self.desk.read(|cluster| cluster.last_spec(job)).map_err(Refused::NotUpgraded)?;
        let spec = changes.of(&present).map_err(Refused::Mistakes)?.as_scheduled();
        self.check(&spec).map_err(Refused::Mistakes)?;
        let upgrade = Upgrade { of, spec: spec.into(), submission };
        let upgraded = self.desk.upgrade(job, upgrade).map_err(|why| Refused::Mistakes(vec![why.to_string()]))?;
        upgraded.map_err(Refused::NotUpgraded)
    }

    /// All that is wrong with what a job asks for, a sentence each.
    fn check(&self, spec: &JobSpec) -> Result<(), Vec<String>> {
        let mut mistakes: Vec<String> = spec.check().iter().map(ToString::to_string).collect();
        mistakes.extend(too_long(spec));
        let roots: BTreeSet<(Vec<String>, Vec<String>)> = self.desk.read(|cluster| {
            let all = cluster.workers().values().filter(|worker| worker.is_there());
            all.map(|worker| (worker.machine.roots.clone(), worker.machine.own.clone())).collect()
        });
        // Each agent looks again; here somebody is told who can mend it.
        let known = roots.iter().filter_map(|(roots, own)| Some(Roots::new(roots).ok()?.without(own)));
        let refusals: Vec<Refusal> = known.filter_map(|roots| guard::check(spec, &roots).err()).collect();
        if let Some(refusal) = refusals.first().filter(|_| refusals.len() == roots.len()) {
            mistakes.extend(refusal.0.iter().map(ToString::to_string));
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// Ends a job.
    ///
    /// # Errors
    /// There is none, or it has ended.
    pub fn stop(&self, job: JobId, how: StopHow) -> Result<(), NotHad> {
        let stopped = self.desk.change(|cluster, at| cluster.stop(job, how, at));
        stopped.map_err(|broken| NotHad::Away(broken.to_string()))?.map_err(|error| match error {
            NotStopped::Unknown(_) => NotHad::Missing(error.to_string()),
            NotStopped::Over(..) => NotHad::NotAsItStands(error.to_string()),
        })
    }

    /// A piece of a process's log, from its agent. Blocks.
    ///
    /// # Errors
    /// There is no such process or log, or its agent can't be asked.
    pub fn log(&self, id: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad> {
        self.ask(id, &FromMaster::Log { id, stream, from }).map_err(|error| match error {
            CallError::Refused(_) => NotHad::Missing(error.to_string()),
            _ => NotHad::Away(error.to_string()),
        })
    }

    /// The same of a certain life of a job or of its last one, for who reads on from life to life. Blocks.
    ///
    /// # Errors
    /// There is no such job, life or process, in a sentence.
    pub fn life_log(
        &self,
        job: JobId,
        generation: Option<Generation>,
        (process, stream): (ProcessIndex, LogStream),
        from: Option<u64>,
    ) -> Result<LifeLog, String> {
        // Before the log is read: what is written after a job's end nobody would ask for.
        let known = self.desk.read(|cluster| {
            let job = cluster.jobs().get(&job)?;
            let lives: Vec<_> = job.lives.iter().map(|life| (life.number, life.all_ended())).collect();
            Some((lives, job.next_generation(), job.state().is_over()))
        });
        let (lives, coming, is_over) = known.ok_or_else(|| no_job(job))?;
        let Some(generation) = generation.or(lives.last().map(|(number, _)| *number)) else {
            let told = LogTold::Missing(format!("job {job} has not been started yet"));
            return Ok(LifeLog { generation: coming, has_ended: false, next: None, is_over, told });
        };
        let id = ProcessRef { job, generation, process };
        self.agent_of(id)?;
        let told = match self.ask(id, &FromMaster::Log { id, stream, from }) {
            Ok(piece) => LogTold::Piece(piece),
            Err(error) if error.is_transient() => LogTold::Away(error.to_string()),
            Err(error) => LogTold::Missing(error.to_string()),
        };
        let has_ended = lives.iter().any(|(number, ended)| *number == generation && *ended);
        let next = lives.into_iter().map(|(number, _)| number).find(|number| *number > generation);
        Ok(LifeLog { generation, has_ended, next, is_over, told })
    }

    /// What the processes of a job's present life run, added up, as their workers told it last. Blocks for a moment.
    ///
    /// # Errors
    /// There is no such job, it runs none, or its workers can't be asked or have not told yet.
    pub fn graph(self: &Arc<Self>, job: JobId) -> Result<Graph, NotHad> {
        let processes = self.desk.read(|cluster| to_be_asked(cluster, job))?;
        let Some(first) = processes.first() else { return Err(no_dataflow(job)) };
        let (front, life) = (Arc::clone(self), LifeRef { job, generation: first.generation });
        self.graphs.get(life, move || front.ask_for_graph(job, &processes)).map(Arc::unwrap_or_clone)
    }

    /// The same, of these processes, from their agents.
    fn ask_for_graph(&self, job: JobId, processes: &[ProcessRef]) -> Result<Graph, NotHad> {
        let mut graphs = Vec::new();
        for &id in processes {
            let telemetry: Option<Telemetry> =
                self.ask(id, &FromMaster::Telemetry { id }).map_err(|error| NotHad::Away(error.to_string()))?;
            graphs.extend(telemetry.and_then(|telemetry| telemetry.graph));
        }
        if graphs.is_empty() { Err(no_dataflow(job)) } else { Ok(Graph::merge(graphs)) }
    }

    /// Asks the agent whose process this is or was.
    fn ask<A: DeserializeOwned>(&self, id: ProcessRef, message: &FromMaster) -> Result<A, CallError> {
        let address = self.agent_of(id).map_err(CallError::Refused)?;
        let caller = Caller::new(&address, Role::Master, self.secret.bytes(), Arc::clone(&self.entropy));
        caller.call(message, AGENT_WAIT)
    }

    fn agent_of(&self, id: ProcessRef) -> Result<String, String> {
        let address = self.desk.read(|cluster| {
            let lives = &cluster.jobs().get(&id.job)?.lives;
            let life = lives.iter().find(|life| life.number == id.generation)?;
            let machine = &cluster.workers().get(&life.places.get(id.process.get())?.worker)?.machine;
            Some(machine.address())
        });
        address.ok_or_else(|| format!("there is no {id} on any worker that is known here"))
    }

    fn of_agent(&self, message: FromAgent) -> Result<String, String> {
        let change = |told: Result<Heard, _>| told.map_err(|broken: super::desk::Broken| broken.to_string());
        let told = match message {
            FromAgent::Register(machine) => {
                let Machine { worker, cores, memory, .. } = &machine;
                let who = format!("worker {worker} at {}", machine.address());
                let what = format!("{who} has come: {cores} cores, {memory}");
                self.desk.change(|cluster, at| match cluster.register(machine, at) {
                    Ok(()) => {
                        tracing::info!("{what}");
                        Heard::Yes
                    }
                    Err(why) => {
                        tracing::warn!("{who} is not let in: {why}");
                        heard(Err(why))
                    }
                })
            }
            FromAgent::Report { agent: AgentId { worker, incarnation }, processes, ending } => {
                let tell = if ending { Cluster::drain } else { Cluster::report };
                self.desk.change(|cluster, at| heard(tell(cluster, (&worker, incarnation), processes, at)))
            }
            FromAgent::Leave { agent: AgentId { worker, incarnation } } => {
                tracing::info!("worker {worker} goes");
                self.desk.change(|cluster, at| heard(cluster.leave(&worker, incarnation, at)))
            }
            FromAgent::Life { agent: AgentId { worker, incarnation }, life } => {
                let spec = self.desk.read(|cluster| life_for(cluster, (&worker, incarnation), life));
                let none = || {
                    format!(
                        "worker {worker} shall have no process of generation {} of job {}",
                        life.generation, life.job
                    )
                };
                return text(&spec.ok_or_else(none)?);
            }
            FromAgent::Orders { .. } => return Err("orders are waited for elsewhere (bug)".to_owned()),
        };
        text(&change(told)?)
    }

    fn of_user(&self, message: FromUser) -> Result<String, String> {
        match message {
            FromUser::Submit { id, spec } => {
                let submitted = self.submit(spec, Some(id), false).map_err(|mistakes| mistakes.join("\n"))?;
                text(&submitted.job())
            }
            FromUser::SubmitUnlessRunning { id, spec } => {
                text(&self.submit(spec, Some(id), true).map_err(|mistakes| mistakes.join("\n"))?)
            }
            FromUser::Upgrade { id, job, changes } => {
                text(&self.upgrade(job, changes, Some(id)).map_err(|refused| refused.to_string())?)
            }
            FromUser::Cluster => text(&self.desk.cluster()),
            FromUser::Job { job } => text(&self.desk.job(job).ok_or_else(|| no_job(job))?),
            FromUser::Stop { job, how } => text(&self.stop(job, how).map_err(|why| why.to_string())?),
            FromUser::Log { job, generation, process, stream, from } => {
                text(&self.life_log(job, generation, (process, stream), from)?)
            }
        }
    }
}

fn no_job(job: JobId) -> String {
    format!("there is no job {job}; `submit list` shows all")
}

fn no_dataflow(job: JobId) -> NotHad {
    NotHad::NotAsItStands(format!("job {job} runs no dataflow just now"))
}

/// The processes that can tell what a job runs: those of its present life that have not ended, on workers that are heard.
fn to_be_asked(cluster: &Cluster, job: JobId) -> Result<Vec<ProcessRef>, NotHad> {
    let known = cluster.jobs().get(&job).ok_or_else(|| NotHad::Missing(no_job(job)))?;
    let not_started = || NotHad::NotAsItStands(format!("job {job} has not been started yet"));
    let life = known.life().ok_or_else(not_started)?;
    if !known.phase().has_processes() {
        return Err(NotHad::NotAsItStands(format!("job {job} is {}: nothing runs", known.phase())));
    }
    let is_there = |place: &Place| cluster.workers().get(&place.worker).is_some_and(Worker::is_there);
    let places = life.places.iter().enumerate().filter(|(_, place)| place.end.is_none() && is_there(place));
    Ok(places
        .map(|(process, _)| ProcessRef { job, generation: life.number, process: ProcessIndex::new(process) })
        .collect())
}

/// An agent that waits for orders. Dropped before that is over, it has hung up.
struct Waiting {
    desk: Arc<Desk>,
    agent: Option<AgentId>,
}

impl Waiting {
    fn over(mut self) {
        self.agent = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(AgentId { worker, incarnation }) = self.agent.take() else { return };
        let desk = Arc::clone(&self.desk);
        // Outside of a runtime the master is ending. What can't be written down, the desk has told already.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(desk.change(|cluster, at| cluster.hang_up(&worker, incarnation, at))));
        }
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
                    let waiting = Waiting { desk: Arc::clone(&self.desk), agent: Some(agent.clone()) };
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
mod tests;
