//! What single rules come to: names, notes, memory, damage, and who may write where.

use std::collections::BTreeSet;
use std::fs;

use flightline_engine::contract::FlushReason;

use super::*;
use crate::files::faulty::Fate;

#[test]
fn files_are_named_by_where_they_begin_and_old_notes_go() {
    let world = World::new(FileFormat::JsonLines, 1);
    let mut open = world.open();
    open.write(&batch(5, 9)).unwrap();
    open.write(&batch(9, 12)).unwrap();
    // The last line of the first file is that for 7, so the second begins at 8.
    assert_eq!(
        world.names(),
        [
            "00000000000000000005.jsonl",
            "00000000000000000008.jsonl",
            "_end-00000000000000000008-00000000000000000011.json",
            "_start.json"
        ]
    );
    assert_eq!(open.durable()[&P], reached(12));
}

#[test]
fn progress_without_a_line_is_noted_once_a_second() {
    let world = World::new(FileFormat::Parquet(columns()), 1 << 20);
    let mut open = world.open();
    open.write(&batch(5, 6)).unwrap();
    assert_eq!((durable(&*open), open.flush_in()), (5, Some(Duration::from_secs(1))));
    world.clock.advance(Duration::from_secs(1));
    open.flush(FlushReason::Due).unwrap();
    assert_eq!((durable(&*open), open.flush_in()), (6, None));
    let noted = "_reached-00000000000000000006.json".to_owned();
    assert_eq!(world.names(), [noted, "_start.json".to_owned()]);
    open.write(&batch(6, 9)).unwrap();
    open.flush(FlushReason::Closing).unwrap();
    assert_eq!(world.names(), ["00000000000000000005.parquet", "_start.json"]);
    assert_eq!(world.open().durable()[&P], reached(9));
}

#[test]
fn the_note_of_a_rival_who_had_come_further_counts() {
    let world = World::new(FileFormat::JsonLines, 1);
    let (mut rival, mut open) = (world.open(), world.open());
    // The note is written, and the file is not: its last line is that for 7, and 8 has none.
    world.store.plan([Fate::Works, Fate::FailsBefore]);
    rival.write(&batch(5, 9)).unwrap();
    assert_eq!(durable(&*rival), 5);
    open.write(&batch(5, 8)).unwrap();
    assert_eq!(open.durable()[&P], reached(9));
    open.write(&batch(9, 12)).unwrap();
    rival.flush(FlushReason::Closing).unwrap();
    assert_eq!((durable(&*open), durable(&*rival)), (12, 9));
    assert_eq!(world.open().durable()[&P], reached(12));
}

#[test]
fn a_put_that_fails_takes_no_more_into_memory() {
    let world = World::new(FileFormat::JsonLines, 200);
    let mut open = world.open();
    world.store.plan([Fate::FailsBefore; 100]);
    let mut from = 5;
    // Until the buffer is full; then every try is for the same batch.
    while open.write(&batch(from, from + 4)).is_ok() {
        from += 4;
    }
    for _ in 0..10 {
        assert!(matches!(open.write(&batch(from, from + 4)), Err(Fault::Transient(_))));
        assert!(open.write(&batch(from + 4, from + 8)).is_err(), "nothing more is taken");
    }
    assert_eq!(open.flush_in(), Some(Duration::ZERO));
    world.store.plan([]);
    open.write(&batch(from, from + 4)).unwrap();
    open.flush(FlushReason::Closing).unwrap();
    let offsets: Vec<u64> = world.reader().lines(P, everything()).unwrap().map(|line| line.unwrap().0.0).collect();
    assert_eq!(offsets, (5..from + 4).filter(|offset| offset % 3 != 2).collect::<Vec<_>>());
}

#[test]
fn lines_are_found_by_their_offset_across_files() {
    for format in formats() {
        let world = World::new(format, 100);
        let mut open = world.open();
        for from in (5..60).step_by(5) {
            open.write(&batch(from, from + 5)).unwrap();
        }
        open.flush(FlushReason::Closing).unwrap();
        let reader = world.reader();
        for offset in 0..70 {
            let expected = line(offset).filter(|_| (5..60).contains(&offset)).map(|item| item.body);
            assert_eq!(reader.find_line(P, Offset(offset)).unwrap(), expected, "{offset}");
        }
        let range = OffsetRange::new(Offset(17), Offset(42));
        let found: BTreeSet<u64> = reader.lines(P, range).unwrap().map(|line| line.unwrap().0.0).collect();
        assert_eq!(found, (17..42).filter(|offset| offset % 3 != 2).collect());
        assert!(reader.verify(P).unwrap().files > 3);
    }
}

#[test]
fn a_missing_file_is_named() {
    let world = World::new(FileFormat::JsonLines, 1);
    let mut open = world.open();
    for from in [5, 10, 15] {
        open.write(&batch(from, from + 5)).unwrap();
    }
    let folder = Folder::at(&world.stores, URL).unwrap();
    folder.delete(&name::file_of(P, Offset(10), "jsonl")).unwrap();
    let fault = world.reader().verify(P).unwrap_err();
    assert!(
        matches!(&fault, Fault::Permanent(why) if why.0.contains("00000000000000000010.jsonl` is missing")),
        "{fault}"
    );
}

#[test]
fn a_damaged_last_file_stops_the_start_and_is_named() {
    for format in formats() {
        let world = World::new(format, 1);
        world.open();
        let folder = Folder::at(&world.stores, URL).unwrap();
        let file = name::file_of(P, Offset(5), world.format.kind().ending());
        folder.create(&file, "no answer at all".into()).unwrap();
        let fault = world.sink().survey(&[P]).unwrap_err();
        assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains(&file)), "{fault}");
    }
}

#[test]
fn a_folder_keeps_its_format_and_its_content() {
    let world = World::new(FileFormat::JsonLines, 1);
    world.open().write(&batch(5, 9)).unwrap();
    let other = World { format: FileFormat::Text, stores: world.stores.clone(), ..World::new(FileFormat::Text, 1) };
    let fault = other.sink().survey(&[P]).unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("jsonl") && why.0.contains("txt")), "{fault}");

    let options = FileSinkOptions::new(SinkName("d".into()), Selects::DeadLetters, URL, FileFormat::JsonLines);
    let fault = FileSink::new(&world.stores, options).unwrap().adopt(&job("ours"), &Offsets::new()).unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("dead letters")), "{fault}");

    let folder = Folder::at(&world.stores, URL).unwrap();
    folder.delete(name::OWNER).unwrap();
    let fault = world.sink().adopt(&job("ours"), &Offsets::new()).unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains(name::OWNER)), "{fault}");
    let fault = world.sink().open(Generation(1), &[P]).err().unwrap();
    assert!(matches!(fault, Fault::Permanent(_)), "{fault}");
}

#[test]
fn what_is_given_against_the_rules_is_refused_before_it_is_written() {
    let world = World::new(FileFormat::Parquet(columns()), 1);
    let with = |offset: u64, body: &'static str| {
        let mut batch = batch(5, 8);
        let item = Item { offset: Offset(offset), body: Bytes::from_static(body.as_bytes()), ..line(6).unwrap() };
        batch.answers.get_mut(&P).unwrap().items = vec![item];
        batch
    };
    for (batch, expected) in [
        (with(6, "{\"Offset\":6,\"Partition\":3,\"Speed\":1}"), "Speed"),
        (with(6, "{\"Offset\":6,\"Partition\":4}"), "partition 4"),
        (with(6, "{\"Offset\":6,\n\"Partition\":3}"), "line feed"),
        (with(9, "{\"Offset\":9,\"Partition\":3}"), "out of order"),
    ] {
        let fault = world.open().write(&batch).unwrap_err();
        assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains(expected)), "{fault}");
    }
    let mut open = world.open();
    open.write(&batch(5, 30)).unwrap();
    let fault = open.write(&batch(31, 40)).unwrap_err();
    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("31") && why.0.contains("30")), "{fault}");
}

#[test]
fn what_a_killed_put_left_on_the_disk_is_cleared_when_its_file_is_there() {
    let disk = tempfile::tempdir().unwrap();
    let stores = Stores::new().unwrap();
    let options = FileSinkOptions::new(
        SinkName("a".into()),
        Selects::Answers,
        disk.path().display().to_string(),
        FileFormat::JsonLines,
    );
    let sink = FileSink::new(&stores, FileSinkOptions { roll_bytes: 1, ..options }).unwrap();
    sink.adopt(&job("ours"), &Offsets::from([(P, Offset(5))])).unwrap();
    let folder = disk.path().join(name::folder_of(P));
    let next = folder.join("00000000000000000005.jsonl#1");
    fs::write(&next, "half").unwrap();

    let mut open = sink.open(Generation(2), &[P]).unwrap();
    assert!(next.exists(), "it may be of somebody who lives");
    open.write(&batch(5, 8)).unwrap();
    assert!(!next.exists());
    fs::write(&next, "half").unwrap();
    sink.open(Generation(3), &[P]).unwrap();
    assert!(!next.exists());
}
