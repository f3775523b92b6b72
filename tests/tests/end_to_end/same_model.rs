//! The invariant of training: the model depends on the rows, the parameters and the seed, and on nothing else. Not on
//! workers, processes, the order of rows, how they lie in files, or in which format.

use std::collections::BTreeSet;
use std::path::PathBuf;

use flightline_tests::rows::{FlightRow, Zip, json_lines, packed, parquet_file, sample};
use flightline_tests::{Chance, Folder, Invocation, bundled_flights};

use crate::training::{Trained, train};

/// Rows of the samples; above the row group size and the blocks that files are cut into.
const ROWS: usize = 20_000;

/// Parameters that take different ways through the code.
const SETTINGS: [&str; 5] = [
    "--preset seed --holdout last:0.2",
    "--preset accurate --trees 6 --holdout random:0.2",
    "--preset forward --trees 6 --holdout days:0.2",
    "--preset seed --trees 8 --depth 9 --bins 16 --impurity entropy --features-per-node all --no-bagging --min-rows 3",
    "--preset seed --trees 5 --folds forward:3 --search depth=3,6 min-rows=1,40 smoothing=0,9 --candidates 7",
];

/// The same rows, in every form; the values are paths and globs.
struct Forms {
    folder: Folder,
    parquet: PathBuf,
    plain: PathBuf,
    all: Vec<(&'static str, PathBuf)>,
}

impl Forms {
    fn of(rows: &[FlightRow], chance: &mut Chance) -> Self {
        let folder = Folder::new();
        let mut shuffled = rows.to_vec();
        chance.shuffle(&mut shuffled);
        let lines = json_lines(rows);
        let parquet = folder.write("rows.parquet", parquet_file(rows, 3_500));
        let plain = folder.write("rows.jsonl", &lines);
        for (part, rows) in uneven_parts(&shuffled, 7, chance).into_iter().enumerate() {
            folder.write(&format!("seven/part-{part}.jsonl"), json_lines(rows));
        }
        let third = rows.len() / 3;
        folder.write("mixed/a.parquet", parquet_file(&shuffled[..third], 1_000));
        folder.write("mixed/b.jsonl.gz", packed(&json_lines(&shuffled[third..2 * third]), Zip::Gzip));
        folder.write("mixed/c.json", json_lines(&shuffled[2 * third..]));
        let all = vec![
            ("shuffled Parquet", folder.write("shuffled.parquet", parquet_file(&shuffled, rows.len()))),
            ("shuffled JSON lines", folder.write("shuffled.jsonl", json_lines(&shuffled))),
            ("seven files", folder.join("seven/part-*.jsonl")),
            ("bz2", folder.write("rows.jsonl.bz2", packed(&lines, Zip::Bzip2))),
            ("gz", folder.write("rows.jsonl.gz", packed(&lines, Zip::Gzip))),
            ("zst", folder.write("rows.jsonl.zst", packed(&lines, Zip::Zstandard))),
            ("three formats", folder.join("mixed/*")),
        ];
        Self { folder, parquet, plain, all }
    }

    fn train(&self, settings: &str, input: &PathBuf) -> Invocation {
        train(&self.folder).words(settings).words("--promote never").arg("--input").arg(input)
    }

    /// Trains on every form with every number of workers and processes, and gives the one id of all those models.
    fn one_model(&self, settings: &str, rows: u64) -> String {
        let first = Trained::by(self.train(settings, &self.parquet).words("-w 1"));
        let id = first.model();
        let features = first.json["features"].as_array().filter(|features| !features.is_empty());
        let features = features.unwrap_or_else(|| panic!("there are no features\n{}", first.ended));
        // Without bagging it is the held-out rows that tell it.
        assert!(features.iter().all(|feature| feature["shuffled"].is_object()), "{settings}\n{}", first.ended);
        let bagged = !["--preset accurate", "--no-bagging"].iter().any(|word| settings.contains(word));
        assert_eq!(first.json["out_of_bag"].is_object(), bagged, "{settings}\n{}", first.ended);
        let check = |how: &str, trained: &Trained| {
            assert_eq!(trained.model(), id, "{settings}: another model from {how}\n{}{}", first.ended, trained.ended);
            assert_eq!(trained.count("rows"), rows, "{how}\n{}", trained.ended);
            for told in ["train", "test", "companion", "out_of_bag", "features", "search"] {
                let (now, before) = (&trained.json[told], &first.json[told]);
                assert_eq!(now, before, "{settings}: {told} differ from {how}\n{}{}", first.ended, trained.ended);
            }
        };
        for workers in ["-w 2", "-w 4"] {
            check(workers, &Trained::by(self.train(settings, &self.parquet).words(workers)));
        }
        for workers in [1, 2, 4] {
            let plain = Trained::by(self.train(settings, &self.plain).args(["-w", &workers.to_string()]));
            check("JSON lines", &plain);
            plain.assert_shared_evenly(workers, rows);
        }
        for (index, (form, input)) in self.all.iter().enumerate() {
            let workers = [2, 1, 3][index % 3].to_string();
            check(form, &Trained::by(self.train(settings, input).args(["-w", &workers])));
        }
        for (processes, workers) in [(2, 1), (3, 1), (2, 2)] {
            let words = format!("-w {workers}");
            let invocation = || self.train(settings, &self.plain).words(&words);
            let trained = Trained::by_processes(&self.folder, processes, invocation);
            check(&format!("{processes} processes"), &trained);
            trained.assert_shared_evenly(processes * workers, rows);
        }
        id
    }
}

/// Cuts rows into parts of random sizes, all different rows, none left out.
fn uneven_parts<'a>(rows: &'a [FlightRow], parts: usize, chance: &mut Chance) -> Vec<&'a [FlightRow]> {
    let mut cuts: Vec<usize> = (1..parts).map(|_| chance.below(rows.len() + 1)).collect();
    cuts.extend([0, rows.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| &rows[ends[0]..ends[1]]).collect()
}

#[test]
fn one_model_from_any_workers_processes_order_and_format() {
    let mut chance = Chance::new();
    let rows = sample(ROWS, chance.below(16));
    let forms = Forms::of(&rows, &mut chance);
    let ids: BTreeSet<String> = SETTINGS.iter().map(|settings| forms.one_model(settings, ROWS as u64)).collect();
    assert_eq!(ids.len(), SETTINGS.len(), "other settings must give other models");
}

#[test]
fn one_other_model_when_every_row_is_doubled() {
    let mut chance = Chance::new();
    let rows = sample(ROWS / 2, chance.below(32));
    let single = Forms::of(&rows, &mut chance);
    let twice: Vec<FlightRow> = rows.iter().chain(&rows).cloned().collect();
    let doubled = Forms::of(&twice, &mut chance);
    for settings in &SETTINGS[..2] {
        let id = doubled.one_model(settings, 2 * rows.len() as u64);
        let once = Trained::by(single.train(settings, &single.plain));
        assert_ne!(once.model(), id, "{settings}: a second copy of a row must count");
        // Doubled by naming two files that hold the same rows, too.
        let both = Trained::by(doubled.train(settings, &single.plain).arg(&single.parquet).words("-w 2"));
        assert_eq!(both.model(), id, "{settings}\n{}", both.ended);
    }
}

#[test]
fn another_seed_or_one_row_less_gives_another_model() {
    let mut chance = Chance::new();
    let mut rows = sample(2_000, chance.below(100));
    let folder = Folder::new();
    let whole = folder.write("rows.jsonl", json_lines(&rows));
    let left_out = rows.remove(chance.below(rows.len()));
    let less = folder.write("less.jsonl", json_lines(&rows));
    let id = |input: &PathBuf, seed: &str| {
        Trained::by(train(&folder).arg("--input").arg(input).args(["--seed", seed])).model()
    };
    let first = id(&whole, "1");
    assert_eq!(first, id(&whole, "1"), "the same again");
    assert_ne!(first, id(&whole, "2"), "another seed");
    assert_ne!(first, id(&less, "1"), "without {left_out:?}");
}

#[test]
fn the_bundled_flights_give_one_model_and_are_shared_evenly() {
    let folder = Folder::new();
    let invocation = |workers: usize| {
        let invocation = train(&folder).words("--preset seed --promote never").args(["-w", &workers.to_string()]);
        invocation.arg("--input").arg(bundled_flights())
    };
    let mut ids = BTreeSet::new();
    for workers in [1, 2, 4, 7] {
        let trained = Trained::by(invocation(workers));
        trained.assert_shared_evenly(workers, 327_346);
        ids.insert(trained.model());
    }
    let trained = Trained::by_processes(&folder, 2, || invocation(1));
    trained.assert_shared_evenly(2, 327_346);
    ids.insert(trained.model());
    assert_eq!(ids.len(), 1, "{ids:?}");
}
