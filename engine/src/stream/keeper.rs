//! The threads of worker 0 that may wait: one writes the ledger, the others watch the model, the table, and how many
//! partitions the request log has.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Ending;
use super::inbox::{Gone, InboxSender};
use super::retry::Trial;
use crate::contract::{Fault, Source, TableRows, TableSource, Transient};
use crate::failpoint;
use crate::ledger::{Book, Entry, LedgerLog, Seq, TableVersion};
use crate::metrics::{MOST_LEDGER_ENTRIES, StreamMetrics, Written};

/// The versions of the table, kept for as long as an answer may be asked for that needs them.
pub trait TableVersions: Send + Sync {
    /// The latest version, if there is one.
    ///
    /// # Errors
    /// They can't be read.
    fn latest(&self) -> Result<Option<TableVersion>, Fault>;

    /// The rows of a version.
    ///
    /// # Errors
    /// It is missing or damaged.
    fn load(&self, version: TableVersion) -> Result<TableRows, Fault>;

    /// Writes the next version down, durably.
    ///
    /// # Errors
    /// It can't be written.
    fn publish(&self, rows: &TableRows) -> Result<TableVersion, Fault>;

    /// Deletes what no version from `oldest` on needs.
    ///
    /// # Errors
    /// It can't be deleted now.
    fn collect(&self, oldest: TableVersion) -> Result<(), Fault>;
}

/// Tells which model is wanted, asked now and then.
pub trait ModelWatch: Send {
    /// The id of the model that is current now.
    ///
    /// # Errors
    /// It can't be read; the one in force goes on.
    fn current(&mut self) -> Result<Box<str>, Fault>;

    /// How often to ask.
    fn every(&self) -> Duration;
}

/// What the lead's threads say to worker 0.
#[derive(Debug)]
pub(super) enum News {
    /// An entry is in the ledger.
    Appended(u64, String),
    /// Another model is wanted.
    Model(Box<str>),
    /// The table has changed; this version is durable.
    Table(TableVersion, TableRows),
    /// The entries below this one are gone.
    Collected(Seq),
    /// The request log has so many partitions now, more than this life knows of.
    Grown(u32),
    /// It can't go on.
    Failed(Ending),
}

/// What the ledger's thread is to do.
#[derive(Debug)]
pub(super) enum Keep {
    /// Write this down.
    Entry(Entry),
    /// Entries below this one are collected.
    Forget(Seq),
}

/// A flag that threads wait on.
#[derive(Debug, Default)]
pub(super) struct Over {
    is: Mutex<bool>,
    changed: Condvar,
}

impl Over {
    /// It is over.
    pub(super) fn set(&self) {
        *self.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits, or less if it is over; tells whether it is.
    pub(super) fn within(&self, time: Duration) -> bool {
        let is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        *self.changed.wait_timeout_while(is, time, |is| !*is).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Writes entries one after another, until nobody can send any more.
pub(super) fn keep_ledger<E: From<News>>(
    ledger: &LedgerLog,
    mut book: Book,
    asked: &Receiver<Keep>,
    tell: &InboxSender<E>,
    over: &Over,
    metrics: &StreamMetrics,
    mut trial: Trial,
) {
    while let Ok(asked) = asked.recv() {
        let entry = match asked {
            Keep::Entry(entry) => entry,
            Keep::Forget(below) => {
                book.forget(below);
                continue;
            }
        };
        let news = loop {
            match ledger.append(&mut book, entry.clone()) {
                Ok(number) => {
                    metrics.ledger_entry(number, &entry, Written::Now);
                    break News::Appended(number.0, entry.to_line());
                }
                Err(Fault::Transient(fault)) => {
                    if over.within(trial.failed(&fault)) {
                        return;
                    }
                }
                Err(fault) => break News::Failed(fault.into()),
            }
        };
        trial.worked();
        if tell.send(news.into()) == Err(Gone) {
            return;
        }
    }
}

/// Reads the newest entries of those that the ledger had when this life began. Nothing but what is shown depends on them.
pub(super) fn tell_newest(ledger: &LedgerLog, below: Seq, metrics: &StreamMetrics) {
    match ledger.newest(below, MOST_LEDGER_ENTRIES) {
        Ok(newest) => newest.iter().for_each(|(number, entry)| metrics.ledger_entry(*number, entry, Written::Before)),
        Err(fault) => tracing::debug!("the newest entries of the ledger can't be shown: {fault}"),
    }
}

/// Says when another model is wanted.
pub(super) fn watch_model<E: From<News>>(
    mut watch: Box<dyn ModelWatch>,
    mut known: Box<str>,
    tell: &InboxSender<E>,
    over: &Over,
) {
    while !over.within(watch.every()) {
        match watch.current() {
            Ok(model) if model != known => {
                known.clone_from(&model);
                if tell.send(News::Model(model).into()) == Err(Gone) {
                    return;
                }
            }
            Ok(_) => {}
            Err(fault) => tracing::warn!("{fault}; the model in force goes on"),
        }
    }
}

/// Says once that the request log has got more partitions.
pub(super) fn watch_partitions<E: From<News>>(source: &dyn Source, known: u32, tell: &InboxSender<E>, over: &Over) {
    const EVERY: Duration = Duration::from_secs(2);
    while !over.within(EVERY) {
        match source.partitions() {
            Ok(found) if found > known => {
                // A worker that is gone needs no news.
                let _ = tell.send(News::Grown(found).into());
                return;
            }
            Ok(_) => {}
            // Who reads it will say so, too.
            Err(fault) => tracing::debug!("the partitions of the request log can't be counted: {fault}"),
        }
    }
}

/// Writes down each version of the table that differs from the one before, and says so.
pub(super) fn watch_table<E: From<News>>(
    mut table: Box<dyn TableSource>,
    versions: &Arc<dyn TableVersions>,
    mut known: TableRows,
    tell: &InboxSender<E>,
    over: &Over,
    mut trial: Trial,
) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let mut pending = false;
    while !over.within(Duration::ZERO) {
        if !pending && !table.changed(PATIENCE) {
            continue;
        }
        pending = true;
        let read = table.read().and_then(|rows| {
            if rows == known {
                return Ok(None);
            }
            failpoint::hit("table/before-create");
            let version = versions.publish(&rows)?;
            failpoint::hit("table/after-create");
            Ok(Some((version, rows)))
        });
        match read {
            Ok(changed) => {
                pending = false;
                trial.worked();
                let Some((version, rows)) = changed else { continue };
                known.clone_from(&rows);
                if tell.send(News::Table(version, rows).into()) == Err(Gone) {
                    return;
                }
            }
            Err(fault) => {
                // Whatever its kind: somebody may mend it, and the table in force goes on.
                if over.within(trial.failed(&Transient(fault.to_string()))) {
                    return;
                }
            }
        }
    }
}
