use bytes::Bytes;
use clap::CommandFactory;
use flightline_engine::contract::{Item, SinkName};
use flightline_engine::ledger::TableVersion;
use serde_json::{Value, json};

use super::*;
use crate::replaying::world::{Tamper, World, right, uuid};

const SINKS: [&str; 4] = ["collection", "dead-letters", "files", "topic"];

fn replay(world: &World, words: &[&str]) -> (String, Result<(), Failure>) {
    let flags = world.flags();
    let words = std::iter::once("replay").chain(words.iter().copied()).chain(flags.iter().map(String::as_str));
    let mut output = Vec::new();
    let result = run(&ReplayFlags::try_parse_from(words).unwrap(), &mut output);
    (String::from_utf8(output).unwrap(), result)
}

fn objects(world: &World, words: &[&str]) -> (Vec<Value>, Result<(), Failure>) {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let (text, result) = replay(world, &words);
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), result)
}

fn verdict<'a>(object: &'a Value, sink: &str) -> &'a str {
    object["sinks"][sink]["verdict"].as_str().unwrap()
}

/// Two partitions of ten requests, all bound; the sinks have taken `answered` of them.
fn world(answered: u64, tamper: Tamper<'_>) -> World {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(TableVersion(1)), 10);
    world.ask_all(10);
    world.answer(&SINKS, answered, tamper);
    world.stop();
    world
}

fn tampered(sink: &'static str, change: impl Fn(&mut Vec<Item>)) -> impl Fn(&SinkName, Vec<Item>) -> Vec<Item> {
    move |name, mut items| {
        if &*name.0 == sink {
            change(&mut items);
        }
        items
    }
}

fn body(item: &mut Item, from: &str, to: &str) {
    let text = String::from_utf8(item.body.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    item.body = Bytes::from(text.replace(from, to));
}

#[test]
fn the_flags_are_sound() {
    ReplayFlags::command().debug_assert();
    for wrong in
        [&["--all", "--partition", "0"][..], &["--from", "1"], &["--uuid", "me"], &["--uuid", &uuid(1), "--all"]]
    {
        assert!(ReplayFlags::try_parse_from(std::iter::once(&"replay").chain(wrong)).is_err(), "{wrong:?}");
    }
    let failure = replay(&world(0, &right), &[]).1.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
}

#[test]
fn right_sinks_are_the_same_to_the_last() {
    let world = world(10, &right);
    let (found, result) = objects(&world, &["--all"]);
    assert_eq!(result, Ok(()));
    assert_eq!(found.len(), 20);
    for (number, object) in (0..).zip(&found) {
        let (partition, offset) = (number / 10, number % 10);
        assert_eq!((&object["partition"], &object["offset"]), (&json!(partition), &json!(offset)));
        assert_eq!(object["uuid"], json!(uuid(100 * partition + offset)));
        assert_eq!((&object["binding"]["table"], &object["binding"]["generation"]), (&json!(1), &json!(1)));
        assert_eq!(object["answer"]["Status"], "OK");
        assert_eq!(SINKS.map(|sink| verdict(object, sink)), ["same", "none due", "same", "same"]);
    }
    let (text, result) = replay(&world, &["--all"]);
    assert_eq!(result, Ok(()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "20 requests looked at",
            "",
            "sink          same  none due",
            "collection      20         -",
            "dead-letters     -        20",
            "files           20         -",
        ]
    );
    assert!(lines[8].starts_with("entry  generation  model") && lines[9].ends_with("      20"), "{text}");
}

#[test]
fn a_range_is_looked_at_and_no_more() {
    let world = world(10, &right);
    let offsets = |words: &[&str]| -> Vec<u64> {
        let (found, result) = objects(&world, words);
        assert_eq!(result, Ok(()));
        assert!(found.iter().all(|object| object["partition"] == 1 && verdict(object, "topic") == "same"));
        found.iter().map(|object| object["offset"].as_u64().unwrap()).collect()
    };
    assert_eq!(offsets(&["--partition", "1", "--from", "3", "--to", "6"]), [3, 4, 5]);
    assert_eq!(offsets(&["--partition", "1", "--from", "8"]), [8, 9]);
    assert_eq!(offsets(&["--partition", "1", "--to", "2"]), [0, 1]);
    assert_eq!(offsets(&["--partition", "1", "--from", "10", "--to", "99"]), [] as [u64; 0]);
    for words in [&["--partition", "2"][..], &["--partition", "1", "--from", "5", "--to", "5"]] {
        assert_eq!(replay(&world, words).1.unwrap_err().kind, FailureKind::Usage, "{words:?}");
    }
}

#[test]
fn what_is_wrong_in_one_sink_is_found_there() {
    let lost = tampered("topic", |items| _ = items.remove(4));
    let changed = tampered("collection", |items| body(&mut items[4], "\"Status\":\"OK\"", "\"Status\":\"ERROR\""));
    let doubled = tampered("topic", |items| items.insert(4, items[4].clone()));
    let moved = tampered("files", |items| body(&mut items[4], "\"Route\":\"A0-A1\"", "\"Route\":\"A1-A0\""));
    let cases: [(&str, Tamper<'_>, Value); 4] = [
        ("topic", &lost, json!({ "verdict": "missing" })),
        (
            "collection",
            &changed,
            json!({ "verdict": "differs", "field": "Status", "expected": "OK", "found": "ERROR" }),
        ),
        ("topic", &doubled, json!({ "verdict": "more than once", "copies": 2 })),
        ("files", &moved, json!({ "verdict": "differs", "field": "Route", "expected": "A0-A1", "found": "A1-A0" })),
    ];
    for (sink, tamper, expected) in cases {
        let world = world(10, tamper);
        let (found, result) = objects(&world, &["--all"]);
        let wrong: Vec<u64> = found
            .iter()
            .filter(|object| SINKS.iter().any(|sink| !["same", "none due"].contains(&verdict(object, sink))))
            .map(|object| object["offset"].as_u64().unwrap())
            .collect();
        assert_eq!(wrong, [4, 4], "{sink}");
        assert_eq!(found[4]["sinks"][sink], expected);
        let failure = result.unwrap_err();
        assert_eq!(failure.exit().code(), 9);
        assert!(failure.message.contains("of 20 requests, 2 did not leave what they should"), "{failure}");

        // The same by its UUID, for people.
        let (text, result) = replay(&world, &["--uuid", &uuid(4)]);
        assert_eq!(result.unwrap_err().kind, FailureKind::Differs);
        let word = expected["verdict"].as_str().unwrap();
        let told = if word == "more than once" { "holds it 2 times" } else { word };
        assert!(text.lines().any(|line| line.contains(sink) && line.contains(told)), "{text}");
        let (text, _) = replay(&world, &["--all"]);
        assert!(text.contains("what is wrong") && text.contains(&uuid(104)), "{text}");
    }
}

#[test]
fn a_line_written_again_out_of_order_is_a_stray() {
    let again = tampered("topic", |items| items.extend(items.clone()));
    let world = world(10, &again);
    let failure = objects(&world, &["--partition", "0"]).1.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Differs);
    // Looking at a part of them: the others are before their place.
    let (found, _) = objects(&world, &["--partition", "0", "--from", "5"]);
    assert_eq!(found.len(), 5);
}

#[test]
fn a_sink_that_lags_or_begins_later_owes_nothing_yet() {
    let mut world = World::new();
    world.register(&["collection", "dead-letters", "topic"], 0);
    world.register(&["files"], 6);
    world.bind(world.binding(TableVersion(1)), 10);
    world.ask_all(12);
    world.answer(&["collection", "dead-letters", "topic"], 10, &right);
    world.answer(&["files"], 8, &right);
    world.stop();
    let (found, result) = objects(&world, &["--partition", "0"]);
    assert_eq!(result, Ok(()));
    let files: Vec<&str> = found.iter().map(|object| verdict(object, "files")).collect();
    let [before, same, later, unbound] = [&files[..6], &files[6..8], &files[8..10], &files[10..]]
        .map(|part| part.iter().collect::<std::collections::BTreeSet<_>>());
    assert_eq!((before.len(), same.len(), later.len(), unbound.len()), (1, 1, 1, 1));
    assert_eq!([files[0], files[6], files[8], files[10]], ["before its start", "same", "not yet", "none due"]);
    assert_eq!((&found[9]["state"], &found[10]["state"]), (&json!("bound"), &json!("unbound")));
    let (text, _) = replay(&world, &["--uuid", &uuid(11)]);
    assert!(text.contains("none yet: the ledger binds it to nothing so far"), "{text}");
}

#[test]
fn a_cut_is_followed_to_its_offset() {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(TableVersion(1)), 10);
    world.ask_all(10);
    world.answer_all(6);
    let second = world.publish(&["A0-A1", "A1-A0"]);
    world.cut(world.binding(second), 6);
    world.answer_all(10);
    world.stop();
    let (found, result) = objects(&world, &["--partition", "1"]);
    assert_eq!(result, Ok(()));
    let tables: Vec<u64> = found.iter().map(|object| object["answer"]["Table"].as_u64().unwrap()).collect();
    assert_eq!(tables, [1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(found[6]["binding"]["entry"].as_u64(), found[5]["binding"]["entry"].as_u64().map(|entry| entry + 1));
}

#[test]
fn a_reused_uuid_is_told_and_is_no_fault() {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(TableVersion(1)), 10);
    world.ask(0, vec![world.request(1, "A0-A1"), world.request(1, "A0-A1"), world.request(2, "A7-A9")]);
    world.ask(1, vec![Bytes::from_static(b"no JSON")]);
    world.answer_all(3);
    world.stop();
    let (found, result) = objects(&world, &["--all"]);
    assert_eq!(result, Ok(()));
    let another = json!({ "verdict": "another request's answer", "partition": 0, "offset": 0 });
    assert_eq!(found[1]["sinks"]["collection"], another);
    assert_eq!(verdict(&found[1], "topic"), "same");
    assert_eq!(SINKS.map(|sink| verdict(&found[2], sink)), ["same"; 4], "an unknown route has an answer and a letter");
    assert_eq!(SINKS.map(|sink| verdict(&found[3], sink)), ["none due", "same", "none due", "none due"]);
    let (text, _) = replay(&world, &["--uuid", &uuid(2)]);
    assert!(text.contains("ERROR: unknown route") && text.contains("dead letter"), "{text}");
}

#[test]
fn a_uuid_is_found_without_its_answer_too() {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(TableVersion(1)), 10);
    world.ask_all(10);
    world.answer(&SINKS, 5, &right);
    world.stop();
    let upper = uuid(107).to_uppercase();
    let (found, result) = objects(&world, &["--uuid", &uuid(3), "--uuid", &upper]);
    assert_eq!(result, Ok(()));
    let places: Vec<_> = found.iter().map(|object| (object["partition"].as_u64(), object["offset"].as_u64())).collect();
    assert_eq!(places, [(Some(0), Some(3)), (Some(1), Some(7))]);
    assert_eq!(verdict(&found[1], "collection"), "not yet");
    let (found, result) = objects(&world, &["--uuid", &uuid(3), "--uuid", &uuid(999)]);
    let failure = result.unwrap_err();
    assert_eq!((found.len(), failure.kind), (1, FailureKind::BadInput));
    assert!(failure.message.ends_with(&uuid(999)), "{failure}");
}

#[test]
fn one_answer_is_a_picture() {
    let world = world(10, &right);
    let (text, result) = replay(&world, &["--uuid", &uuid(104)]);
    assert_eq!(result, Ok(()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("request      {} at partition 1, offset 4", uuid(104)));
    assert!(lines[1].starts_with("answer       OK: "), "{text}");
    for (class, line) in (0..4).zip(&lines[2..6]) {
        assert!(line.trim_start().starts_with(&class.to_string()) && line.ends_with('%'), "{text}");
    }
    assert!(text.contains("A0-A1 on 2013-"), "{text}");
    assert!(text.contains("table version 1, answer format 1; ledger entry 5, written by generation 1"), "{text}");
    assert!(text.contains("sinks        collection    same\n"), "{text}");
}

#[test]
fn a_format_that_this_build_does_not_know_is_refused_by_name() {
    let mut world = World::new();
    world.register_all();
    world.bind(world.of_format(99), 10);
    world.answer_all(0);
    world.ask_all(1);
    world.stop();
    let failure = replay(&world, &["--all"]).1.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DamagedModel);
    assert!(failure.message.contains("answers of format 99 need a build that knows it"), "{failure}");
}

#[test]
fn a_running_job_is_replayed_through_its_port() {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(TableVersion(1)), 10);
    world.ask_all(10);
    world.answer_all(8);
    let running = world.run(&[("collection", 8), ("dead-letters", 8), ("topic", 8)]);
    let (found, result) = objects(&world, &["--all"]);
    assert_eq!(result, Ok(()));
    for object in &found {
        let expected = if object["offset"].as_u64().unwrap() < 8 { "same" } else { "not yet" };
        assert_eq!(["collection", "files", "topic"].map(|sink| verdict(object, sink)), [expected; 3]);
    }
    drop(running);
}

#[test]
fn a_job_that_never_ran_is_told() {
    let mut world = world(10, &right);
    std::fs::remove_dir_all(world.path("state")).unwrap();
    let failure = replay(&world, &["--all"]).1.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput);
    assert!(failure.message.contains("has never run") && !world.path("state").exists(), "{failure}");
    world.stop();
}
