//! What the master makes of workers that are silent, hang up, go, come back, or bear another one's name; and of its own silences.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::master::store::{Durable, Store, StoreError};
use crate::master::worker::Standing;

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

/// A master that stood still for seven seconds, as on a slow disk or a paused machine, took all workers for lost when it went on,
/// and started each job again.
#[test]
fn a_master_that_stood_still_blames_nobody() {
    let mut world = World::new(2, 1);
    let job = world.submit(spec(2, 1));
    world.all_obey(&[0, 1]);
    world.stand_still(3_600.0);
    world.wait(3.5);
    assert_eq!(world.phase(job), Phase::Running, "it has listened for four and a half seconds since it heard them");
    world.say(0).unwrap();
    world.wait(1.0);
    let standing = |at| world.cluster.workers()[&name(at)].standing;
    assert_eq!([standing(0), standing(1)], [Standing::Alive, Standing::Lost]);
}

/// The healthy one ended, and its jobs with it.
#[test]
fn who_comes_from_elsewhere_under_the_name_of_a_worker_that_is_heard_is_not_let_in() {
    let mut world = World::new(1, 1);
    let elsewhere = Machine { host: "elsewhere".to_owned(), ..machine(0, 77, 1) };
    let at = world.at();
    assert_eq!(world.cluster.register(elsewhere.clone(), at), Err(NotListened::Taken(name(0))));
    world.say(0).unwrap();
    // Its machine may have another address now, and its old agent is no more.
    world.hang_up(0);
    let at = world.at();
    assert_eq!(world.cluster.register(elsewhere, at), Ok(()));
    assert_eq!(world.say(0), Err(NotListened::Replaced(name(0))));
}

/// Nobody was ever forgotten, and who had gone was shown as lost by the next master.
#[test]
fn who_went_is_known_as_such_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut world = World::new(2, 1);
    let at = world.at();
    world.cluster.leave(&name(1), Incarnation(1), at).unwrap();
    let changed = world.cluster.take_changed();
    store.save(&world.cluster, &changed).unwrap();
    world.cluster = store.load(rules()).unwrap();
    world.seconds = 0.0;
    world.obey(0);
    for _ in 0..20 {
        world.wait(1.0);
        world.obey(0);
    }
    assert_eq!(world.cluster.workers()[&name(1)].standing, Standing::Gone);
    world.seconds += 24.0 * 60.0 * 60.0;
    world.obey(0);
    assert_eq!(world.cluster.workers().keys().collect::<Vec<_>>(), [&name(0)]);
    assert!(world.cluster.take_changed().workers.contains(&name(1)), "in the store, too");
}

/// It was given jobs again until its agent left, which started none of them.
#[test]
fn a_worker_that_ends_and_is_lost_meanwhile_gets_no_jobs_when_it_is_heard_again() {
    let mut world = World::new(2, 1);
    let standing = |world: &World| world.cluster.workers()[&name(0)].standing;
    world.drain(0);
    assert_eq!(standing(&world), Standing::Draining);
    for _ in 0..6 {
        world.wait(1.0);
        world.obey(1);
    }
    assert_eq!(standing(&world), Standing::Lost);
    world.obey(0);
    assert_eq!(standing(&world), Standing::Draining);
    let [first, second] = [(); 2].map(|()| world.submit(spec(1, 1)));
    assert_eq!((world.phase(first), world.phase(second)), (Phase::Starting, Phase::Queued), "the other one is used");
    // A master that has forgotten it, and hears it anew.
    world.cluster = Cluster::new(rules(), Vec::new(), Vec::new(), JobId(0));
    world.obey(0);
    assert_eq!(standing(&world), Standing::Draining);
}
