//! A partition against a plain list, with reopening, failing syncs and many writers.

use std::thread;

use proptest::prelude::*;

use super::super::file::faulty::{Failing, Faults};
use super::*;

const PATIENT: Duration = Duration::from_secs(20);

fn open(folder: &tempfile::TempDir) -> PartitionLog {
    PartitionLog::open("t".into(), Partition(0), folder.path().join("0.redb"), PageCache::default()).unwrap()
}

fn open_faulty(folder: &tempfile::TempDir, faults: &Faults) -> PartitionLog {
    let file = StoreFile::open_with(folder.path().join("0.redb"), faults.open()).unwrap();
    PartitionLog::over("t".into(), Partition(0), file).unwrap()
}

fn payloads(log: &PartitionLog) -> Vec<Bytes> {
    let bounds = log.bounds().unwrap();
    let records = log.read(bounds.from, usize::MAX, Duration::ZERO).unwrap();
    assert!(records.iter().map(|record| record.offset.0).eq(bounds.from.0..bounds.to.0), "no gaps");
    records.into_iter().map(|record| record.payload).collect()
}

/// A copy of the files as they are while they are open: nothing is closed, nothing is flushed.
pub(in super::super) fn as_a_kill_leaves_it(folder: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Vec<u8>>),
    Read { from: u64, limit: usize },
    Get(u64),
    Reopen,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let payload = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (1000_usize..20_000).prop_map(|length| vec![b'x'; length]),
    ];
    let step = prop_oneof![
        4 => prop::collection::vec(payload, 0..8).prop_map(Step::Append),
        4 => (0..40_u64, prop_oneof![Just(0), 1..3000_usize, Just(usize::MAX)])
            .prop_map(|(from, limit)| Step::Read { from, limit }),
        2 => (0..40_u64).prop_map(Step::Get),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_a_list_that_grows_at_its_end(steps in steps()) {
        let mut folder = tempfile::tempdir().unwrap();
        let (mut log, mut list) = (open(&folder), Vec::<Bytes>::new());
        for step in steps {
            let end = list.len() as u64;
            match step {
                Step::Append(records) => {
                    let records: Vec<Bytes> = records.into_iter().map(Bytes::from).collect();
                    let range = log.append(records.clone()).unwrap();
                    list.extend(records);
                    prop_assert_eq!(range, OffsetRange::new(Offset(end), Offset(list.len() as u64)));
                }
                Step::Read { from, limit } => check_read(&log, &list, from, limit)?,
                Step::Get(offset) => {
                    let record = log.get(Offset(offset)).unwrap();
                    prop_assert_eq!(record.map(|record| record.payload), list.get(offset as usize).cloned());
                }
                Step::Reopen => {
                    drop(log);
                    log = open(&folder);
                }
                Step::Kill => {
                    folder = as_a_kill_leaves_it(&folder);
                    log = open(&folder);
                }
            }
        }
        prop_assert_eq!(payloads(&log), list);
    }

    #[test]
    fn what_was_acknowledged_is_there_and_what_was_not_is_there_whole_or_not_at_all(
        appends in prop::collection::vec((1..5_usize, prop::sample::select(vec![
            Failing::Not, Failing::Not, Failing::Next, Failing::NextAfterwards,
        ])), 1..20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let log = open_faulty(&folder, &faults);
        let mut list = Vec::new();
        for (number, (count, failing)) in appends.into_iter().enumerate() {
            let records: Vec<Bytes> = (0..count).map(|index| Bytes::from(format!("{number}.{index}"))).collect();
            faults.set(failing);
            let appended = log.append(records.clone());
            faults.set(Failing::Not);
            match appended {
                Ok(range) => {
                    prop_assert_eq!(range.from.0, list.len() as u64);
                    list.extend(records);
                }
                Err(error) => {
                    prop_assert!(error.is_transient(), "{}", error);
                    let there = payloads(&log);
                    if there.len() > list.len() {
                        list.extend(records);
                    }
                }
            }
            prop_assert_eq!(&payloads(&log), &list);
        }
        drop(log);
        prop_assert_eq!(payloads(&open(&folder)), list);
    }
}

fn check_read(log: &PartitionLog, list: &[Bytes], from: u64, limit: usize) -> Result<(), TestCaseError> {
    let read = log.read(Offset(from), limit, Duration::ZERO);
    let Some(rest) = list.get(from as usize..) else {
        let bounds = OffsetRange::new(Offset(0), Offset(list.len() as u64));
        prop_assert_eq!(read, Err(log.out_of_bounds(Offset(from), bounds)));
        return Ok(());
    };
    let read = read.unwrap();
    prop_assert!(read.iter().map(|record| record.offset.0).eq((from..).take(read.len())));
    prop_assert!(read.iter().map(|record| &record.payload).eq(rest.iter().take(read.len())));
    prop_assert_eq!(read.is_empty(), rest.is_empty());
    let bytes: usize = read.iter().map(|record| record.payload.len()).sum();
    prop_assert!(bytes <= limit || read.len() == 1, "{} bytes of at most {}", bytes, limit);
    if limit == usize::MAX {
        prop_assert_eq!(read.len(), rest.len());
    }
    Ok(())
}

#[test]
fn many_writers_get_offsets_of_their_own() {
    const WRITERS: usize = 8;
    const APPENDS: usize = 25;
    let folder = tempfile::tempdir().unwrap();
    let log = &open(&folder);
    let write = |writer| {
        let append = |number| {
            let records: Vec<_> = (0..3).map(|index| Bytes::from(format!("{writer}.{number}.{index}"))).collect();
            (log.append(records.clone()).unwrap(), records)
        };
        (0..APPENDS).map(append).collect::<Vec<_>>()
    };
    let appended = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let all = payloads(log);
    assert_eq!(all.len(), WRITERS * APPENDS * 3);
    for (range, records) in appended {
        assert_eq!(all[range.from.0 as usize..range.to.0 as usize], records);
    }
}

#[test]
fn who_waits_is_woken_by_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let log = &open(&folder);
    let mut ends = log.ends();
    assert_eq!(*ends.borrow_and_update(), Offset(0));
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| log.read(Offset(0), 100, PATIENT).unwrap())).collect();
        log.append(vec![Bytes::from_static(b"a")]).unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap().len(), 1);
        }
    });
    assert!(ends.has_changed().unwrap());
    assert_eq!(*ends.borrow_and_update(), Offset(1));
    assert_eq!(log.read(Offset(1), 100, Duration::from_millis(1)).unwrap(), [], "none yet");
}

#[test]
fn a_record_of_10_megabytes_is_one_like_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let large = Bytes::from(vec![7; 10 << 20]);
    let log = open(&folder);
    log.append(vec![Bytes::from_static(b"small"), large.clone(), Bytes::new()]).unwrap();
    drop(log);
    let log = open(&folder);
    assert_eq!(log.read(Offset(0), 1 << 20, Duration::ZERO).unwrap().len(), 1);
    let read = log.read(Offset(1), 1 << 20, Duration::ZERO).unwrap();
    assert_eq!(read, [LogRecord { offset: Offset(1), payload: large }]);
}

#[test]
fn the_end_is_told_after_reopening_too() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).append(vec![Bytes::new(); 3]).unwrap();
    assert_eq!(*open(&folder).ends().borrow(), Offset(3));
}
