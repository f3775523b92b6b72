//! `replay` and `dead-letters` of jobs on servers: answers are in Kafka where their keys put them, some of them again, and are
//! found and compared all the same.

use std::collections::BTreeSet;

use flightline_engine::contract::Guarantee;
use flightline_engine::failpoint::VARIABLE;
use flightline_engine::process::Exit;
use flightline_tests::job::{Job, PARTITIONS, Shape, World, some_request};
use flightline_tests::servers::Servers;
use flightline_tests::{Chance, Ended};
use serde_json::Value;

/// Partitions of the response topic, other than those of the requests.
const PLACES: u32 = 6;
/// Requests that are sent together.
const TOGETHER: usize = 100;
/// How often to one partition in each life, so that more are there than are looked at in one go; to the others once.
const OFTEN: usize = 8;
/// All of both lives.
const ALL: usize = 2 * TOGETHER * (OFTEN + PARTITIONS as usize - 1);

fn ask(job: &Job, chance: &mut Chance) {
    for partition in 0..PARTITIONS {
        for _ in 0..if partition == 1 { OFTEN } else { 1 } {
            let requests: Vec<String> = (0..TOGETHER).map(|_| some_request(chance)).collect();
            job.ask(partition, requests);
        }
    }
}

fn objects(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// All requests are told once, in order, and each sink holds what it should.
fn are_right(ended: &Ended, count: usize) {
    ended.ok();
    let objects = objects(ended);
    let place = |object: &Value| (object["partition"].as_u64(), object["offset"].as_u64());
    assert!(objects.is_sorted_by(|one, other| place(one) < place(other)), "in order, and once");
    assert_eq!(objects.len(), count);
    for object in &objects {
        let verdict = |sink: &str| object["sinks"][sink]["verdict"].as_str().expect("a verdict is a word").to_owned();
        let due = |line: &str| if object[line].is_null() { "none due" } else { "same" };
        assert_eq!(verdict("topic"), due("answer"), "{object}");
        assert_eq!(verdict("files"), due("answer"), "{object}");
        assert_eq!(verdict("dead-letters"), due("dead_letter"), "{object}");
        assert!([due("answer"), "another request's answer"].contains(&&*verdict("collection")), "{object}");
    }
    for line in ["answer", "dead_letter"] {
        assert!(objects.iter().any(|object| object[line].is_null()), "some are odd, and most are not: {line}");
    }
}

/// A job that has died once at a failpoint, and has answered all in two lives with two models; it still runs.
fn answered(world: &World, failpoint: &str) -> Job {
    drop(world.responses_on_server(PLACES).follow().expect("the topic can be made"));
    let mut chance = Chance::new();
    let job = world.start(&Shape::of(1, 2).env(VARIABLE, failpoint));
    job.wait_until_running();
    ask(&job, &mut chance);
    job.wait_for_death();
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    job.wait_until_done();
    world.promote(0);
    job.wait_until_bound("the model is bound", |bound| *bound.model == *world.models()[0]);
    ask(&job, &mut chance);
    job.wait_until_done();
    job
}

/// Puts a line into the response topic that says what the job would say, or not.
fn put(world: &World, line: &str) {
    let answer: Value = serde_json::from_str(line).expect("an answer is JSON");
    let key = answer["UUID"].as_str().expect("an answer has a UUID").as_bytes();
    world.responses_on_server(PLACES).append(key, line.to_owned().into()).expect("the brokers take a line");
}

/// An answer that is there, with its partition and offset.
fn some_answer(world: &World) -> (String, String) {
    let replay = world.command("replay --partition 1 --from 100 --to 120 --json").succeed();
    let objects = objects(&replay);
    assert_eq!(objects.len(), 20);
    let answered = objects.into_iter().find(|object| object["answer"]["Status"] == "OK").expect("most are");
    let held = world.holdings();
    let place = (1, answered["offset"].as_u64().expect("a number"));
    let (_, line) = held.answers().iter().find(|(position, _)| *position == place).expect("it is in the topic");
    (answered["uuid"].as_str().expect("a text").to_owned(), String::from_utf8(line.to_vec()).expect("it is text"))
}

#[test]
fn answers_at_least_once_are_equal_however_often_they_are_there() {
    let world = World::on(Servers::shared(), Guarantee::AtLeastOnce);
    let job = answered(&world, "kafka-sink/after-acks:4");
    let (uuid, line) = some_answer(&world);
    job.stop();
    let holdings = world.holdings();
    assert_eq!(holdings.check_as(Guarantee::AtLeastOnce), Ok(()));
    let lines = [holdings.answers(), holdings.dead_letters()].concat();
    // A dead letter and an answer of one request differ.
    let distinct: BTreeSet<_> = lines.iter().collect();
    assert!(distinct.len() < lines.len(), "the crash has left repeats");

    put(&world, &line);
    are_right(&world.command("replay --all --json").finish(), ALL);
    let told = world.command("replay --uuid").arg(&uuid).succeed();
    assert!(told.stdout.contains("topic         same"), "{told}");
    put(&world, &line.replace("\"Status\":\"OK\"", "\"Status\":\"ERROR\""));
    let one = world.command("replay --uuid").arg(&uuid).finish();
    one.expect(Exit::Differs);
    assert!(one.stdout.contains("topic         differs in Status"), "{one}");
    let all = world.command("replay --partition 1").finish();
    all.expect(Exit::Differs).says(&["sink `topic` holds lines where they don't belong", "partition 1"]);
}

#[test]
fn answers_exactly_once_are_equal_and_there_once() {
    let world = World::on(Servers::shared(), Guarantee::ExactlyOnce);
    let job = answered(&world, "kafka-sink/before-commit:2");
    let (uuid, line) = some_answer(&world);
    job.kill(0);
    are_right(&world.command("replay --all --json").finish(), ALL);
    let told = world.command("replay --uuid").arg(&uuid).succeed();
    assert!(told.stdout.contains("topic         same"), "{told}");
    put(&world, &line);
    let all = world.command("replay --partition 1").finish();
    all.expect(Exit::Differs).says(&["sink `topic` holds lines where they don't belong (1 in all)", "partition 1"]);
}

#[test]
fn dead_letters_are_asked_again_at_least_once() {
    crate::dead_letters::is_mended(&World::on(Servers::shared(), Guarantee::AtLeastOnce));
}

#[test]
fn dead_letters_are_asked_again_exactly_once() {
    crate::dead_letters::is_mended(&World::on(Servers::shared(), Guarantee::ExactlyOnce));
}
