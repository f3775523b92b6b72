//! What the master makes of upgrades, wherever a job stands, and of those that can't be started.

use std::time::Duration;

use super::*;
use crate::ids::{SpecNumber, SubmissionId};
use crate::job::restart::Strikes;
use crate::job::state::StopHow;
use crate::master::history::Histories;
use crate::master::upgrade::{NotUpgraded, Upgrade};
use crate::master::views::job_view;
use crate::protocol::messages::Upgraded;
use crate::submit::upgraded::{Standing, standing};

impl World {
    pub(super) fn upgrade(&mut self, id: JobId, spec: JobSpec) -> Result<SpecNumber, NotUpgraded> {
        let (of, _) = self.cluster.last_spec(id)?;
        let at = self.at();
        let made = self.cluster.upgrade(id, Upgrade { of, spec: spec.into(), submission: None }, at)?;
        assert!(made.job == id && !made.next_run, "{made:?}");
        Ok(made.specification)
    }

    fn standing(&self, id: JobId, number: u64) -> Standing {
        let view = job_view(&self.cluster, &Histories::default(), id, self.at().now).unwrap();
        standing(&view, SpecNumber(number))
    }

    fn ends(&self, id: JobId) -> Vec<&str> {
        self.cluster.jobs()[&id].lives.iter().filter_map(|life| Some(life.ended.as_ref()?.1.as_str())).collect()
    }

    fn running(&mut self, spec: JobSpec) -> JobId {
        let job = self.submit(spec);
        let workers: Vec<usize> = self.incarnations.keys().copied().collect();
        self.all_obey(&workers);
        assert_eq!(self.phase(job), Phase::Running);
        job
    }
}

fn stream(processes: usize, cores: u32) -> JobSpec {
    JobSpec { supervise: true, ..spec(processes, cores) }
}

#[test]
fn a_job_is_drained_and_goes_on_at_once_as_its_next_specification_says() {
    let mut world = World::new(2, 2);
    let job = world.running(stream(1, 2));
    assert_eq!(world.upgrade(job, stream(2, 1)), Ok(SpecNumber(2)));
    assert_eq!(world.orders(0), [(process(job, 1, 0), Wish::Drain)]);
    assert_eq!(world.cluster.jobs()[&job].spec.cores, Cores(2), "what runs has what it had");
    world.obey(0);
    let orders = [0, 1].map(|worker| world.orders(worker));
    assert_eq!(orders.concat(), [(process(job, 2, 0), Wish::Run), (process(job, 2, 1), Wish::Run)]);
    world.all_obey(&[0, 1]);
    assert_eq!(world.phase(job), Phase::Running);
    assert_eq!(world.ends(job), ["it was upgraded"]);
    let known = &world.cluster.jobs()[&job];
    assert_eq!(known.lives.iter().map(|life| life.spec.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(known.upgrades.remembered.iter().map(|spec| spec.spec.processes.get()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(known.strikes, Strikes::default());
}

/// A training can't finish what it has begun in a moment: it ends, and begins again.
#[test]
fn one_that_only_can_break_off_has_nothing_to_be_ashamed_of() {
    let mut world = World::new(2, 2);
    let job = world.running(spec(2, 2));
    world.upgrade(job, spec(2, 1)).unwrap();
    world.end(process(job, 1, 1), HowEnded::Code(143));
    world.say(1).unwrap();
    assert_eq!(world.orders(0), [(process(job, 1, 0), Wish::Drain)]);
    world.all_obey(&[0, 1]);
    assert_eq!((world.phase(job), world.ends(job)), (Phase::Running, vec!["it was upgraded"]));
}

#[test]
fn a_life_whose_ledger_is_further_is_followed_by_one_above_it() {
    let mut world = World::new(1, 2);
    let job = world.running(stream(1, 1));
    world.upgrade(job, stream(1, 2)).unwrap();
    let state = ProcessState::Ended { how: HowEnded::Code(8), last_lines: Vec::new(), ledger: Some(41), model: None };
    world.processes.insert((0, process(job, 1, 0)), state);
    world.say(0).unwrap();
    assert_eq!(world.orders(0), [(process(job, 42, 0), Wish::Run)]);
}

/// It would be nowhere, and nobody could upgrade it any more.
#[test]
fn a_job_that_can_not_be_started_as_upgraded_goes_back_to_what_it_was() {
    let mut world = World::new(1, 2);
    let job = world.running(stream(1, 1));
    world.upgrade(job, stream(1, 2)).unwrap();
    world.obey(0);
    assert_eq!(world.orders(0), [(process(job, 2, 0), Wish::Run)]);
    world.processes.insert((0, process(job, 2, 0)), ended(HowEnded::Code(2)));
    world.say(0).unwrap();
    assert_eq!(world.orders(0), [(process(job, 3, 0), Wish::Run)], "at once");
    world.all_obey(&[0]);
    assert_eq!((world.phase(job), world.cluster.jobs()[&job].spec.cores), (Phase::Running, Cores(1)));
    let known = &world.cluster.jobs()[&job];
    assert_eq!(known.lives.iter().map(|life| life.spec.0).collect::<Vec<_>>(), [1, 2, 1]);
    let given_up = known.upgrades.remembered[1].given_up.as_deref().unwrap();
    assert!(given_up.contains("its arguments or its configuration are wrong"), "{given_up}");

    // What once was at work and fails later is nobody's to take back.
    assert_eq!(world.upgrade(job, stream(1, 2)), Ok(SpecNumber(3)));
    world.all_obey(&[0]);
    assert_eq!(world.phase(job), Phase::Running);
    world.end(process(job, 4, 0), HowEnded::Code(2));
    world.obey(0);
    assert_eq!(world.phase(job), Phase::Failed);
}

#[test]
fn a_job_that_crashes_at_each_start_since_its_upgrade_goes_back_too() {
    let mut world = World::new(1, 2);
    let job = world.running(stream(1, 1));
    world.upgrade(job, stream(1, 2)).unwrap();
    world.obey(0);
    for life in 2..=6 {
        assert_eq!(world.cluster.jobs()[&job].life().unwrap().spec, SpecNumber(2));
        world.processes.insert((0, process(job, life, 0)), ended(HowEnded::Signal(11)));
        world.say(0).unwrap();
        world.wait(4.0);
        world.say(0).unwrap();
    }
    world.all_obey(&[0]);
    assert_eq!((world.phase(job), world.cluster.jobs()[&job].upgrades.present), (Phase::Running, SpecNumber(1)));
}

#[test]
fn what_was_asked_for_while_nothing_runs_is_what_runs_next() {
    let mut world = World::new(1, 2);
    let waiting = world.submit(spec(3, 1));
    assert_eq!(world.phase(waiting), Phase::Queued);
    assert_eq!(world.upgrade(waiting, spec(1, 1)), Ok(SpecNumber(2)));
    assert_eq!(world.phase(waiting), Phase::Starting);

    let mut world = World::new(1, 2);
    let job = world.running(stream(1, 1));
    for life in 1..=4 {
        world.all_obey(&[0]);
        world.end(process(job, life, 0), HowEnded::Signal(11));
        world.obey(0);
        if life < 4 {
            world.wait(2.0);
        }
    }
    assert_eq!(world.phase(job), Phase::BackingOff);
    world.upgrade(job, stream(1, 2)).unwrap();
    assert_eq!(world.orders(0), [(process(job, 5, 0), Wish::Run)], "nobody waits who has mended it");
    assert_eq!(world.cluster.jobs()[&job].strikes, Strikes::default());
}

#[test]
fn what_can_not_be_upgraded_is_refused_and_goes_on() {
    let mut world = World::new(1, 2);
    let [over, stopping, present] = [(); 3].map(|()| world.submit(spec(1, 0)));
    world.all_obey(&[0]);
    world.end(process(over, 1, 0), HowEnded::Code(0));
    world.obey(0);
    let at = world.at();
    world.cluster.stop(stopping, StopHow::Stop, at).unwrap();
    assert_eq!(world.upgrade(over, spec(1, 1)), Err(NotUpgraded::Over(over, Phase::Completed)));
    assert_eq!(world.upgrade(stopping, spec(1, 1)), Err(NotUpgraded::Stopping(stopping)));
    assert_eq!(world.upgrade(JobId(99), spec(1, 1)), Err(NotUpgraded::Unknown(JobId(99))));
    let why = world.upgrade(present, spec(1, 3)).unwrap_err().to_string();
    assert!(why.contains("goes on as it is, since there is no room") && why.contains("have room for 0"), "{why}");
    assert_eq!(world.phase(present), Phase::Running);
    let late = Upgrade { of: SpecNumber(7), spec: spec(1, 1).into(), submission: None };
    let at = world.at();
    assert_eq!(world.cluster.upgrade(present, late, at), Err(NotUpgraded::Changed(present)));
}

#[test]
fn two_upgrades_in_a_row_are_one_drain_and_the_last_one_holds() {
    let mut world = World::new(1, 4);
    let job = world.running(stream(1, 1));
    assert_eq!(world.upgrade(job, stream(1, 2)), Ok(SpecNumber(2)));
    assert_eq!(world.cluster.last_spec(job).unwrap().1.cores, Cores(2), "the second one builds on the first");
    assert_eq!(world.upgrade(job, stream(1, 3)), Ok(SpecNumber(3)));
    world.all_obey(&[0]);
    let known = &world.cluster.jobs()[&job];
    assert_eq!((known.lives.len(), known.life().unwrap().spec, known.spec.cores), (2, SpecNumber(3), Cores(3)));
}

#[test]
fn an_upgrade_that_comes_again_is_the_same_one() {
    let mut world = World::new(1, 4);
    let job = world.running(stream(1, 1));
    let submission = SubmissionId::try_from("0123456789abcdef0123456789abcdef".to_owned()).ok();
    let upgrade = Upgrade { of: SpecNumber(1), spec: stream(1, 2).into(), submission };
    for _ in 0..3 {
        let at = world.at();
        let made = Upgraded { job, specification: SpecNumber(2), next_run: false };
        assert_eq!(world.cluster.upgrade(job, upgrade.clone(), at), Ok(made));
        world.all_obey(&[0]);
    }
    assert_eq!(world.cluster.jobs()[&job].lives.len(), 2);
}

#[test]
fn a_drain_that_is_late_or_has_lost_a_process_is_cut_short() {
    let mut world = World::new(2, 4);
    let job = world.running(stream(2, 4));
    world.upgrade(job, stream(2, 3)).unwrap();
    world.end(process(job, 1, 1), HowEnded::Signal(9));
    world.say(1).unwrap();
    assert_eq!(world.orders(0), [(process(job, 1, 0), Wish::Kill)], "the other one can't finish without it");
    world.all_obey(&[0, 1]);
    assert_eq!(world.phase(job), Phase::Running);
    assert_eq!(world.ends(job), ["it was upgraded, and meanwhile process 1 on worker-1 was ended by signal 9"]);

    world.upgrade(job, stream(2, 2)).unwrap();
    for _ in 0..20 {
        world.wait(1.0);
        [0, 1].iter().for_each(|worker| world.say(*worker).unwrap());
    }
    assert_eq!(world.orders(0), [(process(job, 2, 0), Wish::Kill)], "it took too long");
    world.all_obey(&[0, 1]);
    assert_eq!((world.phase(job), world.cluster.jobs()[&job].spec.cores), (Phase::Running, Cores(2)));
}

#[test]
fn a_life_that_ends_by_itself_meanwhile_is_followed_by_the_upgraded_one() {
    let mut world = World::new(2, 4);
    let job = world.running(stream(2, 4));
    world.end(process(job, 1, 1), HowEnded::Code(3));
    world.say(1).unwrap();
    assert_eq!(world.phase(job), Phase::Ending);
    world.upgrade(job, stream(2, 3)).unwrap();
    assert_eq!(world.orders(0), [(process(job, 1, 0), Wish::Kill)]);
    world.all_obey(&[0, 1]);
    assert_eq!(world.phase(job), Phase::Running, "that would have been the end of it");
}

#[test]
fn who_stops_a_job_while_it_is_upgraded_stops_it() {
    let mut world = World::new(1, 4);
    let job = world.running(stream(1, 1));
    world.upgrade(job, stream(1, 2)).unwrap();
    let at = world.at();
    world.cluster.stop(job, StopHow::Stop, at).unwrap();
    world.all_obey(&[0]);
    assert_eq!((world.phase(job), world.cluster.jobs()[&job].lives.len()), (Phase::Stopped, 1));
}

/// As its processes ended one by one, an older job took their places, and the stream waited for that job's end.
#[test]
fn what_is_upgraded_keeps_its_room_though_an_older_job_waits_for_some() {
    let mut world = World::new(2, 2);
    let older = world.running(stream(1, 2));
    world.end(process(older, 1, 0), HowEnded::Signal(11));
    world.say(0).unwrap();
    assert_eq!(world.phase(older), Phase::BackingOff);
    let job = world.running(stream(2, 2));
    world.wait(2.0);
    assert_eq!(world.phase(older), Phase::Queued);
    world.upgrade(job, stream(2, 2)).unwrap();
    world.obey(0);
    assert_eq!((world.phase(older), world.phase(job)), (Phase::Queued, Phase::Upgrading), "one of two has ended");
    world.obey(1);
    world.all_obey(&[0, 1]);
    assert_eq!((world.phase(older), world.phase(job)), (Phase::Queued, Phase::Running));
    assert_eq!(world.cluster.jobs()[&job].life().unwrap().spec, SpecNumber(2));
}

fn every_minute(cores: u32) -> JobSpec {
    JobSpec { every: Some(Duration::from_secs(60)), ..spec(1, cores) }
}

/// A schedule of which the first run is over.
fn between_runs() -> (World, JobId) {
    let mut world = World::new(1, 4);
    let first = world.submit(every_minute(1));
    world.all_obey(&[0]);
    world.end(process(first, 1, 0), HowEnded::Code(0));
    world.all_obey(&[0]);
    (world, first)
}

/// Whoever waited for it heard that the job was over, and that this was an error.
#[test]
fn a_schedule_is_upgraded_between_its_runs() {
    let (mut world, first) = between_runs();
    assert_eq!(world.phase(first), Phase::Completed);
    let submission = SubmissionId::try_from("0123456789abcdef0123456789abcdef".to_owned()).ok();
    let upgrade = Upgrade { of: SpecNumber(1), spec: every_minute(3).into(), submission };
    let made = Upgraded { job: first, specification: SpecNumber(2), next_run: true };
    let at = world.at();
    assert_eq!(world.cluster.upgrade(first, upgrade.clone(), at), Ok(made));
    world.wait(61.0);
    let runs: Vec<(u64, u32)> = world.cluster.jobs().values().map(|job| (job.id.0, job.spec.cores.0)).collect();
    assert_eq!(runs, [(1, 1), (2, 3)]);
    let at = world.at();
    assert_eq!(world.cluster.upgrade(first, upgrade, at), Ok(made), "it is the same one, and the next run goes on");
    assert_eq!(world.cluster.last_spec(JobId(2)).unwrap().0, SpecNumber(1), "what it began with");
}

/// What was asked for was waited for at the run that was named, which was over.
#[test]
fn an_upgrade_of_an_earlier_run_says_which_run_goes_on() {
    let (mut world, first) = between_runs();
    world.wait(61.0);
    world.all_obey(&[0]);
    let at = world.at();
    let upgrade = Upgrade { of: SpecNumber(1), spec: every_minute(3).into(), submission: None };
    let made = world.cluster.upgrade(first, upgrade, at);
    assert_eq!(made, Ok(Upgraded { job: JobId(2), specification: SpecNumber(2), next_run: false }));
    assert_eq!(world.standing(JobId(2), 2), Standing::OnItsWay);
    world.all_obey(&[0]);
    assert_eq!(world.standing(JobId(2), 2), Standing::AtWork(Generation(2)));
}

/// A short job was done between two looks, and its upgrade counted as an error.
#[test]
fn a_job_that_was_done_before_anybody_looked_ended_as_it_ended() {
    for (how, exit) in [(HowEnded::Code(0), 0), (HowEnded::Code(2), 2)] {
        let mut world = World::new(1, 4);
        let job = world.running(spec(1, 1));
        world.upgrade(job, spec(1, 2)).unwrap();
        assert_eq!(world.standing(job, 2), Standing::OnItsWay);
        world.all_obey(&[0]);
        world.end(process(job, 2, 0), how);
        world.all_obey(&[0]);
        assert_eq!(world.standing(job, 2), Standing::Ended(exit), "{}", world.phase(job));
    }
    let mut world = World::new(1, 4);
    let job = world.running(spec(1, 1));
    world.upgrade(job, spec(1, 2)).unwrap();
    let at = world.at();
    world.cluster.stop(job, StopHow::Stop, at).unwrap();
    world.all_obey(&[0]);
    assert_eq!(world.standing(job, 2), Standing::Over, "it never was what it should be");
}
