//! The engine's conformance suite for tables: by polling on both kinds of server, and by change streams where there are any.

use std::sync::Arc;
use std::time::Duration;

use flightline_connectors::mongodb::{MongoName, MongoRows, MongoServer, MongoTable, MongoTableOptions, WatchBy};
use flightline_engine::conformance;
use flightline_engine::conformance::table::{RowNumbers, TableHarness};
use flightline_engine::contract::{Fault, TableRows, TableSource};

use super::{ferretdb, fresh, in_memory, server};

struct CollectionAsTable {
    server: MongoServer,
    name: MongoName,
    watch: WatchBy,
}

impl CollectionAsTable {
    fn at(url: &str, watch: WatchBy) -> Self {
        Self { server: server(url), name: fresh("rows"), watch }
    }

    fn options(&self) -> MongoTableOptions {
        let row = |line: &[u8]| {
            let row: serde_json::Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            let key = row["Row"].as_str().ok_or("it has no Row")?;
            Ok((key.to_owned(), row["Value"].to_string()))
        };
        MongoTableOptions {
            poll: Duration::from_millis(20),
            watch: self.watch,
            may_be_empty: true,
            ..MongoTableOptions::new(self.name.clone(), ["Row", "Value"], Arc::new(row))
        }
    }

    fn put_rows(&self, rows: &RowNumbers) {
        let mut brought = MongoRows::new(self.server.clone(), self.name.clone(), ["Row"]);
        for (row, value) in rows {
            brought.take(format!(r#"{{"Row":"A{row}","Value":{value}.0,"Ignored":1}}"#).as_bytes()).unwrap();
        }
        brought.bring(true, &mut |_| {}).unwrap();
    }
}

impl TableHarness for CollectionAsTable {
    fn fresh(&mut self) {
        self.name = fresh("rows");
        // It is there, and empty.
        self.put_rows(&RowNumbers::new());
    }

    fn table(&mut self) -> Box<dyn TableSource> {
        Box::new(MongoTable::new(self.server.clone(), self.options()))
    }

    fn put(&mut self, rows: &RowNumbers) {
        self.put_rows(rows);
    }

    fn expected(&self, rows: &RowNumbers) -> TableRows {
        rows.iter().map(|(row, value)| (format!("A{row}"), format!("{value}.0"))).collect()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[test]
fn a_collection_of_ferretdb_is_a_table() {
    conformance::table::check(&mut CollectionAsTable::at(&ferretdb(), WatchBy::Whatever)).unwrap();
}

#[test]
fn a_collection_is_a_table_by_polling() {
    conformance::table::check(&mut CollectionAsTable::at(&in_memory(), WatchBy::Polling)).unwrap();
}

#[test]
fn a_collection_is_a_table_by_a_change_stream() {
    conformance::table::check(&mut CollectionAsTable::at(&in_memory(), WatchBy::ChangeStream)).unwrap();
}

#[test]
fn what_this_server_says_decides_how_it_is_watched() {
    for url in [ferretdb(), in_memory()] {
        let mut rows = CollectionAsTable::at(&url, WatchBy::Whatever);
        rows.fresh();
        let mut table = MongoTable::new(rows.server.clone(), rows.options());
        assert_eq!(table.is_streamed(), None);
        table.read().unwrap();
        // Neither of them is a member of a replica set.
        assert_eq!(table.is_streamed(), Some(false));
    }
}

#[test]
fn a_server_without_change_streams_says_so_where_one_is_asked_for() {
    let rows = CollectionAsTable::at(&ferretdb(), WatchBy::ChangeStream);
    rows.put_rows(&[(1, 1)].into());
    let fault = MongoTable::new(rows.server.clone(), rows.options()).read().unwrap_err();
    let said = fault.to_string();
    assert!(matches!(fault, Fault::Permanent(_)) && said.contains("let it be polled"), "{said}");
}

/// A collection that is dropped ends the stream of its changes; the table goes on with another one.
#[test]
fn a_table_whose_collection_is_made_anew_is_read_again() {
    let mut rows = CollectionAsTable::at(&in_memory(), WatchBy::ChangeStream);
    let mut table = MongoTable::new(rows.server.clone(), MongoTableOptions { may_be_empty: false, ..rows.options() });
    let fault = table.read().unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(_)) && fault.to_string().contains("holds no document"), "{fault}");
    rows.put_rows(&[(1, 1), (2, 2)].into());
    assert!(table.changed(rows.patience()));
    assert_eq!(table.read().unwrap(), rows.expected(&[(1, 1), (2, 2)].into()));
    for round in 3..6 {
        rows.put(&RowNumbers::new());
        assert!(table.changed(rows.patience()), "round {round}");
        let fault = table.read().unwrap_err();
        assert!(matches!(&fault, Fault::Transient(_)) && fault.to_string().contains("empty now"), "{fault}");
        rows.put_rows(&[(round, 1)].into());
        assert!(table.changed(rows.patience()), "round {round}");
        assert_eq!(table.read().unwrap(), rows.expected(&[(round, 1)].into()));
    }
}

#[test]
fn rows_that_contradict_each_other_are_no_table() {
    for url in [ferretdb(), in_memory()] {
        let rows = CollectionAsTable::at(&url, WatchBy::Polling);
        let mut brought = MongoRows::new(rows.server.clone(), rows.name.clone(), ["Note"]);
        for (note, value) in [("first", 1), ("second", 2)] {
            brought.take(format!(r#"{{"Note":"{note}","Row":"A","Value":{value}}}"#).as_bytes()).unwrap();
        }
        brought.bring(false, &mut |_| {}).unwrap();
        let said = MongoTable::new(rows.server.clone(), rows.options()).read().unwrap_err().to_string();
        assert!(said.contains("documents \"first\" and \"second\" are both of A, and say 1 and 2"), "{said}");
    }
}
