use proptest::prelude::*;

use super::*;
use crate::ids::JobName;
use crate::ledger::samples::{any_entries, bind, binding, book_of, claim, histories, open, written};

fn offsets<const N: usize>(offsets: [(u32, u64); N]) -> Offsets {
    offsets.map(|(partition, offset)| (Partition(partition), Offset(offset))).into()
}

/// Generation 1 bound [0, 10) of partition 0, generation 2 [10, 30) of it and [0, 5) of partition 1.
fn book() -> Book {
    book_of(&[open(), bind(1, [(0, 0, 10)]), claim(2), bind(2, [(0, 10, 20), (1, 0, 5)]), bind(2, [(0, 20, 30)])])
}

fn why(body: EntryBody) -> Refusal {
    book().admits(&written(2, body)).unwrap_err().why
}

fn cut(at: Offsets, upto: Offsets) -> EntryBody {
    EntryBody::Cut { binding: binding(9), at, upto }
}

#[test]
fn a_ledger_is_opened_once_by_generation_1() {
    let empty = Book::default();
    assert_eq!(empty.admits(&claim(1)).unwrap_err().why, Refusal::NotOpened);
    let nobody = EntryBody::Open { job: JobName("job".into()), partitions: 0, nonce: 1 };
    assert_eq!(empty.admits(&written(1, nobody)).unwrap_err().why, Refusal::NoPartitions);
    assert_eq!(empty.admits(&Entry { generation: Generation(2), ..open() }).unwrap_err().why, Refusal::NotOpened);
    assert_eq!(book().admits(&Entry { generation: Generation(3), ..open() }).unwrap_err().why, Refusal::OpenedTwice);
}

#[test]
fn only_the_highest_generation_writes() {
    assert_eq!(book().admits(&claim(2)).unwrap_err().why, Refusal::NotAbove(Generation(2)));
    assert_eq!(book().admits(&claim(7)), Ok(()), "a master may leave numbers out");
    assert_eq!(book().admits(&bind(1, [(1, 5, 6)])).unwrap_err().why, Refusal::Superseded(Generation(2)));
    assert_eq!(book().admits(&bind(3, [(1, 5, 6)])).unwrap_err().why, Refusal::Unclaimed(Generation(2)));
}

#[test]
fn a_refusal_names_the_entry() {
    let error = book().apply(Seq(7), &bind(2, [(1, 5, 6)])).unwrap_err();
    assert_eq!(error.why, Refusal::OutOfOrder(Seq(5)));
    let said = error.to_string();
    assert_eq!(said, "ledger entry 7 (bind, of generation 2) can't stand there: entry 5 comes next");
}

#[test]
fn what_is_bound_anew_adjoins() {
    assert_eq!(book().admits(&bind(2, [(0, 30, 31), (1, 5, 9)])), Ok(()));
    for (from, to) in [(29, 31), (31, 32), (30, 30), (30, 29), (0, 10)] {
        let refused = book().admits(&bind(2, [(0, from, to)])).unwrap_err().why;
        assert!(matches!(refused, Refusal::NotAdjoining { end: Offset(30), .. }), "[{from}, {to}): {refused}");
    }
    assert_eq!(book().admits(&bind(2, [])).unwrap_err().why, Refusal::Empty);
    let beyond = Refusal::NoSuchPartition { partition: Partition(3), partitions: 3 };
    assert_eq!(book().admits(&bind(2, [(3, 0, 1)])).unwrap_err().why, beyond);
}

#[test]
fn nobody_shortens_what_others_bound() {
    for at in [0, 9, 30, 31] {
        let refused = Refusal::NotItsOwn { partition: Partition(0), at: Offset(at), own: Offset(10), end: Offset(30) };
        assert_eq!(why(cut(offsets([(0, at)]), offsets([(0, 30)]))), refused);
        assert_eq!(why(EntryBody::Close { at: offsets([(0, at)]) }), refused);
    }
    for at in [10, 15, 20, 29] {
        let own = offsets([(0, at)]);
        assert_eq!(book().admits(&written(2, cut(own.clone(), offsets([(0, 30)])))), Ok(()));
        assert_eq!(book().admits(&written(2, EntryBody::Close { at: own })), Ok(()));
    }
}

#[test]
fn a_cut_ends_where_what_is_bound_ends() {
    for upto in [29, 31] {
        let refused = Refusal::EndDiffers { partition: Partition(0), upto: Some(Offset(upto)), end: Offset(30) };
        assert_eq!(why(cut(offsets([(0, 12)]), offsets([(0, upto)]))), refused);
    }
    assert!(matches!(why(cut(offsets([(0, 12), (1, 2)]), offsets([(0, 30)]))), Refusal::EndDiffers { upto: None, .. }));
    assert!(matches!(why(cut(offsets([(0, 12)]), offsets([(0, 30), (1, 5)]))), Refusal::NotItsOwn { .. }));
    assert_eq!(why(cut(offsets([]), offsets([]))), Refusal::Empty);
    assert_eq!(why(EntryBody::Close { at: offsets([]) }), Refusal::Empty);
}

#[test]
fn a_sink_is_registered_once() {
    let sink = SinkName("files".into());
    let register = EntryBody::Register { sink: sink.clone(), starts: offsets([(0, 4)]) };
    let mut book = book();
    book.apply(Seq(5), &written(2, register.clone())).unwrap();
    assert_eq!(book.admits(&written(2, register)).unwrap_err().why, Refusal::RegisteredTwice(sink));
}

#[test]
fn a_log_grows_and_its_sinks_begin_in_what_came() {
    let sink = SinkName("files".into());
    let register = |starts: Offsets| EntryBody::Register { sink: sink.clone(), starts };
    let mut book = book();
    let known = book.partitions();
    book.apply(Seq(5), &written(2, register(offsets([(0, 4)])))).unwrap();
    for found in [0, known] {
        let claim = written(3, EntryBody::Claim { nonce: 1, partitions: Some(found) });
        assert_eq!(book.admits(&claim).unwrap_err().why, Refusal::NotGrown { found, known });
    }
    book.apply(Seq(6), &written(3, EntryBody::Claim { nonce: 1, partitions: Some(known + 1) })).unwrap();
    assert_eq!(book.partitions(), known + 1);
    assert!(matches!(
        book.admits(&written(3, register(offsets([(0, 4), (known, 0)])))).unwrap_err().why,
        Refusal::RegisteredTwice(_)
    ));
    book.apply(Seq(7), &written(3, register(offsets([(known, 0)])))).unwrap();
    assert_eq!(book.registered()[&sink], offsets([(0, 4), (known, 0)]));
}

proptest! {
    #[test]
    fn a_refused_entry_changes_nothing(history in histories(), entry in any_entries(), skip in 0..2_u64) {
        let mut book = history.book.clone();
        let number = Seq(book.next_seq().0 + skip);
        match book.apply(number, &entry) {
            Ok(()) => prop_assert_eq!(book.next_seq(), number.next()),
            Err(error) => {
                prop_assert_eq!(book, history.book);
                prop_assert_eq!((error.number, error.generation), (number, entry.generation));
            }
        }
    }
}
