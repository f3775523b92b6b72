//! Two rivals in one folder.

use flightline_engine::contract::FlushReason;
use proptest::prelude::*;

use super::*;
use crate::files::faulty::Fate;

/// What happens next to one of two writers.
#[derive(Clone, Copy, Debug)]
enum Move {
    Write(u64),
    FlushDue,
    Close,
    Kill,
    Trouble(Fate),
}

fn moves() -> impl Strategy<Value = Vec<(bool, Move)>> {
    let one = prop_oneof![
        8 => (1_u64..9).prop_map(Move::Write),
        2 => Just(Move::FlushDue),
        1 => Just(Move::Close),
        1 => Just(Move::Kill),
        2 => prop_oneof![Just(Fate::FailsBefore), Just(Fate::FailsAfter)].prop_map(Move::Trouble),
    ];
    proptest::collection::vec((any::<bool>(), one), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Two processes that know nothing of each other write the same log into one folder, are killed, and have puts that
    /// fail before and after they took place.
    #[test]
    fn every_line_is_in_exactly_one_file(
        moves in moves(),
        format in proptest::sample::select(formats().to_vec()),
        roll_bytes in prop_oneof![Just(1_usize), Just(150), Just(100_000)],
    ) {
        let world = World::new(format, roll_bytes);
        let mut writers = [world.open(), world.open()];
        let mut taken = writers.each_ref().map(|open| durable(&**open));
        let mut seen = [5, 5];
        for (second, next) in moves {
            let (open, taken, seen) = (&mut writers[usize::from(second)], &mut taken[usize::from(second)], &mut seen[usize::from(second)]);
            // As the engine does: the same call again after a transient fault.
            let patiently = |call: &mut dyn FnMut() -> Result<(), Fault>| {
                while let Err(fault) = call() {
                    assert!(matches!(fault, Fault::Transient(_)), "{fault}");
                }
            };
            match next {
                Move::Write(count) => {
                    let from = (*taken).max(durable(&**open));
                    patiently(&mut || open.write(&batch(from, from + count)));
                    *taken = from + count;
                }
                Move::FlushDue => {
                    if let Some(wait) = open.flush_in() {
                        world.clock.advance(wait);
                    }
                    patiently(&mut || open.flush(FlushReason::Due));
                    prop_assert!(open.flush_in().is_none_or(|wait| wait > Duration::ZERO));
                }
                Move::Close => patiently(&mut || open.flush(FlushReason::Closing)),
                Move::Kill => {
                    let before = open.durable();
                    *open = world.open();
                    prop_assert!(open.durable()[&P].next >= before[&P].next, "{:?} after {before:?}", open.durable());
                    *taken = durable(&**open);
                }
                Move::Trouble(fate) => world.store.plan([fate]),
            }
            prop_assert!(durable(&**open) >= *seen, "progress goes back");
            *seen = durable(&**open);
        }
        world.store.plan([]);
        for open in &mut writers {
            open.flush(FlushReason::Closing).unwrap();
        }
        let found: Vec<(u64, Bytes)> =
            world.reader().lines(P, everything()).unwrap().map(|line| line.map(|(o, l)| (o.0, l)).unwrap()).collect();
        let end = writers.iter().map(|open| durable(&**open)).max().unwrap();
        let expected: Vec<(u64, Bytes)> = (5..end).filter_map(line).map(|item| (item.offset.0, item.body)).collect();
        prop_assert_eq!(found, expected);
        let verified = world.reader().verify(P).unwrap();
        prop_assert!(verified.from == Offset(5) && verified.end.0 <= end);
        let reopened = world.open();
        prop_assert_eq!(reopened.durable()[&P], reached_or_start(end));
    }
}

fn reached_or_start(end: u64) -> Reached {
    if end == 5 { Reached::start(Offset(5)) } else { reached(end) }
}
