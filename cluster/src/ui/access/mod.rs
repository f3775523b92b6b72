//! Who may see the pages and act on them: whoever knows the cluster's token.
//!
//! Programs send it with each request (`Authorization: Bearer`). People log in with it once and get a session: a random id in
//! a cookie, of which only a hash is kept. A form carries a second secret, which follows from the session's id alone, so that
//! another site can neither make nor guess one that is taken. A wrong token is answered late, and a client that has too
//! many such answers on their way is refused unheard: guessing is slow, and nobody else waits.
//!
//! Nothing here knows HTTP but `cookie`; `routes/guard.rs` asks it.

mod cookie;
mod delay;
mod sessions;
mod token;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::clock::Clock;

pub(super) use cookie::Jar;
pub(super) use sessions::SessionId;

use delay::Delays;
use sessions::Sessions;
use token::Known;

use crate::entropy::{Entropy, random};
use crate::secret::Token;

/// Who may see the pages and act on them. Clones are the same.
#[derive(Clone)]
pub struct Access(Arc<Inner>);

struct Inner {
    token: Known,
    sessions: Sessions,
    delays: Delays,
    entropy: Arc<dyn Entropy>,
    jar: Jar,
}

/// How somebody has shown that they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// With the token itself.
    Bearer,
    /// With the cookie of a session.
    Session(SessionId),
}

/// Why a token was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is wrong.
    Wrong,
    /// Too many wrong ones came from there, and are still to be answered.
    TooMany,
    /// There are no random numbers to make a session of, and why.
    NoEntropy(String),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(..)")
    }
}

impl Access {
    /// Access with this token. `name` is what its cookies are called by: one host's ports share their cookies, so it must
    /// tell this server from others there, as its role and port do. `tls`: the cookie goes over encrypted connections alone.
    #[must_use]
    pub fn new(token: &Token, name: &str, tls: bool, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self::with_delay(token, name, tls, clock, entropy, Duration::from_secs(1))
    }

    pub(super) fn with_delay(
        token: &Token,
        name: &str,
        tls: bool,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        delay: Duration,
    ) -> Self {
        let (sessions, delays) = (Sessions::new(clock), Delays::new(delay));
        let (token, jar) = (Known::new(token), Jar::new(name, tls));
        Self(Arc::new(Inner { token, sessions, delays, entropy, jar }))
    }

    /// Whether this is the token. Takes its time if not.
    ///
    /// # Errors
    /// It is wrong, or too many wrong ones came from there.
    pub(super) async fn check(&self, token: &str, from: Option<IpAddr>) -> Result<(), Refused> {
        // Before it is looked at: a refusal must not tell whether it would have been right.
        let turn = self.0.delays.turn(from).ok_or(Refused::TooMany)?;
        if self.0.token.is(token) {
            return Ok(());
        }
        turn.serve().await;
        Err(Refused::Wrong)
    }

    /// Begins a session for whoever knows the token.
    ///
    /// # Errors
    /// It is wrong, too many wrong ones came from there, or there are no random numbers.
    pub(super) async fn log_in(&self, token: &str, from: Option<IpAddr>) -> Result<SessionId, Refused> {
        self.check(token, from).await?;
        let id = SessionId::new(random(&*self.0.entropy).map_err(Refused::NoEntropy)?);
        self.0.sessions.begin(&id);
        Ok(id)
    }

    /// Whether a session is still going on; whoever asks keeps it going.
    pub(super) fn is_in(&self, id: &SessionId) -> bool {
        self.0.sessions.touch(id)
    }

    /// Whether a caller's right still holds; asking does not keep a session going.
    pub(super) fn still_holds(&self, caller: &Caller) -> bool {
        match caller {
            Caller::Bearer => true,
            Caller::Session(id) => self.0.sessions.holds(id),
        }
    }

    /// Ends a session.
    pub(super) fn log_out(&self, id: &SessionId) {
        self.0.sessions.end(id);
    }

    pub(super) fn jar(&self) -> &Jar {
        &self.0.jar
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use flightline_engine::clock::ManualClock;

    use super::*;

    /// Other bytes each time; or none at all.
    struct Counting(Option<AtomicU8>);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
            bytes.fill(self.0.as_ref().ok_or("none")?.fetch_add(1, Ordering::SeqCst));
            Ok(())
        }
    }

    fn access(clock: &ManualClock) -> Access {
        let (token, entropy) = (Token::new("correct horse battery"), Counting(Some(AtomicU8::new(0))));
        Access::with_delay(&token, "x", false, Arc::new(clock.clone()), Arc::new(entropy), Duration::from_millis(1))
    }

    #[tokio::test]
    async fn who_knows_the_token_gets_a_session_of_their_own() {
        let access = access(&ManualClock::new());
        let first = access.log_in("correct horse battery", None).await.unwrap();
        let second = access.log_in("correct horse battery", None).await.unwrap();
        assert_ne!(first, second);
        access.log_out(&first);
        assert!(!access.is_in(&first) && access.is_in(&second));
        for wrong in ["", "correct horse batter", "correct horse battery "] {
            assert_eq!(access.log_in(wrong, None).await, Err(Refused::Wrong), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_session_ends_after_a_night_without_use_and_a_page_left_open_is_no_use() {
        let clock = ManualClock::new();
        let access = access(&clock);
        let id = access.log_in("correct horse battery", None).await.unwrap();
        clock.advance(Duration::from_secs(11 * 3600));
        assert!(access.is_in(&id));
        clock.advance(Duration::from_secs(11 * 3600));
        let caller = Caller::Session(id.clone());
        assert!(access.still_holds(&caller));
        clock.advance(Duration::from_secs(3600));
        assert!(!access.still_holds(&caller) && !access.is_in(&id));
        assert!(access.still_holds(&Caller::Bearer));
    }

    #[tokio::test]
    async fn without_random_numbers_there_is_no_session() {
        let token = Token::new("correct horse battery");
        let access = Access::new(&token, "x", false, Arc::new(ManualClock::new()), Arc::new(Counting(None)));
        let refused = access.log_in("correct horse battery", None).await;
        assert_eq!(refused, Err(Refused::NoEntropy("none".to_owned())));
    }
}
