//! Tests of a watched file, on the disk and in memory.

use std::fs;
use std::path::{Path, PathBuf};

use flightline_engine::clock::ManualClock;
use flightline_engine::conformance::table::{RowNumbers, TableHarness, check};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path as Key;

use super::*;
use crate::files::faulty::FaultyStore;

/// Rows `key value`, one a line.
fn parse(bytes: &[u8]) -> Result<TableRows, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let row = |(number, line): (usize, &str)| match line.split_once(' ') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("line {}: no blank", number + 1)),
    };
    text.lines().enumerate().map(row).collect()
}

fn options(url: &str, clock: &ManualClock) -> FileTableOptions {
    FileTableOptions { clock: Arc::new(clock.clone()), ..FileTableOptions::new(url, Arc::new(parse)) }
}

fn on_disk(content: &str) -> (tempfile::TempDir, PathBuf, ManualClock, FileTable) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("distances.txt");
    fs::write(&path, content).unwrap();
    let clock = ManualClock::new();
    let table = FileTable::new(&Stores::new().unwrap(), options(path.to_str().unwrap(), &clock)).unwrap();
    (folder, path, clock, table)
}

fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, path).unwrap();
}

/// Whether a look at the next due time finds something.
fn alarmed(table: &mut FileTable, clock: &ManualClock) -> bool {
    clock.advance(Duration::from_secs(1));
    table.changed(Duration::ZERO)
}

#[test]
fn a_change_of_equal_length_is_noticed() {
    let (_folder, path, clock, mut table) = on_disk("a 1\n");
    assert_eq!(table.read().unwrap()["a"], "1");
    while alarmed(&mut table, &clock) || clock.now() < Duration::from_secs(4) {
        table.read().unwrap();
    }
    replace(&path, "a 2\n");
    assert!(alarmed(&mut table, &clock));
    assert_eq!(table.read().unwrap()["a"], "2");
}

#[test]
fn a_new_look_is_read_once_more_and_then_left_alone() {
    let (_folder, _path, clock, mut table) = on_disk("a 1\n");
    table.read().unwrap();
    assert!(!alarmed(&mut table, &clock));
    assert!(alarmed(&mut table, &clock), "a change right after the reading may not show");
    table.read().unwrap();
    for _ in 0..5 {
        assert!(!alarmed(&mut table, &clock));
    }
}

#[test]
fn between_two_looks_nobody_asks() {
    let (_folder, path, clock, mut table) = on_disk("a 1\n");
    table.read().unwrap();
    assert!(!table.changed(Duration::ZERO));
    replace(&path, "b 1\n");
    assert!(!table.changed(Duration::ZERO), "the next look is due in a second");
    assert!(alarmed(&mut table, &clock));
}

#[test]
fn what_is_missing_or_no_table_stops_a_start() {
    let (_folder, path, _clock, mut table) = on_disk("a 1\nb\n");
    let fault = table.read().unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("line 2")), "{fault}");
    fs::remove_file(&path).unwrap();
    let fault = table.read().unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("distances.txt")), "{fault}");
}

#[test]
fn a_running_job_lives_through_a_file_that_is_gone_for_a_moment() {
    let (_folder, path, clock, mut table) = on_disk("a 1\n");
    table.read().unwrap();
    fs::remove_file(&path).unwrap();
    assert!(!alarmed(&mut table, &clock), "there is nothing to read");
    assert!(matches!(table.read(), Err(Fault::Transient(_))));
    fs::write(&path, "a 3\n").unwrap();
    assert!(alarmed(&mut table, &clock));
    assert_eq!(table.read().unwrap()["a"], "3");
}

#[test]
fn a_running_job_takes_a_broken_file_for_half_written_until_it_has_settled() {
    let (_folder, path, clock, mut table) = on_disk("a 1\n");
    table.read().unwrap();
    replace(&path, "a 1\nb");
    assert!(alarmed(&mut table, &clock));
    assert!(matches!(table.read(), Err(Fault::Transient(_))));
    clock.advance(Duration::from_secs(1));
    assert!(alarmed(&mut table, &clock), "it is read again by itself");
    assert!(matches!(table.read(), Err(Fault::Permanent(_))));
    assert!(!alarmed(&mut table, &clock), "and then only when it changes");
    replace(&path, "a 1\nb 2\n");
    assert!(alarmed(&mut table, &clock));
    assert_eq!(table.read().unwrap().len(), 2);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let memory = Arc::new(InMemory::new());
    let store = FaultyStore::new(Arc::clone(&memory) as _);
    let stores = Stores::new().unwrap().with_store("memory://test", Arc::clone(&store) as _);
    stores.wait(memory.put(&Key::from("a"), "a 1".into())).unwrap();
    let mut table = FileTable::new(&stores, options("memory://test/a", &ManualClock::new())).unwrap();
    store.rewrite(["a 2", "a 3"]);
    assert_eq!(table.read().unwrap()["a"], "3", "the last change is seen");
    store.rewrite(["a 4"; 99]);
    let fault = table.read().unwrap_err();
    assert!(matches!(&fault, Fault::Transient(why) if why.0.contains("rename")), "{fault}");
    store.rewrite([]);
    assert!(table.changed(Duration::ZERO), "what could not be read is still to be read");
    assert_eq!(table.read().unwrap()["a"], "4");
}

/// Rows are replaced in one step, as those who can should do it.
struct Harness(tempfile::TempDir);

impl Harness {
    fn path(&self) -> PathBuf {
        self.0.path().join("table.txt")
    }
}

impl TableHarness for Harness {
    fn fresh(&mut self) {
        self.put(&RowNumbers::new());
    }

    fn table(&mut self) -> Box<dyn TableSource> {
        let url = self.path().display().to_string();
        let options = FileTableOptions { poll: Duration::ZERO, ..FileTableOptions::new(url, Arc::new(parse)) };
        Box::new(FileTable::new(&Stores::new().unwrap(), options).unwrap())
    }

    fn put(&mut self, rows: &RowNumbers) {
        let text: String = rows.iter().map(|(key, value)| format!("{key} {value}\n")).collect();
        replace(&self.path(), &text);
    }

    fn expected(&self, rows: &RowNumbers) -> TableRows {
        rows.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }
}

#[test]
fn the_engines_suite_passes() {
    assert_eq!(check(&mut Harness(tempfile::tempdir().unwrap())), Ok(()));
}

/// A file that was written anew in its place, and read when half of its lines were there, was a table, too: the routes of the
/// other half were answered with an error, for good.
#[test]
fn a_table_that_shrinks_is_looked_at_again_before_it_counts() {
    let (_folder, path, clock, mut table) = on_disk("a 1\nb 2\nc 3\n");
    assert_eq!(table.read().unwrap().len(), 3);
    clock.advance(Duration::from_secs(5));
    fs::write(&path, "a 1\n").unwrap();
    assert!(matches!(table.read(), Err(Fault::Transient(why)) if why.0.contains("half written")));
    fs::write(&path, "a 1\nb 5\nc 3\n").unwrap();
    assert_eq!(table.read().unwrap()["b"], "5", "no fewer rows count at once");
    fs::write(&path, "a 1\n").unwrap();
    assert!(table.read().is_err());
    clock.advance(Duration::from_secs(3));
    assert_eq!(table.read().unwrap().len(), 1, "it has held still");
}
