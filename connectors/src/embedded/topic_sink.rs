//! A topic as the destination of a job's lines: what answers request partition p stands in partition p.
//!
//! Lines and progress of a partition change in one transaction of its file, so each line is there once, whatever is killed
//! when. The lines get offsets of their own; for readers it is a topic like any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightline_engine::contract::{
    Answers, Fault, FlushReason, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkBatch, SinkName, SinkSurvey,
};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offsets, Partition, Reached};

use super::file::Failed;
use super::partition_log::{Appender, PartitionLog};
use super::sink_state::{self, Admitted, Owner, SinkState};
use super::topic::Topic;

/// A topic that a job writes.
#[derive(Debug)]
pub struct EmbeddedTopicSink {
    name: SinkName,
    topic: Arc<Topic>,
    selects: Selects,
}

impl EmbeddedTopicSink {
    /// A sink of this name. The topic must have at least as many partitions as the request log, and those that this
    /// process reads must be open.
    #[must_use]
    pub fn new(name: SinkName, topic: Arc<Topic>, selects: Selects) -> Self {
        Self { name, topic, selects }
    }

    /// All partitions that are open here, with their state.
    fn states(&self) -> Result<Vec<(Arc<PartitionLog>, SinkState)>, Fault> {
        let mut states = Vec::new();
        for partition in self.topic.here() {
            let log = self.topic.log(partition)?;
            let state = log.sink_state::<Fault>()?;
            states.push((log, state));
        }
        Ok(states)
    }

    /// How a partition is named in messages.
    fn place(&self, partition: Partition) -> String {
        format!("partition {partition} of topic `{}`", self.topic.name())
    }
}

impl Sink for EmbeddedTopicSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn placement(&self) -> Placement {
        Placement::WithPartition
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn selects(&self) -> Selects {
        self.selects
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        for &partition in partitions {
            self.topic.log(partition)?;
        }
        let mut survey = SinkSurvey::default();
        for (log, state) in self.states()? {
            state.is_of(&self.name, &self.place(log.partition()))?;
            survey.owner = state.owner.map(|owner| owner.job).or(survey.owner);
            survey.progress.extend(state.progress.into_iter().filter(|(partition, _)| partitions.contains(partition)));
        }
        Ok(survey)
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        let owner = Owner { job: job.clone(), sink: self.name.clone() };
        let states = self.states()?;
        // All are asked before any is changed.
        for (log, state) in &states {
            let (partition, bounds) = (log.partition(), log.bounds()?);
            state.may_be_adopted(&owner, &self.place(partition), bounds.to.0 - bounds.from.0)?;
        }
        for (log, mut state) in states {
            let start = starts.get_key_value(&log.partition()).map(|(&partition, &offset)| (partition, offset));
            // All of the topic is the sink's, also what no request comes to yet.
            if state.adopt(&owner, start) {
                log.transact::<_, Fault>(|transaction| {
                    state.store(&mut transaction.open_table(sink_state::TABLE)?)?;
                    Ok(((), None))
                })?;
            }
        }
        Ok(())
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let mut writer = Writer { generation, logs: BTreeMap::new(), durable: BTreeMap::new() };
        for &partition in partitions {
            let log = self.topic.log(partition)?;
            let state = log.transact(|transaction| {
                let mut table = transaction.open_table(sink_state::TABLE)?;
                let mut state = SinkState::load(&table)?;
                let fenced = state.fence(&self.name, generation, &[partition], &self.place(partition));
                if fenced.map_err(Failed::Refused)? {
                    state.store(&mut table)?;
                }
                Ok((state, None))
            })?;
            writer.durable.extend(state.progress.get(&partition).map(|reached| (partition, *reached)));
            writer.logs.insert(partition, (log, self.place(partition)));
        }
        Ok(Box::new(writer))
    }
}

/// A writer of some partitions.
#[derive(Debug)]
struct Writer {
    generation: Generation,
    /// The files, and how they are named in messages.
    logs: BTreeMap<Partition, (Arc<PartitionLog>, String)>,
    durable: BTreeMap<Partition, Reached>,
}

impl OpenSink for Writer {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        for (&partition, answers) in &batch.answers {
            let Some((log, place)) = self.logs.get(&partition) else {
                return Err(Fault::permanent(format!("partition {partition} was not opened by this writer")));
            };
            let reached = write(log, place, self.generation, answers)?;
            self.durable.insert(partition, reached);
        }
        Ok(())
    }

    fn flush(&mut self, _why: FlushReason) -> Result<(), Fault> {
        Ok(())
    }

    fn flush_in(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Writes what is new of a stretch, and tells how far the partition has come.
fn write(log: &PartitionLog, place: &str, generation: Generation, answers: &Answers) -> Result<Reached, Fault> {
    let reached = log.transact(|transaction| {
        let mut table = transaction.open_table(sink_state::TABLE)?;
        let mut state = SinkState::load(&table)?;
        state.permits(generation, place).map_err(Failed::Refused)?;
        let Admitted::From(from) = state.admit(answers, place).map_err(Failed::Refused)? else {
            let reached = state.progress.get(&answers.partition).copied().unwrap_or_default();
            return Ok((reached, None));
        };
        let mut appender = Appender::new(transaction)?;
        appender.append(answers.items.iter().filter(|item| item.offset >= from).map(|item| &item.body))?;
        state.progress.insert(answers.partition, answers.reached);
        state.store(&mut table)?;
        failpoint::hit("topic-sink/before-commit");
        Ok((answers.reached, Some(appender.end())))
    })?;
    failpoint::hit("topic-sink/after-commit");
    Ok(reached)
}

#[cfg(test)]
mod tests;
