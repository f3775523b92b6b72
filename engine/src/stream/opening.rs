//! What a process does with the request log and its sinks while a life begins: looks, adopts, opens, compares.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Ending;
use super::delivery::{Opener, Writer};
use super::job::StreamJob;
use super::message::{Message, SinkProgress};
use super::reach::{Found, LOOK, Look, can_be_away, reach, unseen};
use super::same_log;
use super::setup::SinkSetup;
use super::startup::{Bounds, Rounds};
use crate::contract::{Fault, JobId, Placement, Sink, SinkName};
use crate::ledger::{Book, Generation};
use crate::log::{OffsetRange, Offsets, Partition};

impl<J: StreamJob> Rounds<'_, J> {
    /// The partitions of a sink that this process writes.
    fn written_here(&self, placement: Placement) -> Vec<Partition> {
        match placement {
            Placement::WithPartition => self.shared.owners.of_process(self.shared.process, self.partitions),
            Placement::OnLead if self.shared.process.get() == 0 => (0..self.partitions).map(Partition).collect(),
            Placement::OnLead => Vec::new(),
        }
    }

    fn reach<T>(
        &self,
        sink: &SinkSetup,
        book: &Book,
        what: &str,
        step: impl FnMut(&dyn Sink) -> Result<T, Fault>,
    ) -> Result<Found<T>, Ending> {
        reach(&self.shared.insistence(), &self.shared.absent, sink, book, what, step)
    }

    /// What the log holds of this process's partitions.
    pub(super) fn bounds(&self) -> Result<Bounds, Ending> {
        let ask = |partition| {
            let bounds = self
                .shared
                .insistence()
                .insist("asking the request log", || self.shared.setup.source.bounds(partition))?;
            Ok((partition, bounds))
        };
        self.written_here(Placement::WithPartition).into_iter().map(ask).collect()
    }

    /// What the log holds, and what the destinations say.
    pub(super) fn survey(&self, book: &Book) -> Result<Message, Ending> {
        let setup = &self.shared.setup;
        let here = |sink: &SinkSetup| Some(self.written_here(sink.sink.placement())).filter(|here| !here.is_empty());
        let asked = setup.sinks.iter().filter_map(|sink| Some((sink, here(sink)?)));
        let (may_be_away, others): (Vec<_>, Vec<_>) = asked.partition(|(sink, _)| can_be_away(sink, book));
        // Asked first and heard last: they have the time that the others take.
        let begin = |(sink, here)| Look::begin(sink, here).map(|look| (sink, look));
        let looks = may_be_away.into_iter().map(begin).collect::<Result<Vec<_>, _>>()?;
        let (bounds, mut sinks) = (self.bounds()?, BTreeMap::new());
        for (SinkSetup { sink, .. }, here) in others {
            let what = format!("looking at sink {}", sink.name());
            let survey = self.shared.insistence().insist(&what, || sink.survey(&here))?;
            sinks.insert(sink.name().clone(), survey);
        }
        for (sink, look) in looks {
            let survey = look.hear(LOOK, &self.shared.absent)?;
            sinks.insert(sink.sink.name().clone(), survey.unwrap_or_else(|_away| unseen(sink, book)));
        }
        Ok(Message::Surveyed { process: self.shared.process, bounds, sinks })
    }

    /// Makes the destinations the job's.
    pub(super) fn adopt(&self, book: &Book, starts: &BTreeMap<SinkName, Offsets>) -> Result<(), Ending> {
        let (setup, job) = (&self.shared.setup, id_of(book)?);
        for sink in &setup.sinks {
            let is_here = !self.written_here(sink.sink.placement()).is_empty();
            if let Some(starts) = starts.get(sink.sink.name()).filter(|_| is_here) {
                // One that is away was adopted before.
                let _away = self.reach(sink, book, "adopting", |sink| sink.adopt(&job, starts))?;
            }
        }
        Ok(())
    }

    /// Opens this worker's sinks, by their place in the setup. Older lives can't write to them any more.
    pub(super) fn open(
        &self,
        generation: Generation,
        book: &Book,
        starts: &BTreeMap<SinkName, Offsets>,
    ) -> Result<Vec<(usize, Writer)>, Ending> {
        let (mut writers, job) = (Vec::new(), id_of(book)?);
        for (place, setup) in self.shared.setup.sinks.iter().enumerate() {
            let partitions = match setup.sink.placement() {
                Placement::WithPartition => self.shared.owners.of_worker(self.index, self.partitions),
                Placement::OnLead if self.index.get() == 0 => (0..self.partitions).map(Partition).collect(),
                Placement::OnLead => Vec::new(),
            };
            if partitions.is_empty() {
                continue;
            }
            let opener = Opener {
                sink: Arc::clone(&setup.sink),
                job: job.clone(),
                starts: starts.get(setup.sink.name()).cloned().unwrap_or_default(),
                generation,
                partitions,
            };
            let open = self.reach(setup, book, "opening", |_| opener.open())?;
            writers.push((place, open.map_or_else(|fault| Writer::Away(opener, fault), Writer::Open)));
        }
        Ok(writers)
    }

    /// What is durable in those that are open.
    pub(super) fn progress_of(&self, writers: &[(usize, Writer)]) -> SinkProgress {
        let progress = |(place, writer): &(usize, Writer)| match writer {
            Writer::Open(writer) => Some((self.shared.setup.sinks[*place].sink.name().clone(), writer.durable())),
            Writer::Away(..) => None,
        };
        writers.iter().filter_map(progress).collect()
    }

    /// The log must still hold the records that sinks remember having done last.
    pub(super) fn check_witnesses(
        &self,
        durable: &SinkProgress,
        bounds: &BTreeMap<Partition, OffsetRange>,
    ) -> Result<(), Ending> {
        let source = &*self.shared.setup.source;
        for partition in self.shared.owners.of_worker(self.index, self.partitions) {
            let Some(held) = bounds.get(&partition) else { continue };
            for (sink, reached) in durable.iter().filter_map(|(sink, all)| Some((sink, all.get(&partition)?))) {
                self.shared.insistence().insist("asking the request log", || {
                    same_log::check_last(source, sink, partition, reached, held)
                })?;
            }
        }
        Ok(())
    }
}

/// What destinations know the job by.
fn id_of(book: &Book) -> Result<JobId, Ending> {
    book.id().ok_or_else(|| Ending::Failed("the ledger was claimed and not opened (bug)".to_owned()))
}
