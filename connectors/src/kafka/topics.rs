//! Looks whether topics are there and as they must be, and makes them if that is allowed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use flightline_engine::contract::Fault;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::cluster::{KafkaCluster, options_error};
use super::options::NewTopics;
use super::watch::Watch;

/// How often a topic that was just made is looked for.
const PAUSE: Duration = Duration::from_millis(20);

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Requests, answers, dead letters: kept as long as the brokers keep things.
    Records,
    /// How far somebody has come: one partition, in which the last record of each key is kept for ever.
    Progress,
}

impl KafkaCluster {
    /// How many partitions a topic has. One that isn't there counts as having the partitions that it would be made with;
    /// `None` then.
    ///
    /// # Errors
    /// It isn't there and may not be made, or nobody answers.
    pub(super) fn look_for(&self, topic: &str) -> Result<Option<u32>, Fault> {
        let found = self.partitions_of(topic)?;
        if found.is_none() && self.options().create_topics.is_none() {
            return Err(self.missing(topic));
        }
        Ok(found)
    }

    /// How many partitions a topic has. It is made if it isn't there.
    pub(super) fn bring_about(&self, topic: &str, wanted: Use) -> Result<u32, Fault> {
        if let Some(partitions) = self.partitions_of(topic)? {
            return Ok(partitions);
        }
        let new = self.options().create_topics.ok_or_else(|| self.missing(topic))?;
        self.create(topic, wanted, new)?;
        // The one that said yes isn't always the one that is asked next.
        let until = Instant::now() + self.options().timeout;
        loop {
            match self.partitions_of(topic) {
                Ok(Some(partitions)) => return Ok(partitions),
                Ok(None) if until <= Instant::now() => {
                    return Err(Fault::transient(format!("topic `{topic}` was made, and no broker knows it yet")));
                }
                Ok(None) => thread::sleep(PAUSE),
                Err(fault) => return Err(fault),
            }
        }
    }

    pub(super) fn missing(&self, topic: &str) -> Fault {
        Fault::permanent(format!(
            "Kafka at {} has no topic `{topic}`: make it, or let it be made (create topics)",
            self.options().brokers
        ))
    }

    fn admin(&self) -> Result<AdminClient<Watch>, Fault> {
        let watch = Watch::new(self.troubles());
        self.base_config()
            .create_with_context(watch)
            .map_err(|error| Fault::permanent(options_error(error).to_string()))
    }

    fn create(&self, topic: &str, wanted: Use, new: NewTopics) -> Result<(), Fault> {
        let what = format!("making topic `{topic}`");
        let settings = settings(wanted, new.replication);
        let partitions = match wanted {
            Use::Records => new.partitions,
            Use::Progress => 1,
        };
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        let mut order = NewTopic::new(topic, partitions, TopicReplication::Fixed(i32::from(new.replication)));
        for (name, value) in &settings {
            order = order.set(name, value);
        }
        let timeout = Some(self.options().timeout);
        let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
        let admin = self.admin()?;
        let made = block_on(admin.create_topics([&order], &options)).map_err(|error| self.fault(&what, &error))?;
        match made.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(self.fault(&what, &KafkaError::Global(code))),
            _ => {
                tracing::info!(topic, partitions, "the topic was made");
                Ok(())
            }
        }
    }

    /// Checks that a topic of progress keeps what is written to it.
    ///
    /// # Errors
    /// It has several partitions, or forgets with time.
    pub(super) fn check_progress_topic(&self, topic: &str, partitions: u32) -> Result<(), Fault> {
        if partitions != 1 {
            return Err(Fault::permanent(format!(
                "topic `{topic}` has {partitions} partitions, and progress needs one, in which all has its order: delete it \
                 if it is new, and make it with one partition and cleanup.policy=compact"
            )));
        }
        let options = AdminOptions::new().request_timeout(Some(self.options().timeout));
        let admin = self.admin()?;
        let described = block_on(admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options));
        let policy = described.ok().and_then(|mut all| all.pop()?.ok()).and_then(|topic| {
            let entry = topic.entries.into_iter().find(|entry| entry.name == "cleanup.policy")?;
            entry.value
        });
        match policy {
            Some(policy) if policy.trim() != "compact" => Err(Fault::permanent(format!(
                "topic `{topic}` has cleanup.policy={policy}, and would forget how far the job has come: set \
                 cleanup.policy=compact for it"
            ))),
            Some(_) => Ok(()),
            None => {
                tracing::warn!(
                    topic,
                    "it can't be seen whether this topic keeps what is written to it: it must be compacted"
                );
                Ok(())
            }
        }
    }
}

/// The settings of a new topic.
fn settings(wanted: Use, replication: u16) -> Vec<(&'static str, &'static str)> {
    let mut settings = match wanted {
        Use::Records => vec![("cleanup.policy", "delete")],
        // All of it is read at each start, and nearly all of it is old: it is compacted early and often.
        Use::Progress => vec![
            ("cleanup.policy", "compact"),
            ("segment.bytes", "8388608"),
            ("segment.ms", "600000"),
            ("min.cleanable.dirty.ratio", "0.1"),
            ("max.compaction.lag.ms", "600000"),
            ("delete.retention.ms", "60000"),
        ],
    };
    if replication >= 3 {
        settings.push(("min.insync.replicas", "2"));
    }
    settings
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_in_three_places_is_written_to_two() {
        assert_eq!(settings(Use::Records, 1), [("cleanup.policy", "delete")]);
        assert!(settings(Use::Records, 3).contains(&("min.insync.replicas", "2")));
        assert!(settings(Use::Progress, 2).contains(&("cleanup.policy", "compact")));
        assert!(!settings(Use::Progress, 2).iter().any(|(name, _)| *name == "min.insync.replicas"));
    }

    #[test]
    fn a_future_that_is_woken_elsewhere_is_waited_for() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let teller = thread::spawn(move || tell.send(7));
        assert_eq!(block_on(told), Ok(7));
        assert_eq!(teller.join().unwrap(), Ok(()));
    }
}
