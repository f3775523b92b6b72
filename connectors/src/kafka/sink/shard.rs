//! One partition's lines and progress, in transactions of its own producer.

use std::time::{Duration, Instant};

use flightline_engine::contract::{Answers, Fault};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached};
use rdkafka::error::KafkaError;

use super::super::class::{Class, Signs, classify};
use super::super::producer::{Outgoing, Sender};
use super::super::progress::{Key, Progress};
use super::super::progress_topic::value;
use super::{Destination, PROGRESS_AFTER};

/// A shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) partition: Partition,
    /// `None` after any error: it is made anew, and progress read again, before anything else is sent.
    pub(super) sender: Option<Sender>,
    /// What is committed.
    pub(super) durable: Reached,
    /// Beyond that there were only requests without a line, up to here; and since when that waits.
    passed: Option<(Reached, Instant)>,
}

/// Why a transaction did not come to be, as far as that is known.
#[derive(Debug)]
pub(super) struct Undone {
    pub(super) fault: Fault,
    /// Another producer has taken the transactional id.
    pub(super) fenced: bool,
}

impl From<Fault> for Undone {
    fn from(fault: Fault) -> Self {
        Self { fault, fenced: false }
    }
}

impl Shard {
    pub(super) const fn new(partition: Partition, durable: Reached) -> Self {
        Self { partition, sender: None, durable, passed: None }
    }

    /// Everything below is committed, or has no line.
    pub(super) fn done(&self) -> Reached {
        self.passed.map_or(self.durable, |(passed, _)| passed)
    }

    /// In what time what was passed is to be committed.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.passed.map(|(_, since)| PROGRESS_AFTER.saturating_sub(since.elapsed()))
    }

    /// Goes on with a new producer where the topic of progress says.
    ///
    /// # Errors
    /// What was committed is gone.
    pub(super) fn revived(&mut self, sender: Sender, found: Reached, topic: &str) -> Result<(), Fault> {
        if found.next < self.durable.next {
            return Err(Fault::permanent(format!(
                "partition {} of topic `{topic}` was committed up to {}, and now only {} is known: the brokers have lost \
                 what they had acknowledged; stop the job and look whether answers are missing",
                self.partition, self.durable.next, found.next
            )));
        }
        self.durable = found;
        self.passed = self.passed.filter(|(passed, _)| passed.next > found.next);
        self.sender = Some(sender);
        Ok(())
    }

    /// Takes what is new of a stretch, from `from` on.
    pub(super) fn take(
        &mut self,
        destination: &Destination,
        generation: Generation,
        answers: &Answers,
        from: Offset,
    ) -> Result<(), Undone> {
        if answers.items.iter().all(|item| item.offset < from) {
            let since = self.passed.map_or_else(Instant::now, |(_, since)| since);
            self.passed = Some((answers.reached, since));
            if self.due_in().is_some_and(|time| !time.is_zero()) {
                return Ok(());
            }
        }
        self.commit(
            destination,
            generation,
            destination.messages(answers, from).map(|(_, message)| message),
            answers.reached,
        )
    }

    /// Commits what was passed.
    pub(super) fn catch_up(&mut self, destination: &Destination, generation: Generation) -> Result<(), Undone> {
        match self.passed {
            Some((passed, _)) => self.commit(destination, generation, [], passed),
            None => Ok(()),
        }
    }

    fn commit<'a>(
        &mut self,
        destination: &'a Destination,
        generation: Generation,
        messages: impl IntoIterator<Item = Outgoing<'a>>,
        reached: Reached,
    ) -> Result<(), Undone> {
        let Some(sender) = self.sender.take() else {
            return Err(Fault::transient("a shard has no producer").into());
        };
        let key = Key::ExactlyOnce(self.partition).to_string();
        let progress = value(&Progress::new(generation, reached))?;
        let progress = Outgoing {
            topic: destination.progress.name(),
            partition: Some(0),
            key: Some(key.as_bytes()),
            payload: Some(progress.as_bytes()),
            headers: None,
        };
        let mut all: Vec<Outgoing<'_>> = messages.into_iter().collect();
        all.push(progress);
        match transact(&sender, all) {
            Ok(()) => {
                self.durable = reached;
                self.passed = None;
                self.sender = Some(sender);
                Ok(())
            }
            Err(error) => {
                let class = classify(Signs::of(&error));
                if !matches!(class, Class::Fenced | Class::Rebuild) {
                    // Or who reads the answers would wait until the next one fences.
                    sender.abort();
                }
                let fault = destination.cluster.fault_of_known(&destination.what(), &error);
                Err(Undone { fault, fenced: class == Class::Fenced })
            }
        }
    }
}

/// One transaction. After an error it may have been committed all the same.
fn transact<'a>(sender: &Sender, messages: impl IntoIterator<Item = Outgoing<'a>>) -> Result<(), KafkaError> {
    failpoint::hit("kafka-sink/before-begin");
    sender.begin()?;
    failpoint::hit("kafka-sink/after-begin");
    sender.deliver(messages).map_err(|failed| failed.error)?;
    failpoint::hit("kafka-sink/before-commit");
    sender.commit()?;
    failpoint::hit("kafka-sink/after-commit");
    Ok(())
}
