//! Memory that is stated is kept, or refused with a figure that is enough.

use flightline_engine::process::Exit;
use flightline_tests::rows::{FlightRow, Zip, json_line, json_lines, packed, sample};
use flightline_tests::{DEADLINE, Ended, Folder, Hosts, Invocation, bundled_flights};

use crate::training::{Trained, assert_no_model, train};

/// `train` on an input, within so much memory.
fn train_within(folder: &Folder, input: impl AsRef<std::ffi::OsStr>, memory: &str) -> Invocation {
    train(folder).arg("--input").arg(input).args(["--memory", memory])
}

/// The figure that follows these words in the verdict.
#[track_caller]
fn figure_after(ended: &Ended, words: &str) -> String {
    let (_, rest) = ended.verdict().split_once(words).unwrap_or_else(|| panic!("it lacks {words:?}\n{ended}"));
    rest.split([' ', ',']).next().unwrap_or_default().to_owned()
}

/// Asserts that a run took no more than was reckoned, and that no more than was allowed.
#[track_caller]
fn assert_kept(trained: &Trained) {
    let memory = |key: &str| trained.json["memory"][key].as_u64().expect("the JSON tells the memory");
    let (peak, estimated, allowed) =
        (trained.count("peak_memory_bytes"), memory("estimated_bytes"), memory("allowed_bytes"));
    assert!(peak <= estimated && estimated <= allowed, "{peak}, {estimated}, {allowed}\n{}", trained.ended);
}

#[test]
fn a_run_within_its_memory_makes_the_same_model_and_takes_no_more_than_was_reckoned() {
    let folder = Folder::new();
    for (preset, workers) in [("seed", 1), ("seed", 2), ("seed", 4), ("forward", 1), ("forward", 3), ("accurate", 2)] {
        let options = format!("--preset {preset} -w {workers}");
        let within = Trained::by(train_within(&folder, bundled_flights(), "2G").words(&options));
        assert_kept(&within);
        if workers < 3 {
            let without = Trained::by(train(&folder).arg("--input").arg(bundled_flights()).words(&options));
            assert!(without.json["memory"].is_null(), "{}", without.ended);
            assert_eq!(within.model(), without.model(), "{options}");
        }
    }
}

#[test]
fn too_little_is_refused_and_the_advised_figure_is_enough_in_every_format() {
    let folder = Folder::new();
    let lines = json_lines(&sample(40_000, 0));
    folder.write("rows.jsonl", &lines);
    folder.write("rows.jsonl.gz", packed(&lines, Zip::Gzip));
    folder.write("rows.jsonl.bz2", packed(&lines, Zip::Bzip2));
    folder.write("rows.jsonl.zst", packed(&lines, Zip::Zstandard));
    let flights = bundled_flights();
    let files = ["rows.jsonl", "rows.jsonl.gz", "rows.jsonl.bz2", "rows.jsonl.zst"].map(Into::into);
    for input in files.into_iter().chain([flights]) {
        for options in ["-w 1", "-w 2 --preset forward --holdout random:0.1"] {
            let refused = train_within(&folder, &input, "20M").words(options).finish();
            refused.expect(Exit::Usage).silent();
            refused.says(&["--memory 20M is too little: ", " rows in ", " features need ", "base ", "processes (-n)"]);
            assert_no_model(&folder, &refused);
            let advised = figure_after(&refused, "give --memory ");
            assert_kept(&Trained::by(train_within(&folder, &input, &advised).words(options)));
            std::fs::remove_dir_all(folder.join("models")).expect("a model was saved");
        }
    }
}

/// Lines of JSON that are long at first, so that a sample says of few rows what are many.
fn long_then_short(rows: &[FlightRow]) -> Vec<u8> {
    let line = |(number, row): (usize, &FlightRow)| {
        let line = json_line(row);
        if number < 5000 { format!("{{{}{}", " ".repeat(2000), &line[1..]) } else { line }
    };
    rows.iter().enumerate().flat_map(|row| (line(row).trim_end().to_owned() + "\n").into_bytes()).collect()
}

#[test]
fn more_rows_than_a_sample_said_end_the_run_while_they_are_read_and_the_advice_leads_to_a_model() {
    let folder = Folder::new();
    folder.write("rows.jsonl", long_then_short(&sample(160_000, 0)));
    let hosts = Hosts::new(&folder, 2);
    let refused = train_within(&folder, "rows.jsonl", "1M").words("-w 2").finish();
    refused.expect(Exit::Usage);
    let mut memory = figure_after(&refused, " features need ");
    let ended = train_within(&folder, "rows.jsonl", &memory).words("-w 2").finish();
    ended.expect(Exit::Usage).silent().says(&["is too little: more than ", " rows were read in one process", "about "]);
    assert_no_model(&folder, &ended);

    // Both processes end alike: each has room for half of what was expected.
    let of_two = |memory: &str, process| hosts.process(train_within(&folder, "rows.jsonl", memory), process);
    let alone = [of_two("1M", 0), of_two("1M", 1)].map(Invocation::finish);
    let half = alone.map(|ended| figure_after(ended.expect(Exit::Usage), " features need "));
    assert_eq!(half[0], half[1]);
    let second = of_two(&half[0], 1).start();
    let first = of_two(&half[0], 0).finish();
    let second = second.end_within(DEADLINE);
    for ended in [&first, &second] {
        ended.expect(Exit::Usage).says(&["is too little: more than ", " rows were read in one process"]);
    }
    assert_eq!(first.verdict(), second.verdict());
    assert_no_model(&folder, &first);

    // Whoever does as he is told comes to a model, since each figure has room for twice as many rows.
    for _attempt in 0..8 {
        let ended = train_within(&folder, "rows.jsonl", &memory).words("-w 2").finish();
        if ended.status.success() {
            return;
        }
        memory = figure_after(ended.expect(Exit::Usage), "give --memory ");
    }
    panic!("no figure was enough, the last was {memory}");
}

#[test]
fn a_forest_that_has_no_room_is_given_up_by_all_processes() {
    let folder = Folder::new();
    let hosts = Hosts::new(&folder, 2);
    // Flight numbers are many: sets of them take more than what is reckoned with.
    let grow = |memory: &str, process| {
        let run =
            train_within(&folder, bundled_flights(), memory).words("--features FlightNum,Route --depth 8 --trees 40");
        hosts.process(run, process)
    };
    let needed = figure_after(grow("1M", 0).finish().expect(Exit::Usage), " features need ");
    let second = grow(&needed, 1).start();
    let first = grow(&needed, 0).finish();
    for ended in [&first, &second.end_within(DEADLINE)] {
        ended.expect(Exit::Usage).silent().says(&["--memory is too little: the forest takes more than ", "--min-rows"]);
        assert_no_model(&folder, ended);
    }
}

#[test]
fn what_is_no_memory_and_what_nobody_can_keep_is_refused() {
    let folder = Folder::new();
    let few = json_lines(&sample(400, 0));
    folder.write("rows.jsonl", few);
    for (options, says) in [
        ("--memory much", &["much", "512M"][..]),
        ("--memory 0", &["no amount of memory"]),
        ("--memory 2G --grower linfa", &["--memory can't be kept with --grower linfa"]),
    ] {
        let ended = train(&folder).args(["--input", "rows.jsonl"]).words(options).finish();
        ended.expect(Exit::Usage).silent();
        assert!(says.iter().all(|part| ended.stderr.contains(part)), "{ended}");
        assert_no_model(&folder, &ended);
    }
}
