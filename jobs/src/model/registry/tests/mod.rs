//! Both forms pass one suite; then what each has of its own.

mod folder;
mod forms;
mod memory;
mod store;

use super::*;
use crate::model::sample::{TINY, parts};

fn model(seed: u64) -> Model {
    Model::new(parts(seed, TINY)).unwrap()
}

/// Saves models of these seeds.
fn save_all(registry: &Registry, seeds: &[u64]) -> Vec<ModelId> {
    seeds.iter().map(|seed| registry.save(&model(*seed), &[]).unwrap()).collect()
}

fn report(name: &str, text: &str) -> ReportFile {
    ReportFile { name: name.to_owned(), bytes: text.into() }
}
