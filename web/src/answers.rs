//! The answers of the response topic, for those who wait for them: the latest are kept within bounds, the rest passes by.
//!
//! Invariant: between looking and listening there is no gap. [`Answers::expect`] looks whether an answer is held and, if not,
//! starts to listen, in one step under one lock; [`Answers::publish`] keeps and delivers under the same.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use uuid::Uuid;

mod answer;
mod recent;

pub use answer::{Answer, NoAnswer, json_text};
pub use recent::{Recent, RecentLimits};

/// The latest answers, and who waits for others.
#[derive(Debug)]
pub struct Answers(Mutex<Desk>);

#[derive(Debug)]
struct Desk {
    recent: Recent,
    waiting: HashMap<Uuid, Vec<Listener>>,
    next_ticket: Ticket,
}

/// Tells apart those who wait for one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket(u64);

#[derive(Debug)]
struct Listener {
    ticket: Ticket,
    tell: oneshot::Sender<Answer>,
}

impl Answers {
    /// None so far.
    #[must_use]
    pub fn new(limits: RecentLimits) -> Self {
        Self(Mutex::new(Desk { recent: Recent::new(limits), waiting: HashMap::new(), next_ticket: Ticket(0) }))
    }

    /// Hands an answer to all who wait for it, and keeps it for those who come later.
    pub fn publish(&self, answer: Answer) {
        let mut desk = self.lock();
        for listener in desk.waiting.remove(&answer.id()).unwrap_or_default() {
            // Who has gone meanwhile needs no answer.
            let _ = listener.tell.send(answer.clone());
        }
        desk.recent.insert(answer);
    }

    /// The answer to `id`, at once if it is held, else when it comes.
    #[must_use]
    pub fn expect(self: &Arc<Self>, id: Uuid) -> Expected {
        let mut desk = self.lock();
        let (tell, told) = oneshot::channel();
        let ticket = desk.next_ticket;
        match desk.recent.get(&id) {
            Some(answer) => {
                let _ = tell.send(answer.clone());
            }
            None => {
                desk.next_ticket = Ticket(ticket.0 + 1);
                desk.waiting.entry(id).or_default().push(Listener { ticket, tell });
            }
        }
        Expected { answers: Arc::clone(self), id, ticket, told }
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting.values().map(Vec::len).sum()
    }

    /// A panic elsewhere can't leave the desk half-changed: each change is one call of a map.
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is there, or will come. Whoever drops it waits no longer.
#[derive(Debug)]
pub struct Expected {
    answers: Arc<Answers>,
    id: Uuid,
    ticket: Ticket,
    told: oneshot::Receiver<Answer>,
}

impl Future for Expected {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match Pin::new(&mut self.told).poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(answer),
            // The sender lives in `answers`, which we hold, until it is used.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut desk = self.answers.lock();
        if let Some(listeners) = desk.waiting.get_mut(&self.id) {
            listeners.retain(|listener| listener.ticket != self.ticket);
            if listeners.is_empty() {
                desk.waiting.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    const LIMITS: RecentLimits = RecentLimits { answers: 3, bytes: 1 << 20 };

    fn answer(id: u128, status: &str) -> Answer {
        let line = format!("{{\"UUID\":\"{}\",\"Status\":\"{status}\"}}", Uuid::from_u128(id));
        Answer::parse(line.as_bytes()).unwrap()
    }

    fn now(expected: Pin<&mut Expected>) -> Option<Answer> {
        match expected.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_answer_reaches_those_before_and_those_after_it() {
        let answers = Arc::new(Answers::new(LIMITS));
        let mut first = pin!(answers.expect(Uuid::from_u128(7)));
        let mut second = pin!(answers.expect(Uuid::from_u128(7)));
        let mut other = pin!(answers.expect(Uuid::from_u128(8)));
        assert_eq!(now(first.as_mut()), None);
        answers.publish(answer(7, "OK"));
        for waiting in [first.as_mut(), second.as_mut(), pin!(answers.expect(Uuid::from_u128(7)))] {
            assert_eq!(now(waiting), Some(answer(7, "OK")));
        }
        assert_eq!(now(other.as_mut()), None);
        assert_eq!(answers.waiting(), 1);
    }

    #[test]
    fn who_goes_away_leaves_nothing_behind() {
        let answers = Arc::new(Answers::new(LIMITS));
        let stays = answers.expect(Uuid::from_u128(7));
        for _ in 0..1000 {
            drop(answers.expect(Uuid::from_u128(7)));
            drop(answers.expect(Uuid::from_u128(8)));
        }
        assert_eq!(answers.waiting(), 1);
        assert_eq!(answers.lock().waiting.len(), 1);
        answers.publish(answer(7, "OK"));
        assert_eq!(now(pin!(stays)), Some(answer(7, "OK")));
    }

    #[test]
    fn an_answer_that_comes_while_many_begin_to_wait_is_missed_by_none() {
        let answers = Arc::new(Answers::new(LIMITS));
        let id = Uuid::from_u128(7);
        std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..2000).map(|_| answers.expect(id)).collect::<Vec<_>>())).collect();
            answers.publish(answer(7, "OK"));
            for expected in all.into_iter().flat_map(|thread| thread.join().unwrap()) {
                assert_eq!(now(pin!(expected)), Some(answer(7, "OK")));
            }
        });
    }
}
