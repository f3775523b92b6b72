//! The matrix: a job lives through one trouble of a server after another, under load, and after each nothing is lost,
//! nothing doubled, and the log has said in a sentence what was wrong.

mod stage;
mod steps;
mod troubles;

use std::time::{Duration, Instant};

use flightline_engine::contract::Guarantee;
use flightline_engine::failpoint::VARIABLE;
use flightline_tests::Chance;
use flightline_tests::job::{Job, Load, Shape, World, wait_for_work};

use stage::Stage;
use steps::Step;
use troubles::{Meanwhile, OF_HDFS, OF_MONGODB, OF_THE_BROKER, Trouble};

/// When the brokers give up a transaction.
const TRANSACTION: Duration = Duration::from_secs(5);

#[test]
fn troubles_of_the_broker_exactly_once() {
    live_through_all(&Stage::broker(), OF_THE_BROKER, steps::OF_KAFKA, Guarantee::ExactlyOnce);
}

#[test]
fn troubles_of_the_broker_at_least_once() {
    live_through_all(&Stage::broker(), OF_THE_BROKER, steps::OF_KAFKA, Guarantee::AtLeastOnce);
}

#[test]
fn troubles_of_mongodb_exactly_once() {
    live_through_all(&Stage::mongodb(), OF_MONGODB, steps::OF_MONGODB, Guarantee::ExactlyOnce);
}

#[test]
fn troubles_of_mongodb_at_least_once() {
    live_through_all(&Stage::mongodb(), OF_MONGODB, steps::OF_MONGODB, Guarantee::AtLeastOnce);
}

#[test]
fn troubles_of_hdfs_exactly_once() {
    live_through_all(&Stage::hdfs(), OF_HDFS, steps::OF_HDFS, Guarantee::ExactlyOnce);
}

#[test]
fn troubles_of_hdfs_at_least_once() {
    live_through_all(&Stage::hdfs(), OF_HDFS, steps::OF_HDFS, Guarantee::AtLeastOnce);
}

fn live_through_all(stage: &Stage, troubles: &[Trouble], at_steps: &[(Step, Trouble)], guarantee: Guarantee) {
    let world = World::on(stage.servers(), guarantee);
    let shape = Shape::of(1, 2).set("kafka.transaction_timeout=5s");
    let shape = match guarantee {
        // The ledger is in HDFS, and has its troubles, too.
        Guarantee::ExactlyOnce => shape,
        // The ledger is on a disk of its own: what is required goes on without HDFS.
        Guarantee::AtLeastOnce => shape.set("job.state=file:state"),
    };
    let mut chance = Chance::new();
    let mut job = world.start(&shape);
    job.wait_until_running();
    for trouble in troubles {
        let begun = Instant::now();
        let load = world.load(job.requests(), chance.fork());
        wait_for_work(&job, &load);
        live_through(trouble, stage, &mut job, &load);
        is_whole(&world, &job, load, trouble, begun);
    }
    job.stop();
    for (step, trouble) in at_steps {
        let begun = Instant::now();
        let load = world.load(world.requests_on_server(), chance.fork());
        let mut job = world.start(&shape.clone().env(VARIABLE, format!("{}:pause", step.of(guarantee))));
        job.wait_until_paused();
        live_through(trouble, stage, &mut job, &load);
        is_whole(&world, &job, load, trouble, begun);
        job.stop();
    }
    let holdings = world.holdings();
    assert_eq!(holdings.check_as(guarantee), Ok(()), "after all, and the job's end");
}

fn live_through(trouble: &Trouble, stage: &Stage, job: &mut Job, load: &Load) {
    let said = job.lines();
    (trouble.begin)(stage);
    // If it was stopped at a step.
    job.wake_up();
    match trouble.meanwhile {
        Meanwhile::Says(words) => {
            job.wait_for_line_after(said, trouble.name, |line| words.iter().all(|word| line.contains(word)));
        }
        Meanwhile::Works => {
            let before = job.answered(stage.sink);
            wait_for_work(job, load);
            job.wait_until("answers come through to the server", || job.answered(stage.sink) > before);
        }
    }
    (trouble.end)(stage);
    wait_for_work(job, load);
}

fn is_whole(world: &World, job: &Job, load: Load, trouble: &Trouble, begun: Instant) {
    load.stop();
    job.wait_until_done();
    let (promised, holdings) = (world.promised(), world.holdings());
    println!("{promised:?}, {:.0?}, {} requests by now: {}", begun.elapsed(), holdings.requests(), trouble.name);
    assert_eq!(holdings.check_as(promised), Ok(()), "after: {}", trouble.name);
}
