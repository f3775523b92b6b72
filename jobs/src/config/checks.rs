//! Values that are right each for itself and wrong together.

use std::path::PathBuf;

use flightline_engine::config::{Reported, Section};
use flightline_engine::contract::Selects;

use super::endpoint::{Endpoint, TableUrl};
use super::file_url::local_territory;
use super::sinks::SinkConfig;
use super::{EmbeddedConfig, JobConfig, LimitsConfig, ModelConfig, RequestsConfig, TableConfig};

/// What could be read.
pub(super) struct Known<'a> {
    pub(super) job: Option<&'a JobConfig>,
    pub(super) embedded: Option<&'a EmbeddedConfig>,
    pub(super) requests: Option<&'a RequestsConfig>,
    pub(super) table: Option<&'a TableConfig>,
    pub(super) model: Option<&'a ModelConfig>,
    pub(super) limits: Option<&'a LimitsConfig>,
    /// All sinks by name, also those that are switched off or wrong.
    pub(super) sinks: &'a [(String, Result<Option<SinkConfig>, Reported>)],
}

impl Known<'_> {
    /// The sinks that are switched on: name and values.
    fn enabled(&self) -> impl Iterator<Item = (&str, &SinkConfig)> {
        self.sinks.iter().filter_map(|(name, sink)| Some((name.as_str(), sink.as_ref().ok()?.as_ref()?)))
    }
}

/// Reports what contradicts itself.
pub(super) fn check(root: &mut Section<'_, '_>, known: &Known<'_>) {
    batch_fits_into_flight(root, known);
    some_answers_are_required(root, known);
    every_destination_is_used_once(root, known);
    no_folder_lies_in_another(root, known);
}

fn batch_fits_into_flight(root: &mut Section<'_, '_>, known: &Known<'_>) {
    if let Some(limits) = known.limits
        && limits.read_batch > limits.in_flight
    {
        let _: Reported = root.contradiction(
            &["limits.read_batch_bytes", "limits.in_flight_bytes"],
            "`limits.read_batch_bytes` is larger than `limits.in_flight_bytes`, so no batch would ever be read",
            "make the batch smaller, or the flight larger",
        );
    }
}

/// The sinks that are required say where a start begins to read, and hold the reading back.
fn some_answers_are_required(root: &mut Section<'_, '_>, known: &Known<'_>) {
    let is_enough = |sink: &SinkConfig| sink.required && sink.selects == Selects::Answers;
    // A sink with a mistake in it may be the one.
    if known.sinks.iter().any(|(_, sink)| sink.as_ref().map_or(true, |sink| sink.as_ref().is_some_and(is_enough))) {
        return;
    }
    let keys = |(name, _): &(String, _)| ["enabled", "required", "selects"].map(|key| format!("sinks.{name}.{key}"));
    let paths: Vec<String> = known.sinks.iter().flat_map(keys).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let _: Reported = root.contradiction(
        &paths,
        "no sink of answers is both enabled and required, so nothing would say which requests are answered",
        "set `enabled` and `required` to true for at least one sink that selects answers",
    );
}

fn every_destination_is_used_once(root: &mut Section<'_, '_>, known: &Known<'_>) {
    let mut used: Vec<(String, Endpoint)> = Vec::new();
    if let Some(RequestsConfig { log }) = known.requests {
        used.push(("requests.url".to_owned(), Endpoint::Topic(log.clone())));
    }
    if let Some(TableConfig { source: TableUrl::Collection(url), .. }) = known.table {
        used.push(("table.url".to_owned(), Endpoint::Collection(url.clone())));
    }
    for (name, sink) in known.enabled() {
        let (path, endpoint) = (format!("sinks.{name}.url"), sink.target.endpoint());
        // Places of files are compared as territories.
        let other = used.iter().find(|(_, other)| *other == endpoint && !matches!(other, Endpoint::Files(_)));
        if let Some((other, _)) = other {
            let wrong = format!("`{path}` and `{other}` are both {endpoint}");
            let _: Reported = root.contradiction(&[&path, other], wrong, "give each a name of its own");
        }
        used.push((path, endpoint));
    }
}

/// Each folder has one owner, who may list it and delete what it put there.
fn no_folder_lies_in_another(root: &mut Section<'_, '_>, known: &Known<'_>) {
    let mut territories: Vec<(String, PathBuf)> = Vec::new();
    territories.extend(known.job.map(|job| ("job.state".to_owned(), job.state.territory())));
    territories.extend(known.embedded.map(|it| ("embedded.folder".to_owned(), local_territory(&it.folder))));
    territories.extend(known.model.map(|it| ("model.registry".to_owned(), it.registry.territory())));
    if let Some(TableConfig { source: TableUrl::File(url), .. }) = known.table {
        territories.push(("table.url".to_owned(), url.territory()));
    }
    for (name, sink) in known.enabled() {
        if let Endpoint::Files(url) = sink.target.endpoint() {
            territories.push((format!("sinks.{name}.url"), url.territory()));
        }
    }
    for (index, (path, territory)) in territories.iter().enumerate() {
        for (other, outer) in &territories[..index] {
            if territory.starts_with(outer) || outer.starts_with(territory) {
                let wrong = format!("`{path}` and `{other}` are the same place, or one lies in the other");
                let _: Reported = root.contradiction(&[path, other], wrong, "give each a folder of its own");
            }
        }
    }
}
