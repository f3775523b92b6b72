use std::thread;

use uuid::Uuid;

use super::*;
use crate::answers::RecentLimits;
use crate::memory::Memory;

const PATIENCE: Duration = Duration::from_secs(30);

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn line(number: u128) -> String {
    format!("{{\"UUID\":\"{}\",\"Status\":\"OK\"}}", id(number))
}

struct Followed {
    backend: Arc<Memory>,
    answers: Arc<Answers>,
    feed: Feed,
    runtime: tokio::runtime::Runtime,
}

fn follow(partitions: usize, prepare: impl FnOnce(&Memory)) -> Followed {
    let backend = Arc::new(Memory::new(partitions));
    prepare(&backend);
    let answers = Arc::new(Answers::new(RecentLimits::default()));
    let feed = Feed::start(Arc::clone(&backend) as Arc<dyn Backend>, Arc::clone(&answers)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    Followed { backend, answers, feed, runtime }
}

impl Followed {
    fn answer(&self, number: u128) -> Answer {
        let expected = self.answers.expect(id(number));
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, expected).await }).expect("an answer")
    }

    fn until(&self, is_there: bool) {
        let start = std::time::Instant::now();
        while self.feed.standing.is_there() != is_there {
            assert!(start.elapsed() < PATIENCE, "it still stands so: {:?}", self.feed.standing);
            thread::yield_now();
        }
    }
}

#[test]
fn every_partition_is_followed_from_its_end_on() {
    let followed = follow(3, |backend| backend.respond(1, &line(100)));
    followed.until(true);
    for number in 0..3 {
        followed.backend.respond(number as usize, "no answer");
        followed.backend.respond(number as usize, &line(number));
        assert_eq!(followed.answer(number).json(), line(number));
    }
    let _before = followed.answers.expect(id(100));
    assert_eq!(followed.answers.waiting(), 1, "what was answered before is the collection's to tell");
    followed.feed.worker.end();
}

#[test]
fn a_failure_is_told_and_got_over() {
    let followed = follow(2, |backend| backend.set_down(true));
    followed.backend.set_down(false);
    followed.until(true);
    followed.backend.set_down(true);
    followed.until(false);
    followed.backend.respond(1, &line(1));
    followed.backend.set_down(false);
    assert_eq!(followed.answer(1).id(), id(1), "what came meanwhile is read afterwards");
    followed.until(true);
}

#[test]
fn a_topic_that_was_made_anew_is_followed_from_its_new_end() {
    let followed = follow(1, |backend| (0..5).for_each(|number| backend.respond(0, &line(number))));
    followed.until(true);
    followed.backend.make_anew(0);
    // Whether it is seen before or after the follower looks again: it is beyond the end, and found to be gone.
    followed.backend.respond(0, &line(7));
    followed.backend.respond(0, &line(8));
    let start = std::time::Instant::now();
    for number in 9.. {
        assert!(start.elapsed() < PATIENCE, "the new topic is not followed");
        followed.backend.respond(0, &line(number));
        let mut expected = std::pin::pin!(followed.answers.expect(id(number)));
        let soon = Duration::from_millis(50);
        if followed.runtime.block_on(async { tokio::time::timeout(soon, &mut expected).await }).is_ok() {
            break;
        }
    }
}

#[test]
fn closing_ends_the_thread_also_while_it_waits() {
    for is_down in [false, true] {
        let followed = follow(4, |backend| backend.set_down(is_down));
        followed.feed.worker.end();
        followed.feed.worker.end();
        assert_eq!(Arc::strong_count(&followed.backend), 1, "the thread still holds what it followed");
    }
}
