//! A game: a master, workers that come, go, are lost and heard again, processes that end as they like, messages that are lost
//! or late, and a master that is started again from its store at any moment.

use proptest::prelude::*;

use super::*;
use crate::job::state::StopHow;
use crate::master::store::{Durable, Store};

/// What can happen in the game.
#[derive(Clone, Debug)]
enum Event {
    Submit { processes: usize, cores: u32, supervise: bool },
    Upgrade { job: u64, processes: usize, cores: u32 },
    Stop { job: u64, kill: bool },
    Obey { worker: usize },
    End { which: prop::sample::Index, how: u8 },
    Restart { worker: usize },
    HangUp { worker: usize },
    Wait { tenths: u32 },
    NewMaster,
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (1..4_usize, 1..3_u32, any::<bool>()).prop_map(|(processes, cores, supervise)| Event::Submit { processes, cores, supervise }),
        2 => (1..6_u64, 1..4_usize, 1..3_u32).prop_map(|(job, processes, cores)| Event::Upgrade { job, processes, cores }),
        1 => (1..6_u64, any::<bool>()).prop_map(|(job, kill)| Event::Stop { job, kill }),
        12 => (0..3_usize).prop_map(|worker| Event::Obey { worker }),
        3 => (any::<prop::sample::Index>(), 0..10_u8).prop_map(|(which, how)| Event::End { which, how }),
        1 => (0..3_usize).prop_map(|worker| Event::Restart { worker }),
        1 => (0..3_usize).prop_map(|worker| Event::HangUp { worker }),
        4 => (1..30_u32).prop_map(|tenths| Event::Wait { tenths }),
        1 => Just(Event::NewMaster),
    ]
}

impl World {
    fn play(&mut self, event: &Event, store: &Store, shown: &mut Cluster) {
        let at = self.at();
        match event {
            Event::Submit { processes, cores, supervise } => {
                self.submit(JobSpec { supervise: *supervise, ..spec(*processes, *cores) });
            }
            Event::Upgrade { job, processes, cores } => {
                let supervise = self.cluster.jobs().get(&JobId(*job)).is_some_and(|job| job.spec.supervise);
                // There may be none, or it may be over, or have no room.
                let _ = self.upgrade(JobId(*job), JobSpec { supervise, ..spec(*processes, *cores) });
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
            Event::HangUp { worker } => self.hang_up(*worker),
            Event::Wait { tenths } => self.wait(f64::from(*tenths) / 10.0),
            Event::NewMaster => {
                self.cluster = store.load(rules()).unwrap();
                *shown = self.cluster.clone();
            }
        }
        let changed = self.cluster.take_changed();
        store.save(&self.cluster, &changed).unwrap();
        let mut taken_back = self.cluster.clone();
        taken_back.follow(shown, &changed);
        assert_same(&taken_back, shown);
        shown.follow(&self.cluster, &changed);
        assert_same(shown, &self.cluster);
    }

    /// What must hold after every event.
    fn check(&self) {
        let mut taken: BTreeMap<&WorkerName, u32> = BTreeMap::new();
        for job in self.cluster.jobs().values() {
            assert!(job.lives.windows(2).all(|pair| pair[0].number < pair[1].number && pair[0].all_ended()));
            assert_eq!(job.state().is_over(), job.ended.is_some());
            assert_eq!(job.upgrades.next.is_some(), job.phase() == Phase::Upgrading, "job {}", job.id);
            if job.phase().has_processes() {
                let life = job.life().unwrap();
                assert_eq!((life.spec, life.places.len()), (job.upgrades.present, job.spec.processes.get()));
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
        let changed = world.cluster.take_changed();
        store.save(&world.cluster, &changed).unwrap();
        let mut shown = world.cluster.clone();
        for event in &events {
            world.play(event, &store, &mut shown);
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

fn assert_same(one: &Cluster, other: &Cluster) {
    assert_eq!((one.jobs(), one.workers(), one.last_job()), (other.jobs(), other.workers(), other.last_job()));
}

fn store_and_load(store: &Store, cluster: &mut Cluster) -> Cluster {
    let changed = cluster.take_changed();
    store.save(cluster, &changed).unwrap();
    store.load(rules()).unwrap()
}
