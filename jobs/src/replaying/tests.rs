//! Sinks that keep lines by their keys, where some may be again.

use bytes::Bytes;
use flightline_connectors::embedded::{EmbeddedStore, TopicShape};
use flightline_engine::ledger::TableVersion;
use flightline_engine::log::Offset;

use super::world::World;
use super::*;
use crate::access::lines::{Layout, LinePosition, OrderedLines};
use crate::replaying::result::Tally;

const PARTITIONS: u32 = 2;
/// Requests of each partition.
const EACH: u64 = 60;
/// Partitions of the topic of answers.
const PLACES: u32 = 3;

/// A job of which only the response topic is elsewhere.
struct Job {
    _world: World,
    _store: tempfile::TempDir,
    replayer: Replayer,
    topic: Arc<dyn TopicClient>,
    /// The answers of all partitions, each in order.
    lines: Vec<Vec<Bytes>>,
}

impl Job {
    /// With the answers of its writers, in the order in which `written` names their partitions and offsets.
    fn new(repeats: bool, written: &[(usize, std::ops::Range<usize>)]) -> Self {
        let mut world = World::new();
        world.register_all();
        world.bind(world.binding(TableVersion(1)), EACH);
        world.ask_all(EACH as u32);
        world.answer_all(EACH);
        let config = world.loaded().config;
        world.stop();
        let access = Access::open(&config).unwrap();
        let mut replayer = Replayer::open(&config, &access).unwrap();
        // A few requests of each.
        replayer.page = 4000;
        let answers = access.topic(config.answers_topic().unwrap()).unwrap();
        let lines = (0..PARTITIONS).map(|partition| {
            let records = answers.read(Partition(partition), Offset(0), usize::MAX, Duration::ZERO).unwrap();
            records.into_iter().map(|record| record.payload).collect()
        });
        let lines: Vec<Vec<Bytes>> = lines.collect();
        let folder = tempfile::tempdir().unwrap();
        let topic = EmbeddedStore::open(folder.path()).unwrap().topic("elsewhere", &TopicShape::whole(PLACES)).unwrap();
        replayer.sinks.keep("topic", OrderedLines::of_topic(topic.clone(), Layout::ByKey { repeats }));
        let job = Self { _world: world, _store: folder, replayer, topic, lines };
        for (partition, offsets) in written {
            job.lines[*partition][offsets.clone()].iter().for_each(|line| job.put(line));
        }
        job
    }

    /// Puts a line where its request always puts it.
    fn put(&self, line: &Bytes) {
        let at = LinePosition::of(line).unwrap();
        let place = (at.offset.0 * 5 + u64::from(at.partition.0)) % u64::from(PLACES);
        self.topic.append_to(Partition(place as u32), vec![line.clone()]).unwrap();
    }

    /// What comes of a replay of all, in which each request is told once.
    fn replay(&mut self) -> Tally {
        let mut tally = Tally::default();
        for partition in (0..PARTITIONS).map(Partition) {
            let mut told = Vec::new();
            let all = OffsetRange::new(Offset(0), Offset(EACH));
            let strays = self.replayer.replay(partition, all, &mut |replayed| {
                told.push(replayed.offset.0);
                tally.count(&replayed);
                Ok(())
            });
            tally.strays.add(strays.unwrap());
            assert!(told.into_iter().eq(0..EACH));
        }
        tally
    }
}

/// One writer has come far when the other begins; both die and begin again where they had told that they were.
fn with_crashes() -> [(usize, std::ops::Range<usize>); 5] {
    [(0, 0..50), (1, 0..20), (0, 12..60), (1, 19..40), (1, 5..60)]
}

#[test]
fn lines_are_found_where_their_keys_put_them() {
    for repeats in [false, true] {
        let mut job = Job::new(repeats, &[(0, 0..50), (1, 0..20), (0, 50..60), (1, 20..60)]);
        let tally = job.replay();
        assert_eq!(tally.verdict(), Ok(()));
        assert_eq!(tally.sinks[&flightline_engine::contract::SinkName("topic".into())]["same"], 2 * EACH);
    }
}

#[test]
fn lines_that_are_there_again_are_no_difference_where_that_may_be() {
    assert_eq!(Job::new(true, &with_crashes()).replay().verdict(), Ok(()));
    assert!(Job::new(false, &with_crashes()).replay().verdict().is_err());
}

#[test]
fn a_line_that_is_there_again_and_says_something_else_is_found_wherever_it_is() {
    for (offset, written_before) in [(0, 60), (30, 60), (59, 60), (3, 5)] {
        let mut job = Job::new(true, &[(0, 0..60), (1, 0..written_before)]);
        let line = String::from_utf8(job.lines[1][offset].to_vec()).unwrap();
        job.put(&Bytes::from(line.replace("\"Status\":\"OK\"", "\"Status\":\"ERROR\"")));
        job.lines[1][written_before..].iter().for_each(|line| job.put(line));
        let tally = job.replay();
        assert_eq!(tally.wrong + tally.strays.count, 1, "offset {offset}: {tally:?}");
        assert!(tally.verdict().is_err());
    }
}

#[test]
fn a_line_that_is_missing_is_missed() {
    let mut job = Job::new(true, &[(0, 0..60), (1, 0..33), (1, 34..60)]);
    let tally = job.replay();
    let [wrong] = tally.shown.as_slice() else { panic!("{:?}", tally.shown) };
    assert_eq!((wrong.partition, wrong.offset), (Partition(1), Offset(33)));
    assert_eq!(tally.strays.count, 0);
}
