//! `dead-letters` against real jobs: what could not be answered is listed without harm, and asked again once the cause is
//! mended; the OK answer then takes the ERROR's place in the collection, while topic and files hold both in order.

use flightline_engine::process::Exit;
use flightline_tests::job::{Job, Shape, World, request};
use flightline_tests::rows::{FlightRow, bundled};
use serde_json::Value;

/// The number of the request on a route that the table does not have, and its UUID.
const LOST: u64 = 7;
const LOST_UUID: &str = "00000000-0000-4000-8000-000000000007";
/// The UUID of a request that is cut off behind it.
const CUT_UUID: &str = "00000000-0000-4000-8000-0000000000c0";
/// What would clear a screen, ring, turn the reading direction, and run in a browser.
const HOSTILE: &str = "\u{1b}[2J\u{7}\u{202e}\r<script>alert(1)</script>";

fn nowhere() -> FlightRow {
    FlightRow { origin: "JFK".to_owned(), dest: "NOWHERE".to_owned(), ..bundled()[0].clone() }
}

/// A job that was asked for the impossible, in partition 1: no JSON at offset 0, an unknown route at 1, half a request at 2.
fn asked(world: &World) -> Job {
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    let cut = format!("{{\"UUID\":\"{CUT_UUID}\",\"Origin\":\"");
    job.ask(1, [HOSTILE.to_owned(), request(&nowhere(), LOST), cut]);
    job.ask(0, (100..110).map(|number| request(&bundled()[number as usize], number)));
    job.wait_until_done();
    job
}

fn stored(world: &World, uuid: &str) -> Value {
    world.stored(uuid).expect("there is an answer")
}

fn fates(stdout: &str) -> Vec<(u64, String)> {
    let fate = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        (line["offset"].as_u64().expect("a number"), line["fate"].as_str().expect("a word").to_owned())
    };
    stdout.lines().map(fate).collect()
}

fn of(fates: &[(u64, &str)]) -> Vec<(u64, String)> {
    fates.iter().map(|(offset, fate)| (*offset, (*fate).to_owned())).collect()
}

#[test]
fn a_mended_request_gets_its_answer_and_the_error_stays_where_it_was_told() {
    is_mended(&World::new());
}

/// Wherever the job's topics and collections are.
pub(crate) fn is_mended(world: &World) {
    let job = asked(world);
    let error = stored(world, LOST_UUID);
    assert_eq!((&error["Status"], &error["Offset"]), (&"ERROR".into(), &1.into()));
    assert_eq!(error["Error"], "unknown route: the table of distances has no JFK-NOWHERE");

    let replay = |words: &str| world.command(&format!("dead-letters replay {words}"));
    let dry = replay("--reason unknown --dry-run").succeed();
    assert!(dry.stdout.contains("1 request would be asked again, 0 left out; nothing was done"), "{dry}");
    let too_early = replay("--all --json").finish();
    too_early.expect(Exit::BadInput).says(&["2 requests still have no answer: 2 became dead letters again"]);
    assert_eq!(fates(&too_early.stdout), of(&[(0, "skipped"), (1, "dead again"), (2, "dead again")]));

    let before = job.wait_until_bound("a table is bound", |_| true).table;
    world.add_route("JFK", "NOWHERE", 1000);
    job.wait_until_bound("the mended table is bound", |bound| bound.table > before);
    let mended = replay("--reason unknown --json").succeed();
    assert_eq!(fates(&mended.stdout), of(&[(1, "skipped"), (3, "mended")]), "the latest letter stands for it");
    let answer = stored(world, LOST_UUID);
    assert_eq!((&answer["Status"], &answer["Distance"]), (&"OK".into(), &1000.0.into()));
    assert_eq!((&answer["Partition"], &answer["Offset"]), (&1.into(), &5.into()));

    let again = replay("--reason unknown").succeed();
    assert!(again.stdout.contains("0 requests asked again, 2 left out"), "twice is once: {again}");
    let without_uuid = replay("--partition 1 --offset 0 --even-without-uuid").finish();
    without_uuid.expect(Exit::BadInput).says(&["1 became dead letters again"]);
    world.command("replay --all").succeed();
    job.stop();

    let holdings = world.holdings();
    assert_eq!(holdings.check_as(world.promised()), Ok(()));
    assert_eq!(holdings.document(LOST_UUID), Some(answer));
    let told: Vec<(u64, Value)> = holdings
        .answers()
        .iter()
        .map(|((_, offset), line)| (*offset, serde_json::from_slice::<Value>(line).expect("JSON")))
        .filter(|(_, answer)| answer["UUID"] == LOST_UUID)
        .map(|(offset, mut answer)| (offset, answer["Status"].take()))
        .collect();
    assert_eq!(told, [(1, "ERROR".into()), (3, "ERROR".into()), (5, "OK".into())], "the topic, and so the files");
    let mut dead: Vec<u64> = holdings.dead_letters().iter().map(|((_, offset), _)| *offset).collect();
    dead.sort_unstable();
    assert_eq!(dead, [0, 1, 2, 3, 4, 6]);
}

#[test]
fn a_list_does_no_harm_whatever_clients_have_sent() {
    let world = World::new();
    let job = asked(&world);
    let list = || world.command("dead-letters list").succeed();
    let running = list();
    let json = world.command("dead-letters list --json").succeed();
    for text in [&running.stdout, &running.stderr, &json.stdout] {
        let steers = |sign: char| (sign.is_control() && sign != '\n') || sign == '\u{202e}';
        assert!(!text.chars().any(steers), "{text:?}");
    }
    for words in ["\\u{1b}[2J\\u{7}\\u{202e}\\r", "the request is no whole JSON object", CUT_UUID, "3 dead letters"] {
        assert!(running.stdout.contains(words), "{words} is not in\n{running}");
    }
    let letters: Vec<Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert!(letters.iter().any(|letter| letter["Text"] == HOSTILE), "nothing is lost by it: {letters:?}");
    let one = world.command("dead-letters list --reason unknown --limit 1").succeed();
    assert!(one.stdout.contains(LOST_UUID) && !one.stdout.contains(CUT_UUID), "{one}");
    // The same of the files of a job that is gone.
    job.kill(0);
    assert_eq!(list().stdout, running.stdout);
}

#[test]
fn what_is_asked_again_while_no_job_runs_is_answered_by_the_next() {
    let world = World::new();
    asked(&world).stop();
    world.add_route("JFK", "NOWHERE", 1000);
    let replay = || world.command("dead-letters replay --uuid").arg(LOST_UUID).succeed();
    let asked = replay();
    assert!(asked.stdout.contains("they are answered when the job runs, which it does not now"), "{asked}");
    let twice = replay();
    assert!(twice.stdout.contains("it was asked again at partition 1, offset 3, and is not settled yet"), "{twice}");
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.wait_until_done();
    assert_eq!(stored(&world, LOST_UUID)["Status"], "OK");
    let answered = replay();
    assert!(answered.stdout.contains("it has an OK answer"), "{answered}");
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}
