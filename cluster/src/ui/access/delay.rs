//! Slows down whoever guesses: each wrong token is answered late, and only so many may be on their way.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many wrong tokens of one client may wait for their answer, and of all together.
const EACH: usize = 4;
const ALL: usize = 256;

/// Answers that wait, by client.
#[derive(Debug)]
pub(super) struct Delays {
    delay: Duration,
    waiting: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A client's turn to have a token looked at.
#[derive(Debug)]
pub(super) struct Turn {
    delay: Duration,
    client: IpAddr,
    waiting: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Gives its place back when the answer is sent, or its client has gone.
#[derive(Debug)]
struct Waits<'a>(&'a Turn);

impl Delays {
    pub(super) fn new(delay: Duration) -> Self {
        Self { delay, waiting: Arc::default() }
    }

    /// A turn for a client, unless too many of its wrong tokens wait already. One that is not known is like any other.
    pub(super) fn turn(&self, client: Option<IpAddr>) -> Option<Turn> {
        let client = client.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network);
        let waiting = lock(&self.waiting);
        let room = waiting.get(&client).is_none_or(|own| *own < EACH) && waiting.values().sum::<usize>() < ALL;
        room.then(|| Turn { delay: self.delay, client, waiting: Arc::clone(&self.waiting) })
    }
}

impl Turn {
    /// Waits as long as a wrong token must. Others that came at the same time were let in, too; the next ones aren't.
    pub(super) async fn serve(self) {
        *lock(&self.waiting).entry(self.client).or_default() += 1;
        let _place = Waits(&self);
        tokio::time::sleep(self.delay).await;
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        if let Some(own) = waiting.get_mut(&self.0.client) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.0.client);
            }
        }
    }
}

fn lock(waiting: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client's address, or with IPv6 its network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join_all, poll_immediate};
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn who_guesses_waits_and_nobody_else_does() {
        let delays = Delays::new(Duration::from_secs(3600));
        let (guesser, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let mut waiting: Vec<_> = (0..EACH).map(|_| Box::pin(delays.turn(guesser).unwrap().serve())).collect();
        for wait in &mut waiting {
            assert!(poll_immediate(wait).await.is_none());
        }
        assert!(delays.turn(guesser).is_none() && delays.turn(other).is_some());
        drop(waiting);
        assert!(delays.turn(guesser).is_some(), "a client that has gone leaves nothing");
        assert!(lock(&delays.waiting).is_empty());
    }

    #[tokio::test]
    async fn waits_end_by_themselves() {
        let delays = Delays::new(Duration::from_millis(1));
        join_all((0..EACH).map(|_| delays.turn(None).unwrap().serve())).await;
        assert!(delays.turn(None).is_some() && lock(&delays.waiting).is_empty());
    }

    #[tokio::test]
    async fn all_together_are_bounded() {
        let delays = Delays::new(Duration::from_secs(3600));
        let mut waiting = Vec::new();
        for client in 0..(ALL / EACH) as u8 {
            for _ in 0..EACH {
                let mut wait = Box::pin(delays.turn(Some([10, 0, 0, client].into())).unwrap().serve());
                assert!(poll_immediate(&mut wait).await.is_none());
                waiting.push(wait);
            }
        }
        assert!(delays.turn("192.0.2.9".parse().ok()).is_none());
        let done = pin!(async { drop(waiting) });
        done.await;
        assert!(delays.turn("192.0.2.9".parse().ok()).is_some());
    }
}
