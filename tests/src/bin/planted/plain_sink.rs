//! A topic as a destination without transactions: lines and progress become durable one after the other.
//!
//! What that costs depends on what it takes care of. Lines first, and then dropping what is there already, is sound: with
//! that the storm must find nothing, so that what it finds with less care is due to what is missing. Only one writer at a
//! time: it fences nobody off.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::embedded::Topic;
use flightline_engine::contract::{
    Fault, FlushReason, Guarantee, Item, JobId, OpenSink, Placement, Selects, Sink, SinkBatch, SinkName, SinkSurvey,
};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Offsets, Partition, Reached};
use serde_json::Value;

/// Between the two writes: this destination is slow, and a kill has time to come in between.
const BETWEEN: Duration = Duration::from_millis(10);

/// What it takes care of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Everything: lines first, and after a restart what is there already is dropped.
    DropsWhatItHas,
    /// Lines first, but what is there already is written again. The bug of a sink that does not drop what it has.
    KeepsWhatItHas,
    /// Progress first. The bug of progress that is written before data.
    ProgressFirst,
}

/// The destination.
#[derive(Debug)]
pub(crate) struct PlainSink {
    /// In whose place it stands.
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) topic: Arc<Topic>,
    /// Where progress is kept.
    pub(crate) folder: PathBuf,
    pub(crate) care: Care,
}

impl PlainSink {
    fn owner(&self) -> PathBuf {
        self.folder.join("owner.json")
    }
}

impl Sink for PlainSink {
    fn name(&self) -> &SinkName {
        self.sink.name()
    }

    fn placement(&self) -> Placement {
        self.sink.placement()
    }

    fn guarantee(&self) -> Guarantee {
        self.sink.guarantee()
    }

    fn selects(&self) -> Selects {
        self.sink.selects()
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        let mut survey = SinkSurvey { owner: read(&self.owner())?, progress: BTreeMap::new() };
        for &partition in partitions {
            let reached: Option<Reached> = read(&progress(&self.folder, partition))?;
            survey.progress.extend(reached.map(|reached| (partition, reached)));
        }
        Ok(survey)
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        fs::create_dir_all(&self.folder).map_err(fault)?;
        write(&self.owner(), job)?;
        for (&partition, &start) in starts {
            let path = progress(&self.folder, partition);
            if read::<Reached>(&path)?.is_none() {
                write(&path, &Reached::start(start))?;
            }
        }
        Ok(())
    }

    fn open(&self, _generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let mut writer = Writer {
            topic: Arc::clone(&self.topic),
            folder: self.folder.clone(),
            care: self.care,
            durable: self.survey(partitions)?.progress,
            there: BTreeMap::new(),
        };
        if self.care == Care::DropsWhatItHas {
            for &partition in partitions {
                writer.there.insert(partition, end_of(&self.topic, partition)?);
            }
        }
        Ok(Box::new(writer))
    }
}

struct Writer {
    topic: Arc<Topic>,
    folder: PathBuf,
    care: Care,
    durable: BTreeMap<Partition, Reached>,
    /// Where the lines end that were there when it was opened.
    there: Offsets,
}

impl Writer {
    fn note(&mut self, partition: Partition, reached: Reached) -> Result<(), Fault> {
        write(&progress(&self.folder, partition), &reached)?;
        self.durable.insert(partition, reached);
        Ok(())
    }
}

impl OpenSink for Writer {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        for (&partition, answers) in &batch.answers {
            let there = self.there.get(&partition).copied().unwrap_or_default();
            let is_new = |item: &&Item| item.offset >= there;
            let lines: Vec<Bytes> = answers.items.iter().filter(is_new).map(|item| item.body.clone()).collect();
            if self.care == Care::ProgressFirst {
                self.note(partition, answers.reached)?;
                thread::sleep(BETWEEN);
                self.topic.append(partition, lines)?;
            } else {
                self.topic.append(partition, lines)?;
                thread::sleep(BETWEEN);
                self.note(partition, answers.reached)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, _why: FlushReason) -> Result<(), Fault> {
        Ok(())
    }

    fn flush_in(&self) -> Option<Duration> {
        None
    }
}

fn progress(folder: &Path, partition: Partition) -> PathBuf {
    folder.join(format!("{partition}.json"))
}

/// The offset after the one that the last line of a partition answers.
fn end_of(topic: &Topic, partition: Partition) -> Result<Offset, Fault> {
    let bounds = topic.bounds(partition)?;
    let Some(last) = bounds.to.0.checked_sub(1).and_then(|last| topic.get(partition, Offset(last)).transpose()) else {
        return Ok(Offset(0));
    };
    let line: Value = serde_json::from_slice(&last?.payload).map_err(io::Error::from).map_err(fault)?;
    Ok(line["Offset"].as_u64().map_or(Offset(0), |offset| Offset(offset).next()))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Fault> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(io::Error::from).map_err(fault),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(error)),
    }
}

/// Replaces a file in one step. No kill of a process can undo that.
fn write(path: &Path, value: &impl serde::Serialize) -> Result<(), Fault> {
    let beside = path.with_extension("new");
    let text = serde_json::to_vec(value).map_err(io::Error::from).map_err(fault)?;
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(fault)
}

fn fault(error: io::Error) -> Fault {
    Fault::permanent(error.to_string())
}
