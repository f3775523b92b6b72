//! Models in HDFS and on a server of the S3 protocol: the same as in a folder, for training, batches, streams and `replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use flightline_engine::log::Partition;
use flightline_engine::process::Exit;
use flightline_tests::job::{Job, PARTITIONS, Shape, World};
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::servers::Servers;
use flightline_tests::{Chance, Ended, Folder, Invocation, bundled_distances, wait_until};
use serde_json::Value;

use crate::training::{MODELS, Trained, train};

/// A registry that nobody else uses.
struct Place {
    url: String,
    /// How its store is reached, as TOML.
    settings: String,
}

impl Place {
    fn hdfs() -> Self {
        let url = format!("{}/tests/{}", Servers::shared().address("HDFS_URL"), new_name());
        Self { url, settings: String::new() }
    }

    /// `folder` is for the account.
    fn s3(folder: &Folder) -> Self {
        let [endpoint, key_id, secret, bucket] =
            ["S3_ENDPOINT", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_BUCKET"]
                .map(|key| Servers::shared().address(key));
        let account = folder.write("account", format!("{key_id}:{secret}\n"));
        let settings = format!("[s3]\nendpoint = \"{endpoint}\"\ncredentials = \"file:{}\"\n", account.display());
        Self { url: format!("s3://{bucket}/tests/{}", new_name()), settings }
    }

    /// A command on its models, with its settings in a file.
    fn command(&self, folder: &Folder, words: &str) -> Invocation {
        folder.write("store.toml", &self.settings);
        folder.run("model").words(words).args(["--models", &self.url, "--config", "store.toml"])
    }
}

fn new_name() -> String {
    format!("models-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos())
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{ended}"))
}

#[test]
fn a_model_saved_in_a_store_is_the_one_of_a_folder() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(3_000, 0)));
    folder.write("data/origin_dest_distances.jsonl", fs::read(bundled_distances()).unwrap());
    let local = Trained::by(train(&folder).words("--input rows.jsonl -w 2"));
    let id = local.model();
    for place in [Place::hdfs(), Place::s3(&folder)] {
        let model = |words: &str| place.command(&folder, words);
        model("verify").finish().expect(Exit::BadInput).says(&[&place.url, "is current"]);
        let train = |words: &str| {
            let train = folder.run("train").args(["--json", "--models", &place.url, "--config", "store.toml"]);
            Trained::by(train.words("--input rows.jsonl").words(words))
        };
        assert_eq!(train("-w 1").model(), id);
        // Again: what is there is kept.
        assert_eq!(train("-w 3 --promote never").model(), id);
        let other = train("-w 2 --seed 2 --promote never").model();
        let better = train("-w 1 --seed 2 --promote if-better").json["promotion"].clone();
        let current = json(&model("verify --json").succeed())["id"].clone();
        assert_eq!(current == *other, better["promoted"] == true, "{better}");

        let listed = json(&model("list --json").succeed());
        assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
        assert_eq!(json(&model("verify --all --json").succeed()).as_array().map(Vec::len), Some(2));
        let promoted = json(&model(&format!("promote {} --json", &id[..12])).succeed());
        assert_eq!((&promoted["current"], &promoted["before"]), (&Value::from(&*id), &current));
        let shown = model(&format!("show {id}")).succeed().stdout;
        assert!(shown.contains(&format!("{}/{id}", place.url)) && shown.contains("(current)"), "{shown}");
        let page = model(&format!("report {id}")).succeed().stdout;
        assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
        assert_eq!(json(&model(&format!("report {id} --json")).succeed())["model"], *id);

        let answers = |models: &str, output: &str| {
            let predict = folder.run("predict").words("--rows flights --input rows.jsonl -w 1 --config store.toml");
            predict.args(["--replace", "--models", models, "--output", output]).succeed();
            folder.files(output).iter().map(|name| folder.read(format!("{output}/{name}"))).collect::<String>()
        };
        assert!(answers(&place.url, "stored") == answers(MODELS, "local"), "other answers than by {id} in a folder");
    }
}

/// A stream whose models are in a store alone, under load: what is promoted takes force at one offset of each partition, and
/// `replay` finds the model before it, too.
fn served_from(world: World, place: &Place) {
    let world = world.and(&format!("{}[model]\nregistry = \"{}\"\npoll = \"100ms\"\n", place.settings, place.url));
    let folder = world.folder();
    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    for (seed, id) in ["1", "2"].iter().zip(world.models()) {
        let train =
            folder.run("train").args(["--json", "--models", &place.url, "--config", "more.toml", "--seed", seed]);
        assert_eq!(Trained::by(train.words("--input rows.jsonl -w 1")).model(), *id);
    }
    fs::remove_dir_all(folder.join(MODELS)).expect("a folder can be removed");

    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    let [first, second] = world.models();
    job.wait_until_bound("the current model is in force", |binding| *binding.model == **second);
    let load = world.load(job.requests(), Chance::new());
    ask_everywhere(&job);
    place.command(folder, &format!("promote {first}")).succeed();
    job.wait_until_bound("the promoted model is in force", |binding| *binding.model == **first);
    ask_everywhere(&job);
    load.stop();
    job.wait_until_done();
    job.stop();

    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    let mut by_partition: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for ((partition, _), line) in holdings.answers() {
        let line: Value = serde_json::from_slice(line).expect("an answer is JSON");
        let models = by_partition.entry(*partition).or_default();
        let by = line["Model"].as_str().expect("it names its model").to_owned();
        if models.last() != Some(&by) {
            models.push(by);
        }
    }
    assert_eq!(by_partition.len(), PARTITIONS as usize);
    for models in by_partition.values() {
        assert_eq!(*models, [second.clone(), first.clone()], "the model changes at one offset");
    }

    // It ends well only if each sink holds what is computed again.
    let replayed = world.command("replay --all --json").succeed();
    let line = |line: &str| serde_json::from_str::<Value>(line).expect("a line is JSON");
    let by = |line: Value| line["binding"]["model"].as_str().expect("a request is bound").to_owned();
    let models: BTreeSet<String> = replayed.stdout.lines().map(line).map(by).collect();
    assert_eq!(models, BTreeSet::from([first.clone(), second.clone()]));
}

/// Waits until a load has brought requests to each partition: one without any would show no model.
#[track_caller]
fn ask_everywhere(job: &Job) {
    let requests = job.requests();
    let ends =
        || (0..PARTITIONS).map(|at| requests.bounds(Partition(at)).expect("the job tells its topic's bounds").to.0);
    let before: Vec<u64> = ends().collect();
    wait_until("each partition gets requests", || ends().zip(&before).all(|(end, before)| end >= before + 20));
}

#[test]
fn a_stream_is_served_from_hdfs() {
    served_from(World::new(), &Place::hdfs());
}

#[test]
fn a_stream_is_served_from_s3() {
    let world = World::new();
    let place = Place::s3(world.folder());
    served_from(world, &place);
}
