//! The columns of `forest.parquet`, by name.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};

pub(super) const TREE: &str = "tree";
pub(super) const NODE: &str = "node";
pub(super) const DEPTH: &str = "depth";
pub(super) const KIND: &str = "kind";
pub(super) const FEATURE: &str = "feature";
pub(super) const THRESHOLD: &str = "threshold";
pub(super) const LEFT_CATEGORIES: &str = "left_categories";
pub(super) const RIGHT_CATEGORIES: &str = "right_categories";
pub(super) const LEFT: &str = "left";
pub(super) const RIGHT: &str = "right";
pub(super) const COUNTS: &str = "counts";
pub(super) const GAIN: &str = "gain";
pub(super) const PREDICTION: &str = "prediction";
pub(super) const PROBABILITIES: &str = "probabilities";
pub(super) const LAST_LEFT_BIN: &str = "last_left_bin";
pub(super) const LEFT_BINS: &str = "left_bins";
pub(super) const RIGHT_BINS: &str = "right_bins";

/// What a forest is read back from; the other columns follow from these.
pub(super) const EXACT: [&str; 8] = [TREE, NODE, FEATURE, COUNTS, GAIN, LAST_LEFT_BIN, LEFT_BINS, RIGHT_BINS];

/// All columns in the order of the file.
pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let given = |name, kind| Field::new(name, kind, false);
    let perhaps = |name, kind| Field::new(name, kind, true);
    let list = |of| DataType::List(Arc::new(Field::new_list_field(of, true)));
    Arc::new(Schema::new(vec![
        given(TREE, DataType::UInt32),
        given(NODE, DataType::UInt64),
        given(DEPTH, DataType::UInt8),
        given(KIND, DataType::Utf8),
        perhaps(FEATURE, DataType::Utf8),
        perhaps(THRESHOLD, DataType::Float64),
        perhaps(LEFT_CATEGORIES, list(DataType::Utf8)),
        perhaps(RIGHT_CATEGORIES, list(DataType::Utf8)),
        perhaps(LEFT, DataType::UInt64),
        perhaps(RIGHT, DataType::UInt64),
        given(COUNTS, list(DataType::UInt64)),
        perhaps(GAIN, DataType::Float64),
        given(PREDICTION, DataType::UInt8),
        given(PROBABILITIES, list(DataType::Float64)),
        perhaps(LAST_LEFT_BIN, DataType::UInt16),
        perhaps(LEFT_BINS, list(DataType::UInt16)),
        perhaps(RIGHT_BINS, list(DataType::UInt16)),
    ]))
});
