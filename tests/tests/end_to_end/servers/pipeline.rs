//! Requests from Kafka, distances from MongoDB, answers in Kafka, MongoDB and HDFS.

use std::collections::BTreeMap;

use bytes::Bytes;
use flightline_engine::contract::Guarantee;
use flightline_jobs::clients::{Partition, TopicClient};
use flightline_tests::job::{PARTITIONS, Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::servers::Servers;
use serde_json::Value;

/// Requests of each shape, unless this variable says another number; all shapes together have 100,000.
const REQUESTS: (&str, u64) = ("FLIGHTLINE_PIPELINE_REQUESTS", 25_000);
/// Requests that are sent together.
const TOGETHER: usize = 500;
/// What says where and when an answer was made, and not what it is.
const OF_THE_STREAM: [&str; 3] = ["Offset", "Partition", "Table"];

#[test]
fn one_worker_gives_the_answers_of_a_batch() {
    same_as_batch(&Shape::of(1, 1), Guarantee::ExactlyOnce);
}

#[test]
fn two_workers_give_the_answers_of_a_batch() {
    same_as_batch(&Shape::of(1, 2), Guarantee::AtLeastOnce);
}

#[test]
fn four_workers_give_the_answers_of_a_batch() {
    same_as_batch(&Shape::of(1, 4), Guarantee::ExactlyOnce);
}

#[test]
fn two_processes_give_the_answers_of_a_batch() {
    same_as_batch(&Shape::of(2, 1), Guarantee::ExactlyOnce);
}

fn requests() -> u64 {
    let (variable, usual) = REQUESTS;
    std::env::var(variable)
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

fn same_as_batch(shape: &Shape, guarantee: Guarantee) {
    let world = World::on(Servers::shared(), guarantee);
    let lines: Vec<String> = bundled().iter().cycle().zip(0..requests()).map(|(row, n)| request(row, n)).collect();
    let job = world.start(shape);
    job.wait_until_running();
    ask(&*job.requests(), &lines);
    job.wait_until_done();
    job.stop();

    // Nobody was killed, so at least once is once.
    answered_as_by_a_batch(&world, &lines);
}

/// All sinks have each answer once, and it is that of a batch.
pub(super) fn answered_as_by_a_batch(world: &World, lines: &[String]) {
    let holdings = world.holdings();
    assert_eq!(holdings.requests(), lines.len());
    assert_eq!(holdings.check(), Ok(()));
    let streamed = by_uuid(holdings.answers().iter().map(|(_, line)| line.to_vec()));
    assert!(streamed == batch(world, lines), "the stream answers otherwise than the batch");
}

/// Sends requests to all partitions by turns.
pub(super) fn ask(requests: &dyn TopicClient, lines: &[String]) {
    for (number, some) in lines.chunks(TOGETHER).enumerate() {
        let partition = Partition(u32::try_from(number).unwrap() % PARTITIONS);
        let some: Vec<Bytes> = some.iter().cloned().map(Bytes::from).collect();
        requests.append_to(partition, some).expect("the brokers take requests");
    }
}

/// What `predict --input` answers.
fn batch(world: &World, lines: &[String]) -> BTreeMap<String, Value> {
    let folder = world.folder();
    folder.write("requests.jsonl", lines.join("\n"));
    let predict = folder.run("predict").words("--input requests.jsonl --output batch --models models");
    predict.words("--distances distances.jsonl").succeed();
    let files = folder.files("batch").into_iter().filter(|name| name.starts_with("part-"));
    by_uuid(files.flat_map(|name| {
        let text = folder.read(format!("batch/{name}"));
        text.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>()
    }))
}

fn by_uuid(lines: impl Iterator<Item = Vec<u8>>) -> BTreeMap<String, Value> {
    let answer = |line: Vec<u8>| {
        let mut answer: Value = serde_json::from_slice(&line).expect("an answer is JSON");
        let fields = answer.as_object_mut().expect("an answer is an object");
        OF_THE_STREAM.iter().for_each(|field| _ = fields.remove(*field));
        (answer["UUID"].as_str().expect("an answer has its UUID").to_owned(), answer)
    };
    lines.map(answer).collect()
}
