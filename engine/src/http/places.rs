//! How many connections there may be, and who makes room for the next one.
//!
//! Invariants: a connection whose request is worked on, or whose answer is being written, never makes room; of the others, the
//! one does that has asked for nothing for the longest time, and only when somebody waits for its place. So connections that
//! say nothing, however many, keep nobody out; clients that had one open anyway open another when they ask again.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// Connections that have asked for nothing yet, or nothing more, in the order in which that began.
#[derive(Debug, Default)]
struct Idle {
    next: u64,
    waiting: BTreeMap<u64, Arc<Notify>>,
    room: Room,
}

/// Whether somebody waits for a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Room {
    #[default]
    Enough,
    /// Somebody does, and nobody could make room.
    Wanted,
    /// Somebody does, and another one is on its way out.
    Made,
}

/// A connection and its place.
#[derive(Debug)]
pub(super) struct Visitor {
    places: Arc<Places>,
    sent_away: Arc<Notify>,
    asks: Mutex<Asks>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Asks {
    requests: usize,
    /// Its place among the idle ones, when it was one.
    turn: u64,
}

/// A request of a visitor, until its answer has been handed over whole.
#[derive(Debug)]
pub(super) struct Asked(Arc<Visitor>);

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(most)), idle: Mutex::default() })
    }

    /// A place for one more, which somebody may have to leave first. For one who waits at a time; cancelling loses nothing.
    pub(super) async fn take(self: &Arc<Self>) -> Arc<Visitor> {
        if self.free.available_permits() == 0 {
            self.lock().want_room();
        }
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&self.free).acquire_owned().await else { return std::future::pending().await };
        let sent_away = Arc::new(Notify::new());
        let mut idle = self.lock();
        idle.room = Room::Enough;
        let turn = idle.enter(&sent_away);
        drop(idle);
        let asks = Mutex::new(Asks { requests: 0, turn });
        Arc::new(Visitor { places: Arc::clone(self), sent_away, asks, _place: place })
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn enter(&mut self, visitor: &Arc<Notify>) -> u64 {
        let turn = self.next;
        self.next += 1;
        self.waiting.insert(turn, Arc::clone(visitor));
        turn
    }

    fn want_room(&mut self) {
        if self.room != Room::Made {
            self.room = match self.waiting.pop_first() {
                Some((_, longest)) => {
                    longest.notify_one();
                    Room::Made
                }
                None => Room::Wanted,
            };
        }
    }
}

impl Visitor {
    /// It asks for something.
    pub(super) fn asks(self: &Arc<Self>) -> Asked {
        let mut asks = self.lock();
        asks.requests += 1;
        self.places.lock().waiting.remove(&asks.turn);
        drop(asks);
        Asked(Arc::clone(self))
    }

    /// Whether a request of it is worked on.
    pub(super) fn is_asking(&self) -> bool {
        self.lock().requests > 0
    }

    /// Until somebody needs its place.
    pub(super) async fn sent_away(&self) {
        self.sent_away.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut asks = self.0.lock();
        asks.requests -= 1;
        if asks.requests == 0 {
            let mut idle = self.0.places.lock();
            asks.turn = idle.enter(&self.0.sent_away);
            if idle.room == Room::Wanted {
                idle.want_room();
            }
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let turn = self.lock().turn;
        self.places.lock().waiting.remove(&turn);
    }
}

/// An answer's body, with the request that it is for.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) body: Body,
    pub(super) _request: Asked,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Whether it is sent away now.
    async fn is_sent_away(visitor: &Visitor) -> bool {
        timeout(Duration::ZERO, visitor.sent_away()).await.is_ok()
    }

    #[tokio::test]
    async fn who_was_silent_for_the_longest_time_makes_room_and_only_when_it_is_needed() {
        let places = Places::new(3);
        let (first, second) = (places.take().await, places.take().await);
        drop(first.asks());
        let third = places.take().await;
        for visitor in [&first, &second, &third] {
            assert!(!is_sent_away(visitor).await, "there was room for all");
        }
        // Asked again and again, as a server does that looks at other things meanwhile.
        for _ in 0..3 {
            assert!(timeout(Duration::ZERO, places.take()).await.is_err(), "nobody has left yet");
        }
        assert!(is_sent_away(&second).await && !is_sent_away(&first).await && !is_sent_away(&third).await);
        drop(second);
        let _fourth = places.take().await;
        assert!(!is_sent_away(&first).await);
        assert!(timeout(Duration::ZERO, places.take()).await.is_err());
        assert!(!is_sent_away(&third).await, "it came after the first one's last request");
        assert!(is_sent_away(&first).await);
    }

    #[tokio::test]
    async fn who_is_being_answered_stays_until_that_is_done() {
        let places = Places::new(2);
        let (first, second) = (places.take().await, places.take().await);
        let requests = (first.asks(), second.asks());
        assert!(timeout(Duration::ZERO, places.take()).await.is_err());
        assert!(!is_sent_away(&first).await && !is_sent_away(&second).await);
        drop(requests.1);
        assert!(is_sent_away(&second).await, "somebody has waited for that");
        drop(requests.0);
        assert!(!is_sent_away(&first).await, "one is enough");
        drop(second);
        places.take().await;
        drop(first);
        assert!(places.lock().waiting.is_empty(), "nothing stays of those who are gone");
    }
}
