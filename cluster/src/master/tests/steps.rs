//! What the master makes of one event after another: where jobs go, when they are started again, and when it gives up.

use std::time::Duration;

use super::*;
use crate::job::restart::Strikes;
use crate::job::state::StopHow;
use crate::master::state::NotStopped;

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

/// Five workers that were stopped in turn ended a stream for good, since each life had ended.
#[test]
fn workers_that_are_stopped_one_after_another_cost_a_stream_nothing() {
    let mut world = World::new(2, 1);
    let job = world.submit(JobSpec { supervise: true, ..spec(1, 1) });
    for life in 1..=12 {
        world.all_obey(&[0, 1]);
        assert_eq!(world.phase(job), Phase::Running, "life {life}: {:?}", world.state(job));
        let stopped = usize::from(world.orders(0).is_empty());
        world.drain(stopped);
        world.end(process(job, life, 0), HowEnded::Code(0));
        world.obey(stopped);
        let (at, incarnation) = (world.at(), Incarnation(world.incarnations[&stopped]));
        world.cluster.leave(&name(stopped), incarnation, at).unwrap();
        world.come(stopped, 1);
        world.wait(0.3);
    }
    assert_eq!(world.cluster.jobs()[&job].strikes, Strikes::default());
}

/// Brokers that were away for a few minutes ended a stream for good.
#[test]
fn what_runs_for_ever_waits_for_ever_for_what_it_needs_and_what_is_done_once_does_not() {
    let mut world = World::new(2, 1);
    let [stream, training] = [true, false].map(|supervise| world.submit(JobSpec { supervise, ..spec(1, 1) }));
    let mut pauses = Vec::new();
    for life in 1..=12 {
        world.all_obey(&[0, 1]);
        world.end(process(stream, life, 0), HowEnded::Code(4));
        if !world.state(training).is_over() {
            world.end(process(training, life, 0), HowEnded::Code(4));
        }
        world.all_obey(&[0, 1]);
        let begun = world.seconds;
        while world.phase(stream) == Phase::BackingOff {
            world.wait(0.1);
            world.all_obey(&[0, 1]);
        }
        pauses.push(world.seconds - begun);
    }
    assert!(pauses[0] < 0.5 && pauses[9] > 25.0 && pauses[11] < 31.0, "{pauses:?}");
    assert!(matches!(world.state(training), JobState::Failed { why } if why.starts_with("it ended 5 times")));
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

/// Each run is a job of its own, and the number that was given out was the first one's: nobody could end the schedule by it.
#[test]
fn a_schedule_is_ended_by_the_number_of_any_of_its_runs() {
    let mut world = World::new(1, 1);
    let first = world.submit(JobSpec { every: Some(Duration::from_secs(60)), ..spec(1, 1) });
    let other = world.submit(JobSpec { every: Some(Duration::from_secs(60)), ..spec(1, 1) });
    let mut latest = first;
    for _ in 0..3 {
        world.all_obey(&[0]);
        for job in [latest, other] {
            if world.phase(job) == Phase::Running {
                world.end(process(job, 1, 0), HowEnded::Code(0));
            }
            world.all_obey(&[0]);
        }
        world.wait(61.0);
        latest = world.cluster.jobs().values().rev().find(|job| job.schedule == Some(first)).unwrap().id;
    }
    assert!(latest > other);
    let at = world.at();
    world.cluster.stop(first, StopHow::Kill, at).unwrap();
    assert!(world.cluster.jobs()[&latest].next_run.is_none());
    assert!(matches!(world.phase(latest), Phase::Stopping | Phase::Killed), "{:?}", world.state(latest));
    let goes_on = world.cluster.jobs().values().any(|job| job.schedule == Some(other) && job.next_run.is_some());
    assert!(goes_on, "another one is none of its business");
    let at = world.at();
    world.all_obey(&[0]);
    assert!(matches!(world.cluster.stop(first, StopHow::Stop, at), Err(NotStopped::Over(..))), "it has no next run");
}

/// A schedule that runs each minute pushed out of memory in a day whatever else had been run.
#[test]
fn the_runs_of_a_schedule_do_not_push_out_what_was_run_once() {
    let mut world = World::new(1, 1);
    let once = world.submit(spec(1, 1));
    world.all_obey(&[0]);
    world.end(process(once, 1, 0), HowEnded::Code(0));
    world.all_obey(&[0]);
    let scheduled = world.submit(JobSpec { every: Some(Duration::from_secs(60)), ..spec(1, 1) });
    for _ in 0..rules().kept_runs + 10 {
        world.all_obey(&[0]);
        let running: Vec<JobId> =
            world.cluster.jobs().values().filter(|job| job.phase() == Phase::Running).map(|job| job.id).collect();
        running.into_iter().for_each(|job| world.end(process(job, 1, 0), HowEnded::Code(0)));
        world.all_obey(&[0]);
        world.seconds += 61.0;
        world.all_obey(&[0]);
    }
    assert!(world.cluster.jobs().contains_key(&once) && !world.cluster.jobs().contains_key(&scheduled));
    assert!(world.cluster.jobs().len() <= rules().kept_runs + 2);
    let at = world.at();
    assert_eq!(
        world.cluster.stop(scheduled, StopHow::Stop, at),
        Ok(()),
        "its first run is forgotten, and its number isn't"
    );
}

#[test]
fn what_a_ledger_holds_is_gone_above() {
    let mut world = World::new(1, 1);
    let job = world.submit(spec(1, 1));
    world.obey(0);
    let how = HowEnded::Code(8);
    let state = ProcessState::Ended { how, last_lines: Vec::new(), ledger: Some(41), model: None };
    world.processes.insert((0, process(job, 1, 0)), state);
    world.say(0).unwrap();
    world.wait(0.2);
    assert_eq!(world.orders(0), [(process(job, 42, 0), Wish::Run)]);
}
