//! A household at the end of its line to a master.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flightline_engine::clock::SystemClock;
use flightline_engine::http::{Health, HttpPort};
use flightline_engine::ids::ProcessCount;
use flightline_engine::metrics::StreamMetrics;
use tokio::runtime::Runtime;

use super::{OBEY, begin, end_now, id, order, order_with, report, settings, until};
use crate::agent::link::Link;
use crate::agent::{Household, Wanted};
use crate::entropy::SystemEntropy;
use crate::ids::{Cores, JobId, Memory, Moment};
use crate::job::spec::{JobSpec, Program};
use crate::job::state::{Phase, StopHow};
use crate::master::desk::Desk;
use crate::master::serve::Front;
use crate::master::state::Rules;
use crate::master::store::Store;
use crate::protocol::life::LifeSpec;
use crate::protocol::messages::{FromAgent, Heard, Orders};
use crate::protocol::{HowEnded, Machine, ProcessOrder, Wish};
use crate::rpc::call::Caller;
use crate::rpc::seal::Role;
use crate::rpc::serve::{Handler, Outcome, routes};
use crate::samples;
use crate::secret::ClusterSecret;
use crate::view::{LineState, LineView};

const SECRET: &[u8] = b"a secret of sixteen bytes or more";

fn start<H: Handler>(master: Arc<H>) -> HttpPort {
    let secrets = Arc::new(|role| (role == Role::Agent).then(|| SECRET.to_vec()));
    let app = routes(master, secrets, Arc::new(SystemClock::new()), Arc::new(SystemEntropy)).unwrap();
    HttpPort::start("127.0.0.1:0", app, Health::new(), StreamMetrics::new()).unwrap()
}

/// An agent's line to this master.
fn line(household: &Arc<Household>, master: &HttpPort, disk: &Path) -> Arc<Link> {
    let machine = Machine {
        mesh_ports: (7_100, 7_199),
        cores: Cores(80),
        memory: Memory(64 << 30),
        roots: vec![disk.join("root").display().to_string()],
        ..samples::machine("it")
    };
    let address = master.local_addr().to_string();
    let caller = || Caller::new(&address, Role::Agent, SECRET, Arc::new(SystemEntropy));
    Arc::new(Link::new(Arc::clone(household), machine, [caller(), caller(), caller()]))
}

/// Holds the line until the runtime is dropped.
fn hold(link: Arc<Link>) -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(async move {
        link.come().await?;
        link.hold().await
    });
    runtime
}

/// An agent that obeys this master until the runtime is dropped.
fn obey(master: &HttpPort, disk: &Path) -> (Arc<Household>, Runtime) {
    let household = Arc::new(begin(settings(disk)).unwrap());
    let link = line(&household, master, disk);
    (household, hold(link))
}

fn spec(program: Program, script: &str, change: impl FnOnce(&mut JobSpec)) -> JobSpec {
    let change = |spec: &mut JobSpec| {
        spec.memory = Memory(1 << 30);
        change(spec);
    };
    JobSpec::clone(&order_with(id(1, 1), program, script, change).life.unwrap().spec)
}

/// Its orders had that file once for each of its processes, which was more than the agent takes: so the job could not even be
/// killed, and no other one on that worker was ever started.
#[test]
fn a_job_that_carries_much_to_many_processes_runs_and_ends_and_so_does_the_next_one() {
    let (disk, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(state.path()).unwrap();
    let cluster = store.load(Rules::default()).unwrap();
    let entropy = Arc::new(SystemEntropy);
    let desk = Desk::new(store, cluster, Arc::new(SystemClock::new()), Arc::new(|| Moment(1)), entropy.clone());
    let (secret, _) = ClusterSecret::read_or_make(&state.path().join("secret"), &entropy).unwrap();
    let front = Arc::new(Front::new(Arc::new(desk), secret, Arc::new(SystemClock::new()), entropy));
    let master = start(Arc::clone(&front));
    let (household, _runtime) = obey(&master, disk.path());
    let phase = |job: JobId| front.desk().read(|cluster| cluster.jobs()[&job].phase());

    let script = format!("{OBEY}\n#{}", "\"".repeat((1 << 20) - 100));
    let large = spec(Program::Train, &script, |spec| {
        spec.processes = ProcessCount::new(20);
        // Room for the quotes is only half of what it may carry otherwise.
        spec.files[0].text.truncate(900_000);
    });
    let large = front.submit(large, None, false).unwrap().job();
    until("all of them are there", || (household.reports().len() == 20).then_some(()));
    let small = front.submit(spec(Program::Model, "exit 0", |spec| spec.cores = Cores(1)), None, false).unwrap().job();
    until("the other one is done", || (phase(small) == Phase::Completed).then_some(()));
    front.stop(large, StopHow::Kill).unwrap();
    until("it is killed", || (phase(large) == Phase::Killed).then_some(()));
    let next = front.submit(spec(Program::Model, "exit 0", |spec| spec.cores = Cores(1)), None, false).unwrap().job();
    until("the worker is used afterwards", || (phase(next) == Phase::Completed).then_some(()));
}

/// Orders these, and tells what they run only if it may.
#[derive(Default)]
struct Script {
    version: AtomicU64,
    wishes: Mutex<Vec<(Wanted, Wish)>>,
    hides: AtomicBool,
    asked: Mutex<BTreeMap<JobId, usize>>,
}

impl Script {
    fn say(&self, wishes: Vec<(Wanted, Wish)>) {
        *self.wishes.lock().unwrap() = wishes;
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    fn answer(&self, message: &FromAgent) -> Result<String, String> {
        let wishes = self.wishes.lock().unwrap();
        match message {
            FromAgent::Orders { .. } => {
                let order = |(wanted, wish): &(Wanted, Wish)| ProcessOrder {
                    id: wanted.id,
                    wish: *wish,
                    life: wanted.life.as_deref().map(LifeSpec::digest).filter(|_| *wish == Wish::Run),
                };
                let processes = wishes.iter().map(order).collect();
                let version = self.version.load(Ordering::SeqCst);
                Ok(serde_json::to_string(&Orders { heard: Heard::Yes, version, processes }).unwrap())
            }
            FromAgent::Life { life, .. } => {
                *self.asked.lock().unwrap().entry(life.job).or_default() += 1;
                let (wanted, _) = wishes.iter().find(|(wanted, _)| wanted.id.job == life.job).unwrap();
                let hidden = life.job == JobId(1) && self.hides.load(Ordering::SeqCst);
                if hidden {
                    Err("not now".to_owned())
                } else {
                    Ok(serde_json::to_string(wanted.life.as_deref().unwrap()).unwrap())
                }
            }
            _ => Ok(serde_json::to_string(&Heard::Yes).unwrap()),
        }
    }
}

impl Handler for Script {
    fn handle(self: Arc<Self>, _role: Role, body: String) -> Outcome {
        Box::pin(async move {
            let message = serde_json::from_str(&body).unwrap();
            if matches!(message, FromAgent::Orders { seen, .. } if seen == self.version.load(Ordering::SeqCst)) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            self.answer(&message)
        })
    }
}

#[test]
fn a_job_that_can_not_be_fetched_is_tried_again_and_holds_up_no_other() {
    let disk = tempfile::tempdir().unwrap();
    let master = Arc::new(Script::default());
    master.hides.store(true, Ordering::SeqCst);
    let [one, two] = [1, 2].map(|job| order(id(job, 1), Program::Model, OBEY));
    master.say(vec![(one.clone(), Wish::Run), (two.clone(), Wish::Run)]);
    let port = start(Arc::clone(&master));
    let (household, _runtime) = obey(&port, disk.path());
    until("the second one runs", || report(&household, id(2, 1)).map(drop));
    master.say(vec![(one.clone(), Wish::Run), (two, Wish::Kill)]);
    until("it is killed", || (end_now(&household, id(2, 1)) == Some(HowEnded::Ordered)).then_some(()));
    let asked = |job| master.asked.lock().unwrap().get(&JobId(job)).copied().unwrap_or_default();
    until("the first one is tried again", || (asked(1) > 2).then_some(()));
    assert!(report(&household, id(1, 1)).is_none(), "there is nothing to start");
    master.hides.store(false, Ordering::SeqCst);
    until("the first one runs", || report(&household, id(1, 1)).map(drop));
    let before = asked(1);
    master.say(vec![(one, Wish::Run), (order(id(3, 1), Program::Model, OBEY), Wish::Run)]);
    until("a third one runs", || report(&household, id(3, 1)).map(drop));
    assert_eq!((asked(1), asked(2), asked(3)), (before, 1, 1), "what is here is not fetched again");
    // One that was never fetched can be given up, too.
    master.hides.store(true, Ordering::SeqCst);
    let again = order(id(1, 2), Program::Model, "exit 1");
    master.say(vec![(again.clone(), Wish::Run)]);
    until("the older life is gone", || report(&household, id(1, 1)).is_none().then_some(()));
    master.say(vec![(again, Wish::Kill)]);
    until("it is told of as ended", || end_now(&household, id(1, 2)).map(drop));
}

#[test]
fn an_agent_knows_how_it_stands_with_its_master_and_goes_on_to_end() {
    let disk = tempfile::tempdir().unwrap();
    let port = start(Arc::new(Script::default()));
    let household = Arc::new(begin(settings(disk.path())).unwrap());
    let link = line(&household, &port, disk.path());
    let stands = |standing| (link.line().standing == standing).then_some(());
    assert_eq!(link.line(), LineView { master: port.local_addr().to_string(), standing: LineState::Unregistered });
    let runtime = hold(Arc::clone(&link));
    until("it is registered", || stands(LineState::Registered));
    drop(port);
    until("nobody hears it", || stands(LineState::Unheard));
    runtime.block_on(link.say_drain());
    assert_eq!(link.line().standing, LineState::Draining);
}
