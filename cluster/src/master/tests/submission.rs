//! Jobs that are submitted unless one of their name is there.

use std::time::Duration;

use super::*;
use crate::entropy::SystemEntropy;
use crate::ids::SubmissionId;
use crate::job::state::StopHow;
use crate::protocol::messages::Submitted;

fn stream() -> JobSpec {
    JobSpec { name: "stream".to_owned(), supervise: true, ..spec(1, 1) }
}

impl World {
    fn stream(&self) -> Option<Submitted> {
        self.cluster.of_name(&stream()).unwrap()
    }
}

/// Two shells asked for a list of jobs and submitted the stream, each since it was not in its own.
#[test]
fn what_is_at_work_in_whatever_state_is_found_by_its_name() {
    let mut world = World::new(1, 1);
    let other = world.submit(spec(1, 1));
    assert_eq!(world.stream(), None);
    let job = world.submit(stream());
    let found = Some(Submitted::Running(job));
    assert_eq!((world.phase(job), world.stream()), (Phase::Queued, found));
    let at = world.at();
    world.cluster.stop(other, StopHow::Kill, at).unwrap();
    world.all_obey(&[0]);
    assert_eq!((world.phase(job), world.stream()), (Phase::Running, found));
    world.end(process(job, 1, 0), HowEnded::Signal(11));
    world.say(0).unwrap();
    assert_eq!((world.phase(job), world.stream()), (Phase::BackingOff, found));
    assert_eq!(world.cluster.of_name(&spec(1, 1)), Ok(None), "what was killed is over");
}

#[test]
fn of_what_is_ending_nobody_knows_until_it_has_whether_it_comes_again() {
    let mut world = World::new(2, 1);
    let job = world.submit(JobSpec { processes: ProcessCount::new(2), ..stream() });
    world.all_obey(&[0, 1]);
    world.end(process(job, 1, 0), HowEnded::Code(2));
    world.say(0).unwrap();
    assert_eq!((world.phase(job), world.stream()), (Phase::Ending, Some(Submitted::Ending(job))));
    world.all_obey(&[1]);
    assert_eq!((world.phase(job), world.stream()), (Phase::Failed, None), "its command line is wrong");

    let next = world.submit(stream());
    world.all_obey(&[0, 1]);
    let at = world.at();
    world.cluster.stop(next, StopHow::Stop, at).unwrap();
    assert_eq!((world.phase(next), world.stream()), (Phase::Stopping, Some(Submitted::Ending(next))));
    let third = world.submit(stream());
    assert_eq!(world.stream(), Some(Submitted::Running(third)), "what is at work counts before what ends");
}

#[test]
fn a_schedule_goes_on_between_its_runs() {
    let mut world = World::new(1, 1);
    let every = Some(Duration::from_secs(60));
    let job = world.submit(JobSpec { every, supervise: false, ..stream() });
    world.all_obey(&[0]);
    world.end(process(job, 1, 0), HowEnded::Code(0));
    world.say(0).unwrap();
    assert_eq!((world.phase(job), world.stream()), (Phase::Completed, Some(Submitted::Running(job))));
    let at = world.at();
    world.cluster.stop(job, StopHow::Stop, at).unwrap();
    assert_eq!(world.stream(), None);
}

#[test]
fn what_a_submission_has_made_it_has_made_also_when_that_is_over() {
    let mut world = World::new(1, 1);
    let id = SubmissionId::draw(&SystemEntropy).unwrap();
    let at = world.at();
    let job = world.cluster.submit_as(Some(id), stream(), at);
    world.cluster.stop(job, StopHow::Kill, at).unwrap();
    world.all_obey(&[0]);
    assert_eq!((world.cluster.submitted(id), world.stream()), (Some(job), None));
}

/// Whoever asked for a stream was told that it is at work, and a training of that name was.
#[test]
fn a_name_that_another_program_has_is_refused() {
    let mut world = World::new(1, 2);
    let asked = JobSpec { program: Program::Predict, ..stream() };
    let other = world.submit(stream());
    world.all_obey(&[0]);
    let why = world.cluster.of_name(&asked).unwrap_err().to_string();
    assert!(why.contains(&format!("job {other}, which is alive, has the name stream, too, and runs train")), "{why}");
    let at = world.at();
    world.cluster.stop(other, StopHow::Stop, at).unwrap();
    assert_eq!((world.phase(other), world.cluster.of_name(&asked).is_err()), (Phase::Stopping, true));
    let same = world.submit(asked.clone());
    assert_eq!(world.cluster.of_name(&asked), Ok(Some(Submitted::Running(same))), "it has had the name without asking");
    let at = world.at();
    world.cluster.stop(same, StopHow::Kill, at).unwrap();
    world.all_obey(&[0]);
    assert_eq!(world.cluster.of_name(&asked), Ok(None), "nobody has it any more");
}
