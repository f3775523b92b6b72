//! What the stream must answer: what batch `predict` answers to the same flights.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use clap::Parser;
use flightline_jobs::commands::predict::{PredictFlags, batch};
use flightline_jobs::failure::{Failure, FailureKind};
use flightline_jobs::request::RequestId;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::demo::flags::DemoFlags;

/// The fields that only an answer on a stream has.
const OF_STREAMS: [&str; 3] = ["Offset", "Partition", "Table"];
/// The fields of an answer that its request had.
const OF_REQUESTS: [&str; 7] = ["Carrier", "DepDelay", "Dest", "FlightDate", "FlightNum", "Origin", "Timestamp"];

/// A request with a UUID of its own.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: Uuid,
    pub(super) line: Vec<u8>,
}

/// Requests, and the answer that each must get.
pub(super) struct Expected {
    requests: Vec<Asked>,
    answers: HashMap<Uuid, String>,
}

impl Expected {
    /// Predicts all flights in a batch, and makes `count` requests of them, each with a new UUID. Flights come again if
    /// there are fewer.
    pub(super) fn of_flights(flags: &DemoFlags, count: usize) -> Result<Self, Failure> {
        let folder = flags.folder.join("check");
        let words = [
            "predict".to_owned(),
            "--input".to_owned(),
            flags.flights.clone(),
            "--output".to_owned(),
            folder.display().to_string(),
            "--models".to_owned(),
            flags.folder.join("models").display().to_string(),
            "--distances".to_owned(),
            flags.distances.display().to_string(),
            "--replace".to_owned(),
            "-w".to_owned(),
            flags.workers.to_string(),
        ];
        let asked = PredictFlags::try_parse_from(words)
            .map_err(|error| Failure::new(FailureKind::Bug, format!("the check can't ask for a batch: {error}")))?;
        batch::run(&asked)?;
        let lines = lines_below(&folder)?;
        let mut expected = Self { requests: Vec::with_capacity(count), answers: HashMap::with_capacity(count) };
        for line in lines.iter().cycle().take(if lines.is_empty() { 0 } else { count }) {
            expected.add(line)?;
        }
        Ok(expected)
    }

    /// In the order in which they are to be sent.
    pub(super) fn requests(&self) -> &[Asked] {
        &self.requests
    }

    /// Whether a line is the answer to a request; `None` if nobody has asked.
    pub(super) fn judge(&self, line: &[u8]) -> Option<(Uuid, bool)> {
        let mut answer: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let id = Uuid::try_parse(answer.get("UUID")?.as_str()?).ok()?;
        let expected = self.answers.get(&id)?;
        OF_STREAMS.iter().for_each(|field| _ = answer.remove(*field));
        let line = Value::Object(answer).to_string();
        Some((id, line == *expected))
    }

    fn add(&mut self, line: &str) -> Result<(), Failure> {
        let no_answer = |error: serde_json::Error| {
            Failure::new(FailureKind::Bug, format!("a line of the batch is no answer: {error}"))
        };
        let mut answer: Map<String, Value> = serde_json::from_str(line).map_err(no_answer)?;
        let id = Uuid::new_v4();
        let name = Value::String(RequestId::from(id).to_string());
        answer.insert("UUID".to_owned(), name.clone());
        let of_request = |field: &&str| Some(((**field).to_owned(), answer.get(*field)?.clone()));
        let mut request: Map<String, Value> = OF_REQUESTS.iter().filter_map(of_request).collect();
        request.insert("UUID".to_owned(), name);
        self.requests.push(Asked { id, line: serde_json::to_vec(&request).map_err(no_answer)? });
        self.answers.insert(id, Value::Object(answer).to_string());
        Ok(())
    }
}

/// The lines of all answer files in a folder, file by file.
fn lines_below(folder: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(FailureKind::Storage, format!("can't read the answers in {}: {error}", folder.display()))
    };
    let entries = fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("part-")));
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        lines.extend(fs::read_to_string(&file).map_err(unreadable)?.lines().map(str::to_owned));
    }
    Ok(lines)
}
