//! A world in which a master's mind is tested: workers that do what they are told, and a time that goes by when a test says so.

mod damage;
mod game;
mod steps;
mod submission;
mod upgrades;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flightline_engine::ids::{ProcessCount, ProcessIndex};

use super::orders::{life_for, orders};
use super::state::{At, Cluster, NotListened, Rules};
use crate::ids::{Cores, Generation, Incarnation, JobId, Memory, Moment, ProcessRef, WorkerName};
use crate::job::spec::{JobSpec, Program};
use crate::job::state::{JobState, Phase};
use crate::protocol::life::LifeRef;
use crate::protocol::{HowEnded, Machine, ProcessReport, ProcessState, Wish};
use crate::samples;

const START: u64 = 1_700_000_000_000;

fn rules() -> Rules {
    Rules { version: "1".to_owned(), drain: Duration::from_secs(20), ..Rules::default() }
}

fn spec(processes: usize, cores: u32) -> JobSpec {
    let spec = samples::spec(Program::Train, &["--trees", "3"]);
    JobSpec { processes: ProcessCount::new(processes), cores: Cores(cores), ..spec }
}

fn name(at: usize) -> WorkerName {
    WorkerName(format!("worker-{at}").into())
}

fn machine(at: usize, incarnation: u64, cores: u32) -> Machine {
    Machine {
        incarnation: Incarnation(incarnation),
        host: format!("host-{at}"),
        cores: Cores(cores),
        memory: Memory(16 << 30),
        version: "1".to_owned(),
        ..samples::machine(&name(at).0)
    }
}

fn report(id: ProcessRef, state: ProcessState) -> ProcessReport {
    ProcessReport { id, state, memory: Memory(1), stream: None, stages: Vec::new() }
}

fn ended(how: HowEnded) -> ProcessState {
    ProcessState::Ended { how, last_lines: vec!["error: the last words".to_owned()], ledger: None, model: None }
}

/// A master with workers that do at once what they are told.
struct World {
    cluster: Cluster,
    seconds: f64,
    incarnations: BTreeMap<usize, u64>,
    /// The workers whose agents say that they end.
    ending: BTreeSet<usize>,
    processes: BTreeMap<(usize, ProcessRef), ProcessState>,
}

impl World {
    fn new(workers: usize, cores: u32) -> Self {
        let cluster = Cluster::new(rules(), Vec::new(), Vec::new(), JobId(0));
        let (incarnations, ending, processes) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let mut world = Self { cluster, seconds: 0.0, incarnations, ending, processes };
        for at in 0..workers {
            world.come(at, cores);
        }
        world
    }

    fn at(&self) -> At {
        let up = Duration::from_secs_f64(self.seconds);
        At { now: Moment(START).after(up), up, chance: 1.0 }
    }

    fn come(&mut self, at: usize, cores: u32) {
        let incarnation = self.incarnations.entry(at).or_default();
        *incarnation += 1;
        self.ending.remove(&at);
        let machine = machine(at, *incarnation, cores);
        self.processes.retain(|(worker, _), _| *worker != at);
        self.cluster.register(machine, self.at()).unwrap();
    }

    fn orders(&self, at: usize) -> Vec<(ProcessRef, Wish)> {
        let orders = orders(&self.cluster, &name(at), Incarnation(self.incarnations[&at]));
        orders.into_iter().map(|order| (order.id, order.wish)).collect()
    }

    /// A worker does what it is told, and says how its processes are.
    fn obey(&mut self, at: usize) {
        let orders = self.orders(at);
        let ordered: BTreeSet<ProcessRef> = orders.iter().map(|(id, _)| *id).collect();
        self.processes.retain(|(worker, id), _| *worker != at || ordered.contains(id));
        for (id, wish) in orders {
            let state = self.processes.entry((at, id)).or_insert(ProcessState::Up { pid: 1 });
            if !matches!(state, ProcessState::Ended { .. }) {
                match wish {
                    Wish::Run => {}
                    Wish::Drain => *state = ended(HowEnded::Code(0)),
                    Wish::Kill => *state = ended(HowEnded::Ordered),
                }
            }
        }
        if let Err(NotListened::Unknown(_)) = self.say(at) {
            // As an agent does when the master has forgotten it.
            let (machine, now) = (machine(at, self.incarnations[&at], 4), self.at());
            self.cluster.register(machine, now).unwrap();
            self.say(at).unwrap();
        }
    }

    fn say(&mut self, at: usize) -> Result<(), NotListened> {
        let of_worker = self.processes.iter().filter(|((worker, _), _)| *worker == at);
        let reports = of_worker.map(|((_, id), state)| report(*id, state.clone())).collect();
        let tell = if self.ending.contains(&at) { Cluster::drain } else { Cluster::report };
        let now = self.at();
        tell(&mut self.cluster, (&name(at), Incarnation(self.incarnations[&at])), reports, now)
    }

    /// A worker is asked to end, and says so from now on.
    fn drain(&mut self, at: usize) {
        self.ending.insert(at);
        self.say(at).unwrap();
    }

    fn all_obey(&mut self, workers: &[usize]) {
        for _ in 0..4 {
            workers.iter().for_each(|at| self.obey(*at));
        }
    }

    fn end(&mut self, id: ProcessRef, how: HowEnded) {
        let key = *self.processes.keys().find(|(_, process)| *process == id).expect("it is there");
        self.processes.insert(key, ended(how));
    }

    /// Time goes by, and the master looks at it as often as it does.
    fn wait(&mut self, seconds: f64) {
        let end = self.seconds + seconds;
        while self.seconds < end {
            self.stand_still((end - self.seconds).min(0.5));
        }
    }

    /// Time goes by, and the master doesn't look.
    fn stand_still(&mut self, seconds: f64) {
        self.seconds += seconds;
        let at = self.at();
        self.cluster.tick(at);
    }

    fn hang_up(&mut self, at: usize) {
        let now = self.at();
        self.cluster.hang_up(&name(at), Incarnation(self.incarnations[&at]), now);
    }

    fn submit(&mut self, spec: JobSpec) -> JobId {
        let at = self.at();
        self.cluster.submit(spec, at)
    }

    fn state(&self, id: JobId) -> &JobState {
        self.cluster.jobs()[&id].state()
    }

    fn phase(&self, id: JobId) -> Phase {
        self.cluster.jobs()[&id].phase()
    }
}

fn process(job: JobId, generation: u64, process: usize) -> ProcessRef {
    ProcessRef { job, generation: Generation(generation), process: ProcessIndex::new(process) }
}
