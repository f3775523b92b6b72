use flightline_engine::log::{Offset, OffsetRange, Offsets};

use super::*;
use crate::replaying::world::World;

fn offsets(lines: lines::Lines) -> Vec<u64> {
    lines.map(|line| line.unwrap().0.0).collect()
}

fn answered() -> World {
    let mut world = World::new();
    world.register_all();
    world.bind(world.binding(flightline_engine::ledger::TableVersion(1)), 20);
    world.ask_all(10);
    world.answer_all(8);
    world
}

/// What any way must show.
fn shows_all(access: &Access, config: &StreamConfig) {
    let requests = access.requests();
    assert_eq!(requests.partitions().unwrap(), 2);
    assert_eq!(requests.bounds(Partition(1)).unwrap(), OffsetRange::new(Offset(0), Offset(10)));
    for (name, sink) in &config.sinks {
        let progress = access.progress(name, sink, &[Partition(0), Partition(1)]).unwrap();
        assert_eq!(progress, Offsets::from([(Partition(0), Offset(8)), (Partition(1), Offset(8))]), "{name}");
        let lines = access.ordered_lines(&sink.target).unwrap();
        let range = OffsetRange::new(Offset(3), Offset(6));
        match (lines, &*name.0) {
            (None, name) => assert_eq!(name, "collection"),
            (Some(lines), "dead-letters") => {
                assert_eq!(offsets(lines.lines(Partition(1), range).unwrap()), [] as [u64; 0]);
            }
            (Some(lines), _) => assert_eq!(offsets(lines.lines(Partition(1), range).unwrap()), [3, 4, 5]),
        }
    }
    let collection = access.collection(config.answers_collection().unwrap()).unwrap();
    assert!(collection.get(&crate::replaying::world::uuid(7)).unwrap().is_some());
    assert_eq!(collection.get(&crate::replaying::world::uuid(8)).unwrap(), None);
}

#[test]
fn the_files_of_a_job_that_does_not_run_are_opened() {
    let mut world = answered();
    let config = world.loaded().config;
    world.stop();
    let access = Access::open(&config).unwrap();
    assert!(!access.is_running());
    assert!(access.to_string().ends_with("since no job runs"), "{access}");
    shows_all(&access, &config);
}

#[test]
fn a_job_that_runs_is_asked() {
    let mut world = answered();
    let running = world.run(&[("collection", 8), ("dead-letters", 8), ("topic", 8)]);
    let config = world.loaded().config;
    let access = Access::open(&config).unwrap();
    assert!(access.is_running());
    assert!(access.to_string().starts_with("the running job at 127.0.0.1:"), "{access}");
    shows_all(&access, &config);
    drop(running);
}

#[test]
fn who_holds_the_files_and_says_nothing_is_told() {
    let world = answered();
    let failure = Access::open(&world.loaded().config).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Storage);
    for told in ["0.redb` is in use", "another process", "no job with this request log answers", "http.listen"] {
        assert!(failure.message.contains(told), "{told}: {failure}");
    }
}

#[test]
fn nothing_is_made_where_nothing_is() {
    let mut world = answered();
    let config = world.loaded().config;
    world.stop();
    let missing = CollectionUrl::Embedded(CollectionName("other".into()));
    let access = Access::open(&config).unwrap();
    let failure = access.collection(&missing).unwrap_err();
    assert!(failure.message.contains("there is no collection `other`"), "{failure}");
    let failure = access.topic(&TopicUrl::Embedded(TopicName("other".into()))).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput);
    drop(access);

    let folder = world.path("nowhere");
    let nowhere = StreamConfig {
        embedded: crate::config::EmbeddedConfig { folder: folder.clone(), partitions: 2, ..config.embedded },
        ..config
    };
    let failure = Access::open(&nowhere).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput);
    assert!(failure.message.contains("start `predict` first"), "{failure}");
    assert!(!folder.exists());
}
