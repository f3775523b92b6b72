//! The engine's suites.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::files::sink::{FileFormat, FileReader, FileSink, FileSinkOptions};
use flightline_connectors::files::{FileTable, FileTableOptions, StoreBlobs, Stores};
use flightline_engine::clock::ManualClock;
use flightline_engine::conformance::blobs::{self, BlobsHarness};
use flightline_engine::conformance::sink::{self, SinkHarness, Stored};
use flightline_engine::conformance::table::{self, RowNumbers, TableHarness};
use flightline_engine::contract::{Blobs, Selects, Sink, SinkName, TableRows, TableSource};
use flightline_engine::log::{Offset, OffsetRange};

use super::Kind;

struct BlobsIn(Kind, String);

impl BlobsHarness for BlobsIn {
    fn fresh(&mut self) {
        self.1 = self.0.folder();
    }

    fn blobs(&mut self) -> Box<dyn Blobs> {
        Box::new(StoreBlobs::open(&self.0.stores(), &self.1).unwrap())
    }
}

#[test]
fn blobs_in_hdfs_pass_the_suite() {
    assert_eq!(blobs::check(&mut BlobsIn(Kind::Hdfs, String::new())), Ok(()));
}

#[test]
fn blobs_in_s3_pass_the_suite() {
    assert_eq!(blobs::check(&mut BlobsIn(Kind::S3, String::new())), Ok(()));
}

struct SinkIn {
    kind: Kind,
    stores: Stores,
    url: String,
    clock: ManualClock,
    format: FileFormat,
}

impl SinkIn {
    fn new(kind: Kind, format: FileFormat) -> Self {
        Self { kind, stores: kind.stores(), url: String::new(), clock: ManualClock::new(), format }
    }
}

impl SinkHarness for SinkIn {
    fn fresh(&mut self) {
        self.url = self.kind.folder();
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        let options = FileSinkOptions::new(SinkName("a".into()), Selects::Answers, &*self.url, self.format.clone());
        let clock = Arc::new(self.clock.clone());
        Box::new(FileSink::new(&self.stores, FileSinkOptions { roll_bytes: 400, clock, ..options }).unwrap())
    }

    fn contents(&mut self) -> Vec<Stored> {
        let reader = FileReader::new(&self.stores, &self.url).unwrap();
        let all = OffsetRange::new(Offset(0), Offset(u64::MAX));
        let lines = reader.partitions().unwrap().into_iter().flat_map(|one| reader.lines(one, all).unwrap());
        lines.map(|line| Stored::read(&line.unwrap().1).unwrap()).collect()
    }

    fn restart(&mut self) {
        self.stores = self.kind.stores();
    }

    fn pass_time(&mut self, by: Duration) -> bool {
        self.clock.advance(by);
        true
    }

    fn rounds(&self) -> u64 {
        2
    }
}

#[test]
fn a_sink_in_hdfs_passes_the_suite() {
    assert_eq!(sink::check(&mut SinkIn::new(Kind::Hdfs, FileFormat::Text)), Ok(()));
}

#[test]
fn a_sink_in_s3_passes_the_suite() {
    assert_eq!(sink::check(&mut SinkIn::new(Kind::S3, FileFormat::JsonLines)), Ok(()));
}

/// A table that its user replaces as he can: by a new object, or a rename.
struct TableIn(Kind, String);

impl TableHarness for TableIn {
    fn fresh(&mut self) {
        self.1 = self.0.folder();
        self.put(&RowNumbers::new());
    }

    fn table(&mut self) -> Box<dyn TableSource> {
        let parse = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            let row = |line: &str| line.split_once(' ').map(|(key, value)| (key.to_owned(), value.to_owned()));
            text.lines().map(|line| row(line).ok_or_else(|| "no blank".to_owned())).collect()
        };
        let options = FileTableOptions::new(format!("{}/table.txt", self.1), Arc::new(parse));
        Box::new(FileTable::new(&self.0.stores(), FileTableOptions { poll: Duration::ZERO, ..options }).unwrap())
    }

    fn put(&mut self, rows: &RowNumbers) {
        let text: String = rows.iter().map(|(key, value)| format!("{key} {value}\n")).collect();
        super::listing::replace(self.0, &format!("{}/table.txt", self.1), Bytes::from(text));
    }

    fn expected(&self, rows: &RowNumbers) -> TableRows {
        rows.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }
}

#[test]
fn a_table_in_hdfs_passes_the_suite() {
    assert_eq!(table::check(&mut TableIn(Kind::Hdfs, String::new())), Ok(()));
}

#[test]
fn a_table_in_s3_passes_the_suite() {
    assert_eq!(table::check(&mut TableIn(Kind::S3, String::new())), Ok(()));
}
