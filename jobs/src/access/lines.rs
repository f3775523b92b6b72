//! The lines of a sink that keeps them in the order of their requests: a topic, or a folder of files.
//!
//! Lines get offsets of their own in a topic, so the place of a request's line is found by bisection over the offsets that
//! the lines say. A line that stands out of order is passed on as it comes: whoever compares is told, not corrected.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_connectors::files::Stores;
use flightline_connectors::files::sink::FileReader;
use flightline_engine::contract::Fault;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
use serde::Deserialize;

use crate::config::AnswerFiles;
use crate::failure::{Failure, FailureKind};

/// Bytes of lines that are asked of a topic at once.
const PAGE: usize = 1 << 20;

/// Lines, each with the offset of its request.
pub type Lines = Box<dyn Iterator<Item = Result<(Offset, Bytes), Failure>>>;

/// A sink whose lines have an order.
#[derive(Clone, Debug)]
pub enum OrderedLines {
    /// A topic: what answers partition p of the requests stands in its partition p.
    Topic(Arc<dyn TopicClient>),
    /// A folder of files.
    Files(FileReader),
}

impl OrderedLines {
    /// The lines in a topic.
    #[must_use]
    pub fn of_topic(topic: Arc<dyn TopicClient>) -> Self {
        Self::Topic(topic)
    }

    /// The lines in a folder of files.
    ///
    /// # Errors
    /// The folder's name makes no sense, or is of a store that this build leaves out.
    pub fn of_files(files: &AnswerFiles) -> Result<Self, Failure> {
        Ok(Self::Files(FileReader::new(&Stores::new()?, files.folder.location())?))
    }

    /// The lines for some requests of a partition, from the first that is there now up to the first beyond the range.
    ///
    /// # Errors
    /// The destination can't be read, here or from the iterator.
    pub fn lines(&self, partition: Partition, range: OffsetRange) -> Result<Lines, Failure> {
        Ok(match self {
            Self::Topic(topic) => Box::new(TopicLines::find(Arc::clone(topic), partition, range)?),
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

/// The lines of a topic, page by page.
struct TopicLines {
    topic: Arc<dyn TopicClient>,
    partition: Partition,
    /// Offset in the topic.
    next: Offset,
    /// The topic's end when it was looked at.
    end: Offset,
    /// The first request beyond.
    upto: Offset,
    page: std::vec::IntoIter<LogRecord>,
}

impl TopicLines {
    fn find(topic: Arc<dyn TopicClient>, partition: Partition, range: OffsetRange) -> Result<Self, Failure> {
        let bounds = topic.bounds(partition)?;
        let next = first_at_or_above(range.from, bounds, |place| {
            let found = topic.read(partition, place, 1, Duration::ZERO)?;
            let line = found.into_iter().next();
            line.map(|line| Ok((line.offset, request_of(&*topic, partition, &line)?))).transpose()
        })?;
        Ok(Self { topic, partition, next, end: bounds.to, upto: range.to, page: Vec::new().into_iter() })
    }

    fn advance(&mut self) -> Result<Option<(Offset, Bytes)>, Failure> {
        if self.page.len() == 0 && self.next < self.end {
            self.page = self.topic.read(self.partition, self.next, PAGE, Duration::ZERO)?.into_iter();
        }
        let Some(line) = self.page.next().filter(|line| line.offset < self.end) else { return Ok(None) };
        self.next = line.offset.next();
        let request = request_of(&*self.topic, self.partition, &line)?;
        Ok((request < self.upto).then_some((request, line.payload)))
    }
}

impl Iterator for TopicLines {
    type Item = Result<(Offset, Bytes), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            // Over: by its end, by a line beyond the range, or by an error.
            self.end = Offset::default();
            self.page = Vec::new().into_iter();
        }
        next
    }
}

/// The place of the first line whose request is at or above `request`. `line_at` gives the first line at or after a place,
/// with its own place.
fn first_at_or_above(
    request: Offset,
    bounds: OffsetRange,
    mut line_at: impl FnMut(Offset) -> Result<Option<(Offset, Offset)>, Failure>,
) -> Result<Offset, Failure> {
    let (mut low, mut high) = (bounds.from, bounds.to);
    while low < high {
        let middle = Offset(low.0 + (high.0 - low.0) / 2);
        match line_at(middle)? {
            Some((place, found)) if found < request => low = place.next(),
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

fn request_of(topic: &dyn TopicClient, partition: Partition, line: &LogRecord) -> Result<Offset, Failure> {
    let said = LinePosition::of(&line.payload).filter(|said| said.partition == partition);
    said.map(|said| said.offset).ok_or_else(|| {
        Failure::new(
            FailureKind::Storage,
            format!(
                "offset {} in partition {partition} of topic `{}` holds no line for a request of that partition: is it \
                 the topic that the job writes?",
                line.offset,
                topic.name()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bisection_finds_what_a_scan_finds(
            gaps in prop::collection::vec((0_u64..3, 1_u64..4), 0..40), from in 0_u64..9, wanted in 0_u64..120,
        ) {
            // Places and requests both ascend, with gaps.
            let (mut place, mut request) = (from, 0);
            let mut lines = BTreeMap::new();
            for (gap, step) in gaps {
                place += gap;
                request += step;
                lines.insert(Offset(place), Offset(request));
                place += 1;
            }
            let bounds = OffsetRange::new(Offset(from), Offset(place));
            let mut asked = 0;
            let found = first_at_or_above(Offset(wanted), bounds, |at| {
                asked += 1;
                Ok(lines.range(at..).next().map(|(place, request)| (*place, *request)))
            });
            let found = found.unwrap();
            let first = |from: Offset| lines.range(from..).find(|(_, request)| request.0 >= wanted);
            prop_assert_eq!(first(found), first(Offset(0)));
            prop_assert!(lines.range(..found).all(|(_, request)| request.0 < wanted));
            prop_assert!(asked <= 9, "{} lines took {} looks", lines.len(), asked);
        }
    }

    #[test]
    fn a_line_says_where_its_request_stands() {
        let line = br#"{"Carrier":"AA","Offset":17,"Partition":2,"Status":"OK"}"#;
        assert_eq!(LinePosition::of(line), Some(LinePosition { partition: Partition(2), offset: Offset(17) }));
        for line in ["", "{}", "[]", r#"{"Offset":-1,"Partition":2}"#] {
            assert_eq!(LinePosition::of(line.as_bytes()), None);
        }
    }
}
