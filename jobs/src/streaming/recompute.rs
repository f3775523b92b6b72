//! The answers of the stream without its dataflow: for a sink that catches up, and to replay what was once answered.
//!
//! Reads, looks up, answers and settles by the functions that the dataflow is made of, so its lines are the same to the
//! byte; only the joining of a request with its distance is a look into a map here. Keeps the few models and tables that
//! were used last, and may be shared by threads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use flightline_engine::contract::{Fault, TableRows};
use flightline_engine::ledger::{Binding, TableVersion};
use flightline_engine::log::{LogRecord, Partition};
use flightline_engine::stream::Settled;

use super::job::Ready;
use super::recent::Recent;
use super::settle::{read, settle};
use super::table_rows;
use crate::answer::Question;
use crate::table::{DistanceRow, DistanceTable};

/// Bindings and tables that are kept.
const KEPT: usize = 4;

/// Makes a binding ready, as [`FlightsJob`](super::FlightsJob) does.
type LoadBinding = dyn Fn(&Binding) -> Result<Ready, Fault> + Send + Sync;

/// Reads a version of the table, as [`TableVersions`](super::TableVersions) does.
type LoadTable = dyn Fn(TableVersion) -> Result<TableRows, Fault> + Send + Sync;

/// Answers records by their bindings, whenever they were bound.
pub struct Recompute {
    load_binding: Box<LoadBinding>,
    load_table: Box<LoadTable>,
    bindings: Mutex<Recent<Binding, Ready>>,
    tables: Mutex<Recent<TableVersion, Arc<DistanceTable>>>,
}

impl Recompute {
    /// Takes where bindings and versions of the table are loaded from.
    pub fn new(
        load_binding: impl Fn(&Binding) -> Result<Ready, Fault> + Send + Sync + 'static,
        load_table: impl Fn(TableVersion) -> Result<TableRows, Fault> + Send + Sync + 'static,
    ) -> Self {
        Self {
            load_binding: Box::new(load_binding),
            load_table: Box::new(load_table),
            bindings: Mutex::new(Recent::new(KEPT)),
            tables: Mutex::new(Recent::new(KEPT)),
        }
    }

    /// What became, or becomes, of records with this binding: one for each, by partition and offset.
    ///
    /// # Errors
    /// Those of loading the binding or its table.
    pub fn settle(&self, records: Vec<(Partition, LogRecord)>, binding: &Binding) -> Result<Vec<Settled>, Fault> {
        let serving = self.serving(binding)?;
        let table = self.table(binding.table)?;
        let mut settled = Vec::with_capacity(records.len());
        let (mut asked, mut questions) = (Vec::new(), Vec::new());
        for (partition, record) in records {
            match read(partition, &record, binding) {
                Ok(request) => {
                    let distance = table.get(&request.route_key());
                    asked.push((partition, record));
                    questions.push(Question { request, distance });
                }
                Err(no_request) => settled.push(*no_request),
            }
        }
        let answers = asked.into_iter().zip(serving.answer(questions));
        settled.extend(answers.map(|((partition, record), answer)| settle(partition, &record, binding, answer)));
        settled.sort_by_key(|settled| (settled.partition, settled.offset));
        Ok(settled)
    }

    fn serving(&self, binding: &Binding) -> Result<Ready, Fault> {
        // Held while it loads: whoever waits wants the same, as a rule.
        self.bindings.lock().unwrap_or_else(PoisonError::into_inner).get_or_make(binding, &self.load_binding)
    }

    fn table(&self, version: TableVersion) -> Result<Arc<DistanceTable>, Fault> {
        let load = |version: &TableVersion| Ok(Arc::new(table_of(&(self.load_table)(*version)?)));
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).get_or_make(&version, load)
    }
}

impl fmt::Debug for Recompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recompute").finish_non_exhaustive()
    }
}

/// The distances that the lookup finds in these rows.
fn table_of(rows: &TableRows) -> DistanceTable {
    let usable = rows.iter().filter_map(|(key, value)| table_rows::usable(key, value));
    usable.map(|(route, distance)| DistanceRow { origin: route.origin, dest: route.dest, distance }).collect()
}
