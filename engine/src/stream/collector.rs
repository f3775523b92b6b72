//! The thread of worker 0 that deletes what nobody needs any more: entries of the ledger, once a checkpoint holds what they
//! add up to, then versions of the table. It has a thread of its own, so that no cut waits for it.
//!
//! What may go is decided in [`collect`](crate::ledger::collect) and by the conductor; this only carries it out. What a
//! transient fault leaves behind goes with the next collecting.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::inbox::{Gone, InboxSender};
use super::keeper::{News, TableVersions};
use crate::contract::Fault;
use crate::ledger::{Book, LedgerLog, Seq, TableVersion};

/// What can go.
#[derive(Debug)]
pub(super) struct Needless {
    /// The ledger as far as it is known.
    pub(super) book: Book,
    /// Entries below this one.
    pub(super) below: Seq,
    /// Versions below this one.
    pub(super) oldest_table: TableVersion,
}

/// Collects what is asked for, until nobody can ask any more.
pub(super) fn collect<E: From<News>>(
    ledger: &LedgerLog,
    versions: &Arc<dyn TableVersions>,
    asked: &Receiver<Needless>,
    tell: &InboxSender<E>,
) {
    while let Ok(Needless { mut book, below, oldest_table }) = asked.recv() {
        let collected = ledger.collect(&mut book, below).and_then(|()| versions.collect(oldest_table));
        let news = match collected {
            Ok(()) => News::Collected(below),
            Err(Fault::Transient(fault)) => {
                tracing::warn!("collecting the ledger: {fault}; later");
                News::Collected(book.first_seq())
            }
            Err(fault) => News::Failed(fault.into()),
        };
        if tell.send(news.into()) == Err(Gone) {
            return;
        }
    }
}
