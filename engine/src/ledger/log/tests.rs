use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::contract::{SinkName, Superseded};
use crate::ledger::collect::collectable;
use crate::ledger::eventful::{Eventful, Moment};
use crate::ledger::samples::{PARTITIONS, bind, claim, histories, open};
use crate::log::{Offset, Offsets, Partition};
use crate::memory::MemoryBlobs;

const ENTRY_1: &str = "ledger/00000000000000000001.json";
const ENTRY_2: &str = "ledger/00000000000000000002.json";

fn job() -> JobName {
    JobName("job".into())
}

fn shelf_with(entries: &[Entry]) -> MemoryBlobs {
    let shelf = MemoryBlobs::default();
    for (number, entry) in entries.iter().enumerate() {
        overwrite(&shelf, &name(ENTRIES, Seq(number as u64)), entry.to_line());
    }
    shelf
}

fn overwrite(shelf: &MemoryBlobs, name: &str, bytes: impl Into<Bytes>) {
    shelf.delete(name).unwrap();
    assert_eq!(shelf.create(name, bytes.into()), Ok(Created::Ours));
}

fn names(shelf: &MemoryBlobs) -> Vec<String> {
    shelf.objects().into_keys().collect()
}

fn ledger(shelf: &MemoryBlobs) -> LedgerLog {
    LedgerLog::new(Arc::new(shelf.clone()))
}

fn superseded_by(generation: u64) -> Fault {
    Superseded { later: Generation(generation) }.into()
}

/// Progress of one sink that has come to the same offset in all partitions.
fn all_done_below(offset: u64) -> std::collections::BTreeMap<SinkName, Offsets> {
    [(SinkName("only".into()), (0..PARTITIONS).map(|p| (Partition(p), Offset(offset))).collect())].into()
}

#[test]
fn a_life_claims_writes_and_is_read_back() {
    let shelf = MemoryBlobs::default();
    let ledger = ledger(&shelf);
    assert_eq!(ledger.load(), Ok(Book::default()));
    let (mut book, generation) = ledger.claim(&job(), PARTITIONS, 7, None).unwrap();
    assert_eq!((generation, book.next_seq()), (Generation(1), Seq(1)));
    assert_eq!(ledger.append(&mut book, bind(1, [(0, 0, 10)])), Ok(Seq(1)));
    assert_eq!(ledger.load().as_ref(), Ok(&book));
    let (_, generation) = ledger.claim(&job(), PARTITIONS, 8, None).unwrap();
    assert_eq!(generation, Generation(2));
    assert_eq!(ledger.append(&mut book, bind(1, [(0, 10, 20)])), Err(superseded_by(2)), "the old life has lost");
    assert_eq!(ledger.append(&mut book, bind(1, [(0, 10, 20)])), Err(superseded_by(2)), "for ever");
    assert_eq!(names(&shelf).len(), 3);
}

#[test]
fn a_ledger_of_another_job_or_log_is_refused_and_both_are_named() {
    let ledger = ledger(&shelf_with(&[open()]));
    let Fault::Permanent(error) = ledger.claim(&JobName("other".into()), PARTITIONS, 1, None).unwrap_err() else {
        panic!()
    };
    assert!(error.0.contains("\"job\"") && error.0.contains("\"other\""), "{error}");
    let Fault::Permanent(error) = ledger.claim(&job(), 2, 1, None).unwrap_err() else { panic!() };
    assert!(error.0.contains("2 partitions") && error.0.contains("had 3"), "{error}");
    let none = self::ledger(&MemoryBlobs::default());
    assert!(matches!(none.claim(&job(), 0, 1, None), Err(Fault::Permanent(_))), "a log without partitions");
}

#[test]
fn an_entry_that_cannot_follow_is_not_written() {
    let shelf = shelf_with(&[open()]);
    let ledger = ledger(&shelf);
    let mut book = ledger.load().unwrap();
    for entry in [bind(1, [(0, 3, 10)]), bind(2, [(0, 0, 10)]), open()] {
        assert!(matches!(ledger.append(&mut book, entry), Err(Fault::Permanent(_))));
    }
    assert_eq!(names(&shelf).len(), 1);
}

#[test]
fn damage_is_refused_and_names_the_object() {
    let entries = [open(), bind(1, [(0, 0, 10)]), bind(1, [(0, 10, 20)])];
    let refused = |damage: &dyn Fn(&MemoryBlobs)| {
        let shelf = shelf_with(&entries);
        damage(&shelf);
        match ledger(&shelf).load() {
            Err(Fault::Permanent(error)) => error.0,
            other => panic!("{other:?}"),
        }
    };
    let gap = refused(&|shelf| shelf.delete(ENTRY_1).unwrap());
    assert!(gap.contains(ENTRY_1) && gap.contains("entry 2"), "{gap}");
    let cut_off = refused(&|shelf| overwrite(shelf, ENTRY_1, entries[1].to_line().as_bytes()[..20].to_vec()));
    assert!(cut_off.contains(ENTRY_1), "{cut_off}");
    let swapped = refused(&|shelf| overwrite(shelf, ENTRY_1, entries[2].to_line()));
    assert!(swapped.contains(ENTRY_1) && swapped.contains("next range begins at 0"), "{swapped}");
    let renamed = refused(&|shelf| {
        let mut book = ledger(&shelf_with(&entries)).load().unwrap();
        let copy = shelf_with(&entries);
        ledger(&copy).collect(&mut book, Seq(2)).unwrap();
        let bytes = copy.read("checkpoint/00000000000000000002.json").unwrap().unwrap();
        overwrite(shelf, "checkpoint/00000000000000000001.json", bytes);
    });
    assert!(renamed.contains("checkpoint/00000000000000000001.json") && renamed.contains("below 2"), "{renamed}");
    let only_checkpoint = refused(&|shelf| {
        let mut book = ledger(shelf).load().unwrap();
        ledger(shelf).collect(&mut book, Seq(2)).unwrap();
        shelf.delete(ENTRY_2).unwrap();
    });
    assert!(only_checkpoint.contains(ENTRY_2), "{only_checkpoint}");
}

#[test]
fn other_names_in_the_folders_are_left_alone() {
    let shelf = shelf_with(&[open(), claim(2), claim(3)]);
    for name in
        ["ledger/notes.txt", "ledger/1.json", "ledger/0000000000000000000x.json", "ledger/+0000000000000000001.json"]
    {
        overwrite(&shelf, name, "mine");
    }
    let mut book = ledger(&shelf).load().unwrap();
    assert_eq!(book.next_seq(), Seq(3));
    ledger(&shelf).collect(&mut book, Seq(2)).unwrap();
    assert_eq!(names(&shelf).iter().filter(|name| name.starts_with("ledger/")).count(), 5);
}

/// The store fails at the first create, before or after it took effect.
fn failing_once(shelf: &MemoryBlobs, lands: bool) -> LedgerLog {
    let failed = AtomicUsize::new(0);
    LedgerLog::new(Eventful::around(shelf, move |moment| {
        let is_it = match moment {
            Moment::BeforeCreate => !lands,
            Moment::AfterCreate => lands,
            _ => false,
        };
        if is_it && failed.fetch_add(1, Ordering::SeqCst) == 0 { Err(Fault::transient("away")) } else { Ok(()) }
    }))
}

#[test]
fn the_same_call_after_a_fault_writes_the_entry_once() {
    for lands in [false, true] {
        let shelf = shelf_with(&[open()]);
        let ledger = failing_once(&shelf, lands);
        let mut book = ledger.load().unwrap();
        let before = book.clone();
        assert_eq!(ledger.append(&mut book, bind(1, [(0, 0, 5)])), Err(Fault::transient("away")));
        assert_eq!(book, before);
        assert_eq!(ledger.append(&mut book, bind(1, [(0, 0, 5)])), Ok(Seq(1)));
        assert_eq!(names(&shelf).len(), 2);
    }
}

#[test]
fn another_entry_after_a_fault_comes_behind_the_one_that_landed() {
    let register = |sink: &str| {
        let starts = Offsets::from([(Partition(0), Offset(0))]);
        Entry { generation: Generation(1), body: EntryBody::Register { sink: SinkName(sink.into()), starts } }
    };
    let shelf = shelf_with(&[open()]);
    let ledger = failing_once(&shelf, true);
    let mut book = ledger.load().unwrap();
    assert!(ledger.append(&mut book, register("a")).is_err());
    assert_eq!(ledger.append(&mut book, register("b")), Ok(Seq(2)), "entry 1 is the first one");
    assert_eq!(ledger.load(), Ok(book));
}

#[test]
fn a_decision_that_the_landed_entry_outdated_is_to_be_made_anew() {
    let shelf = shelf_with(&[open()]);
    let ledger = failing_once(&shelf, true);
    let mut book = ledger.load().unwrap();
    assert!(ledger.append(&mut book, bind(1, [(0, 0, 5)])).is_err());
    let Fault::Permanent(error) = ledger.append(&mut book, bind(1, [(0, 0, 9)])).unwrap_err() else { panic!() };
    assert!(error.0.contains("decide anew"), "{error}");
    assert_eq!(book.bound_upto(Partition(0)), Offset(5), "the book knows now");
    assert_eq!(ledger.append(&mut book, bind(1, [(0, 5, 9)])), Ok(Seq(2)));
}

#[test]
fn of_two_claims_at_once_the_loser_takes_the_next_generation() {
    let shelf = shelf_with(&[open()]);
    let (rival, first) = (ledger(&shelf), AtomicUsize::new(0));
    let ledger = LedgerLog::new(Eventful::around(&shelf, move |moment| {
        if matches!(moment, Moment::BeforeCreate) && first.fetch_add(1, Ordering::SeqCst) == 0 {
            rival.claim(&job(), PARTITIONS, 1, None)?;
        }
        Ok(())
    }));
    let (book, generation) = ledger.claim(&job(), PARTITIONS, 2, None).unwrap();
    assert_eq!((generation, book.next_seq()), (Generation(3), Seq(3)));
}

#[test]
fn a_claim_that_is_overtaken_at_once_ends() {
    let shelf = MemoryBlobs::default();
    let rival = ledger(&shelf);
    let ledger = LedgerLog::new(Eventful::around(&shelf, move |moment| {
        if matches!(moment, Moment::AfterCreate) {
            rival.claim(&job(), PARTITIONS, 1, None)?;
        }
        Ok(())
    }));
    assert_eq!(ledger.claim(&job(), PARTITIONS, 2, None), Err(superseded_by(2)));
}

#[test]
fn what_is_proposed_is_claimed_and_must_be_above() {
    let shelf = MemoryBlobs::default();
    let ledger = ledger(&shelf);
    let claim = |proposed, nonce| ledger.claim(&job(), PARTITIONS, nonce, Some(Generation(proposed)));
    let (book, generation) = claim(5, 1).unwrap();
    assert_eq!((generation, book.generation(), book.next_seq()), (Generation(5), Some(Generation(5)), Seq(2)));
    for (nonce, proposed) in [(2, 5), (3, 4), (4, 1)] {
        let before = names(&shelf);
        assert_eq!(claim(proposed, nonce), Err(superseded_by(5)), "{proposed}");
        assert_eq!(names(&shelf), before, "nothing was written");
    }
    assert_eq!(claim(6, 5).unwrap().1, Generation(6));
    assert_eq!(ledger.claim(&job(), PARTITIONS, 6, None).unwrap().1, Generation(7), "without a master, the next");
    let opened = LedgerLog::new(Arc::new(MemoryBlobs::default())).claim(&job(), PARTITIONS, 1, Some(Generation(1)));
    assert_eq!(opened.unwrap().0.next_seq(), Seq(1), "the first one is opened with its own");
}

/// A life that a master started would have been refused by its own claim.
#[test]
fn a_proposed_claim_that_was_written_in_spite_of_a_fault_is_found_again() {
    for (entries, proposed) in [(vec![open()], 5), (vec![], 5), (vec![], 1)] {
        let shelf = shelf_with(&entries);
        let fails = AtomicUsize::new(0);
        let ledger = LedgerLog::new(Eventful::around(&shelf, move |moment| match moment {
            Moment::AfterCreate if fails.fetch_add(1, Ordering::SeqCst) < 2 => Err(Fault::transient("away")),
            _ => Ok(()),
        }));
        let claimed = (0..3).find_map(|_| match ledger.claim(&job(), PARTITIONS, 7, Some(Generation(proposed))) {
            Err(Fault::Transient(_)) => None,
            claimed => Some(claimed.unwrap()),
        });
        let (book, generation) = claimed.unwrap();
        assert_eq!((generation, Ok(book)), (Generation(proposed), ledger.load()));
        let another = ledger.claim(&job(), PARTITIONS, 8, Some(Generation(proposed)));
        assert_eq!(another, Err(superseded_by(proposed)), "another life with the same number");
    }
}

#[test]
fn a_proposal_that_is_overtaken_names_who_did() {
    for (rivals, expected) in [(5, Err(superseded_by(5))), (9, Err(superseded_by(9))), (3, Ok(Generation(5)))] {
        let shelf = shelf_with(&[open()]);
        let (rival, first) = (ledger(&shelf), AtomicUsize::new(0));
        let ledger = LedgerLog::new(Eventful::around(&shelf, move |moment| {
            if matches!(moment, Moment::BeforeCreate) && first.fetch_add(1, Ordering::SeqCst) == 0 {
                rival.claim(&job(), PARTITIONS, 1, Some(Generation(rivals)))?;
            }
            Ok(())
        }));
        let claimed = ledger.claim(&job(), PARTITIONS, 2, Some(Generation(5)));
        assert_eq!(claimed.map(|(_, generation)| generation), expected);
    }
}

/// A long-living ledger that was collected, and the book of a writer that has slept all the time.
fn slept() -> (MemoryBlobs, Book) {
    let shelf = shelf_with(&[open(), bind(1, [(0, 0, 10)])]);
    let ledger = ledger(&shelf);
    let old = ledger.load().unwrap();
    let (mut book, generation) = ledger.claim(&job(), PARTITIONS, 1, None).unwrap();
    for step in 1..5 {
        ledger.append(&mut book, bind(generation.0, [(0, step * 10, step * 10 + 10)])).unwrap();
    }
    let upto = collectable(&book, &all_done_below(50), &Offsets::new());
    assert_eq!(upto, Seq(6));
    ledger.collect(&mut book, upto).unwrap();
    assert_eq!(names(&shelf), ["checkpoint/00000000000000000006.json", "ledger/00000000000000000006.json"]);
    assert_eq!(ledger.load(), Ok(book));
    (shelf, old)
}

#[test]
fn a_writer_whose_number_is_free_again_ends_and_leaves_no_trace_that_is_read() {
    let (shelf, mut old) = slept();
    let ledger = ledger(&shelf);
    let before = ledger.load();
    assert_eq!(ledger.append(&mut old, bind(1, [(0, 10, 20)])), Err(superseded_by(2)));
    assert!(names(&shelf).contains(&ENTRY_2.to_owned()), "it did write");
    assert_eq!(ledger.load(), before);
    let (mut book, _) = ledger.claim(&job(), PARTITIONS, 3, None).unwrap();
    ledger.collect(&mut book, Seq(7)).unwrap();
    assert!(!names(&shelf).contains(&ENTRY_2.to_owned()), "the next collecting sweeps it away");
}

#[test]
fn a_late_writer_that_finds_what_it_left_behind_ends_too() {
    let (shelf, mut old) = slept();
    let ledger = failing_once(&shelf, true);
    assert_eq!(ledger.append(&mut old, bind(1, [(0, 10, 20)])), Err(Fault::transient("away")), "it landed in number 2");
    // It wants something else by now. What stands in number 2 is its own; in number 3 others may stand.
    assert_eq!(ledger.append(&mut old, bind(1, [(0, 10, 15)])), Err(superseded_by(2)));
}

#[test]
fn an_old_collector_does_no_harm() {
    let (shelf, mut old) = slept();
    let before = ledger(&shelf).load();
    // What it would fold is gone, and a later checkpoint holds it.
    assert_eq!(ledger(&shelf).collect(&mut old, Seq(1)), Ok(()));
    assert_eq!(ledger(&shelf).load(), before);
}

#[test]
fn a_collector_that_was_killed_anywhere_is_made_up_for() {
    let entries = [open(), bind(1, [(0, 0, 10)]), claim(2), bind(2, [(0, 10, 20)]), claim(3)];
    let whole = ledger(&shelf_with(&entries)).load().unwrap();
    for killed_at in 0..20 {
        let shelf = shelf_with(&entries);
        let calls = AtomicUsize::new(0);
        let dying = LedgerLog::new(Eventful::around(&shelf, move |_| {
            if calls.fetch_add(1, Ordering::SeqCst) < killed_at { Ok(()) } else { Err(Fault::transient("killed")) }
        }));
        let mut book = whole.clone();
        let ended = dying.collect(&mut book, Seq(4));
        let mut forgetful = whole.clone();
        let after = ledger(&shelf).load().unwrap();
        forgetful.forget(after.first_seq());
        assert_eq!(after, forgetful, "killed at call {killed_at}: {ended:?}");
        let mut book = whole.clone();
        ledger(&shelf).collect(&mut book, Seq(4)).unwrap();
        assert_eq!(ledger(&shelf).load(), Ok(book));
        assert_eq!(names(&shelf).len(), 2, "{:?}", names(&shelf));
    }
}

#[test]
fn a_checkpoint_that_says_otherwise_is_refused() {
    let shelf = shelf_with(&[open(), claim(2), claim(3)]);
    let mut book = ledger(&shelf).load().unwrap();
    let (other, late) = (shelf.clone(), AtomicUsize::new(0));
    let ledger = LedgerLog::new(Eventful::around(&shelf, move |moment| {
        if matches!(moment, Moment::BeforeCreate) && late.fetch_add(1, Ordering::SeqCst) == 0 {
            overwrite(&other, "checkpoint/00000000000000000002.json", "{}");
        }
        Ok(())
    }));
    let Fault::Permanent(error) = ledger.collect(&mut book, Seq(2)).unwrap_err() else { panic!() };
    assert!(error.0.contains("checkpoint/00000000000000000002.json"), "{error}");
    assert_eq!(names(&shelf).len(), 4, "nothing was deleted");
}

proptest! {
    /// Whoever reads while another one collects reads what was there all the time, or that it must try again.
    #[test]
    fn collecting_while_somebody_reads_is_not_noticed(history in histories(), done in 0..60_u64, strikes_at in 0..30_usize) {
        let shelf = shelf_with(&history.entries);
        let upto = collectable(&history.book, &all_done_below(done), &Offsets::new());
        let (collector, calls, whole) = (ledger(&shelf), AtomicUsize::new(0), history.book.clone());
        let reader = LedgerLog::new(Eventful::around(&shelf, move |_| {
            if calls.fetch_add(1, Ordering::SeqCst) == strikes_at {
                collector.collect(&mut whole.clone(), upto)?;
            }
            Ok(())
        }));
        let read = reader.load().unwrap();
        let mut forgetful = history.book;
        forgetful.forget(read.first_seq());
        prop_assert_eq!(read, forgetful);
    }
}
