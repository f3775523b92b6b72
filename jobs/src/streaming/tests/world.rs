//! Two models, some versions of a table, bindings of both, and records of all kinds: from one number.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use flightline_engine::contract::{Fault, TableRows};
use flightline_engine::ledger::{Binding, Seq, TableVersion};
use flightline_engine::log::{LogRecord, Offset, Partition};
use flightline_engine::stream::Epoch;

use crate::answer::Serving;
use crate::model::Model;
use crate::model::sample::{Dice, TINY, flight, parts};
use crate::request::RequestId;
use crate::streaming::job::Ready;
use crate::streaming::{ANSWER_FORMATS, Recompute, table_rows};
use crate::table::DistanceRow;

pub(super) const PARTITIONS: u32 = 3;

/// What the ledger and the log hold.
#[derive(Debug)]
pub(super) struct World {
    pub(super) models: BTreeMap<Box<str>, Ready>,
    /// Each version, and the epoch from which on the table is so.
    pub(super) tables: BTreeMap<TableVersion, (Epoch, TableRows)>,
    /// By number; the tables ascend.
    pub(super) bindings: Vec<Binding>,
    pub(super) records: Vec<Given>,
}

/// A record, its binding, and the epoch in which it is read.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) partition: Partition,
    pub(super) record: LogRecord,
    pub(super) binding: Seq,
    pub(super) epoch: Epoch,
}

/// A model that answers.
pub(super) fn serving(seed: u64) -> Ready {
    Arc::new(Serving::start(Model::new(parts(seed, TINY)).unwrap()).unwrap())
}

pub(super) fn binding(model: &str, table: TableVersion) -> Binding {
    Binding { model: model.into(), table, format: ANSWER_FORMATS[0], settings: [].into() }
}

impl World {
    pub(super) fn new(seed: u64, count: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let models: BTreeMap<Box<str>, Ready> = [serving(seed), serving(seed ^ 1)]
            .into_iter()
            .map(|ready| (ready.id().to_string().into(), ready))
            .collect();
        let names: Vec<&Box<str>> = models.keys().collect();
        let mut tables = BTreeMap::new();
        let mut bindings = Vec::new();
        let (mut epoch, mut rows) = (0, TableRows::new());
        for version in 1..=1 + dice.below(4) {
            change(&mut rows, dice);
            tables.insert(TableVersion(version), (Epoch(epoch), rows.clone()));
            epoch += 1 + dice.below(3);
            for _ in 0..=dice.below(2) {
                bindings.push(binding(names[dice.below(2) as usize], TableVersion(version)));
            }
        }
        let mut world = Self { models, tables, bindings, records: Vec::new() };
        // Each partition comes to the bindings in order, at its own pace, and may lag far behind the table.
        for partition in 0..PARTITIONS {
            let (mut number, mut epoch, mut offset) = (0, Epoch(0), 0);
            for _ in 0..dice.below(count) {
                if dice.below(8) == 0 {
                    number = (number + 1).min(world.bindings.len() - 1);
                }
                offset += 1 + dice.below(2) * dice.below(9);
                let as_of = world.as_of(Seq(number as u64));
                epoch = Epoch(epoch.0 + dice.below(2)).max(as_of);
                let record = LogRecord { offset: Offset(offset), payload: payload(dice) };
                world.records.push(Given {
                    partition: Partition(partition),
                    record,
                    binding: Seq(number as u64),
                    epoch,
                });
            }
        }
        world
    }

    /// The epoch as of which a binding reads the table.
    pub(super) fn as_of(&self, binding: Seq) -> Epoch {
        self.tables[&self.bindings[binding.0 as usize].table].0
    }

    /// The last epoch in which anything happens.
    pub(super) fn last_epoch(&self) -> Epoch {
        let records = self.records.iter().map(|given| given.epoch);
        records.chain(self.tables.values().map(|(epoch, _)| *epoch)).max().unwrap_or_default()
    }

    /// Answers the world's records without a dataflow.
    pub(super) fn recompute(&self) -> Recompute {
        let (models, tables) = (self.models.clone(), self.tables.clone());
        Recompute::new(
            move |binding| models.get(&binding.model).cloned().ok_or(Fault::permanent("no such model")),
            move |version| tables.get(&version).map(|(_, rows)| rows.clone()).ok_or(Fault::permanent("no such table")),
        )
    }
}

/// Some routes get another distance, or go.
fn change(rows: &mut TableRows, dice: &mut Dice) {
    for _ in 0..6 + dice.below(10) {
        let golden = flight(dice);
        let request = golden.request;
        let row = DistanceRow { origin: request.origin, dest: request.dest, distance: golden.distance };
        let (key, value) = table_rows::to_text(&row).unwrap();
        match dice.below(4) {
            0 => _ = rows.remove(&key),
            _ => _ = rows.insert(key, value),
        }
    }
}

/// A request, mostly; few UUIDs, so that many come again.
fn payload(dice: &mut Dice) -> Bytes {
    let mut request = flight(dice).request;
    let uuid = format!("0000000{}-0000-4000-8000-00000000000a", dice.below(5));
    let uuid = if dice.below(5) == 0 { uuid.to_uppercase() } else { uuid };
    request.id = RequestId::parse(&uuid).unwrap();
    let line = serde_json::to_string(&request).unwrap();
    match dice.below(16) {
        0 => line[..dice.below(line.len() as u64) as usize].to_owned().into(),
        1 => line.replace("\"Origin\"", "\"Orign\"").into(),
        2 => line.replace(&format!("\"{}\"", request.date), "\"2023-02-29\"").into(),
        3 => (0..dice.below(40)).map(|_| dice.below(256) as u8).collect::<Vec<_>>().into(),
        _ => line.into(),
    }
}
