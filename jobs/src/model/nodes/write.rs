//! Writing a forest, some thousand nodes at a time, so that little of it is in memory twice.

use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{
    Float64Builder, ListBuilder, StringBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use flightline_operators::forest::{Forest, Node, Rule, Smoothing, Split, TreeIndex, most_probable};
use flightline_operators::space::{Bin, FeatureBins, FeatureSpace};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::columns::{GAIN, NODE, PROBABILITIES, SCHEMA};
use crate::model::schema::Schema;

/// Most nodes of a batch.
const BATCH_NODES: usize = 16_384;

/// Most entries of a batch's lists of categories, about; then it is written before it is full. Each takes some 50 bytes in all
/// lists together.
const BATCH_CATEGORIES: usize = 1 << 17;

/// Nodes of a row group.
const ROW_GROUP_NODES: usize = 1 << 17;

/// Writes a forest whose parts fit together.
///
/// # Errors
/// Those of `output`.
pub(in crate::model) fn write_forest(
    output: &mut (impl Write + Send),
    forest: &Forest,
    schema: &Schema,
    space: &FeatureSpace,
    smoothing: Smoothing,
) -> Result<(), ParquetError> {
    let mut writer = ArrowWriter::try_new(output, Arc::clone(&SCHEMA), Some(properties()))?;
    let mut batch = BatchBuilder::default();
    for (tree, index) in forest.trees.iter().zip(0..) {
        let shares = tree.class_shares(smoothing);
        for (node, shares) in tree.nodes.iter().zip(&shares) {
            batch.push(TreeIndex(index), node, shares, schema, space);
            if batch.nodes == BATCH_NODES || batch.categories >= BATCH_CATEGORIES {
                writer.write(&batch.finish()?)?;
            }
        }
    }
    if batch.nodes > 0 {
        writer.write(&batch.finish()?)?;
    }
    // Not `into_inner`, which makes a text of the output's error.
    writer.close().map(drop)
}

/// Settings that make equal bytes of equal forests.
fn properties() -> WriterProperties {
    let plain = |name: &str| ColumnPath::from(name);
    let item_of = |name: &str| ColumnPath::from(vec![name.to_owned(), "list".to_owned(), "item".to_owned()]);
    WriterProperties::builder()
        .set_created_by("flightline".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_NODES))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Nearly every value is another one: a dictionary would only cost time.
        .set_column_dictionary_enabled(plain(NODE), false)
        .set_column_dictionary_enabled(plain(GAIN), false)
        .set_column_dictionary_enabled(item_of(PROBABILITIES), false)
        .build()
}

/// The columns of a batch in the making.
#[derive(Default)]
struct BatchBuilder {
    nodes: usize,
    categories: usize,
    tree: UInt32Builder,
    node: UInt64Builder,
    depth: UInt8Builder,
    kind: StringBuilder,
    feature: StringBuilder,
    threshold: Float64Builder,
    left_categories: ListBuilder<StringBuilder>,
    right_categories: ListBuilder<StringBuilder>,
    left: UInt64Builder,
    right: UInt64Builder,
    counts: ListBuilder<UInt64Builder>,
    gain: Float64Builder,
    prediction: UInt8Builder,
    probabilities: ListBuilder<Float64Builder>,
    last_left_bin: UInt16Builder,
    left_bins: ListBuilder<UInt16Builder>,
    right_bins: ListBuilder<UInt16Builder>,
}

impl BatchBuilder {
    fn push(&mut self, tree: TreeIndex, node: &Node, shares: &[f64], schema: &Schema, space: &FeatureSpace) {
        self.nodes += 1;
        self.tree.append_value(tree.0);
        self.node.append_value(node.index.0);
        self.depth.append_value(node.index.depth());
        self.counts.values().append_slice(&node.counts.0);
        self.counts.append(true);
        self.prediction.append_value(most_probable(shares));
        self.probabilities.values().append_slice(shares);
        self.probabilities.append(true);
        match &node.split {
            None => self.push_leaf(),
            Some(split) => {
                self.left.append_value(node.index.left().0);
                self.right.append_value(node.index.right().0);
                self.push_split(split, schema, space);
            }
        }
    }

    fn push_leaf(&mut self) {
        self.kind.append_value("leaf");
        self.feature.append_null();
        self.threshold.append_null();
        self.left.append_null();
        self.right.append_null();
        self.gain.append_null();
        self.last_left_bin.append_null();
        self.push_no_set();
    }

    fn push_split(&mut self, split: &Split, schema: &Schema, space: &FeatureSpace) {
        let bins = &space.features[split.feature.index()];
        self.feature.append_value(schema.features[split.feature.index()].name());
        self.gain.append_value(split.gain);
        match (&split.rule, bins) {
            (Rule::AtMost(last), FeatureBins::Numeric { cuts }) => {
                self.kind.append_value("threshold");
                // The last bin has no upper end.
                let threshold = cuts.get(usize::from(*last)).map_or(f64::INFINITY, |cut| cut.get());
                self.threshold.append_value(threshold);
                self.last_left_bin.append_value(*last);
                self.push_no_set();
            }
            (rule, bins) => {
                self.kind.append_value("categories");
                self.threshold.append_null();
                self.last_left_bin.append_option(match rule {
                    Rule::AtMost(last) => Some(*last),
                    Rule::In(_) => None,
                });
                self.push_set(rule, bins);
            }
        }
    }

    fn push_no_set(&mut self) {
        self.left_categories.append(false);
        self.right_categories.append(false);
        self.left_bins.append(false);
        self.right_bins.append(false);
    }

    fn push_set(&mut self, rule: &Rule, bins: &FeatureBins) {
        let names: &[Box<str>] = match bins {
            FeatureBins::Categorical { names } => names,
            FeatureBins::Numeric { .. } => &[],
        };
        let unseen_go_left = bins.unseen().is_some_and(|unseen| rule.goes_left(unseen));
        let (named, numbers) = if unseen_go_left {
            self.left_categories.append(false);
            self.left_bins.append(false);
            (&mut self.right_categories, &mut self.right_bins)
        } else {
            self.right_categories.append(false);
            self.right_bins.append(false);
            (&mut self.left_categories, &mut self.left_bins)
        };
        for (name, bin) in names.iter().zip(0 as Bin..) {
            if rule.goes_left(bin) != unseen_go_left {
                named.values().append_value(name);
                numbers.values().append_value(bin);
                self.categories += 1;
            }
        }
        named.append(true);
        numbers.append(true);
    }

    fn finish(&mut self) -> Result<RecordBatch, ParquetError> {
        (self.nodes, self.categories) = (0, 0);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.tree.finish()),
            Arc::new(self.node.finish()),
            Arc::new(self.depth.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.feature.finish()),
            Arc::new(self.threshold.finish()),
            Arc::new(self.left_categories.finish()),
            Arc::new(self.right_categories.finish()),
            Arc::new(self.left.finish()),
            Arc::new(self.right.finish()),
            Arc::new(self.counts.finish()),
            Arc::new(self.gain.finish()),
            Arc::new(self.prediction.finish()),
            Arc::new(self.probabilities.finish()),
            Arc::new(self.last_left_bin.finish()),
            Arc::new(self.left_bins.finish()),
            Arc::new(self.right_bins.finish()),
        ];
        Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
    }
}
