//! The lines of a sink that keeps them in the order of their requests: a topic, or a folder of files.
//!
//! A topic of the job's own has a partition for each of the requests. In Kafka lines stand where their keys put them, so those
//! for one partition of the requests are in all of the topic's, among others; each of these has them in order, and they are
//! merged, page by page. What is read to give those of one partition is the whole topic.
//!
//! A line that stands out of order is passed on as it comes: whoever compares is told, not corrected. Where each line is
//! promised at least once, the same lines may come again behind later ones.

mod merged;
mod topic;

use std::sync::Arc;

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_connectors::files::Stores;
use flightline_connectors::files::sink::FileReader;
use flightline_engine::contract::Fault;
use flightline_engine::log::{Offset, OffsetRange, Partition};
use serde::Deserialize;

use self::merged::Merged;
use self::topic::TopicLines;
use crate::config::AnswerFiles;
use crate::failure::{Failure, FailureKind};

/// Lines, each with the offset of its request.
pub type Lines = Box<dyn Iterator<Item = Result<(Offset, Bytes), Failure>>>;

/// A sink whose lines have an order.
#[derive(Clone, Debug)]
pub enum OrderedLines {
    /// A topic.
    Topic(Arc<dyn TopicClient>, Layout),
    /// A folder of files.
    Files(FileReader),
}

/// How a topic holds the lines of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// What answers partition p of the requests stands in its partition p, and nothing else does.
    ByPartition,
    /// Lines stand where their keys put them. What says no position is somebody else's, and passed over.
    ByKey {
        /// Whether a line may be there again.
        repeats: bool,
    },
}

impl OrderedLines {
    /// The lines in a topic.
    #[must_use]
    pub fn of_topic(topic: Arc<dyn TopicClient>, layout: Layout) -> Self {
        Self::Topic(topic, layout)
    }

    /// The lines in a folder of files.
    ///
    /// # Errors
    /// The folder's name makes no sense, or is of a store that this build leaves out.
    pub fn of_files(stores: &Stores, files: &AnswerFiles) -> Result<Self, Failure> {
        Ok(Self::Files(FileReader::new(stores, files.folder.location())?))
    }

    /// Whether a line may be there again, and that is as it should be.
    #[must_use]
    pub const fn may_repeat(&self) -> bool {
        matches!(self, Self::Topic(_, Layout::ByKey { repeats: true }))
    }

    /// The lines for some requests of a partition, from the first that is there now up to the first beyond the range.
    ///
    /// # Errors
    /// The destination can't be read, here or from the iterator.
    pub fn lines(&self, partition: Partition, range: OffsetRange) -> Result<Lines, Failure> {
        Ok(match self {
            Self::Topic(topic, Layout::ByPartition) => {
                Box::new(TopicLines::find(topic, partition, partition, range, Layout::ByPartition)?)
            }
            Self::Topic(topic, layout) => {
                let places = (0..topic.partitions()?).map(Partition);
                let lines = places.map(|place| TopicLines::find(topic, place, partition, range, *layout));
                Box::new(Merged::new(lines.collect::<Result<Vec<_>, _>>()?))
            }
            Self::Files(reader) => {
                let storage = |fault: Fault| Failure::new(FailureKind::Storage, fault.to_string());
                let lines = reader.lines(partition, range).map_err(storage)?;
                Box::new(lines.map(move |line| line.map_err(storage)))
            }
        })
    }
}

/// Where the request of a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LinePosition {
    /// Its partition.
    pub partition: Partition,
    /// Its offset there.
    pub offset: Offset,
}

impl LinePosition {
    /// What an answer or a dead letter says of itself; `None` if it is neither.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests;
