//! Reading a forest back, bit for bit, a batch of nodes at a time.
//!
//! It believes nothing but the types: whether the nodes form trees over the model's bins is checked afterwards.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrowPrimitiveType, ListArray, PrimitiveArray, RecordBatch, StringArray};
use flightline_operators::forest::{BinSet, ClassCounts, Forest, Node, NodeIndex, Rule, Split, Tree};
use flightline_operators::space::{Bin, FeatureIndex, FeatureSpace};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

use super::columns::{COUNTS, EXACT, FEATURE, GAIN, LAST_LEFT_BIN, LEFT_BINS, NODE, RIGHT_BINS, TREE};
use crate::model::schema::Schema;

/// Nodes that are decoded at once.
const BATCH_NODES: usize = 16_384;

/// Reads the forest of a model with this schema and these bins.
///
/// # Errors
/// What is wrong with the file.
pub(in crate::model) fn read_forest(
    file: impl ChunkReader + 'static,
    schema: &Schema,
    space: &FeatureSpace,
) -> Result<Forest, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
    let exact = ProjectionMask::columns(builder.parquet_schema(), EXACT);
    let batches = builder.with_projection(exact).with_batch_size(BATCH_NODES).build();
    let mut trees: Vec<Tree> = Vec::new();
    for batch in batches.map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        let nodes = Nodes::of(&batch)?;
        for row in 0..batch.num_rows() {
            let node = nodes.node(row, schema, space)?;
            match (nodes.tree.value(row) as usize).checked_sub(trees.len()) {
                Some(0) => trees.push(Tree { nodes: vec![node] }),
                None if nodes.tree.value(row) as usize + 1 == trees.len() => {
                    trees.last_mut().ok_or("there is no tree")?.nodes.push(node);
                }
                _ => return Err(format!("tree {} stands where another belongs", nodes.tree.value(row))),
            }
        }
    }
    trees.iter_mut().for_each(|tree| tree.nodes.shrink_to_fit());
    Ok(Forest { classes: schema.classes() as u8, trees })
}

/// The columns of one batch.
struct Nodes<'a> {
    tree: &'a PrimitiveArray<UInt32Type>,
    node: &'a PrimitiveArray<UInt64Type>,
    feature: &'a StringArray,
    counts: Lists<'a, UInt64Type>,
    gain: &'a PrimitiveArray<Float64Type>,
    last_left_bin: &'a PrimitiveArray<UInt16Type>,
    left_bins: Lists<'a, UInt16Type>,
    right_bins: Lists<'a, UInt16Type>,
}

impl<'a> Nodes<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, String> {
        let feature = column(batch, FEATURE)?;
        Ok(Self {
            tree: primitive(batch, TREE)?,
            node: primitive(batch, NODE)?,
            feature: feature.as_string_opt::<i32>().ok_or_else(|| other_type(FEATURE))?,
            counts: Lists::of(batch, COUNTS)?,
            gain: primitive(batch, GAIN)?,
            last_left_bin: primitive(batch, LAST_LEFT_BIN)?,
            left_bins: Lists::of(batch, LEFT_BINS)?,
            right_bins: Lists::of(batch, RIGHT_BINS)?,
        })
    }

    fn node(&self, row: usize, schema: &Schema, space: &FeatureSpace) -> Result<Node, String> {
        let counts = self.counts.get(row).ok_or("a node has no counts")?;
        let index = NodeIndex(self.node.value(row));
        let split = match self.feature.is_valid(row) {
            true => Some(Box::new(self.split(row, schema, space)?)),
            false => None,
        };
        Ok(Node { index, counts: ClassCounts(counts.into()), split })
    }

    fn split(&self, row: usize, schema: &Schema, space: &FeatureSpace) -> Result<Split, String> {
        let name = self.feature.value(row);
        let feature = schema.features.iter().position(|feature| feature.name() == name);
        let feature = feature.ok_or_else(|| format!("a node asks {name}, which is no feature of the model"))?;
        if self.gain.is_null(row) {
            return Err("a split has no gain".to_owned());
        }
        let rule = if self.last_left_bin.is_valid(row) {
            Rule::AtMost(self.last_left_bin.value(row))
        } else {
            Rule::In(self.set(row, space.features[feature].len())?)
        };
        Ok(Split { feature: FeatureIndex(feature as u16), rule, gain: self.gain.value(row) })
    }

    fn set(&self, row: usize, bins: usize) -> Result<BinSet, String> {
        let (listed, is_left) = match (self.left_bins.get(row), self.right_bins.get(row)) {
            (Some(left), None) => (left, true),
            (None, Some(right)) => (right, false),
            _ => return Err("a split has no rule, or two".to_owned()),
        };
        if listed.iter().any(|bin| usize::from(*bin) >= bins) {
            return Err("a split names a bin that is not there".to_owned());
        }
        let listed = BinSet::of(listed.iter().copied(), bins);
        if is_left {
            return Ok(listed);
        }
        Ok(BinSet::of((0..bins).map(|bin| bin as Bin).filter(|bin| !listed.contains(*bin)), bins))
    }
}

/// A column of lists of numbers.
struct Lists<'a, T: ArrowPrimitiveType> {
    lists: &'a ListArray,
    values: &'a PrimitiveArray<T>,
}

impl<'a, T: ArrowPrimitiveType> Lists<'a, T> {
    fn of(batch: &'a RecordBatch, name: &str) -> Result<Self, String> {
        let lists = column(batch, name)?.as_list_opt::<i32>().ok_or_else(|| other_type(name))?;
        let values = lists.values().as_primitive_opt::<T>().ok_or_else(|| other_type(name))?;
        Ok(Self { lists, values })
    }

    fn get(&self, row: usize) -> Option<&'a [T::Native]> {
        let offsets = self.lists.value_offsets();
        self.lists.is_valid(row).then(|| &self.values.values()[offsets[row] as usize..offsets[row + 1] as usize])
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, String> {
    batch.column_by_name(name).map(AsRef::as_ref).ok_or_else(|| format!("it has no column {name}"))
}

fn primitive<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<T>, String> {
    column(batch, name)?.as_primitive_opt::<T>().ok_or_else(|| other_type(name))
}

fn other_type(name: &str) -> String {
    format!("its column {name} has another type")
}
