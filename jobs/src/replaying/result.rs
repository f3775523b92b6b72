//! What is told of a request that was answered again, and of all of them together.

use std::collections::BTreeMap;

use flightline_engine::contract::SinkName;
use flightline_engine::ledger::Seq;
use flightline_engine::log::{LogRecord, Offset, Partition};
use flightline_engine::stream::{Line, Settled};
use serde_json::{Map, Value, json};

use super::bound::Bound;
use super::compare::{Difference, Verdict};
use super::find::id_of;
use super::sinks::Strays;
use crate::failure::{Failure, FailureKind};
use crate::request::RequestId;

/// The most wrongs that are kept to be shown one by one.
const SHOWN: usize = 20;

/// A request, answered again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Where it stands.
    pub partition: Partition,
    /// Where it stands.
    pub offset: Offset,
    /// Who asked, if that can be read.
    pub id: Option<RequestId>,
    /// What becomes of it.
    pub what: What,
    /// What each sink holds; none if nobody can tell what it should.
    pub sinks: Vec<(SinkName, Verdict)>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Its answer, or its dead letter.
    Answered(Box<Answered>),
    /// Nothing binds it yet, so nothing may have been answered.
    Unbound,
    /// What bound it was collected, so its answer can't be told again.
    Collected,
}

/// An answer with its binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// What it was answered by.
    pub bound: Bound,
    /// The lines.
    pub settled: Settled,
}

impl Replayed {
    pub(super) fn new(partition: Partition, record: &LogRecord, what: What, sinks: Vec<(SinkName, Verdict)>) -> Self {
        Self { partition, offset: record.offset, id: id_of(&record.payload), what, sinks }
    }

    /// Whether a sink holds what it should not.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.sinks.iter().any(|(_, verdict)| verdict.is_wrong())
    }

    /// As one object, for scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "partition": self.partition, "offset": self.offset, "uuid": self.id });
        object["state"] = match &self.what {
            What::Answered(_) => "bound",
            What::Unbound => "unbound",
            What::Collected => "collected",
        }
        .into();
        if let What::Answered(answered) = &self.what {
            let Answered { bound, settled } = &**answered;
            object["binding"] = json!({
                "entry": bound.entry,
                "generation": bound.generation,
                "model": bound.binding.model,
                "table": bound.binding.table,
                "format": bound.binding.format,
                "settings": bound.binding.settings,
            });
            let line =
                |line: &Option<Line>| line.as_ref().and_then(|line| serde_json::from_slice::<Value>(&line.body).ok());
            object["answer"] = json!(line(&settled.answer));
            object["dead_letter"] = json!(line(&settled.dead_letter));
        }
        let sinks = self.sinks.iter().map(|(name, verdict)| (name.to_string(), verdict_json(verdict)));
        object["sinks"] = Value::Object(sinks.collect::<Map<_, _>>());
        object
    }
}

fn verdict_json(verdict: &Verdict) -> Value {
    let mut object = json!({ "verdict": verdict.word() });
    match verdict {
        Verdict::Differs(Difference { field, expected, found }) => {
            object["field"] = json!(field);
            object["expected"] = json!(expected);
            object["found"] = json!(found);
        }
        Verdict::Another { partition, offset } => {
            object["partition"] = json!(partition);
            object["offset"] = json!(offset);
        }
        Verdict::Twice { copies } => object["copies"] = json!(copies),
        _ => {}
    }
    object
}

/// All requests of a replay together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Requests that were looked at.
    pub requests: u64,
    /// Of which nothing binds these yet.
    pub unbound: u64,
    /// And of which these can't be told any more.
    pub collected: u64,
    /// Requests of which a sink holds what it should not.
    pub wrong: u64,
    /// The first of them.
    pub shown: Vec<Replayed>,
    /// How often each verdict was found, by its word, for each sink.
    pub sinks: BTreeMap<SinkName, BTreeMap<&'static str, u64>>,
    /// The bindings, and how many requests each has.
    pub bindings: BTreeMap<Seq, (Bound, u64)>,
    /// Lines that belong to no request.
    pub strays: Strays,
}

impl Tally {
    /// Counts a request.
    pub fn count(&mut self, replayed: &Replayed) {
        self.requests += 1;
        match &replayed.what {
            What::Answered(answered) => {
                let bound = &answered.bound;
                self.bindings.entry(bound.entry).or_insert_with(|| (bound.clone(), 0)).1 += 1;
            }
            What::Unbound => self.unbound += 1,
            What::Collected => self.collected += 1,
        }
        for (name, verdict) in &replayed.sinks {
            *self.sinks.entry(name.clone()).or_default().entry(verdict.word()).or_default() += 1;
        }
        if replayed.is_wrong() {
            self.wrong += 1;
            if self.shown.len() < SHOWN {
                self.shown.push(replayed.clone());
            }
        }
    }

    /// Whether every sink holds what it should.
    ///
    /// # Errors
    /// [`FailureKind::Differs`] if one does not.
    pub fn verdict(&self) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        if let Some(first) = self.shown.first() {
            let Replayed { partition, offset, .. } = first;
            let (of, those) = (self.requests, self.wrong);
            wrong.push(format!(
                "of {of} requests, {those} did not leave what they should in every sink, the first at partition \
                 {partition}, offset {offset}"
            ));
        }
        if let Some((sink, partition, offset)) = &self.strays.first {
            wrong.push(format!(
                "sink `{sink}` holds lines where they don't belong ({} in all), the first for partition {partition}, offset \
                 {offset}",
                self.strays.count
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Failure::new(FailureKind::Differs, wrong.join("; "))) }
    }
}
