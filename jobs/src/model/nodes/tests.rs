use std::fs::File;
use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use flightline_operators::columns::Number;
use flightline_operators::forest::{BinSet, ClassCounts, Forest, Node, NodeIndex, Rule, Smoothing, Split, Tree};
use flightline_operators::space::{FeatureBins, FeatureIndex, FeatureSpace};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{read_forest, write_forest};
use crate::flight::features::Feature;
use crate::model::schema::Schema;

/// A root that asks for carriers, a left child that asks for minutes, and three leaves.
fn forest(left: &[u16]) -> (Forest, Schema, FeatureSpace) {
    let space = FeatureSpace {
        features: vec![
            FeatureBins::Numeric { cuts: vec![Number::new(0.1).unwrap(), Number::new(30.5).unwrap()] },
            FeatureBins::Categorical { names: vec!["AA".into(), "WN".into(), "DL".into()] },
        ],
    };
    let node = |index, split: Option<(u16, Rule)>| Node {
        index: NodeIndex(index),
        counts: ClassCounts([index, 1, 0, 1].into()),
        split: split.map(|(feature, rule)| Box::new(Split { feature: FeatureIndex(feature), rule, gain: 1.5 })),
    };
    let nodes = vec![
        node(1, Some((1, Rule::In(BinSet::of(left.iter().copied(), 4))))),
        node(2, Some((0, Rule::AtMost(1)))),
        node(3, None),
        node(4, None),
        node(5, None),
    ];
    let forest = Forest { classes: 4, trees: vec![Tree { nodes }] };
    (forest, Schema::of(vec![Feature::DepDelay, Feature::Carrier]), space)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn written(left: &[u16]) -> (Vec<u8>, RecordBatch) {
    let (forest, schema, space) = forest(left);
    let mut bytes = Vec::new();
    write_forest(&mut bytes, &forest, &schema, &space, Smoothing(0.0)).unwrap();
    assert_eq!(read_forest(file(&bytes), &schema, &space).unwrap(), forest);
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file(&bytes)).unwrap().build().unwrap();
    (bytes, batches.next().unwrap().unwrap())
}

fn names(batch: &RecordBatch, column: &str, row: usize) -> Option<Vec<String>> {
    let lists = batch.column_by_name(column).unwrap().as_list::<i32>();
    let names = |row| lists.value(row).as_string::<i32>().iter().map(|name| name.unwrap().to_owned()).collect();
    lists.is_valid(row).then(|| names(row))
}

#[test]
fn a_notebook_reads_the_questions_in_plain_words() {
    // Bin 3 stands for all carriers that the model never saw.
    let (_, unseen_right) = written(&[0, 2]);
    assert_eq!(names(&unseen_right, "left_categories", 0), Some(vec!["AA".to_owned(), "DL".to_owned()]));
    assert_eq!(names(&unseen_right, "right_categories", 0), None);
    let (_, unseen_left) = written(&[0, 2, 3]);
    assert_eq!(names(&unseen_left, "left_categories", 0), None);
    assert_eq!(names(&unseen_left, "right_categories", 0), Some(vec!["WN".to_owned()]));
    assert_eq!(names(&unseen_left, "right_categories", 1), None);

    let text = |column: &str, row| {
        let column = unseen_left.column_by_name(column).unwrap().as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let kinds: Vec<_> = (0..5).map(|row| text("kind", row).unwrap()).collect();
    assert_eq!(kinds, ["categories", "threshold", "leaf", "leaf", "leaf"]);
    assert_eq!([text("feature", 1).as_deref(), text("feature", 2).as_deref()], [Some("DepDelay"), None]);
    let thresholds = unseen_left.column_by_name("threshold").unwrap().as_primitive::<Float64Type>();
    assert_eq!([thresholds.is_valid(0), thresholds.is_valid(1), thresholds.is_valid(2)], [false, true, false]);
    assert_eq!(thresholds.value(1), 30.5);
    let right = unseen_left.column_by_name("right").unwrap().as_primitive::<UInt64Type>();
    assert_eq!((right.value(0), right.value(1), right.is_valid(2)), (3, 5, false));
    let shares = unseen_left.column_by_name("probabilities").unwrap().as_list::<i32>().value(2);
    assert_eq!(shares.as_primitive::<Float64Type>().values().to_vec(), [0.6, 0.2, 0.0, 0.2]);
}

#[test]
fn a_forest_of_other_features_is_refused() {
    let (bytes, _) = written(&[0]);
    let (_, _, space) = forest(&[0]);
    let schema = Schema::of(vec![Feature::DepDelay, Feature::Origin]);
    let refused = read_forest(file(&bytes), &schema, &space).unwrap_err();
    assert_eq!(refused, "a node asks Carrier, which is no feature of the model");
}
