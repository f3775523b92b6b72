//! Held-out quality on the splits that all forests were compared on. Models are deterministic, so these are no
//! matters of luck: a figure changes when what is learnt changes, and never else.

use flightline_tests::Folder;
use flightline_tests::rows::{FlightRow, bundled, is_training_index, parquet_file};

use crate::training::{Trained, train};

/// With this set, all ten seeds are used for the large presets, too; else few, which are enough to notice a fall.
const ALL_SEEDS: &str = "FLIGHTLINE_ALL_SEEDS";

/// The last day of training when days to come are to be predicted.
const LAST_TRAINING_DAY: i32 = 292;

/// Seeds of the presets that take long: so few, or all.
fn seeds_of_large_presets(few: u64) -> u64 {
    if std::env::var_os(ALL_SEEDS).is_some() { 10 } else { few }
}

/// A split of the bundled rows into two files.
struct Split(Folder);

impl Split {
    fn new(is_training: impl Fn(usize, &FlightRow) -> bool) -> Self {
        let (mut training, mut tested) = (Vec::new(), Vec::new());
        for (index, row) in bundled().iter().enumerate() {
            if is_training(index, row) { training.push(row.clone()) } else { tested.push(row.clone()) }
        }
        Self::of(&training, &tested)
    }

    /// The rows up to one day of the year, and those after it up to another.
    fn cut(last_training_day: i32, last_test_day: i32) -> Self {
        let rows = bundled().iter().filter(|row| row.day_of_year <= last_test_day).cloned();
        let (training, tested): (Vec<_>, Vec<_>) = rows.partition(|row| row.day_of_year <= last_training_day);
        Self::of(&training, &tested)
    }

    fn of(training: &[FlightRow], tested: &[FlightRow]) -> Self {
        let folder = Folder::new();
        folder.write("train.parquet", parquet_file(training, 65_536));
        folder.write("test.parquet", parquet_file(tested, 65_536));
        Self(folder)
    }

    /// Mean accuracy and mean log loss over the seeds from 1 on, which are printed with their spread.
    fn mean(&self, preset: &str, seeds: u64) -> (f64, f64) {
        let quality = |seed: u64| {
            let run = train(&self.0).words("--input train.parquet --test test.parquet --promote never -w 2");
            let trained = Trained::by(run.args(["--preset", preset, "--seed", &seed.to_string()]));
            (trained.figure("test", "accuracy"), trained.figure("test", "log_loss"))
        };
        let (accuracies, losses): (Vec<f64>, Vec<f64>) = (1..=seeds).map(quality).unzip();
        let (accuracy, loss) = (Spread::of(&accuracies), Spread::of(&losses));
        println!("preset {preset}, seeds 1 to {seeds}: accuracy {accuracy}, log loss {loss}");
        (accuracy.mean, loss.mean)
    }
}

/// Mean, standard deviation and range of some figures.
struct Spread {
    mean: f64,
    deviation: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let number = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / number;
        let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / (number - 1.0).max(1.0)).sqrt(),
            least: figures.iter().copied().fold(f64::INFINITY, f64::min),
            most: figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mean, deviation, least, most } = self;
        write!(f, "{mean:.4} (standard deviation {deviation:.4}, {least:.4} to {most:.4})")
    }
}

#[test]
fn preset_seed_on_random_rows() {
    let (accuracy, _) = Split::new(|index, _| is_training_index(index)).mean("seed", 10);
    assert!(accuracy >= 0.536, "mean accuracy {accuracy}");
}

#[test]
fn preset_accurate_on_random_rows() {
    let split = Split::new(|index, _| is_training_index(index));
    let (accuracy, loss) = split.mean("accurate", seeds_of_large_presets(2));
    assert!(accuracy >= 0.587, "mean accuracy {accuracy}");
    assert!(loss <= 0.90, "mean log loss {loss}");
}

/// Both presets on days to come: `forward` is the better judge of its own doubt whatever the cut, as `docs/training.md`
/// says, though not always the more accurate one. Gives the accuracy of `forward`.
fn forward_beside_accurate(last_training_day: i32, last_test_day: i32, seeds: u64) -> f64 {
    println!("trained to day {last_training_day}, tested to day {last_test_day}:");
    let split = Split::cut(last_training_day, last_test_day);
    let (_, accurate) = split.mean("accurate", seeds);
    let (accuracy, forward) = split.mean("forward", seeds);
    assert!(forward < accurate, "log loss {forward} of forward, {accurate} of accurate");
    accuracy
}

#[test]
fn preset_forward_on_days_to_come() {
    let accuracy = forward_beside_accurate(LAST_TRAINING_DAY, 366, seeds_of_large_presets(2));
    assert!(accuracy >= 0.495, "mean accuracy {accuracy}");
}

#[test]
fn preset_forward_on_other_cuts_of_the_year() {
    let seeds = seeds_of_large_presets(1);
    forward_beside_accurate(150, 220, seeds);
    forward_beside_accurate(220, LAST_TRAINING_DAY, seeds);
}
