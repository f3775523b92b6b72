//! Rows brought to a collection.

use flightline_connectors::mongodb::{Brought, MongoCollection, MongoName, MongoRows, MongoServer};

use super::{ferretdb, fresh, in_memory, server};

fn rows(server: &MongoServer, name: &MongoName, lines: &[&str]) -> MongoRows {
    let mut rows = MongoRows::new(server.clone(), name.clone(), ["Origin", "Dest"]);
    lines.iter().for_each(|line| rows.take(line.as_bytes()).unwrap());
    rows
}

const ALB: &str = r#"{"Origin":"EWR","Dest":"ALB","Distance":143.0}"#;
const ATL: &str = r#"{"Origin":"EWR","Dest":"ATL","Distance":746.0}"#;
const ATL_LONGER: &str = r#"{"Origin":"EWR","Dest":"ATL","Distance":747.5}"#;

#[test]
fn what_is_brought_is_told_and_done_again_changes_nothing() {
    for url in [ferretdb(), in_memory()] {
        let (server, name) = (server(&url), fresh("distances"));
        let mut done = 0;
        let brought = rows(&server, &name, &[ALB, ATL]).bring(false, &mut |rows| done += rows).unwrap();
        assert_eq!((brought, done), (Brought { new: 2, ..Brought::default() }, 2));
        let mut done = 0;
        let brought = rows(&server, &name, &[ALB, ATL_LONGER]).bring(false, &mut |rows| done += rows).unwrap();
        assert_eq!((brought, done), (Brought { changed: 1, same: 1, ..Brought::default() }, 2));
        let brought = rows(&server, &name, &[ALB, ATL_LONGER]).bring(false, &mut |_| {}).unwrap();
        assert_eq!(brought, Brought { same: 2, ..Brought::default() });
        let brought = rows(&server, &name, &[ALB]).bring(false, &mut |_| {}).unwrap();
        assert_eq!(brought, Brought { same: 1, others: 1, ..Brought::default() });
        let brought = rows(&server, &name, &[ALB]).bring(true, &mut |_| {}).unwrap();
        assert_eq!(brought, Brought { same: 1, removed: 1, ..Brought::default() });
        let found = MongoCollection::new(server, name).all().unwrap();
        assert_eq!(found, [("EWR-ALB".to_owned(), ALB.into())]);
    }
}

#[test]
fn more_rows_than_one_command_takes() {
    let (server, name) = (server(&in_memory()), fresh("distances"));
    let lines: Vec<_> = (0..1_700).map(|row| format!(r#"{{"Origin":"A{row}","Dest":"B","Distance":1.0}}"#)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut told = Vec::new();
    let brought = rows(&server, &name, &lines).bring(true, &mut |rows| told.push(rows)).unwrap();
    assert_eq!(brought.new, 1_700);
    assert_eq!(told.iter().sum::<u64>(), 1_700);
    assert!(told.len() > 3, "the progress moves: {told:?}");
}

/// FerretDB keeps a connection to its store for each update of a command, and has a hundred: a table of which more than that
/// changed made it wait for itself, and with it every client that made a collection.
#[test]
fn a_table_that_changes_as_a_whole_does_not_stop_the_server() {
    for url in [ferretdb(), in_memory()] {
        let (server, name) = (server(&url), fresh("distances"));
        for miles in [1, 2] {
            let lines: Vec<_> =
                (0..250).map(|row| format!(r#"{{"Origin":"A{row}","Dest":"B","Distance":{miles}.0}}"#)).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let brought = rows(&server, &name, &lines).bring(true, &mut |_| {}).unwrap();
            assert_eq!((brought.new, brought.changed), if miles == 1 { (250, 0) } else { (0, 250) });
        }
    }
}

#[test]
fn a_row_without_its_key_is_refused() {
    let mut rows = MongoRows::new(server(&ferretdb()), fresh("distances"), ["Origin", "Dest"]);
    let error = rows.take(br#"{"Origin":"EWR"}"#).unwrap_err();
    assert!(error.to_string().contains("lacks a field of its key") && !error.is_transient(), "{error}");
    assert!(rows.is_empty());
}
