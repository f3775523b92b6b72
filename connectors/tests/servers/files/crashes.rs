//! Writers that are killed, or whose files are taken away, in HDFS.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use flightline_connectors::files::StoreBlobs;
use flightline_connectors::files::sink::{FileFormat, FileReader, FileSink, FileSinkOptions};
use flightline_engine::contract::{
    Answers, Blobs, Created, Fault, FlushReason, Item, JobId, OpenSink, Selects, Sink, SinkBatch, SinkName, Standing,
};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, OffsetRange, Offsets, Partition, Reached};

use super::{Kind, raw};

const P: Partition = Partition(0);

/// A writer of one partition: an adopted one, which puts a file for each batch.
pub(crate) fn open(stores: &flightline_connectors::files::Stores, url: &str, life: u64) -> Box<dyn OpenSink> {
    let options = FileSinkOptions::new(SinkName("a".into()), Selects::Answers, url, FileFormat::JsonLines);
    let sink = FileSink::new(stores, FileSinkOptions { roll_bytes: 1, ..options }).unwrap();
    sink.adopt(&JobId("a job".into()), &Offsets::from([(P, Offset(0))])).unwrap();
    sink.open(Generation(life), &[P]).unwrap()
}

/// Ten lines from an offset on, and a request without a line behind them.
pub(crate) fn batch(from: u64) -> SinkBatch {
    let item = |offset: u64| Item {
        offset: Offset(offset),
        key: offset.to_string().into(),
        standing: Standing::Final,
        body: format!("{{\"Offset\":{offset},\"Partition\":0}}").into(),
    };
    let answers = Answers {
        partition: P,
        from: Offset(from),
        reached: Reached::start(Offset(from + 11)),
        items: (from..from + 10).map(item).collect(),
    };
    SinkBatch { answers: [(P, answers)].into() }
}

/// The offsets of all lines.
pub(crate) fn offsets(stores: &flightline_connectors::files::Stores, url: &str) -> Vec<u64> {
    let reader = FileReader::new(stores, url).unwrap();
    reader.verify(P).unwrap();
    let all = OffsetRange::new(Offset(0), Offset(u64::MAX));
    reader.lines(P, all).unwrap().map(|line| line.unwrap().0.0).collect()
}

/// Those of the first batches.
pub(crate) fn expected(batches: u64) -> Vec<u64> {
    (0..batches).flat_map(|batch| batch * 11..batch * 11 + 10).collect()
}

fn staging(url: &str) -> Vec<String> {
    raw::names(Kind::Hdfs, url).into_iter().filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_killed_writers_open_file_stops_nobody_is_never_read_and_is_swept() {
    let (url, stores) = (Kind::Hdfs.folder(), Kind::Hdfs.stores());
    let folder = format!("{url}/log_partition=0");
    open(&stores, &url, 1).write(&batch(0)).unwrap();
    // One for the next file, one for a file that is there, and one for a note that is of no use any more.
    raw::left_behind(&format!("{folder}/.00000000000000000010.jsonl.tmp.1"), b"{\"Offset\":11,");
    raw::left_behind(&format!("{folder}/.00000000000000000000.jsonl.tmp.77"), b"{\"Offset\":0,");
    raw::left_behind(&format!("{folder}/._reached-00000000000000000003.json.tmp.5"), b"{");

    let mut life = open(&stores, &url, 2);
    assert_eq!(staging(&folder), [".00000000000000000010.jsonl.tmp.1"], "it may be of somebody who lives");
    assert_eq!(offsets(&stores, &url), expected(1));
    life.write(&batch(11)).unwrap();
    assert!(staging(&folder).is_empty());
    assert_eq!(offsets(&stores, &url), expected(2));
}

#[test]
fn what_is_left_of_ledger_entries_is_swept_by_who_writes() {
    let (url, stores) = (Kind::Hdfs.folder(), Kind::Hdfs.stores());
    let blobs = StoreBlobs::open(&stores, &url).unwrap();
    blobs.create("ledger/1.json", Bytes::from_static(b"{}")).unwrap();
    let folder = format!("{url}/ledger");
    raw::left_behind(&format!("{folder}/.1.json.tmp.9"), b"{");
    raw::left_behind(&format!("{folder}/.2.json.tmp.9"), b"{");
    assert_eq!(blobs.list("ledger").unwrap(), ["1.json"]);
    assert_eq!(staging(&folder), [".2.json.tmp.9"]);
    assert_eq!(blobs.create("ledger/2.json", Bytes::from_static(b"{}")).unwrap(), Created::Ours);
    assert_eq!(blobs.list("ledger").unwrap(), ["1.json", "2.json"]);
    assert!(staging(&folder).is_empty());
}

/// A later life takes the staging file of a writer that lives, again and again: he fails, tries again, and loses nothing.
#[test]
fn a_writer_whose_staging_file_is_taken_away_tries_again() {
    let (url, done) = (Kind::Hdfs.folder(), AtomicBool::new(false));
    let bytes: Bytes = vec![7; 32 << 20].into();
    thread::scope(|scope| {
        scope.spawn(|| {
            let client = raw::hdfs(&url);
            let mut taken = 0;
            while taken < 3 && !done.load(Ordering::Relaxed) {
                let here = raw::runtime().block_on(client.list_status(&raw::path_of(&url), false)).unwrap_or_default();
                for file in here.iter().filter(|file| file.path.contains("/.one.tmp.")) {
                    taken += usize::from(raw::runtime().block_on(client.delete(&file.path, false)).unwrap());
                }
            }
        });
        let blobs = StoreBlobs::open(&Kind::Hdfs.stores(), &url).unwrap();
        let outcome = (0..20).find_map(|_| match blobs.create("one", bytes.clone()) {
            Ok(created) => Some(created),
            Err(Fault::Transient(_)) => None,
            Err(other) => panic!("{other}"),
        });
        done.store(true, Ordering::Relaxed);
        assert_eq!(outcome, Some(Created::Ours));
        assert!(blobs.read("one").unwrap().unwrap() == bytes);
    });
}

/// Not a test of its own: a life that is killed at a failpoint.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn killed_life() {
    let url = std::env::var("TEST_FOLDER").unwrap();
    let mut life = open(&Kind::Hdfs.stores(), &url, 2);
    for number in 1..5 {
        life.write(&batch(number * 11)).unwrap();
        life.flush(FlushReason::Closing).unwrap();
    }
    panic!("nobody killed this life");
}

#[test]
fn a_life_that_is_killed_anywhere_in_a_put_leaves_whole_files_and_the_next_one_goes_on() {
    for name in failpoint::ALL.iter().map(|(name, _)| *name).filter(|name| name.starts_with("hdfs/")) {
        for passing in 1..=5 {
            let (url, stores) = (Kind::Hdfs.folder(), Kind::Hdfs.stores());
            open(&stores, &url, 1).write(&batch(0)).unwrap();
            let killed = Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "files::crashes::killed_life", "--nocapture"])
                .env("TEST_FOLDER", &url)
                .env(failpoint::VARIABLE, format!("{name}:{passing}"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&killed.stderr);
            assert_eq!(killed.status.signal(), Some(9), "{name}:{passing}: {said}");

            let mut life = open(&stores, &url, 3);
            let reached = life.durable()[&P].next.0;
            for number in reached.div_ceil(11)..6 {
                life.write(&batch(number * 11)).unwrap();
            }
            life.flush(FlushReason::Closing).unwrap();
            assert_eq!(offsets(&stores, &url), expected(6), "{name}:{passing}");
            drop(open(&stores, &url, 4));
            assert_eq!(staging(&format!("{url}/log_partition=0")), Vec::<String>::new(), "{name}:{passing}");
        }
    }
}
