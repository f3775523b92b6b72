//! A topic as the destination of a job's lines, at least once or exactly once.
//!
//! Each topic of answers has a topic of progress beside it, in which [`progress`](super::progress) tells who owns the answers
//! and how far they are.
//!
//! - *At least once*: answers leave at once with an idempotent producer; progress follows when they were acknowledged, every
//!   tenth of a second. A crash in between repeats answers, with the same bytes.
//! - *Exactly once*: each request partition is a shard with a transactional producer of its own, so that no number of shards
//!   must be agreed on. Answers and progress are in one transaction.
//!
//! How old lives are kept out, exactly once: a life first announces its generation, then fences the shard (which ends all
//! transactions of its predecessors), waits until every transaction in the topic of progress has ended, and reads it. Who
//! finds that it was fenced reads the announcements: if there is a later one, it ends; else it was an old process that woke
//! up late, and this one fences it in turn. So nothing is ever sent by a producer before progress was read after its fence,
//! and an old life ends at the first look.
//!
//! At least once, an old process that wakes up can repeat answers until its ledger ends it.

mod acked;
mod shard;
mod transactions;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flightline_engine::contract::{
    Answers, Fault, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkName, SinkSurvey,
};
use flightline_engine::failpoint;
use flightline_engine::ids::JobName;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Offsets, Partition, Reached};

use self::acked::AckedWriter;
use self::transactions::TransactionalWriter;
use super::cluster::KafkaCluster;
use super::headers::AnswerHeaders;
use super::producer::{Outgoing, Sender};
use super::progress::{Begun, ClaimId, Key, Owner, Progress, Seen, Start};
use super::progress_topic::{ProgressTopic, value};
use super::topics::Use;

/// How long progress may lag behind what was acknowledged, or behind requests without a line.
const PROGRESS_AFTER: Duration = Duration::from_millis(100);

/// What a Kafka sink is to be.
#[derive(Clone, Debug)]
pub struct KafkaSinkOptions {
    /// Its name in the configuration.
    pub name: SinkName,
    /// The job's name: transactional ids begin with it.
    pub job: JobName,
    /// The topic that it writes.
    pub topic: String,
    /// Which lines it wants.
    pub selects: Selects,
    /// What it promises.
    pub guarantee: Guarantee,
    /// What of a line is told in headers, too.
    pub headers: AnswerHeaders,
}

/// A topic that a job writes.
#[derive(Debug)]
pub struct KafkaSink(Arc<Destination>);

/// What the writers of a sink share.
#[derive(Debug)]
struct Destination {
    cluster: KafkaCluster,
    options: KafkaSinkOptions,
    progress: ProgressTopic,
    /// Writes what is plain in the topic of progress.
    plain: Mutex<Option<Sender>>,
}

impl KafkaSink {
    /// A sink of this cluster. Nobody is asked yet.
    #[must_use]
    pub fn new(cluster: KafkaCluster, options: KafkaSinkOptions) -> Self {
        let progress = ProgressTopic::new(cluster.clone(), &options.topic);
        Self(Arc::new(Destination { cluster, options, progress, plain: Mutex::new(None) }))
    }

    /// The transactional id of a partition's shard.
    #[must_use]
    pub fn transactional_id(&self, partition: Partition) -> String {
        self.0.transactional_id(partition)
    }
}

impl Sink for KafkaSink {
    fn name(&self) -> &SinkName {
        &self.0.options.name
    }

    fn placement(&self) -> Placement {
        Placement::WithPartition
    }

    fn guarantee(&self) -> Guarantee {
        self.0.options.guarantee
    }

    fn selects(&self) -> Selects {
        self.0.options.selects
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        let Destination { cluster, options, progress, .. } = &*self.0;
        cluster.look_for(&options.topic)?;
        if !progress.is_there()? {
            return Ok(SinkSurvey::default());
        }
        let seen = progress.look()?;
        seen.is_of(&options.name, &options.topic)?;
        Ok(seen.survey(partitions))
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        let Destination { cluster, options, progress, .. } = &*self.0;
        cluster.bring_about(&options.topic, Use::Records)?;
        progress.bring_about()?;
        let owner = Owner { job: job.clone(), sink: options.name.clone() };
        let mut seen = progress.look()?;
        seen.may_be_adopted(&owner, &options.topic)?;
        if seen.owner.is_none() {
            self.0.append(&[(Key::Owner(claim_id()), Some(value(&owner)?))])?;
            failpoint::hit("kafka-sink/after-claim");
            // Another may have been faster.
            seen = progress.look()?;
            seen.may_be_adopted(&owner, &options.topic)?;
        }
        let missing = seen.not_begun(starts.keys().copied());
        let start = |partition: &Partition| {
            let next = starts.get(partition).copied().unwrap_or_default();
            Ok((Key::Start(*partition, claim_id()), Some(value(&Start { next })?)))
        };
        self.0.append(&missing.iter().map(start).collect::<Result<Vec<_>, Fault>>()?)
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let Destination { cluster, options, progress, .. } = &*self.0;
        if cluster.partitions_of(&options.topic)?.is_none() {
            return Err(cluster.missing(&options.topic));
        }
        if cluster.partitions_of(progress.name())?.is_none() {
            return Err(cluster.missing(progress.name()));
        }
        let seen = progress.look()?;
        let places = seen.opened(&options.name, &options.topic, generation, partitions)?;
        self.0.announce(&seen, generation)?;
        Ok(match options.guarantee {
            Guarantee::AtLeastOnce => {
                let writer = AckedWriter::open(Arc::clone(&self.0), generation, places)?;
                self.0.tidy(&seen, generation, partitions)?;
                Box::new(writer)
            }
            Guarantee::ExactlyOnce => {
                let writer = TransactionalWriter::open(Arc::clone(&self.0), generation, places)?;
                self.0.tidy(&seen, generation, &[])?;
                Box::new(writer)
            }
        })
    }
}

impl Destination {
    fn transactional_id(&self, partition: Partition) -> String {
        format!("{}/{}/{partition}", self.options.job, self.options.topic)
    }

    /// Writes plain records to the topic of progress.
    fn append(&self, records: &[(Key, Option<String>)]) -> Result<(), Fault> {
        if records.is_empty() {
            return Ok(());
        }
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match plain.take() {
            Some(sender) => sender,
            None => Sender::plain(&self.cluster)?,
        };
        self.progress.append(&sender, records)?;
        // After a fault it is made anew.
        *plain = Some(sender);
        Ok(())
    }

    /// Says that this life is about to write.
    fn announce(&self, seen: &Seen, generation: Generation) -> Result<(), Fault> {
        if seen.begun.contains(&generation) {
            return Ok(());
        }
        self.append(&[(Key::Generation(generation), Some(value(&Begun { generation })?))])
    }

    /// Takes away what older lives have left behind in the topic of progress, and what this one has said anew.
    fn tidy(&self, seen: &Seen, generation: Generation, partitions: &[Partition]) -> Result<(), Fault> {
        let needless = seen.needless(generation, partitions);
        if needless.is_empty() {
            return Ok(());
        }
        let anew = partitions.iter().filter_map(|partition| Some((*partition, seen.progress(*partition)?)));
        let mut records = anew
            .map(|(partition, reached)| {
                let progress = value(&Progress::new(generation, reached))?;
                Ok((Key::AtLeastOnce(partition, generation), Some(progress)))
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        records.extend(needless.into_iter().map(|key| (key, None)));
        self.append(&records)
    }

    /// The lines of a stretch from an offset on, as messages.
    fn messages<'a>(&'a self, answers: &'a Answers, from: Offset) -> impl Iterator<Item = (Offset, Outgoing<'a>)> {
        answers.items.iter().filter(move |item| item.offset >= from).map(|item| {
            let message = Outgoing {
                topic: &self.options.topic,
                partition: None,
                key: Some(item.key.as_bytes()).filter(|key| !key.is_empty()),
                payload: Some(&item.body),
                headers: self.options.headers.of(&item.body),
            };
            (item.offset, message)
        })
    }

    fn what(&self) -> String {
        format!("writing to topic `{}`", self.options.topic)
    }
}

/// From where on a stretch is new to who has `done`; `None` if it isn't.
fn new_from(done: Option<Reached>, answers: &Answers, topic: &str) -> Result<Option<Offset>, Fault> {
    let Answers { partition, from, reached, .. } = answers;
    let Some(done) = done else {
        return Err(Fault::permanent(format!(
            "partition {partition} was not opened by this writer of topic `{topic}`"
        )));
    };
    if *from > done.next {
        return Err(Fault::permanent(format!(
            "topic `{topic}` has partition {partition} up to {}, and lines from {from} on came: what lies between would be \
             lost; this is a bug",
            done.next
        )));
    }
    Ok((reached.next > done.next).then_some(done.next))
}

/// How far partitions are.
type Places = BTreeMap<Partition, Reached>;

/// A number that nobody else has.
fn claim_id() -> ClaimId {
    ClaimId(RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_stretch_only_what_is_new_is_taken() {
        let stretch = |from, next| Answers {
            partition: Partition(0),
            from: Offset(from),
            reached: Reached::start(Offset(next)),
            items: Vec::new(),
        };
        let done = Some(Reached::start(Offset(10)));
        assert_eq!(new_from(done, &stretch(10, 15), "t"), Ok(Some(Offset(10))));
        assert_eq!(new_from(done, &stretch(7, 15), "t"), Ok(Some(Offset(10))));
        assert_eq!(new_from(done, &stretch(7, 10), "t"), Ok(None));
        assert!(new_from(done, &stretch(11, 15), "t").unwrap_err().to_string().contains("up to 10"));
        assert!(new_from(None, &stretch(0, 1), "t").is_err());
    }

    #[test]
    fn claims_differ() {
        assert_ne!(claim_id(), claim_id());
    }
}
