use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flightline_connectors::client::{ClientError, Follower, PartitionsFollower};
use flightline_engine::log::LogRecord;
use proptest::prelude::*;

use super::topic::first_at_or_above;
use super::*;

/// A topic in memory, with gaps between its records as transactions leave them.
#[derive(Debug)]
struct Fake(Vec<BTreeMap<Offset, Bytes>>);

impl TopicClient for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn partitions(&self) -> Result<u32, ClientError> {
        Ok(self.0.len() as u32)
    }

    fn append_to(&self, _: Partition, _: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
        Ok(OffsetRange::new(Offset(0), Offset(0)))
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        _: Duration,
    ) -> Result<Vec<LogRecord>, ClientError> {
        // Few at a time, so that reading on is tried, too.
        let many = if limit == 1 { 1 } else { 3 };
        let records = self.0[partition.0 as usize].range(from..).take(many);
        Ok(records.map(|(offset, payload)| LogRecord { offset: *offset, payload: payload.clone() }).collect())
    }

    /// The end is behind a mark.
    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError> {
        let records = &self.0[partition.0 as usize];
        let [from, to] = [records.first_key_value(), records.last_key_value()];
        let from = from.map_or(Offset(0), |(offset, _)| *offset);
        Ok(OffsetRange::new(from, to.map_or(from, |(offset, _)| offset.next().next())))
    }

    fn follow(self: Arc<Self>) -> Result<Box<dyn Follower>, ClientError> {
        Ok(Box::new(PartitionsFollower::start(self)?))
    }
}

const REQUEST_PARTITIONS: u32 = 3;

/// Lines as writers of three partitions of requests have put them into a topic, in the order of time: each says whose it is.
fn topic(places: u32, lines: &[(u32, u64)]) -> Arc<dyn TopicClient> {
    let mut topic = Fake((0..places).map(|_| BTreeMap::new()).collect());
    for (number, (partition, offset)) in (0_u64..).zip(lines) {
        // A key of its own for each request, so that its repeats stand where it does.
        let place = (offset * 7 + u64::from(*partition) * 3) % u64::from(places);
        let line = if number % 11 == 5 { Bytes::from_static(b"somebody else's") } else { line(*partition, *offset) };
        let records = &mut topic.0[place as usize];
        let next = records.last_key_value().map_or(number % 3, |(last, _)| last.0 + 1 + number % 2);
        records.insert(Offset(next), line.clone());
        if line != self::line(*partition, *offset) {
            records.insert(Offset(next + 1), self::line(*partition, *offset));
        }
    }
    Arc::new(topic)
}

fn line(partition: u32, offset: u64) -> Bytes {
    Bytes::from(format!("{{\"Offset\":{offset},\"Partition\":{partition}}}"))
}

fn read(topic: &Arc<dyn TopicClient>, repeats: bool, partition: u32, range: (u64, u64)) -> Vec<u64> {
    let lines = OrderedLines::of_topic(Arc::clone(topic), Layout::ByKey { repeats });
    let range = OffsetRange::new(Offset(range.0), Offset(range.1));
    let lines = lines.lines(Partition(partition), range).unwrap().map(|line| {
        let (offset, body) = line.unwrap();
        assert_eq!(body, self::line(partition, offset.0));
        offset.0
    });
    lines.collect()
}

/// The offsets of a partition that are in a range, as they were written.
fn offsets_of(written: &[(u32, u64)], partition: u32, range: &std::ops::Range<u64>) -> Vec<u64> {
    let wanted = written.iter().filter(|(of, offset)| *of == partition && range.contains(offset));
    wanted.map(|(_, offset)| *offset).collect()
}

/// What writers of several partitions come to when each writes ascending offsets, with gaps, some faster than others.
fn written() -> impl Strategy<Value = Vec<(u32, u64)>> {
    prop::collection::vec((0..REQUEST_PARTITIONS, 1_u64..4), 0..80).prop_map(|steps| {
        let mut next = [0; REQUEST_PARTITIONS as usize];
        let line = |(partition, step): (u32, u64)| {
            let next = &mut next[partition as usize];
            *next += step;
            (partition, *next - 1)
        };
        steps.into_iter().map(line).collect()
    })
}

/// The same, but that now and then a writer begins again at what it has written before.
fn repeated() -> impl Strategy<Value = Vec<(u32, u64)>> {
    (written(), prop::collection::vec((any::<prop::sample::Index>(), 1_usize..30), 0..4)).prop_map(
        |(written, crashes)| {
            let mut lines = Vec::new();
            let crashes: BTreeMap<usize, usize> = crashes
                .iter()
                .filter(|_| !written.is_empty())
                .map(|(at, back)| (at.index(written.len()), *back))
                .collect();
            for (number, line) in written.iter().enumerate() {
                lines.push(*line);
                if let Some(back) = crashes.get(&number) {
                    lines.extend(&written[number.saturating_sub(*back)..=number]);
                }
            }
            lines
        },
    )
}

proptest! {
    #[test]
    fn lines_in_all_places_come_in_the_order_of_their_requests(
        written in written(), places in 1_u32..7, from in 0_u64..60, length in 0_u64..90,
    ) {
        let topic = topic(places, &written);
        for partition in 0..REQUEST_PARTITIONS {
            let range = from..from + length;
            let expected = offsets_of(&written, partition, &range);
            for repeats in [false, true] {
                prop_assert_eq!(read(&topic, repeats, partition, (from, from + length)), expected.as_slice());
            }
        }
    }

    #[test]
    fn lines_that_repeat_are_all_there_and_each_comes_first_in_order(
        lines in repeated(), places in 1_u32..7, from in 0_u64..60, length in 0_u64..90,
    ) {
        let topic = topic(places, &lines);
        for partition in 0..REQUEST_PARTITIONS {
            let range = from..from + length;
            let mut expected = offsets_of(&lines, partition, &range);
            let found = read(&topic, true, partition, (from, from + length));
            let mut seen = BTreeSet::new();
            let first: Vec<u64> = found.iter().filter(|offset| seen.insert(**offset)).copied().collect();
            prop_assert!(first.is_sorted(), "{:?}", found);
            let mut found = found;
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn bisection_finds_what_a_scan_finds(
        gaps in prop::collection::vec((0_u64..3, 1_u64..4), 0..40), from in 0_u64..9, wanted in 0_u64..120,
    ) {
        // Places and requests both ascend, with gaps.
        let (mut place, mut request) = (from, 0);
        let mut lines = BTreeMap::new();
        for (gap, step) in gaps {
            place += gap;
            request += step;
            lines.insert(Offset(place), Offset(request));
            place += 1;
        }
        let bounds = OffsetRange::new(Offset(from), Offset(place));
        let mut asked = 0;
        let found = first_at_or_above(Offset(wanted), bounds, |at| {
            asked += 1;
            Ok(lines.range(at..).next().map(|(place, request)| (*place, *request)))
        });
        let found = found.unwrap();
        let first = |from: Offset| lines.range(from..).find(|(_, request)| request.0 >= wanted);
        prop_assert_eq!(first(found), first(Offset(0)));
        prop_assert!(lines.range(..found).all(|(_, request)| request.0 < wanted));
        prop_assert!(asked <= 9, "{} lines took {} looks", lines.len(), asked);
    }
}

#[test]
fn an_error_comes_before_what_may_stand_behind_it() {
    let error = || Err(Failure::new(FailureKind::Storage, "gone"));
    let line = |offset| Ok((Offset(offset), Bytes::new()));
    let merged = Merged::new([vec![line(1), line(3)].into_iter(), vec![line(2), error()].into_iter()]);
    let told: Vec<_> = merged.map(|line| line.ok().map(|(offset, _)| offset.0)).collect();
    assert_eq!(told, [Some(1), Some(2), None, Some(3)]);
}

#[test]
fn a_topic_of_the_jobs_own_holds_nothing_else() {
    let topic = topic(1, &[(0, 0), (1, 0)]);
    let lines = OrderedLines::of_topic(topic, Layout::ByPartition);
    let all = OffsetRange::new(Offset(0), Offset(u64::MAX));
    let mut lines = lines.lines(Partition(0), all).unwrap();
    assert_eq!(lines.next().unwrap().unwrap().0, Offset(0));
    let failure = lines.next().unwrap().unwrap_err();
    assert!(failure.message.contains("is it the topic that the job writes?"), "{failure}");
    assert!(lines.next().is_none());
}

#[test]
fn a_line_says_where_its_request_stands() {
    let line = br#"{"Carrier":"AA","Offset":17,"Partition":2,"Status":"OK"}"#;
    assert_eq!(LinePosition::of(line), Some(LinePosition { partition: Partition(2), offset: Offset(17) }));
    for line in ["", "{}", "[]", r#"{"Offset":-1,"Partition":2}"#] {
        assert_eq!(LinePosition::of(line.as_bytes()), None);
    }
}
