//! The lines for one partition of the requests in one partition of a topic, page by page.
//!
//! Lines get offsets of their own in a topic, so the place of a request's line is found by bisection over the offsets that
//! the lines say.

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};

use super::{Layout, LinePosition};
use crate::failure::{Failure, FailureKind};

/// Bytes of lines that are asked of a topic at once.
const PAGE: usize = 1 << 20;

/// Bytes of lines that are asked for at a place where those of other partitions stand, too.
const LOOK: usize = 64 << 10;

/// Where lines may repeat, an old process may have put lines among later ones: so many places before the first line of a range
/// and behind the last one are read, too.
const SLACK: u64 = 10_000;

/// The lines.
pub(super) struct TopicLines {
    lines: Held,
    range: OffsetRange,
    /// Offset in the topic.
    next: Offset,
    /// Where the reading ends: the topic's end when it was looked at, or where the range does.
    end: Offset,
    page: vec::IntoIter<LogRecord>,
}

/// What of a topic is looked at.
struct Held {
    topic: Arc<dyn TopicClient>,
    /// The partition of the topic.
    place: Partition,
    /// The partition of the requests.
    of: Partition,
    layout: Layout,
}

impl TopicLines {
    /// From the first line of a range on.
    pub(super) fn find(
        topic: &Arc<dyn TopicClient>,
        place: Partition,
        of: Partition,
        range: OffsetRange,
        layout: Layout,
    ) -> Result<Self, Failure> {
        let lines = Held { topic: Arc::clone(topic), place, of, layout };
        let bounds = lines.topic.bounds(place)?;
        let first = match range.from {
            Offset(0) => bounds.from,
            from => first_at_or_above(from, bounds, |place| lines.at(place, bounds.to))?,
        };
        let next = Offset(first.0.saturating_sub(lines.slack())).max(bounds.from);
        Ok(Self { lines, range, next, end: bounds.to, page: Vec::new().into_iter() })
    }

    fn advance(&mut self) -> Result<Option<(Offset, Bytes)>, Failure> {
        while self.next < self.end {
            if self.page.len() == 0 {
                self.page = self.lines.read(self.next, PAGE)?.into_iter();
            }
            // Only the marks of transactions may stand before the end.
            let Some(line) = self.page.next().filter(|line| line.offset < self.end) else { break };
            self.next = line.offset.next();
            let Some(request) = self.lines.request_of(&line)? else { continue };
            let slack = self.lines.slack();
            if request >= self.range.to {
                self.end = self.end.min(Offset(self.next.0.saturating_add(slack)));
            } else if slack == 0 || request >= self.range.from {
                return Ok(Some((request, line.payload)));
            }
        }
        Ok(None)
    }
}

impl Iterator for TopicLines {
    type Item = Result<(Offset, Bytes), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            // Over, also after an error.
            self.end = Offset::default();
            self.page = Vec::new().into_iter();
        }
        next
    }
}

impl Held {
    const fn slack(&self) -> u64 {
        match self.layout {
            Layout::ByKey { repeats: true } => SLACK,
            Layout::ByKey { repeats: false } | Layout::ByPartition => 0,
        }
    }

    fn read(&self, from: Offset, limit: usize) -> Result<Vec<LogRecord>, Failure> {
        Ok(self.topic.read(self.place, from, limit, Duration::ZERO)?)
    }

    /// The first line at or after a place, with its own place.
    fn at(&self, place: Offset, end: Offset) -> Result<Option<(Offset, Offset)>, Failure> {
        let limit = match self.layout {
            Layout::ByPartition => 1,
            Layout::ByKey { .. } => LOOK,
        };
        let mut next = place;
        while next < end {
            let page = self.read(next, limit)?;
            let Some(last) = page.last() else { break };
            next = last.offset.next();
            for line in page.iter().take_while(|line| line.offset < end) {
                if let Some(request) = self.request_of(line)? {
                    return Ok(Some((line.offset, request)));
                }
            }
        }
        Ok(None)
    }

    /// The offset of the request of a line; `None` for a line that is none of these.
    fn request_of(&self, line: &LogRecord) -> Result<Option<Offset>, Failure> {
        match (LinePosition::of(&line.payload), self.layout) {
            (Some(said), _) if said.partition == self.of => Ok(Some(said.offset)),
            (_, Layout::ByKey { .. }) => Ok(None),
            (_, Layout::ByPartition) => Err(Failure::new(
                FailureKind::Storage,
                format!(
                    "offset {} in partition {} of topic `{}` holds no line for a request of that partition: is it the \
                     topic that the job writes?",
                    line.offset,
                    self.place,
                    self.topic.name()
                ),
            )),
        }
    }
}

/// The place of the first line whose request is at or above `request`. `line_at` gives the first line at or after a place,
/// with its own place. Of lines that repeat, one of the places where what came before lies below.
pub(super) fn first_at_or_above(
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
