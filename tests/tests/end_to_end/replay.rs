//! `replay` against real jobs: what was answered under old bindings is computed again and compared with every sink, while
//! the job runs and when it was killed; a sink that somebody has tampered with is found out.

use flightline_engine::ledger::{AnswerFormat, Entry, EntryBody};
use flightline_engine::process::Exit;
use flightline_tests::job::{COLLECTION, Job, PARTITIONS, Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::{Ended, Folder};
use redb::{ReadableTable, TableDefinition};
use serde_json::Value;

/// Requests of each partition under one binding.
const EACH: u64 = 10;

/// The UUID of a request that [`ask`] has sent.
fn uuid(partition: u32, offset: u64) -> String {
    format!("00000000-0000-4000-8000-{:012x}", 1000 * u64::from(partition) + offset)
}

/// Asks about some flights in each partition; UUIDs tell partition and offset.
fn ask(job: &Job, round: u64) {
    for partition in 0..PARTITIONS {
        let offsets = round * EACH..(round + 1) * EACH;
        let numbers = offsets.map(|offset| 1000 * u64::from(partition) + offset);
        let asked = job.ask(partition, numbers.map(|number| request(&bundled()[37 * number as usize], number)));
        assert_eq!((asked.from.0, asked.to.0), (round * EACH, (round + 1) * EACH));
    }
    job.wait_until_done();
}

/// A job with three bindings: the second model from offset 10 on, another table from 20 on.
fn with_history(world: &World) -> Job {
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    let first = job.wait_until_bound("something is bound", |_| true);
    assert_eq!(*first.model, *world.models()[1]);
    ask(&job, 0);
    world.promote(0);
    job.wait_until_bound("the model is bound", |bound| *bound.model == *world.models()[0]);
    ask(&job, 1);
    world.change_table(7);
    job.wait_until_bound("the table is bound", |bound| bound.table > first.table);
    ask(&job, 2);
    job
}

fn objects(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn verdicts(object: &Value) -> Vec<&str> {
    let sinks = object["sinks"].as_object().expect("sinks are an object");
    sinks.values().map(|sink| sink["verdict"].as_str().expect("a verdict is a word")).collect()
}

/// Every request is told once, by the binding of its offset, and all sinks hold what they should.
fn shows_the_history(world: &World, ended: &Ended) {
    ended.ok();
    let objects = objects(ended);
    assert_eq!(objects.len() as u64, 3 * EACH * u64::from(PARTITIONS));
    let tables: Vec<&Value> = objects.iter().map(|object| &object["binding"]["table"]).collect();
    for (at, object) in (0..).zip(&objects) {
        let (partition, offset) = ((at / (3 * EACH)) as u32, at % (3 * EACH));
        let model = &world.models()[usize::from(offset < EACH)];
        assert_eq!(object["uuid"], uuid(partition, offset), "{object}");
        assert_eq!(object["binding"]["model"], **model, "{object}");
        assert_eq!((&object["answer"]["Model"], &object["answer"]["Table"]), (&(**model).into(), tables[at as usize]));
        assert_eq!(tables[at as usize] == tables[0], offset < 2 * EACH, "{object}");
        assert_eq!(verdicts(object), ["same", "none due", "same", "same"], "{object}");
    }
}

#[test]
fn old_bindings_are_replayed_while_the_job_runs_and_after_it_was_killed() {
    let world = World::new();
    let job = with_history(&world);
    shows_the_history(&world, &world.command("replay --all --json").finish());
    let told = world.command("replay --uuid").arg(uuid(2, 3)).succeed().stdout;
    let old_model = &world.models()[1][..12];
    for words in [&uuid(2, 3), "at partition 2, offset 3", old_model, "written by generation 1", "topic         same"] {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    let range = world.command("replay --json --partition 1 --from 8 --to 12").succeed();
    let models: Vec<Value> = objects(&range).into_iter().map(|mut object| object["binding"]["model"].take()).collect();
    assert_eq!(models, [1, 1, 0, 0].map(|which| Value::from(world.models()[which].as_str())));
    job.kill(0);

    // The embedded files were not closed; whoever opens them first mends them.
    shows_the_history(&world, &world.command("replay --all --json").finish());
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    ask(&job, 3);
    // What the killed life had bound ahead stands, whoever answers.
    let newest = world.command("replay --json --partition 0 --from 30").succeed();
    assert!(objects(&newest).iter().all(|object| object["binding"]["generation"] == 1), "{newest}");
    world.command("replay --all").succeed();
    job.stop();
}

#[test]
fn who_asks_for_what_is_not_there_is_told() {
    let world = World::new();
    world
        .command("replay --all")
        .finish()
        .expect(Exit::BadInput)
        .says(&["there is no job to look at", "start `predict` first"]);
    let job = with_history(&world);
    let nobody = "11111111-2222-4333-8444-555555555555";
    let unknown = world.command("replay --uuid").arg(nobody).finish();
    unknown.expect(Exit::BadInput).says(&["the request log holds no request with the UUID", nobody]);
    world.command("replay --uuid me").finish().expect(Exit::Usage);
    let beyond = world.command("replay --partition 0 --from 1000 --to 2000").succeed();
    assert!(beyond.stdout.starts_with("0 requests looked at"), "{beyond}");
    let over_the_end = world.command("replay --partition 0 --from 25 --to 2000").succeed();
    assert!(over_the_end.stdout.starts_with("5 requests looked at"), "{over_the_end}");
    world.command("replay --partition 0 --from 9 --to 9").finish().expect(Exit::Usage).says(&["--to"]);
    let no_partition = world.command("replay --partition 4").finish();
    no_partition.expect(Exit::Usage).says(&["the partitions 0 to 3"]);
    job.stop();
}

/// Puts another line, or none, in the place of the one of a request in the files of the file sink.
fn tamper_with_files(folder: &Folder, uuid: &str, change: impl Fn(&str) -> Option<String>) {
    for file in folder.files("predictions") {
        let text = folder.read(format!("predictions/{file}"));
        if text.contains(uuid) {
            let kept = |line: &str| if line.contains(uuid) { change(line) } else { Some(line.to_owned()) };
            let lines: String = text.lines().filter_map(kept).map(|line| line + "\n").collect();
            folder.write(&format!("predictions/{file}"), lines);
            return;
        }
    }
    panic!("no file holds {uuid}");
}

/// The same with a document of the collection, past the collection's own guard.
fn tamper_with_collection(folder: &Folder, uuid: &str, from: &[u8], to: &[u8]) {
    const DOCUMENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("documents");
    let name = folder.files("embedded/collections").into_iter().find(|name| name.contains(COLLECTION));
    let path = folder.join("embedded/collections").join(name.expect("the collection has a file"));
    let write = redb::Database::open(path).expect("it is a redb file").begin_write().expect("it can be changed");
    {
        let mut documents = write.open_table(DOCUMENTS).expect("it holds documents");
        let stored = documents.get(uuid).expect("it can be read").expect("it is there").value().to_vec();
        let at = stored.windows(from.len()).position(|part| part == from).expect("the document says so");
        let changed = [&stored[..at], to, &stored[at + from.len()..]].concat();
        documents.insert(uuid, changed.as_slice()).expect("it can be stored");
    }
    write.commit().expect("it can be committed");
}

#[test]
fn a_sink_that_was_tampered_with_is_found_out() {
    let world = World::new();
    with_history(&world).stop();
    let (in_files, in_collection) = (uuid(1, 4), uuid(3, 17));
    tamper_with_files(world.folder(), &in_files, |line| {
        Some(line.replace("\"Status\":\"OK\"", "\"Status\":\"ERROR\""))
    });
    tamper_with_collection(world.folder(), &in_collection, b"\"Distance\":", b"\"Distance\":1");

    let all = world.command("replay --all --json").finish();
    all.expect(Exit::Differs).says(&["of 120 requests, 2 did not leave what they should", "partition 1, offset 4"]);
    let wrong: Vec<Value> = objects(&all).into_iter().filter(|object| verdicts(object).contains(&"differs")).collect();
    let [files, collection] = wrong.as_slice() else { panic!("{wrong:?}") };
    assert_eq!((&files["uuid"], &collection["uuid"]), (&in_files.as_str().into(), &in_collection.as_str().into()));
    let expected = serde_json::json!({ "verdict": "differs", "field": "Status", "expected": "OK", "found": "ERROR" });
    assert_eq!(files["sinks"]["files"], expected);
    assert_eq!(collection["sinks"]["collection"]["field"], "Distance");
    assert_eq!(collection["sinks"]["collection"]["expected"], collection["answer"]["Distance"]);
    for (uuid, words) in [
        (&in_files, "files         differs in Status: it should be \"OK\", and is \"ERROR\""),
        (&in_collection, "collection    differs in Distance: it should be "),
    ] {
        let one = world.command("replay --uuid").arg(uuid).finish();
        one.expect(Exit::Differs);
        assert!(one.stdout.contains(words), "{words} is not in\n{one}");
    }

    // A line that is gone is another thing than one that says something else; and a job that runs is asked the same.
    tamper_with_files(world.folder(), &in_files, |_| None);
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    let partition = world.command("replay --partition 1").finish();
    partition.expect(Exit::Differs);
    assert!(partition.stdout.contains("missing") && partition.stdout.contains(&in_files), "{partition}");
    world.command("replay --partition 0").succeed();
    job.stop();
}

#[test]
fn an_answer_format_of_a_later_build_is_refused_by_name() {
    let world = World::new();
    // Killed, so that the ranges that were bound ahead stay open.
    with_history(&world).kill(0);
    let folder = world.folder();
    for file in folder.files("state") {
        let text = folder.read(format!("state/{file}"));
        let text = if file.contains("ledger") { of_later_build(&text) } else { text };
        folder.write(&format!("later/{file}"), text);
    }
    let later = ["--set", "job.state=file:later"];
    let replay = world.command("replay --all").args(later).finish();
    let refused = "answers of format 9 need a build that knows it; this one knows 1, 2";
    replay.expect(Exit::DamagedModel).says(&["partition 0 from offset 0 on", refused]);
    let predict = world.command("predict -w 1").args(later).finish();
    predict.expect(Exit::Storage).says(&[refused]);
    world.command("replay --all").succeed();
}

fn of_later_build(line: &str) -> String {
    let mut entry = Entry::from_line(line).expect("it is an entry");
    if let EntryBody::Bind { binding, .. } | EntryBody::Cut { binding, .. } = &mut entry.body {
        binding.format = AnswerFormat(9);
    }
    entry.to_line()
}
