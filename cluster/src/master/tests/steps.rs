//! What the master makes of one event after another: where jobs go, when they are started again, and when it gives up.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::job::state::StopHow;
use crate::master::state::NotStopped;
use crate::master::store::{Durable, Store, StoreError};
use crate::master::worker::Standing;

#[test]
fn a_job_runs_on_all_workers_and_is_completed() {
    let mut world = World::new(3, 2);
    let job = world.submit(spec(3, 2));
    assert_eq!(world.phase(job), Phase::Starting);
    let order = orders(&world.cluster, &name(1), Incarnation(1)).remove(0);
    let generation = Generation(1);
    let life = life_for(&world.cluster, (&name(1), Incarnation(1)), LifeRef { job, generation }).unwrap();
    assert_eq!((order.id, &order.life), (process(job, 1, 1), &Some(life.digest())));
    assert_eq!((life.spec.cores, life.hosts.len(), life.hosts[1].as_str()), (Cores(2), 3, "host-1:7100"));
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

/// An agent that was killed has its connections closed by its system at once: the master waited five seconds all the same.
#[test]
fn a_worker_that_hung_up_and_is_not_heard_again_is_lost_soon() {
    let mut world = World::new(2, 1);
    let job = world.submit(spec(1, 1));
    world.all_obey(&[0, 1]);
    world.hang_up(0);
    world.wait(1.9);
    assert_eq!(world.cluster.workers()[&name(0)].standing, Standing::Alive, "it may have called again meanwhile");
    world.wait(0.2);
    assert_eq!(world.cluster.workers()[&name(0)].standing, Standing::Lost);
    world.obey(1);
    world.wait(3.0);
    world.all_obey(&[1]);
    assert_eq!((world.phase(job), world.orders(1)), (Phase::Running, vec![(process(job, 2, 0), Wish::Run)]));
}

#[test]
fn a_worker_that_hung_up_and_is_heard_again_is_not_lost() {
    let mut world = World::new(1, 1);
    world.hang_up(0);
    for _ in 0..5 {
        world.wait(1.0);
        world.say(0).unwrap();
    }
    assert_eq!(world.cluster.workers()[&name(0)].standing, Standing::Alive);
    // Nor is one whose earlier agent hung up.
    let (before, at) = (Incarnation(world.incarnations[&0]), world.at());
    world.come(0, 1);
    world.cluster.hang_up(&name(0), before, at);
    world.wait(3.0);
    assert_eq!(world.cluster.workers()[&name(0)].standing, Standing::Alive);
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
fn a_healthy_life_restores_the_budget() {
    let mut world = World::new(1, 1);
    let job = world.submit(spec(1, 1));
    for life in 1..=12 {
        world.all_obey(&[0]);
        if life % 4 == 0 {
            (0..61).for_each(|_| {
                world.wait(1.0);
                world.obey(0);
            });
        }
        world.end(process(job, life, 0), HowEnded::Signal(11));
        world.obey(0);
        world.wait(3.0);
    }
    assert!(!world.state(job).is_over(), "{:?}", world.state(job));
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
    let state = folder.path().join("state");
    let store = Store::open(&state).unwrap();
    let modes = [&state, &state.join("master.redb")].map(|path| path.metadata().unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600], "jobs have configurations");
    let changed = world.cluster.take_changed();
    store.save(&world.cluster, &changed).unwrap();
    assert!(store.room() > Some(Memory(0)), "disks tell");
    assert!(matches!(Store::open(&state), Err(StoreError::Taken(_))));
    drop(store);

    world.cluster = Store::open(&state).unwrap().load(rules()).unwrap();
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
