//! Generated flights, as a user makes and uses them: the same rows in every format, trained on and answered.

use std::collections::BTreeSet;
use std::fs;

use flightline_engine::process::Exit;
use flightline_tests::{Folder, Invocation, bundled_flights};

use crate::training::{MODELS, Trained, train};

fn generate(folder: &Folder, rows: &str, output: &str) -> Invocation {
    folder.run("generate").words("flights --rows").arg(rows).args(["--output", output, "--from"]).arg(bundled_flights())
}

#[test]
fn generated_rows_train_to_one_model_in_every_format_and_their_routes_are_answered() {
    let folder = Folder::new();
    let inputs = [
        ("rows.parquet", "-j 1"),
        ("rows.jsonl", "-j 3"),
        ("rows.jsonl.bz2", "-j 2"),
        ("columns", "--format parquet"),
        ("lines", "--format json-lines -j 4"),
    ];
    let ids: BTreeSet<String> = inputs
        .iter()
        .map(|(output, words)| {
            let ended = generate(&folder, "20000", output).words(words).succeed();
            assert!(ended.stderr.contains("20000 rows"), "{ended}");
            let trained = Trained::by(train(&folder).args(["--input", output, "-w", "2"]));
            assert_eq!(trained.count("rows"), 20_000, "{}", trained.ended);
            // Departure and arrival delay are of one flight, so that there is more to be learnt than the most frequent class,
            // which three in ten rows have.
            assert!(trained.figure("test", "accuracy") > 0.37, "{}", trained.ended);
            trained.model()
        })
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");

    folder.run("generate").words("distances --output distances.jsonl").succeed().silent();
    let predict = folder.run("predict").words("--input rows.jsonl --output out --distances distances.jsonl");
    predict.args(["--models", MODELS]).succeed();
    let mut answers = 0;
    for name in folder.names("out") {
        assert!(name.starts_with("part-"), "{name} is no part with answers");
        for line in folder.read(format!("out/{name}")).lines() {
            assert!(line.contains("\"Status\":\"OK\""), "{line}");
            answers += 1;
        }
    }
    assert_eq!(answers, 20_000);
}

#[test]
fn what_is_there_is_left_unless_asked_for_and_a_failure_leaves_nothing() {
    let folder = Folder::new();
    folder.write("rows.jsonl", "mine");
    generate(&folder, "10", "rows.jsonl").finish().expect(Exit::Storage).says(&["rows.jsonl", "exists already"]);
    assert_eq!(folder.read("rows.jsonl"), "mine");
    generate(&folder, "10", "rows.jsonl").arg("--replace").succeed();
    assert_eq!(folder.read("rows.jsonl").lines().count(), 10);
    generate(&folder, "10", "rows.txt").finish().expect(Exit::Usage).says(&["rows.txt", "--format"]).silent();
    let nowhere = folder.run("generate").words("flights --rows 10 --output new.jsonl --from nowhere.csv");
    nowhere.finish().expect(Exit::BadInput).says(&["nowhere.csv"]).silent();
    assert_eq!(folder.names("."), ["rows.jsonl"]);
    generate(&folder, "10", "rows").words("--format json-lines").succeed();
    fs::write(folder.join("rows/mine.txt"), "mine").expect("a file can be written");
    let replacing = generate(&folder, "10", "rows").words("--format json-lines --replace");
    replacing.finish().expect(Exit::Storage).says(&["mine.txt"]).silent();
    assert_eq!(folder.names("rows"), ["mine.txt", "rows-00000.jsonl"]);
}
