//! The writer that promises each line at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flightline_engine::contract::{Fault, FlushReason, OpenSink, SinkBatch};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached};
use rdkafka::error::KafkaError;

use super::super::cluster::is_lasting;
use super::super::producer::Sender;
use super::super::progress::{Key, Progress};
use super::super::progress_topic::value;
use super::{Destination, PROGRESS_AFTER, Places, new_from};

/// A writer of some partitions.
#[derive(Debug)]
pub(super) struct AckedWriter {
    destination: Arc<Destination>,
    generation: Generation,
    /// Made anew after a fault that passes.
    sender: Option<Sender>,
    /// What the topic of progress says.
    durable: Places,
    /// What was acknowledged.
    acked: Places,
    /// Lines beyond that which have landed, of a batch that has not as a whole.
    landed: BTreeSet<(Partition, Offset)>,
    /// When progress was written last.
    told: Instant,
}

impl AckedWriter {
    pub(super) fn open(destination: Arc<Destination>, generation: Generation, places: Places) -> Result<Self, Fault> {
        let sender = Sender::plain(&destination.cluster)?;
        Ok(Self {
            destination,
            generation,
            sender: Some(sender),
            acked: places.clone(),
            durable: places,
            landed: BTreeSet::new(),
            told: Instant::now(),
        })
    }

    fn fault(&mut self, error: &KafkaError) -> Fault {
        // It is broken, or it may not find the brokers, or this topic, again for minutes.
        if !is_lasting(error) {
            self.sender = None;
        }
        self.destination.cluster.fault_of_known(&self.destination.what(), error)
    }

    /// Writes down what was acknowledged.
    fn tell(&mut self) -> Result<(), Fault> {
        let news: Vec<(Partition, Reached)> = self.news().collect();
        let record = |(partition, reached): &(Partition, Reached)| {
            let progress = value(&Progress::new(self.generation, *reached))?;
            Ok((Key::AtLeastOnce(*partition, self.generation), Some(progress)))
        };
        let records = news.iter().map(record).collect::<Result<Vec<_>, Fault>>()?;
        failpoint::hit("kafka-sink/before-progress");
        self.destination.append(&records)?;
        failpoint::hit("kafka-sink/after-progress");
        self.durable.extend(news);
        self.told = Instant::now();
        Ok(())
    }

    /// Partitions of which more was acknowledged than is written down.
    fn news(&self) -> impl Iterator<Item = (Partition, Reached)> {
        let is_new = |(partition, reached): &(&Partition, &Reached)| self.durable.get(partition) != Some(reached);
        self.acked.iter().filter(is_new).map(|(partition, reached)| (*partition, *reached))
    }

    fn deliver(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        let destination = Arc::clone(&self.destination);
        let (mut places, mut messages, mut reached) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (partition, answers) in &batch.answers {
            let acked = self.acked.get(partition).copied();
            let Some(from) = new_from(acked, answers, &destination.options.topic)? else { continue };
            reached.insert(*partition, answers.reached);
            for (offset, message) in destination.messages(answers, from) {
                if !self.landed.contains(&(*partition, offset)) {
                    places.push((*partition, offset));
                    messages.push(message);
                }
            }
        }
        if !messages.is_empty() {
            let sender = match self.sender.take() {
                Some(sender) => sender,
                None => Sender::plain(&destination.cluster)?,
            };
            failpoint::hit("kafka-sink/before-send");
            let delivered = sender.deliver(messages);
            self.sender = Some(sender);
            if let Err(failed) = delivered {
                let landed = failed.landed.iter().filter_map(|landed| places.get(landed.number).copied());
                self.landed.extend(landed);
                return Err(self.fault(&failed.error));
            }
            failpoint::hit("kafka-sink/after-acks");
        }
        self.acked.extend(reached);
        self.landed.clear();
        Ok(())
    }
}

impl OpenSink for AckedWriter {
    fn durable(&self) -> Places {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        self.deliver(batch)?;
        if self.told.elapsed() >= PROGRESS_AFTER && self.news().next().is_some() {
            self.tell()?;
        }
        Ok(())
    }

    fn flush(&mut self, _why: FlushReason) -> Result<(), Fault> {
        if self.news().next().is_some() { self.tell() } else { Ok(()) }
    }

    fn flush_in(&self) -> Option<Duration> {
        self.news().next().map(|_| PROGRESS_AFTER.saturating_sub(self.told.elapsed()))
    }
}
