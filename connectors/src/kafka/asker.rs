//! A client that only asks. One that reaches nobody is replaced, if it has had the time to: after brokers were away a client
//! may go on for minutes without finding them, while a new one finds them at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, KafkaResult};

use super::class::Signs;
use super::cluster::{Reading, client, is_about_reach, is_lasting};
use super::options::KafkaOptionsError;
use super::watch::{Troubles, Watch};

/// The longest that one question waits before it is asked anew, so that a refusal is noticed early.
const SLICE: Duration = Duration::from_secs(2);
/// How many troubles are listened to after a question that failed, and how long for each.
const HEARD: usize = 16;
const HEARING: Duration = Duration::from_millis(10);
/// How long to wait after a question that failed at once.
const PAUSE: Duration = Duration::from_millis(50);

/// Whoever asks. Any number of threads may share it.
pub(super) struct Asker {
    config: ClientConfig,
    /// How long a client has for finding a broker.
    patience: Duration,
    troubles: Arc<Troubles>,
    /// Who asks now, and since when.
    client: Mutex<(Arc<Reading>, Instant)>,
}

impl Asker {
    pub(super) fn new(
        config: ClientConfig,
        patience: Duration,
        troubles: &Arc<Troubles>,
    ) -> Result<Self, KafkaOptionsError> {
        let client = Mutex::new((Arc::new(client(&config, troubles)?), Instant::now()));
        Ok(Self { config, patience, troubles: Arc::clone(troubles), client })
    }

    /// Asks until there is an answer, a refusal, or no time left.
    pub(super) fn ask<T>(
        &self,
        limit: Duration,
        mut question: impl FnMut(&BaseConsumer<Watch>, Duration) -> KafkaResult<T>,
    ) -> KafkaResult<T> {
        let (client, since) = self.current();
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let error = match question(&client, left.min(SLICE)) {
                Ok(answer) => {
                    self.troubles.over();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            // What its connections came to is told only to who asks.
            for _ in 0..HEARD {
                if client.poll(HEARING).is_none() {
                    break;
                }
            }
            if self.is_final(&error) {
                return Err(error);
            }
            if until <= Instant::now() + PAUSE {
                if is_about_reach(Signs::of(&error).code) && since.elapsed() >= self.patience {
                    self.replace(&client);
                }
                return Err(error);
            }
            thread::sleep(PAUSE);
        }
    }

    fn is_final(&self, error: &KafkaError) -> bool {
        is_lasting(error) || self.troubles.refused().is_some()
    }

    fn current(&self) -> (Arc<Reading>, Instant) {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the next question go to another client than this one.
    fn replace(&self, tired: &Arc<Reading>) {
        // Made before anybody has to wait for it.
        let Ok(fresh) = client(&self.config, &self.troubles) else { return };
        let mut current = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current.0, tired) {
            *current = (Arc::new(fresh), Instant::now());
        }
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode as Code;

    use super::*;

    fn away() -> KafkaResult<()> {
        Err(KafkaError::MetadataFetch(Code::AllBrokersDown))
    }

    /// In a job whose broker had slept, one client asked in vain for minutes after all others had found it again.
    #[test]
    fn who_reaches_nobody_is_replaced_and_who_is_answered_is_not() {
        let asker = Asker::new(ClientConfig::new(), Duration::ZERO, &Arc::default()).unwrap();
        let (first, _) = asker.current();
        asker.ask(Duration::ZERO, |_, _| Ok(())).unwrap();
        for answer in [Code::TopicAuthorizationFailed, Code::LeaderNotAvailable] {
            let answered = || Err::<(), _>(KafkaError::MetadataFetch(answer));
            asker.ask(Duration::ZERO, |_, _| answered()).unwrap_err();
        }
        assert!(Arc::ptr_eq(&first, &asker.current().0));
        asker.ask(Duration::ZERO, |_, _| away()).unwrap_err();
        let (second, _) = asker.current();
        assert!(!Arc::ptr_eq(&first, &second));
        asker.replace(&first);
        assert!(Arc::ptr_eq(&second, &asker.current().0), "somebody else has done so before");
    }

    #[test]
    fn a_new_one_has_time_to_find_a_broker() {
        let asker = Asker::new(ClientConfig::new(), Duration::from_secs(3600), &Arc::default()).unwrap();
        let (first, _) = asker.current();
        asker.ask(Duration::ZERO, |_, _| away()).unwrap_err();
        assert!(Arc::ptr_eq(&first, &asker.current().0));
    }
}
