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

    fn until(&self, wanted: impl Fn(Result<(), NotFollowing>) -> bool) {
        let start = std::time::Instant::now();
        while !wanted(self.feed.health()) {
            assert!(start.elapsed() < PATIENCE, "it still stands at {:?}", self.feed.health());
            thread::yield_now();
        }
    }
}

#[test]
fn every_partition_is_followed_from_its_end_on() {
    let followed = follow(3, |backend| backend.respond(1, &line(100)));
    followed.until(|health| health.is_ok());
    for number in 0..3 {
        followed.backend.respond(number as usize, "no answer");
        followed.backend.respond(number as usize, &line(number));
        assert_eq!(followed.answer(number).json(), line(number));
    }
    let _before = followed.answers.expect(id(100));
    assert_eq!(followed.answers.waiting(), 1, "what was answered before is the collection's to tell");
    followed.feed.close();
}

#[test]
fn a_failure_is_told_and_got_over() {
    let followed = follow(2, |backend| backend.set_down(true));
    let is_down = |health| matches!(health, Err(NotFollowing::Failing(BackendError::Unavailable(_))));
    followed.until(is_down);
    followed.backend.set_down(false);
    followed.until(|health| health.is_ok());
    followed.backend.set_down(true);
    followed.until(is_down);
    followed.backend.respond(1, &line(1));
    followed.backend.set_down(false);
    assert_eq!(followed.answer(1).id(), id(1), "what came meanwhile is read afterwards");
    followed.until(|health| health.is_ok());
}

#[test]
fn a_topic_that_was_made_anew_is_followed_from_its_new_end() {
    let followed = follow(1, |backend| (0..5).for_each(|number| backend.respond(0, &line(number))));
    followed.until(|health| health.is_ok());
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
fn closing_ends_the_threads_also_while_they_wait() {
    for is_down in [false, true] {
        let followed = follow(4, |backend| backend.set_down(is_down));
        followed.feed.close();
        followed.feed.close();
        assert_eq!(Arc::strong_count(&followed.feed.shared), 1, "a thread still holds what the followers share");
    }
}

#[test]
fn a_topic_without_partitions_is_a_failure_that_says_so() {
    let followed = follow(0, |_| ());
    followed.until(|health| health.is_err_and(|reason| reason.to_string().contains("has no partition")));
}
