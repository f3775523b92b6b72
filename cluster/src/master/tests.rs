//! A game: a master, workers that come, go, are lost and heard again, processes that end as they like, messages that are lost
//! or late, and a master that is started again from its store at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flightline_engine::ids::{ProcessCount, ProcessIndex};
use proptest::prelude::*;

use super::orders::orders;
use super::state::{At, Cluster, NotListened, NotStopped, Rules};
use super::store::{Store, StoreError};
use crate::ids::{Cores, Generation, Incarnation, JobId, Memory, Moment, ProcessRef, WorkerName};
use crate::job::spec::{JobSpec, Program};
use crate::job::state::{JobState, Phase, StopHow};
use crate::protocol::{HowEnded, Machine, ProcessReport, ProcessState, Wish};

const START: u64 = 1_700_000_000_000;

fn rules() -> Rules {
    Rules { version: "1".to_owned(), drain: Duration::from_secs(20), ..Rules::default() }
}

fn spec(processes: usize, cores: u32) -> JobSpec {
    JobSpec {
        name: "it".to_owned(),
        program: Program::Train,
        args: vec!["--trees".to_owned(), "3".to_owned()],
        files: Vec::new(),
        processes: ProcessCount::new(processes),
        cores: Cores(cores),
        memory: Memory(1 << 30),
        supervise: false,
        every: None,
    }
}

fn name(at: usize) -> WorkerName {
    WorkerName(format!("worker-{at}").into())
}

fn machine(at: usize, incarnation: u64, cores: u32) -> Machine {
    Machine {
        worker: name(at),
        incarnation: Incarnation(incarnation),
        host: format!("host-{at}"),
        port: 8081,
        page: format!("http://host-{at}:8081"),
        mesh_ports: (7100, 7109),
        cores: Cores(cores),
        memory: Memory(16 << 30),
        roots: vec!["/srv".to_owned()],
        version: "1".to_owned(),
    }
}

fn report(id: ProcessRef, state: ProcessState) -> ProcessReport {
    ProcessReport { id, state, memory: Memory(1), stream: None, stages: Vec::new() }
}

fn ended(how: HowEnded) -> ProcessState {
    ProcessState::Ended { how, last_lines: vec!["error: the last words".to_owned()], ledger: None }
}

/// A master with workers that do at once what they are told.
struct World {
    cluster: Cluster,
    seconds: f64,
    incarnations: BTreeMap<usize, u64>,
    processes: BTreeMap<(usize, ProcessRef), ProcessState>,
}

impl World {
    fn new(workers: usize, cores: u32) -> Self {
        let cluster = Cluster::new(rules(), Vec::new(), Vec::new(), JobId(0));
        let mut world = Self { cluster, seconds: 0.0, incarnations: BTreeMap::new(), processes: BTreeMap::new() };
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
        let machine = machine(at, *incarnation, cores);
        self.processes.retain(|(worker, _), _| *worker != at);
        self.cluster.register(machine, self.at());
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
            self.cluster.register(machine, now);
            self.say(at).unwrap();
        }
    }

    fn say(&mut self, at: usize) -> Result<(), NotListened> {
        let of_worker = self.processes.iter().filter(|((worker, _), _)| *worker == at);
        let reports = of_worker.map(|((_, id), state)| report(*id, state.clone())).collect();
        let now = self.at();
        self.cluster.report((&name(at), Incarnation(self.incarnations[&at])), reports, now)
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

    fn wait(&mut self, seconds: f64) {
        self.seconds += seconds;
        let at = self.at();
        self.cluster.tick(at);
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

#[test]
fn a_job_runs_on_all_workers_and_is_completed() {
    let mut world = World::new(3, 2);
    let job = world.submit(spec(3, 2));
    assert_eq!(world.phase(job), Phase::Starting);
    let order = orders(&world.cluster, &name(1), Incarnation(1)).remove(0);
    assert_eq!((order.id, order.cores, order.hosts.len()), (process(job, 1, 1), Cores(2), 3));
    assert_eq!(order.hosts[1], "host-1:7100");
    world.all_obey(&[0, 1, 2]);
    assert_eq!(world.phase(job), Phase::Running);
    for index in 0..3 {
        world.end(process(job, 1, index), HowEnded::Code(0));
        world.all_obey(&[0, 1, 2]);
    }
    assert_eq!(world.phase(job), Phase::Completed);
    assert_eq!(world.orders(0), [], "what has ended is forgotten");
}

#[test]
fn a_killed_process_ends_the_life_and_the_next_one_begins() {
    let mut world = World::new(2, 2);
    let job = world.submit(spec(2, 2));
    world.all_obey(&[0, 1]);
    world.end(process(job, 1, 1), HowEnded::Signal(9));
    world.say(1).unwrap();
    assert_eq!(world.orders(0), [(process(job, 1, 0), Wish::Kill)], "the other is ended");
    world.obey(0);
    let JobState::BackingOff { why, .. } = world.state(job) else { panic!("{:?}", world.state(job)) };
    assert_eq!(why, "process 1 on worker-1 was ended by signal 9");
    world.wait(0.2);
    assert_eq!(world.orders(0), [(process(job, 2, 0), Wish::Run)]);
    world.all_obey(&[0, 1]);
    assert_eq!(world.phase(job), Phase::Running);
    let ended = &world.cluster.jobs()[&job].lives[0].ended;
    assert_eq!(ended.as_ref().unwrap().1, "process 1 on worker-1 was ended by signal 9");
}

#[test]
fn a_lost_worker_is_replaced_and_what_it_still_runs_is_not_wanted_any_more() {
    let mut world = World::new(3, 2);
    let job = world.submit(spec(2, 2));
    world.all_obey(&[0, 1, 2]);
    for _ in 0..5 {
        world.wait(1.0);
        world.all_obey(&[0, 2]);
    }
    // The second process is on worker 2 now: worker 1 is lost.
    world.wait(0.2);
    world.all_obey(&[0, 2]);
    assert_eq!(world.phase(job), Phase::Running);
    assert_eq!(world.orders(2), [(process(job, 2, 1), Wish::Run)]);
    assert_eq!(world.orders(1), []);
    // It is heard again: it was only cut off. Its old process is in no order, and what it says of it changes nothing.
    world.end(process(job, 1, 1), HowEnded::Code(0));
    world.say(1).unwrap();
    assert_eq!(world.phase(job), Phase::Running);
    let next = world.submit(spec(1, 2));
    assert_eq!(world.orders(1).len(), 1, "it is used again");
    world.all_obey(&[0, 1, 2]);
    assert_eq!(world.phase(next), Phase::Running);
}

#[test]
fn an_agent_that_was_started_again_has_lost_its_processes() {
    let mut world = World::new(1, 2);
    let job = world.submit(spec(1, 1));
    world.all_obey(&[0]);
    world.come(0, 2);
    assert_eq!(world.orders(0), []);
    world.wait(0.2);
    world.all_obey(&[0]);
    assert_eq!((world.phase(job), world.orders(0)), (Phase::Running, vec![(process(job, 2, 0), Wish::Run)]));
    let at = world.at();
    let old = world.cluster.report((&name(0), Incarnation(1)), Vec::new(), at);
    assert_eq!(old, Err(NotListened::Replaced(name(0))));
}

#[test]
fn a_job_that_ends_at_once_five_times_has_failed_and_says_how() {
    let mut world = World::new(1, 1);
    let job = world.submit(spec(1, 1));
    for life in 1..=5 {
        world.obey(0);
        world.end(process(job, life, 0), HowEnded::Signal(11));
        world.say(0).unwrap();
        world.wait(4.0);
    }
    let JobState::Failed { why } = world.state(job) else { panic!("{:?}", world.state(job)) };
    assert_eq!(why, "it ended 5 times in a row; the last time train on worker-0 was ended by signal 11");
}

#[test]
fn who_asks_for_more_than_there_is_waits_until_a_worker_joins() {
    let mut world = World::new(1, 2);
    let job = world.submit(spec(2, 2));
    let JobState::Queued { why } = world.state(job) else { panic!("{:?}", world.state(job)) };
    assert!(why.contains("have room for 1; add workers"), "{why}");
    let small = world.submit(spec(1, 1));
    assert_eq!(world.phase(small), Phase::Starting, "who fits need not wait for who doesn't");
    world.come(1, 2);
    assert_eq!(world.phase(job), Phase::Queued, "the small one has a core of the first");
    world.all_obey(&[0, 1]);
    world.end(process(small, 1, 0), HowEnded::Code(0));
    world.all_obey(&[0, 1]);
    assert_eq!(world.phase(job), Phase::Running);
}

#[test]
fn a_stop_drains_a_late_one_kills_and_a_kill_does_at_once() {
    let mut world = World::new(1, 4);
    let [first, second, third] = [(); 3].map(|()| world.submit(spec(1, 1)));
    world.all_obey(&[0]);
    let at = world.at();
    for (job, how) in [(first, StopHow::Stop), (second, StopHow::Kill), (third, StopHow::Stop)] {
        world.cluster.stop(job, how, at).unwrap();
    }
    let wishes: Vec<Wish> = world.orders(0).into_iter().map(|(_, wish)| wish).collect();
    assert_eq!(wishes, [Wish::Drain, Wish::Kill, Wish::Drain]);
    world.end(process(first, 1, 0), HowEnded::Code(0));
    world.end(process(second, 1, 0), HowEnded::Ordered);
    world.say(0).unwrap();
    assert_eq!([first, second, third].map(|job| world.phase(job)), [Phase::Stopped, Phase::Killed, Phase::Stopping]);
    for _ in 0..20 {
        world.wait(1.0);
        world.say(0).unwrap();
    }
    assert_eq!(world.orders(0), [(process(third, 1, 0), Wish::Kill)], "it took too long");
    world.obey(0);
    assert_eq!(world.phase(third), Phase::Killed);
    let at = world.at();
    assert_eq!(world.cluster.stop(first, StopHow::Stop, at), Err(NotStopped::Over(first, "stopped".to_owned())));
    assert_eq!(world.cluster.stop(JobId(99), StopHow::Stop, at), Err(NotStopped::Unknown(JobId(99))));
}

#[test]
fn a_schedule_starts_the_next_run_when_it_is_due_and_the_last_one_is_over() {
    let mut world = World::new(1, 4);
    let first = world.submit(JobSpec { every: Some(Duration::from_secs(100)), ..spec(1, 1) });
    world.all_obey(&[0]);
    for _ in 0..110 {
        world.wait(1.0);
        world.obey(0);
    }
    assert_eq!(world.cluster.jobs().len(), 1, "never two at a time");
    world.end(process(first, 1, 0), HowEnded::Code(0));
    world.all_obey(&[0]);
    let second = JobId(first.0 + 1);
    world.all_obey(&[0]);
    assert_eq!((world.phase(first), world.phase(second)), (Phase::Completed, Phase::Running));
    world.end(process(second, 1, 0), HowEnded::Code(0));
    world.all_obey(&[0]);
    assert_eq!(world.cluster.jobs().len(), 2, "it is not due before 100 s after the second one's start");
    let at = world.at();
    world.cluster.stop(second, StopHow::Stop, at).unwrap();
    world.wait(1000.0);
    assert_eq!(world.cluster.jobs().len(), 2, "the schedule was stopped");
}

#[test]
fn what_a_ledger_holds_is_gone_above() {
    let mut world = World::new(1, 1);
    let job = world.submit(spec(1, 1));
    world.obey(0);
    let how = HowEnded::Code(8);
    let state = ProcessState::Ended { how, last_lines: Vec::new(), ledger: Some(41) };
    world.processes.insert((0, process(job, 1, 0)), state);
    world.say(0).unwrap();
    world.wait(0.2);
    assert_eq!(world.orders(0), [(process(job, 42, 0), Wish::Run)]);
}

#[test]
fn a_master_that_comes_back_takes_up_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(2, 2);
    let job = world.submit(spec(2, 2));
    world.all_obey(&[0, 1]);
    let store = Store::open(folder.path()).unwrap();
    let changed = world.cluster.take_changed();
    store.save(&world.cluster, &changed).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Taken(_))));
    drop(store);

    world.cluster = Store::open(folder.path()).unwrap().load(rules()).unwrap();
    world.seconds = 0.0;
    assert_eq!(world.phase(job), Phase::Running);
    world.wait(9.0);
    let before = world.orders(0);
    assert_eq!(before, [(process(job, 1, 0), Wish::Run)], "nothing is started again while workers may still be heard");
    world.all_obey(&[0, 1]);
    world.wait(4.0);
    world.all_obey(&[0, 1]);
    assert_eq!((world.phase(job), world.orders(0)), (Phase::Running, before));
    assert_eq!(world.submit(spec(1, 1)), JobId(2), "no number is given twice");
}

#[test]
fn a_worker_that_does_not_come_back_to_a_new_master_is_lost_after_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(2, 2);
    let job = world.submit(spec(1, 2));
    world.all_obey(&[0, 1]);
    let store = Store::open(folder.path()).unwrap();
    let changed = world.cluster.take_changed();
    store.save(&world.cluster, &changed).unwrap();
    world.cluster = store.load(rules()).unwrap();
    world.seconds = 0.0;
    for _ in 0..11 {
        world.wait(1.0);
        world.obey(1);
    }
    assert_eq!((world.phase(job), world.orders(1)), (Phase::Running, vec![(process(job, 2, 0), Wish::Run)]));
}

/// What can happen in the game.
#[derive(Clone, Debug)]
enum Event {
    Submit { processes: usize, cores: u32, supervise: bool },
    Stop { job: u64, kill: bool },
    Obey { worker: usize },
    End { which: prop::sample::Index, how: u8 },
    Restart { worker: usize },
    Wait { tenths: u32 },
    NewMaster,
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (1..4_usize, 1..3_u32, any::<bool>()).prop_map(|(processes, cores, supervise)| Event::Submit { processes, cores, supervise }),
        1 => (1..6_u64, any::<bool>()).prop_map(|(job, kill)| Event::Stop { job, kill }),
        12 => (0..3_usize).prop_map(|worker| Event::Obey { worker }),
        3 => (any::<prop::sample::Index>(), 0..10_u8).prop_map(|(which, how)| Event::End { which, how }),
        1 => (0..3_usize).prop_map(|worker| Event::Restart { worker }),
        4 => (1..30_u32).prop_map(|tenths| Event::Wait { tenths }),
        1 => Just(Event::NewMaster),
    ]
}

impl World {
    fn play(&mut self, event: &Event, store: &Store) {
        let at = self.at();
        match event {
            Event::Submit { processes, cores, supervise } => {
                self.submit(JobSpec { supervise: *supervise, ..spec(*processes, *cores) });
            }
            Event::Stop { job, kill } => {
                let how = if *kill { StopHow::Kill } else { StopHow::Stop };
                // There may be none, or it may be over.
                let _ = self.cluster.stop(JobId(*job), how, at);
            }
            Event::Obey { worker } => self.obey(*worker),
            Event::End { which, how } => {
                let running: Vec<_> = self.processes.keys().copied().collect();
                if !running.is_empty() {
                    let key = *which.get(&running);
                    let how = if *how == 9 { HowEnded::Signal(9) } else { HowEnded::Code(*how) };
                    self.processes.entry(key).and_modify(|state| {
                        if !matches!(state, ProcessState::Ended { .. }) {
                            *state = ended(how);
                        }
                    });
                }
            }
            Event::Restart { worker } => self.come(*worker, 4),
            Event::Wait { tenths } => self.wait(f64::from(*tenths) / 10.0),
            Event::NewMaster => self.cluster = store.load(rules()).unwrap(),
        }
        let changed = self.cluster.take_changed();
        store.save(&self.cluster, &changed).unwrap();
    }

    /// What must hold after every event.
    fn check(&self) {
        let mut taken: BTreeMap<&WorkerName, u32> = BTreeMap::new();
        for job in self.cluster.jobs().values() {
            assert!(job.lives.windows(2).all(|pair| pair[0].number < pair[1].number && pair[0].all_ended()));
            assert_eq!(job.state().is_over(), job.ended.is_some());
            if job.phase().has_processes() {
                for place in job.life().unwrap().places.iter().filter(|place| place.end.is_none()) {
                    *taken.entry(&place.worker).or_default() += job.spec.cores.0;
                }
            } else if let Some(life) = job.life() {
                assert!(life.all_ended(), "job {} has processes when it is {}", job.id, job.phase());
            }
        }
        for (worker, cores) in taken {
            assert!(cores <= self.cluster.workers()[worker].machine.cores.0, "{worker} was promised {cores} cores");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_rules_hold_and_in_quiet_times_all_is_settled(events in prop::collection::vec(events(), 1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut world = World::new(3, 4);
        for event in &events {
            world.play(event, &store);
            world.check();
        }
        // Quiet: all obey, and what runs ends well.
        let jobs: Vec<JobId> = world.cluster.jobs().keys().copied().collect();
        for job in jobs {
            let at = world.at();
            if world.cluster.jobs()[&job].spec.supervise {
                let _ = world.cluster.stop(job, StopHow::Stop, at);
            }
        }
        for _ in 0..200 {
            (0..3).for_each(|worker| world.obey(worker));
            for state in world.processes.values_mut().filter(|state| !matches!(state, ProcessState::Ended { .. })) {
                *state = ended(HowEnded::Code(0));
            }
            world.wait(1.0);
            world.check();
        }
        for job in world.cluster.jobs().values() {
            prop_assert!(job.state().is_over(), "job {} is {:?}", job.id, job.state());
        }
        let loaded = store_and_load(&store, &mut world.cluster);
        prop_assert_eq!(loaded.jobs(), world.cluster.jobs(), "the store holds what is known");
    }
}

fn store_and_load(store: &Store, cluster: &mut Cluster) -> Cluster {
    let changed = cluster.take_changed();
    store.save(cluster, &changed).unwrap();
    store.load(rules()).unwrap()
}
