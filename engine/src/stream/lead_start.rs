//! What the lead does while a life begins: claims, registers, brings the table and the bindings up, binds the first ranges.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};

use super::Ending;
use super::job::TableSpread;
use super::reach::Insistence;
use super::setup::LeadSetup;
use crate::contract::{SinkName, TableRows};
use crate::ids::JobName;
use crate::ledger::{Binding, Book, Entry, EntryBody, Generation, LedgerLog, TableVersion, decide};
use crate::log::{Offset, Offsets, Partition};

/// The lead while a life begins, and what it goes on with.
pub(super) struct LeadStart {
    pub(super) setup: LeadSetup,
    pub(super) ledger: LedgerLog,
    insistence: Insistence,
    pub(super) generation: Generation,
    /// With all that this life has written.
    pub(super) book: Book,
    /// What new offsets are bound to.
    pub(super) in_force: Binding,
    /// The rows of each version in use.
    pub(super) rows: BTreeMap<TableVersion, TableRows>,
}

impl LeadStart {
    /// Claims the generation that is proposed, or else the next.
    pub(super) fn claim(
        setup: LeadSetup,
        ledger: LedgerLog,
        job: &JobName,
        partitions: u32,
        nonce: u64,
        proposed: Option<Generation>,
        insistence: Insistence,
    ) -> Result<Self, Ending> {
        let claim = || ledger.claim(job, partitions, nonce, proposed);
        let claimed = insistence.insist("claiming a generation", claim);
        let (book, generation) = claimed.map_err(|ending| match (ending, proposed) {
            (Ending::Superseded(ledger), Some(proposed)) => Ending::NotAbove { proposed, ledger },
            (ending, _) => ending,
        })?;
        tracing::info!(generation = generation.0, "this is a new life of the job");
        // Nothing is bound before it is known what is wanted.
        let in_force = Binding {
            model: "".into(),
            table: TableVersion(0),
            format: setup.format,
            settings: setup.settings.clone(),
        };
        Ok(Self { setup, ledger, insistence, generation, book, in_force, rows: BTreeMap::new() })
    }

    /// Reads the ledger again, now that all older lives are fenced off. What this life knows of it stays: nobody else has
    /// written since its claim, but an older life that wakes up late may have collected.
    ///
    /// # Errors
    /// A later life has claimed meanwhile.
    pub(super) fn look_again(&self) -> Result<Book, Ending> {
        let found = self.insistence.insist("reading the ledger", || self.ledger.load())?;
        decide::superseded(&found, self.generation).map_or(Ok(found), |later| Err(Ending::Superseded(later.later)))
    }

    /// Registers new sinks.
    pub(super) fn register(&mut self, new: Vec<(SinkName, Offsets)>) -> Result<(), Ending> {
        for (sink, starts) in new {
            self.append("registering a sink", EntryBody::Register { sink, starts })?;
        }
        Ok(())
    }

    /// Finds out what is wanted, and reads all versions of the table that are in use. Gives the bindings to load.
    pub(super) fn bring_up(&mut self, read_from: &Offsets) -> Result<Vec<Binding>, Ending> {
        let rows = self.insistence.insist("reading the table", || self.setup.table.read())?;
        let latest = self.insistence.insist("reading the table's versions", || self.setup.versions.latest())?;
        let load =
            |version| self.insistence.insist("reading a version of the table", || self.setup.versions.load(version));
        let known = latest.map(load).transpose()?;
        let table = match latest {
            Some(version) if known.as_ref() == Some(&rows) => version,
            _ => self.insistence.insist("writing a version of the table", || self.setup.versions.publish(&rows))?,
        };
        self.rows.insert(table, rows);
        self.in_force.table = table;
        self.in_force.model =
            self.insistence.insist("reading which model is current", || self.setup.model.current())?;

        let in_use = self.book.in_use(read_from);
        let bindings: BTreeSet<Binding> = in_use.into_values().chain([self.in_force.clone()]).collect();
        for version in bindings.iter().map(|binding| binding.table) {
            if let MapEntry::Vacant(rows) = self.rows.entry(version) {
                rows.insert(load(version)?);
            }
        }
        Ok(bindings.into_iter().collect())
    }

    /// Binds the first ranges.
    pub(super) fn bind(&mut self, read_from: &Offsets) -> Result<(), Ending> {
        let length = decide::range_length(0.0);
        let end = |(partition, from): (&Partition, &Offset)| {
            let left = self.book.bound_upto(*partition).0.saturating_sub(from.0);
            (left < length / 2).then_some((*partition, Offset(from.0.max(self.book.bound_upto(*partition).0) + length)))
        };
        let ends = read_from.iter().filter_map(end).collect();
        match decide::extend(&self.book, self.generation, &self.in_force, &ends) {
            Some(Entry { body, .. }) => self.append("writing the ledger", body),
            None => Ok(()),
        }
    }

    /// How to spread the table: as asked, or by its size.
    pub(super) fn spread(&self, asked: Option<TableSpread>, small: usize) -> TableSpread {
        let largest = self.rows.values().map(BTreeMap::len).max().unwrap_or(0);
        asked.unwrap_or(if largest > small { TableSpread::ByKey } else { TableSpread::Everywhere })
    }

    fn append(&mut self, what: &str, body: EntryBody) -> Result<(), Ending> {
        let entry = Entry { generation: self.generation, body };
        self.insistence.insist(what, || self.ledger.append(&mut self.book, entry.clone()))?;
        Ok(())
    }
}
