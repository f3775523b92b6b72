//! The forest as a value: its parameters, its trees, and the flat form that predicts.
//!
//! A tree is a list of nodes with exact class counts; probabilities, importances and the flat form are computed from
//! it by functions with a fixed order of operations, so equal trees predict equal bytes.

mod below;
mod block;
mod crown;
mod cut;
mod flat;
mod importance;
mod params;
mod tree;

#[cfg(test)]
mod tests;

pub use block::BinBlock;
pub use cut::ForestSize;
pub use flat::{FlatForest, most_probable};
pub use importance::importances;
pub use params::{FeatureSubset, ForestParams, Impurity, ParamsError, Smoothing};
pub use tree::{BinSet, ClassCounts, Forest, Node, NodeIndex, Rule, Split, Tree, TreeIndex};
