//! Which letters are asked again. Pure: what was asked of the job is handed in.
//!
//! "Twice is once": the same request, by UUID and bytes, is asked again by its latest letter only; not if it has its answer;
//! and not if its bytes stand in the log beyond that letter, for then it was asked again and is on its way. A request is
//! known by its bytes as well as by its UUID: who reuses a UUID asks for something else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use flightline_connectors::client::Position;
use flightline_engine::log::{Offset, OffsetRange, Partition};

use crate::dead_letter::DeadLetter;
use crate::request::{self, RequestId};

/// What somebody wants asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    At(Position),
    Of(RequestId),
    Because(String),
}

/// Why a letter that was wanted is not asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// It has its answer.
    Answered,
    /// A later letter is of the same bytes.
    Later(Position),
    /// The request stands there again, and is not settled yet.
    UnderWay(Position),
    /// Nobody can tell whether it was answered.
    NoUuid,
}

impl Skip {
    /// Why, in a sentence.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Answered => "it has an OK answer".to_owned(),
            Self::Later(Position { partition, offset }) => {
                format!("the letter at partition {partition}, offset {offset} is a later one of the same request")
            }
            Self::UnderWay(Position { partition, offset }) => {
                format!("it was asked again at partition {partition}, offset {offset}, and is not settled yet")
            }
            Self::NoUuid => "it has no UUID (see --even-without-uuid)".to_owned(),
        }
    }
}

impl Wanted {
    pub(super) fn includes(&self, letter: &DeadLetter) -> bool {
        match self {
            Self::All => true,
            Self::At(position) => *position == place(letter),
            Self::Of(id) => letter.id.as_ref().is_some_and(|of| request::key(of) == request::key(id)),
            Self::Because(text) => letter.reason.contains(text.as_str()),
        }
    }
}

/// Where the request of a letter stands.
pub(super) fn place(letter: &DeadLetter) -> Position {
    Position { partition: letter.partition, offset: letter.offset }
}

/// Letters that are wanted, the later ones of the same bytes among them, before anybody was asked.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// The wanted ones, in the order of their places.
    letters: BTreeMap<Position, DeadLetter>,
    /// The latest letter of each request, wanted or not.
    latest: HashMap<Bytes, Position>,
}

impl Candidates {
    /// Takes a letter. Letters of a partition come in their order.
    pub(super) fn take(&mut self, letter: DeadLetter, wanted: &Wanted) {
        let place = place(&letter);
        self.latest.insert(letter.bytes.clone(), place);
        if wanted.includes(&letter) {
            self.letters.insert(place, letter);
        }
    }

    /// Forgets what no wanted letter is of.
    pub(super) fn settle(&mut self) {
        let wanted: BTreeSet<&Bytes> = self.letters.values().map(|letter| &letter.bytes).collect();
        self.latest.retain(|bytes, _| wanted.contains(bytes));
    }

    /// UUIDs of which it must be known whether they have an answer, as keys.
    pub(super) fn keys(&self) -> BTreeSet<Box<str>> {
        self.letters.values().filter_map(|letter| letter.id.as_ref()).map(request::key).collect()
    }

    /// Where in the log the wanted requests may stand again: beyond their latest letters, up to these bounds.
    pub(super) fn to_search(&self, bounds: &BTreeMap<Partition, OffsetRange>) -> Vec<(Partition, OffsetRange)> {
        let mut from: BTreeMap<Partition, Offset> = BTreeMap::new();
        for Position { partition, offset } in self.latest.values() {
            let first = from.entry(*partition).or_insert(*offset);
            *first = (*first).min(*offset);
        }
        let range = |(partition, from): (Partition, Offset)| {
            let bounds = bounds.get(&partition)?;
            Some((partition, OffsetRange::new(from.next().max(bounds.from), bounds.to)))
        };
        from.into_iter().filter_map(range).collect()
    }

    /// Whether a record of the log is one of the wanted requests, asked again.
    pub(super) fn is_again(&self, partition: Partition, offset: Offset, payload: &Bytes) -> bool {
        let beyond = |latest: &Position| latest.partition == partition && latest.offset < offset;
        self.latest.get(payload).is_some_and(beyond)
    }

    /// What is to be asked again, and why the others are not.
    pub(super) fn choose(
        self,
        answered: &BTreeSet<Box<str>>,
        again: &HashMap<Bytes, Position>,
        even_without_uuid: bool,
    ) -> Vec<(DeadLetter, Option<Skip>)> {
        let Self { letters, latest } = self;
        let skip = |letter: &DeadLetter| {
            let has_answer = letter.id.as_ref().map(|id| answered.contains(&request::key(id)));
            match (has_answer, latest.get(&letter.bytes), again.get(&letter.bytes)) {
                (Some(true), ..) => Some(Skip::Answered),
                (None, ..) if !even_without_uuid => Some(Skip::NoUuid),
                (_, Some(latest), _) if *latest != place(letter) => Some(Skip::Later(*latest)),
                (_, _, Some(again)) => Some(Skip::UnderWay(*again)),
                _ => None,
            }
        };
        letters.into_values().map(|letter| (skip(&letter), letter)).map(|(skip, letter)| (letter, skip)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(partition: u32, offset: u64) -> Position {
        Position { partition: Partition(partition), offset: Offset(offset) }
    }

    fn uuid(number: u8) -> RequestId {
        RequestId::parse(&format!("00000000-0000-4000-8000-0000000000{number:02X}")).unwrap()
    }

    fn letter(place: Position, id: Option<u8>, bytes: &'static str) -> DeadLetter {
        let Position { partition, offset } = place;
        DeadLetter { partition, offset, reason: "unknown route: A-B".into(), id: id.map(uuid), bytes: bytes.into() }
    }

    fn chosen(
        letters: Vec<DeadLetter>,
        wanted: &Wanted,
        answered: &[u8],
        log: &[(Position, &'static str)],
        even_without_uuid: bool,
    ) -> Vec<(Position, Option<Skip>)> {
        let mut candidates = Candidates::default();
        letters.into_iter().for_each(|letter| candidates.take(letter, wanted));
        candidates.settle();
        let answered = answered.iter().map(|number| request::key(&uuid(*number))).collect();
        let bounds = (0..4).map(|p| (Partition(p), OffsetRange::new(Offset(0), Offset(100)))).collect();
        let ranges = candidates.to_search(&bounds);
        let mut again = HashMap::new();
        for (place, bytes) in log {
            let searched =
                ranges.iter().any(|(partition, range)| *partition == place.partition && range.contains(place.offset));
            let bytes = Bytes::from(*bytes);
            if searched && candidates.is_again(place.partition, place.offset, &bytes) {
                again.insert(bytes, *place);
            }
        }
        let chosen = candidates.choose(&answered, &again, even_without_uuid);
        chosen.iter().map(|(letter, skip)| (place(letter), *skip)).collect()
    }

    #[test]
    fn a_request_is_asked_again_once() {
        let letters = || {
            vec![
                letter(at(0, 1), Some(1), "one"),
                letter(at(0, 2), Some(2), "two"),
                letter(at(0, 5), Some(1), "one"),
                letter(at(1, 1), Some(3), "three"),
                letter(at(1, 2), None, "four"),
            ]
        };
        let log = [(at(0, 1), "one"), (at(0, 5), "one"), (at(1, 1), "three"), (at(1, 7), "three"), (at(1, 8), "one")];
        assert_eq!(
            chosen(letters(), &Wanted::All, &[2], &log, false),
            [
                (at(0, 1), Some(Skip::Later(at(0, 5)))),
                (at(0, 2), Some(Skip::Answered)),
                (at(0, 5), None),
                (at(1, 1), Some(Skip::UnderWay(at(1, 7)))),
                (at(1, 2), Some(Skip::NoUuid)),
            ]
        );
        assert_eq!(chosen(letters(), &Wanted::At(at(1, 2)), &[], &log, true), [(at(1, 2), None)]);
        let older = chosen(letters(), &Wanted::At(at(0, 1)), &[], &log, true);
        assert_eq!(older, [(at(0, 1), Some(Skip::Later(at(0, 5))))], "also if the later one was not asked for");
    }

    #[test]
    fn a_reused_uuid_is_another_request() {
        let letters = vec![letter(at(0, 1), Some(1), "one"), letter(at(0, 2), Some(1), "other")];
        assert_eq!(chosen(letters, &Wanted::All, &[], &[], false), [(at(0, 1), None), (at(0, 2), None)]);
    }

    #[test]
    fn letters_are_wanted_by_place_reason_and_uuid_in_any_spelling() {
        let letter = letter(at(2, 17), Some(0xab), "x");
        let lower = RequestId::parse(&uuid(0xab).as_str().to_lowercase()).unwrap();
        for (wanted, is) in [
            (Wanted::All, true),
            (Wanted::At(at(2, 17)), true),
            (Wanted::At(at(2, 16)), false),
            (Wanted::Of(lower), true),
            (Wanted::Of(uuid(1)), false),
            (Wanted::Because("route".to_owned()), true),
            (Wanted::Because("JSON".to_owned()), false),
        ] {
            assert_eq!(wanted.includes(&letter), is, "{wanted:?}");
        }
    }

    proptest! {
        /// Whatever was asked again stands in the log then, so that a second time asks for nothing.
        #[test]
        fn twice_is_once(
            letters in prop::collection::btree_map((0_u32..3, 0_u64..20), (proptest::option::of(0_u8..4), 0_usize..5), 0..20),
            answered in prop::collection::vec(0_u8..4, 0..3),
            even_without_uuid: bool,
        ) {
            const TEXTS: [&str; 5] = ["a", "b", "c", "d", "e"];
            let all = || -> Vec<DeadLetter> {
                let of = |((p, o), (id, text)): (&(u32, u64), &(Option<u8>, usize))| letter(at(*p, *o), *id, TEXTS[*text]);
                letters.iter().map(of).collect()
            };
            let bytes_of = |place: Position| TEXTS[letters[&(place.partition.0, place.offset.0)].1];
            let first = chosen(all(), &Wanted::All, &answered, &[], even_without_uuid);
            let asked: Vec<Position> = first.iter().filter(|(_, skip)| skip.is_none()).map(|(place, _)| *place).collect();
            let log: Vec<_> = asked.iter().map(|place| (at(place.partition.0, place.offset.0 + 30), bytes_of(*place))).collect();
            let second = chosen(all(), &Wanted::All, &answered, &log, even_without_uuid);
            prop_assert!(second.iter().all(|(_, skip)| skip.is_some()), "{:?}", second);
            let distinct: BTreeSet<&str> = asked.iter().map(|place| bytes_of(*place)).collect();
            prop_assert_eq!(distinct.len(), asked.len(), "each request once");
        }
    }
}
