//! A topic as others use it: a page that asks, a command that looks, somebody who waits for answers.
//!
//! Who reads has nobody who would try again for him, so what he asks of a partition is asked again here; who appends, counts
//! partitions or follows is told at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::backoff::Backoff;
use flightline_engine::contract::{Fault, Source};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};

use super::cluster::{KafkaCluster, is_lasting, native, offset};
use super::follower::KafkaFollower;
use super::producer::{Outgoing, Sender};
use super::source::KafkaSource;
use super::watch::Landed;
use crate::client::{ClientError, Follower, Position, TopicClient};

/// A topic of a cluster. Any number of threads may share it; what they append at the same time travels together.
#[derive(Debug)]
pub struct KafkaTopic {
    source: KafkaSource,
    sender: Mutex<Option<Arc<Sender>>>,
}

impl KafkaTopic {
    /// The topic. Nobody is asked yet.
    #[must_use]
    pub fn new(cluster: KafkaCluster, topic: impl Into<String>) -> Self {
        Self { source: KafkaSource::new(cluster, topic), sender: Mutex::new(None) }
    }

    fn sender(&self) -> Result<Arc<Sender>, Fault> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            return Ok(Arc::clone(sender));
        }
        Ok(Arc::clone(sender.insert(Arc::new(Sender::plain(self.source.cluster())?))))
    }

    /// Lets another producer send what comes next: this one is broken, or may not find the brokers again for minutes.
    fn replace(&self, tired: &Arc<Sender>) {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_some_and(|sender| Arc::ptr_eq(sender, tired)) {
            *sender = None;
        }
    }

    /// Who writes makes a topic that is missing, if that is allowed, or hears of it before a message waits for it.
    fn bring_about(&self) -> Result<(), ClientError> {
        if !self.source.is_known() {
            self.source.partitions().map_err(server)?;
        }
        Ok(())
    }

    /// Asks again, at least once, if brokers can't be reached: a connection that breaks is no end of a command that reads for an
    /// hour.
    fn patiently<T>(&self, mut ask: impl FnMut() -> Result<T, Fault>) -> Result<T, ClientError> {
        let (begun, patience) = (Instant::now(), self.source.cluster().options().timeout);
        let mut backoff = Backoff::of(self.source.topic());
        loop {
            match ask() {
                // One that has no answer takes all of its time.
                Err(Fault::Transient(fault)) if backoff.tries() == 0 || begun.elapsed() < patience => {
                    tracing::debug!("{fault}; asking again");
                    thread::sleep(backoff.next_wait());
                }
                outcome => return outcome.map_err(server),
            }
        }
    }

    fn send<'a>(&self, messages: impl IntoIterator<Item = Outgoing<'a>>) -> Result<Vec<Landed>, ClientError> {
        let sender = self.sender().map_err(server)?;
        sender.deliver(messages).map_err(|failed| {
            let is_lasting = is_lasting(&failed.error);
            if !is_lasting {
                self.replace(&sender);
            }
            let what = format!("appending to topic `{}`", self.source.topic());
            let fault = self.source.cluster().fault_of_known(&what, &failed.error);
            let uncertain = !is_lasting || !failed.landed.is_empty();
            match server(fault) {
                ClientError::Server { sentence, transient, .. } => {
                    ClientError::Server { sentence, transient, uncertain }
                }
                other => other,
            }
        })
    }
}

impl TopicClient for KafkaTopic {
    fn name(&self) -> &str {
        self.source.topic()
    }

    fn partitions(&self) -> Result<u32, ClientError> {
        self.source.count().map_err(server)
    }

    /// As said there, but that some may stand and others not when it fails; and those of others may stand in between, so that
    /// the range is longer.
    fn append_to(&self, partition: Partition, records: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
        self.bring_about()?;
        if records.is_empty() {
            let end = self.source.bounds(partition).map_err(server)?.to;
            return Ok(OffsetRange::new(end, end));
        }
        let landed = self.send(records.iter().map(|record| Outgoing {
            topic: self.source.topic(),
            partition: Some(native(partition)),
            key: None,
            payload: Some(record),
            headers: None,
        }))?;
        let offsets = || landed.iter().map(|landed| offset(landed.offset));
        let (first, last) = (offsets().min().unwrap_or_default(), offsets().max().unwrap_or_default());
        Ok(OffsetRange::new(first, last.next()))
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, ClientError> {
        self.patiently(|| self.source.open(partition, from)?.read(limit, patience))
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError> {
        self.patiently(|| self.source.bounds(partition))
    }

    /// Only what is committed comes, with one consumer for all partitions. A topic that is missing is made, if that is allowed.
    fn follow(self: Arc<Self>) -> Result<Box<dyn Follower>, ClientError> {
        Ok(Box::new(KafkaFollower::new(self.source.clone()).map_err(server)?))
    }

    fn settle(&self) -> Result<(), ClientError> {
        self.source.settle().map_err(server)
    }

    /// In the partition where Kafka's own clients put the key, too.
    fn append(&self, key: &[u8], payload: Bytes) -> Result<Position, ClientError> {
        self.bring_about()?;
        let message = Outgoing {
            topic: self.source.topic(),
            partition: None,
            key: Some(key),
            payload: Some(&payload),
            headers: None,
        };
        let landed = self.send([message])?.pop();
        let landed =
            landed.ok_or_else(|| server(Fault::transient("Kafka acknowledged a message and not where it is")))?;
        let partition = Partition(u32::try_from(landed.partition).unwrap_or(0));
        Ok(Position { partition, offset: offset(landed.offset) })
    }
}

/// A fault as clients tell it.
pub(super) fn server(fault: Fault) -> ClientError {
    let transient = matches!(fault, Fault::Transient(_));
    ClientError::Server { sentence: fault.to_string(), transient, uncertain: false }
}
