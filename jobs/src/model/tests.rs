use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flightline_engine::process::Exit;
use flightline_operators::columns::Number;
use flightline_operators::evaluate::{CalibrationTally, Tally};
use flightline_operators::forest::{
    BinSet, ClassCounts, FeatureSubset, Forest, ForestParams, Impurity, Node, NodeIndex, Rule, Smoothing, Split, Tree,
};
use flightline_operators::identity::Seed;
use flightline_operators::space::{BinLimit, FeatureBins, FeatureIndex, FeatureSpace};
use proptest::prelude::*;

use super::folder::{CARD_FILE, FOREST_FILE, GOLDEN_FILE};
use super::sample::{SMALL, TINY, parts};
use super::*;
use crate::answer::Serving;
use crate::flight::features::Feature;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn report(name: &str, text: &str) -> ReportFile {
    ReportFile { name: name.to_owned(), bytes: text.into() }
}

/// A saved model and its folder.
fn saved(models: &Path, parts: ModelParts) -> (Model, std::path::PathBuf) {
    let model = Model::new(parts).unwrap();
    let id = model.save(models, &[]).unwrap();
    (model, models.join(id.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_saved_model_reads_back_bit_for_bit(seed: u64) {
        let models = tempfile::tempdir().unwrap();
        let (model, folder) = saved(models.path(), parts(seed, SMALL));
        let read = Model::load(&folder).unwrap();
        prop_assert_eq!(&read.forest, &model.forest);
        prop_assert_eq!(&read.space, &model.space);
        prop_assert_eq!(&read.golden, &model.golden);
        // Debug writes every field, floats with all their digits.
        prop_assert_eq!(format!("{read:?}"), format!("{model:?}"));
        prop_assert!(Serving::start(read).is_ok());
    }

    #[test]
    fn saving_again_writes_the_same_bytes(seed: u64) {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_, a) = saved(first.path(), parts(seed, SMALL));
        let (_, b) = saved(second.path(), parts(seed, SMALL));
        for file in [CARD_FILE, FOREST_FILE, GOLDEN_FILE] {
            prop_assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap(), "{} differs", file);
        }
    }
}

#[test]
fn the_id_of_a_small_model_is_the_hash_that_the_encodings_description_gives() {
    // The digits come from a few lines of Python that follow the description. Another id here means that every stored
    // model is refused: it needs another format version.
    let space = FeatureSpace {
        features: vec![
            FeatureBins::Numeric { cuts: vec![Number::new(0.5).unwrap()] },
            FeatureBins::Categorical { names: vec!["AA".into(), "WN".into()] },
        ],
    };
    let node =
        |index, counts: [u64; 4]| Node { index: NodeIndex(index), counts: ClassCounts(counts.into()), split: None };
    let mut nodes = vec![node(1, [1, 2, 3, 4]), node(2, [1, 2, 0, 0]), node(3, [0, 0, 3, 4])];
    let rule = Rule::In(BinSet::of([0, 2], 3));
    nodes[0].split = Some(Box::new(Split { feature: FeatureIndex(1), rule, gain: 1.5 }));
    let params = ForestParams {
        trees: 1,
        depth: 5,
        features_per_node: FeatureSubset::Count(6),
        impurity: Impurity::Entropy,
        min_rows: 7,
        bagging: true,
        smoothing: Smoothing(0.25),
        bins: BinLimit(4096),
        seed: Seed(42),
    };
    let bin = |k: u64| CalibrationTally { rows: 3 * k, predicted_micros: 3 * k + 1, observed: 3 * k + 2 };
    let tally = Tally {
        classes: 4,
        confusion: (0..16).collect(),
        log_loss_micros: 77,
        calibration: (0..40).map(bin).collect(),
    };
    let metrics = Metrics { held_out: Some(tally), ..Metrics::default() };
    let forest = Forest { classes: 4, trees: vec![Tree { nodes }] };
    let schema = Schema::of(vec![Feature::DepDelay, Feature::Carrier]);
    let id = ModelId::of(&schema, &space, &params, &forest, &[], &metrics);
    assert_eq!(id.to_string(), "8b6adf25f8dd2d49d3ab007bbcd0527a174750c7f6f1096df60b922b720e8645");
}

#[test]
fn the_id_is_of_all_that_answers_depend_on_and_of_the_metrics() {
    let id = |change: &dyn Fn(&mut ModelParts)| {
        let mut parts = parts(3, SMALL);
        change(&mut parts);
        Model::new(parts).unwrap().id()
    };
    let same = id(&|_| ());
    assert_eq!(same, id(&|parts| parts.metrics.hold_out = "test files /tmp/x".to_owned()));
    assert_eq!(same, id(&|parts| parts.fingerprint.rows += 1));
    assert_eq!(same, id(&|parts| parts.contracts[0].nulls += 1));
    let split = |parts: &mut ModelParts, change: &dyn Fn(&mut Split)| {
        change(parts.forest.trees[1].nodes[0].split.as_deref_mut().unwrap());
    };
    let mut ids = vec![
        same,
        id(&|parts| parts.schema.label.names[1] += "!"),
        id(&|parts| {
            parts.schema.features.swap(0, 1);
            parts.space.features.swap(0, 1);
            parts.golden.clear();
            parts.forest.trees.iter_mut().for_each(|tree| {
                tree.nodes.truncate(1);
                tree.nodes[0].split = None;
            });
        }),
        id(&|parts| match &mut parts.space.features[0] {
            FeatureBins::Numeric { cuts } => drop(cuts.remove(0)),
            FeatureBins::Categorical { names } => names[0] = "Q".into(),
        }),
        id(&|parts| parts.params.seed.0 ^= 1),
        id(&|parts| parts.params.min_rows += 1),
        id(&|parts| parts.params.smoothing.0 += 0.5),
        id(&|parts| parts.forest.trees[0].nodes[0].counts.0[0] += 1),
        id(&|parts| split(parts, &|split| split.gain += 0.125)),
        id(&|parts| drop(parts.forest.trees.pop())),
        id(&|parts| drop(parts.golden.pop())),
        id(&|parts| parts.golden.swap(0, 1)),
        id(&|parts| parts.metrics.held_out.as_mut().unwrap().log_loss_micros += 1),
        id(&|parts| std::mem::swap(&mut parts.metrics.held_out, &mut parts.metrics.companion)),
    ];
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "two different models have one id");
}

#[test]
fn any_changed_or_missing_byte_is_refused_and_its_file_named() {
    let models = tempfile::tempdir().unwrap();
    let (_, folder) = saved(models.path(), parts(11, TINY));
    for file in [CARD_FILE, FOREST_FILE, GOLDEN_FILE] {
        let path = folder.join(file);
        let whole = fs::read(&path).unwrap();
        let open = fs::File::options().write(true).open(&path).unwrap();
        let refused = |what: String| {
            let error = Model::load(&folder).map(|_| &what).unwrap_err();
            assert_eq!(error.exit(), Exit::DamagedModel, "{what}: {error}");
            assert!(error.to_string().starts_with(&format!("`{}` ", path.display())), "{what}: {error}");
        };
        for (at, byte) in whole.iter().enumerate() {
            open.write_all_at(&[byte ^ 1 << (at % 8)], at as u64).unwrap();
            refused(format!("byte {at} of {file} was changed"));
            open.write_all_at(&[*byte], at as u64).unwrap();
        }
        for bytes in (0..whole.len()).rev() {
            open.set_len(bytes as u64).unwrap();
            refused(format!("{file} was cut to {bytes} bytes"));
        }
        fs::remove_file(&path).unwrap();
        let missing = Model::load(&folder).unwrap_err();
        assert!(missing.to_string().contains(&format!("{file}` is damaged: it is missing")), "{missing}");
        fs::write(&path, whole).unwrap();
    }
    assert!(Model::load(&folder).is_ok());
}

#[test]
fn a_folder_under_another_name_and_one_from_the_future_are_refused() {
    let models = tempfile::tempdir().unwrap();
    let (model, folder) = saved(models.path(), parts(1, TINY));
    let other = models.path().join(model.id().to_string().replace(['0', '1'], "2"));
    fs::rename(&folder, &other).unwrap();
    let error = Model::load(&other).unwrap_err().to_string();
    assert!(error.contains(&format!("is of model {}, but its folder is called", model.id())), "{error}");
    let card = fs::read_to_string(other.join(CARD_FILE)).unwrap();
    fs::write(other.join(CARD_FILE), card.replacen("\"format\": 1", "\"format\": 2", 1)).unwrap();
    let error = Model::load(&other).unwrap_err();
    assert!(matches!(error, ModelError::UnknownFormat { found: 2, known: 1, .. }), "{error}");
    assert_eq!(error.exit(), Exit::DamagedModel);
}

#[test]
fn a_whole_file_of_a_newer_build_is_told_from_a_damaged_one() {
    let models = tempfile::tempdir().unwrap();
    let (model, folder) = saved(models.path(), parts(1, TINY));
    let card = folder::read_card(files::ModelFiles::Folder(&folder)).unwrap();
    let text = document::to_text(&card).unwrap();
    let feature = format!("\"name\": \"{}\"", model.schema().features[0]);
    assert!(text.contains(&feature));
    let foreign = text.replacen(&feature, "\"name\": \"Tailnum\"", 1);
    let sealed = reseal(&foreign);
    fs::write(folder.join(CARD_FILE), sealed).unwrap();
    let error = Model::load(&folder).unwrap_err();
    assert!(matches!(&error, ModelError::Foreign { what, .. } if what.contains("Tailnum")), "{error}");
}

/// The text with the checksum that it should have.
fn reseal(text: &str) -> String {
    let start = text.find("\"checksum\": \"").unwrap() + "\"checksum\": \"".len();
    let blank = format!("{}{}{}", &text[..start], "0".repeat(64), &text[start + 64..]);
    format!("{}{}{}", &text[..start], seal::Seal::of(blank.as_bytes()).sha256, &text[start + 64..])
}

#[test]
fn a_resealed_edit_is_found_by_the_id() {
    let models = tempfile::tempdir().unwrap();
    let (_, folder) = saved(models.path(), parts(1, TINY));
    let text = fs::read_to_string(folder.join(CARD_FILE)).unwrap();
    let edited = reseal(&text.replacen("\"min_rows\": ", "\"min_rows\": 1", 1));
    fs::write(folder.join(CARD_FILE), edited).unwrap();
    let error = Model::load(&folder).unwrap_err().to_string();
    assert!(error.contains("the model in this folder has the id"), "{error}");
}

#[test]
fn a_folder_that_is_there_is_kept_and_only_its_reports_change() {
    let models = tempfile::tempdir().unwrap();
    let model = Model::new(parts(5, TINY)).unwrap();
    let id = model.save(models.path(), &[report("report.html", "old")]).unwrap();
    let folder = models.path().join(id.to_string());
    let mark = fs::metadata(folder.join(FOREST_FILE)).unwrap().modified().unwrap();
    model.save(models.path(), &[report("report.html", "new"), report("report.json", "{}")]).unwrap();
    assert_eq!(fs::read(folder.join("report.html")).unwrap(), b"new");
    assert_eq!(names(&folder), [FOREST_FILE, GOLDEN_FILE, CARD_FILE, "report.html", "report.json"]);
    assert_eq!(fs::metadata(folder.join(FOREST_FILE)).unwrap().modified().unwrap(), mark);

    fs::write(folder.join(FOREST_FILE), "half").unwrap();
    model.save(models.path(), &[]).unwrap();
    assert!(Model::load(&folder).is_ok(), "a damaged folder of the same model is replaced");
    assert_eq!(names(models.path()), [id.to_string()], "nothing is left beside it");
}

#[test]
fn a_report_may_not_take_the_name_of_a_file_of_the_model() {
    let models = tempfile::tempdir().unwrap();
    let model = Model::new(parts(5, TINY)).unwrap();
    for name in [CARD_FILE, FOREST_FILE, GOLDEN_FILE, "../x", "a/b", "", ".hidden", ".."] {
        assert!(matches!(model.save(models.path(), &[report(name, "")]), Err(ModelError::Unfit(_))), "{name}");
    }
    assert!(names(models.path()).is_empty());
}

#[test]
fn a_folder_that_cant_be_written_is_told_in_one_sentence() {
    let models = tempfile::tempdir().unwrap();
    let file = models.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Model::new(parts(5, TINY)).unwrap().save(&file, &[]).unwrap_err();
    assert_eq!(error.exit(), Exit::Storage);
    assert!(
        error.to_string().contains("the model is not saved, and what was there before stands: can't write `"),
        "{error}"
    );
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    type Change = fn(&mut ModelParts);
    let changes: [Change; 9] = [
        |parts| parts.schema.features.truncate(1),
        |parts| parts.schema.features[1] = parts.schema.features[0],
        |parts| drop(parts.contracts.pop()),
        |parts| parts.forest.classes = 3,
        |parts| parts.forest.trees.clear(),
        |parts| drop(parts.forest.trees[0].nodes.pop()),
        |parts| parts.forest.trees[0].nodes[0].counts.0 = [1, 2].into(),
        |parts| parts.forest.trees[0].nodes[0].split.as_mut().unwrap().feature.0 = 99,
        |parts| parts.forest.trees[0].nodes[0].split.as_mut().unwrap().gain = f64::NAN,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut parts = parts(2, SMALL);
        change(&mut parts);
        assert!(matches!(Model::new(parts), Err(ModelError::Unfit(_))), "change {number} is accepted");
    }
}

#[test]
fn a_model_that_answers_otherwise_is_not_served() {
    let mut model = Model::new(parts(9, TINY)).unwrap();
    model.golden[1].answer = model.golden[1].answer.replacen("\"Distance\":", "\"Distance\":1", 1).into();
    let error = Serving::start(model).unwrap_err();
    assert_eq!(error.exit(), Exit::DamagedModel);
    assert!(error.to_string().contains("golden row 2 expects Distance to be 1"), "{error}");
}
