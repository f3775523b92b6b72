//! The bytes whose SHA-256 is a model's id. Changing anything here changes every id.
//!
//! The encoding, from first to last byte:
//!
//! | what | how |
//! |---|---|
//! | integer | 8 bytes, little-endian, whatever its type |
//! | number | the bits of the `f64`, as an integer |
//! | text | its length in bytes as an integer, then UTF-8 |
//! | list | its length as an integer, then its items |
//! | choice | a byte for the alternative, then its parts; absent is 0, present is 1 |
//!
//! After the text `flightline model` come the sections, each a byte (its tag) and its parts in the order of
//! [`ModelId::of`]'s arguments and of the fields below: schema, feature space, parameters, forest, golden rows, integer
//! metrics. Reports, times, paths, file formats, the hold-out's wording, the data's fingerprint, contracts and the
//! number of workers are not in it.

use flightline_operators::columns::Number;
use flightline_operators::evaluate::Tally;
use flightline_operators::forest::{FeatureSubset, Forest, ForestParams, Impurity, Node, Rule};
use flightline_operators::space::{FeatureBins, FeatureSpace};
use sha2::{Digest, Sha256};

use super::golden::GoldenRow;
use super::id::ModelId;
use super::metrics::Metrics;
use super::schema::Schema;
use crate::flight::features::FeatureKind;

/// Tag of a section; never used again for another one.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Section {
    Schema = 1,
    Space = 2,
    Params = 3,
    Forest = 4,
    Golden = 5,
    Metrics = 6,
}

impl ModelId {
    /// The id of a model with these parts.
    #[must_use]
    pub fn of(
        schema: &Schema,
        space: &FeatureSpace,
        params: &ForestParams,
        forest: &Forest,
        golden: &[GoldenRow],
        metrics: &Metrics,
    ) -> Self {
        let mut to = Encoder::default();
        to.text("flightline model");
        encode_schema(&mut to, schema);
        encode_space(&mut to, space);
        encode_params(&mut to, params);
        encode_forest(&mut to, forest);
        encode_golden(&mut to, golden);
        encode_metrics(&mut to, metrics);
        Self::new(to.finish())
    }
}

fn encode_schema(to: &mut Encoder, schema: &Schema) {
    to.section(Section::Schema);
    to.list(&schema.features, |to, feature| {
        to.text(feature.name());
        to.choice(match feature.kind() {
            FeatureKind::Numeric => 0,
            FeatureKind::Categorical => 1,
        });
    });
    to.list(&schema.label.splits, |to, split| to.number(*split));
    to.list(&schema.label.names, |to, name| to.text(name));
}

fn encode_space(to: &mut Encoder, space: &FeatureSpace) {
    to.section(Section::Space);
    to.list(&space.features, |to, bins| match bins {
        FeatureBins::Numeric { cuts } => {
            to.choice(0);
            to.list(cuts, |to, cut: &Number| to.integer(cut.bits()));
        }
        FeatureBins::Categorical { names } => {
            to.choice(1);
            to.list(names, |to, name| to.text(name));
        }
    });
}

fn encode_params(to: &mut Encoder, params: &ForestParams) {
    // Taken apart without `..`, so that a new parameter can't be forgotten here.
    let ForestParams { trees, depth, features_per_node, impurity, min_rows, bagging, smoothing, bins, seed } = params;
    to.section(Section::Params);
    to.integer(u64::from(*trees));
    to.integer(u64::from(*depth));
    match features_per_node {
        FeatureSubset::Sqrt => to.choice(0),
        FeatureSubset::All => to.choice(1),
        FeatureSubset::Count(count) => {
            to.choice(2);
            to.integer(u64::from(*count));
        }
    }
    to.choice(match impurity {
        Impurity::Gini => 0,
        Impurity::Entropy => 1,
    });
    to.integer(u64::from(*min_rows));
    to.choice(u8::from(*bagging));
    to.number(smoothing.0);
    to.integer(u64::from(bins.0));
    to.integer(seed.0);
}

fn encode_forest(to: &mut Encoder, forest: &Forest) {
    to.section(Section::Forest);
    to.integer(u64::from(forest.classes));
    to.list(&forest.trees, |to, tree| to.list(&tree.nodes, encode_node));
}

fn encode_node(to: &mut Encoder, node: &Node) {
    to.integer(node.index.0);
    to.list(&node.counts.0, |to, rows| to.integer(*rows));
    let Some(split) = &node.split else { return to.choice(0) };
    to.choice(1);
    to.integer(u64::from(split.feature.0));
    match &split.rule {
        Rule::AtMost(last) => {
            to.choice(0);
            to.integer(u64::from(*last));
        }
        Rule::In(set) => {
            to.choice(1);
            to.list(&set.0, |to, word| to.integer(*word));
        }
    }
    to.number(split.gain);
}

fn encode_golden(to: &mut Encoder, golden: &[GoldenRow]) {
    to.section(Section::Golden);
    to.list(golden, |to, row| {
        to.text(&row.request);
        to.integer(row.distance.bits());
        to.text(&row.answer);
    });
}

fn encode_metrics(to: &mut Encoder, metrics: &Metrics) {
    to.section(Section::Metrics);
    for tally in [&metrics.train, &metrics.held_out, &metrics.companion] {
        match tally {
            None => to.choice(0),
            Some(tally) => {
                to.choice(1);
                encode_tally(to, tally);
            }
        }
    }
}

fn encode_tally(to: &mut Encoder, tally: &Tally) {
    to.integer(u64::from(tally.classes));
    to.list(&tally.confusion, |to, rows| to.integer(*rows));
    to.integer(tally.log_loss_micros);
    to.list(&tally.calibration, |to, bin| {
        to.integer(bin.rows);
        to.integer(bin.predicted_micros);
        to.integer(bin.observed);
    });
}

/// Writes the elements of the encoding into a hash, a block at a time.
#[derive(Default)]
struct Encoder {
    hash: Sha256,
    block: Vec<u8>,
}

impl Encoder {
    /// Bytes that are gathered before they are hashed.
    const BLOCK: usize = 64 << 10;

    fn bytes(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        if self.block.len() >= Self::BLOCK {
            self.hash.update(&self.block);
            self.block.clear();
        }
    }

    fn section(&mut self, section: Section) {
        self.bytes(&[section as u8]);
    }

    fn choice(&mut self, choice: u8) {
        self.bytes(&[choice]);
    }

    fn integer(&mut self, integer: u64) {
        self.bytes(&integer.to_le_bytes());
    }

    fn number(&mut self, number: f64) {
        self.integer(number.to_bits());
    }

    fn text(&mut self, text: &str) {
        self.integer(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], item: impl Fn(&mut Self, &T)) {
        self.integer(items.len() as u64);
        items.iter().for_each(|of| item(self, of));
    }

    fn finish(mut self) -> [u8; 32] {
        self.hash.update(&self.block);
        self.hash.finalize().into()
    }
}
