use bytes::Bytes;
use clap::CommandFactory;
use flightline_engine::ledger::TableVersion;
use flightline_engine::log::{Offset, Partition};
use serde_json::Value;

use super::*;
use crate::dead_letter::DeadLetter;
use crate::failure::FailureKind;
use crate::replaying::world::{World, uuid};

fn dead_letters(world: &World, words: &[&str]) -> (String, Result<(), Failure>) {
    let flags = world.flags();
    let words = std::iter::once("dead-letters").chain(words.iter().copied()).chain(flags.iter().map(String::as_str));
    let mut output = Vec::new();
    let result = run(&DeadLettersFlags::try_parse_from(words).unwrap(), &mut output);
    (String::from_utf8(output).unwrap(), result)
}

fn objects(world: &World, words: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let (text, result) = dead_letters(world, &words);
    assert_eq!(result, Ok(()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Of partition 0 a good request, an unknown route and junk; of partition 1 another unknown route.
fn world() -> World {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(TableVersion(1)), 4);
    world.ask(0, vec![world.request(1, "A0-A1"), world.request(2, "A7-A9"), Bytes::from_static(b"\x1b[2J\xff{")]);
    world.ask(1, vec![world.request(3, "A8-A9")]);
    world.answer_all(4);
    world
}

fn ends(world: &World) -> [u64; 2] {
    [0, 1].map(|partition| world.requests().bounds(Partition(partition)).unwrap().to.0)
}

#[test]
fn the_flags_are_sound() {
    DeadLettersFlags::command().debug_assert();
    for wrong in [
        &["replay", "--all", "--reason", "x"][..],
        &["replay", "--partition", "1"],
        &["replay", "--offset", "1"],
        &["replay", "--all", "--wait", "soon"],
        &["list", "--limit", "-1"],
    ] {
        assert!(DeadLettersFlags::try_parse_from(std::iter::once(&"x").chain(wrong)).is_err(), "{wrong:?}");
    }
    for (text, expected) in [("0", 0), ("30", 30_000), ("500ms", 500), ("0s", 0), ("5m", 300_000)] {
        assert_eq!(time(text), Ok(Duration::from_millis(expected)), "{text}");
    }
    let mut world = world();
    world.stop();
    assert_eq!(dead_letters(&world, &["replay"]).1.unwrap_err().kind, FailureKind::Usage);
}

#[test]
fn letters_are_listed_with_their_reasons() {
    let mut world = world();
    world.stop();
    let (text, result) = dead_letters(&world, &["list"]);
    assert_eq!(result, Ok(()));
    assert!(text.contains("3 dead letters\n  2  unknown route\n  1  the request is no whole JSON object\n"), "{text}");
    assert!(text.contains("\\u{1b}[2J\\xff{") && !text.contains('\u{1b}'), "{text}");
    let (text, _) = dead_letters(&world, &["list", "--reason", "A7-A9"]);
    assert!(text.contains("1 dead letter\n") && text.contains(&uuid(2)), "{text}");
    let found = objects(&world, &["list", "--limit", "1"]);
    assert_eq!(found.len(), 1);
    let letter = DeadLetter::parse(found[0].to_string().as_bytes()).unwrap();
    assert_eq!((letter.offset, letter.bytes), (Offset(2), Bytes::from_static(b"\x1b[2J\xff{")));
}

#[test]
fn what_is_asked_twice_is_asked_once_also_when_no_job_runs() {
    let mut world = world();
    world.stop();
    let dry = objects(&world, &["replay", "--all", "--dry-run"]);
    let fates: Vec<_> = dry.iter().map(|object| object["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["chosen", "skipped", "chosen"]);
    assert!(dry[1]["reason"].as_str().unwrap().contains("--even-without-uuid"));

    let (text, result) = dead_letters(&world, &["replay", "--reason", "unknown route"]);
    assert_eq!(result, Ok(()));
    let expected = "2 requests asked again, 0 left out; they are answered when the job runs, which it does not now\n";
    assert!(text.ends_with(expected), "{text}");
    let again = objects(&world, &["replay", "--all", "--even-without-uuid"]);
    let fates: Vec<_> = again.iter().map(|object| object["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["skipped", "asked", "skipped"]);
    assert!(again[0]["reason"].as_str().unwrap().contains("is not settled yet"), "{again:?}");

    world.start();
    assert_eq!(ends(&world), [5, 2]);
    let read = world.requests().read(Partition(0), Offset(3), usize::MAX, Duration::ZERO).unwrap();
    assert_eq!(read[0].payload, world.request(2, "A7-A9"));
    assert_eq!(read[1].payload, Bytes::from_static(b"\x1b[2J\xff{"));
}

#[test]
fn a_mended_letter_has_its_answer_and_is_left_out_from_then_on() {
    let mut world = world();
    let second = world.publish(&["A0-A1", "A7-A9"]);
    world.cut(world.binding(second), 3);
    world.bind(world.binding(second), 9);
    let running = world.run(&[]);
    let (text, result) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| dead_letters(&world, &["replay", "--all", "--wait", "60s"]));
        // The job: it answers as soon as both requests are there again.
        for (partition, end) in [(0, 3), (1, 1)] {
            let requests = running.store.opened_topic("flight-delay-ml-request").unwrap();
            let found = requests.read(Partition(partition), Offset(end), 1, Duration::from_secs(30)).unwrap();
            assert_eq!(found.len(), 1);
        }
        world.answer(&["collection", "dead-letters"], 6, &crate::replaying::world::right);
        asking.join().unwrap()
    });
    assert!(text.contains("2 requests asked again, 1 left out: 1 mended, 1 dead again, 0 not settled yet"), "{text}");
    assert!(text.contains("asked again at offset 3: OK now"), "{text}");
    assert!(text.contains("a dead letter again: unknown route: the table of distances has no A8-A9"), "{text}");
    let failure = result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput);

    let again = objects(&world, &["replay", "--all", "--dry-run"]);
    let told: Vec<_> = again.iter().map(|object| object["reason"].as_str().unwrap_or("chosen").to_owned()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(
        told[0].contains("OK answer") && told[1].contains("no UUID") && told[2].contains("a later one"),
        "{told:?}"
    );
    assert_eq!(told[3], "chosen");
    drop(running);
}

#[test]
fn who_does_not_wait_is_told_what_was_asked() {
    let mut world = world();
    let running = world.run(&[]);
    let (text, result) = dead_letters(&world, &["replay", "--uuid", &uuid(2).to_uppercase(), "--wait", "0"]);
    assert_eq!(result, Ok(()));
    assert!(text.ends_with("1 request asked again, 0 left out\n"), "{text}");
    assert_eq!(ends(&world), [4, 1]);
    let (text, result) = dead_letters(&world, &["replay", "--partition", "1", "--offset", "0", "--wait", "1ms"]);
    assert!(result.unwrap_err().message.contains("1 were not settled in time"), "{text}");
    drop(running);
}
