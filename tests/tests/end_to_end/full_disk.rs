//! A disk that is full, or a file that may not grow: one sentence, exit code 4, and the old model stays current.

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Folder, Invocation, bundled_distances, bundled_flights};

use crate::training::{MODELS, Trained, assert_models_are_whole, current, train, visible_models};

fn folder_with_rows() -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    folder
}

/// Runs it where no file may grow beyond some KiB. The signal for that is ignored, so that the write fails instead.
fn with_small_files(invocation: Invocation, kib: u32) -> Invocation {
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kib * 2);
    invocation.wrapped("sh", &["-c", &script, "sh"])
}

#[test]
fn a_model_that_cannot_be_written_leaves_the_old_one_current() {
    let folder = folder_with_rows();
    let old = Trained::by(train(&folder).words("--input rows.jsonl")).model();
    let before = folder.files(MODELS);
    for kib in [0, 1, 4] {
        let larger = train(&folder).words("--input rows.jsonl --seed 2 --trees 50 --depth 10");
        let ended = with_small_files(larger, kib).finish();
        ended.expect(Exit::Storage).says(&[MODELS]).silent();
        assert_eq!(current(&folder), old, "{ended}");
        assert_eq!(folder.files(MODELS), before, "{ended}");
    }
    assert_models_are_whole(&folder);
}

#[test]
fn tables_and_rows_that_cannot_be_written_leave_no_file() {
    let folder = folder_with_rows();
    let flights = bundled_flights();
    for output in ["rows-out.jsonl", "rows-out.jsonl.gz", "rows-out.parquet"] {
        let extract = folder.run("extract").args(["--input", "rows.jsonl", "--output", output, "-w", "2"]);
        with_small_files(extract, 4).finish().expect(Exit::Storage).says(&["rows-out"]).silent();
    }
    for output in ["rows-out.jsonl", "rows-out.parquet", "rows-out --format json-lines", "rows-out --format parquet"] {
        let generate = folder.run("generate").words("flights --rows 9000 -j 2 --output").words(output);
        let generate = generate.arg("--from").arg(&flights);
        with_small_files(generate, 4).finish().expect(Exit::Storage).says(&["rows-out"]).silent();
    }
    let distances = folder.run("distances").arg("--input").arg(flights).args(["--output", "table.jsonl"]);
    with_small_files(distances, 4).finish().expect(Exit::Storage).says(&["table.jsonl"]).silent();
    assert_eq!(folder.names("."), ["rows.jsonl"]);

    Trained::by(train(&folder).words("--input rows.jsonl"));
    let predict = folder.run("predict").args(["--input", "rows.jsonl", "--output", "out", "-w", "2", "--distances"]);
    with_small_files(predict.arg(bundled_distances()), 4).finish().expect(Exit::Storage).says(&["out"]).silent();
    assert_eq!(folder.names("."), [MODELS, "rows.jsonl"]);
}

#[test]
fn standard_output_that_cannot_be_written_is_no_bug() {
    let folder = folder_with_rows();
    Trained::by(train(&folder).words("--input rows.jsonl"));
    let commands = [
        train(&folder).words("--input rows.jsonl --seed 2"),
        folder.run("train").words("--input rows.jsonl --seed 3"),
        folder.run("model").words("list"),
        folder.run("model").words("list --json"),
        folder.run("distances").words("--input rows.jsonl"),
    ];
    for command in commands {
        let ended = command.wrapped("sh", &["-c", "exec \"$@\" > /dev/full", "sh"]).finish();
        ended.expect(Exit::Storage).says(&["standard output"]);
    }
}

/// Fills a small disk of its own to different degrees, and trains on each. Ends with the codes and what is left.
const ON_A_SMALL_DISK: &str = r#"
set -e
train=$1 model=$2
mount -t tmpfs -o size=1m flightline-test models
"$train" --input rows.jsonl --json --models models > first.json
ls -A models > before.txt
cp models/current before-current.txt
for spare in 0 8 40 100; do
    rm -f models/.filler
    dd if=/dev/zero of=models/.filler bs=1k 2>> dd.txt || true
    size=$(stat -c %s models/.filler)
    truncate -s $((size - spare * 1024)) models/.filler
    code=0
    "$train" --input rows.jsonl --models models --seed 2 --trees 50 --depth 10 > out.txt 2> err-$spare.txt || code=$?
    echo "spare $spare: code $code, $(tail -n 1 err-$spare.txt)"
    rm -f models/.filler
    cmp models/current before-current.txt
    ls -A models | cmp - before.txt
done
"$model" verify --all --models models
"#;

#[test]
fn a_full_disk_leaves_the_old_model_current() {
    let folder = folder_with_rows();
    std::fs::create_dir(folder.join("models")).expect("a folder can be made");
    folder.write("small-disk.sh", ON_A_SMALL_DISK);
    // A mount that only this process and its children see; it is gone with them.
    let alone = |arguments: &[&str]| {
        Invocation::of("unshare", folder.path()).words("--user --map-root-user --mount").args(arguments)
    };
    let allowed = alone(&["mount", "-t", "tmpfs", "-o", "size=1m", "flightline-test", "models"]).finish();
    if !allowed.status.success() {
        println!(
            "NOT TESTED: a really full disk, because this machine allows no mount of one's own ({})",
            allowed.verdict()
        );
        println!("a limit on the size of files was tested in its place");
        return;
    }
    let (train, model) = (folder.run("train").program(), folder.run("model").program());
    let ended = alone(&["sh", "small-disk.sh", &train, &model]).finish();
    ended.ok();
    let rounds: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("spare ")).collect();
    assert_eq!(rounds.len(), 4, "{ended}");
    for round in rounds {
        assert!(
            round.contains(": code 4,") && round.contains("the disk is full") && round.contains("models"),
            "{ended}"
        );
    }
    assert!(visible_models(&folder).is_empty(), "the mount was not private");
}
