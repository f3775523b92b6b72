//! The configured sinks of a job, and what they hold of some requests.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use bytes::Bytes;
use flightline_connectors::client::CollectionClient;
use flightline_engine::contract::{Selects, SinkName};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Offsets, Partition};
use flightline_engine::stream::{Line, Settled};

use super::compare::{Stand, Verdict, judge_document, judge_lines};
use crate::access::Access;
use crate::access::lines::{LinePosition, Lines, OrderedLines};
use crate::config::{SinkTarget, StreamConfig};
use crate::failure::Failure;

/// All sinks, in the order of their names.
#[derive(Debug)]
pub struct Sinks(Vec<Sink>);

/// A sink of the configuration.
#[derive(Debug)]
struct Sink {
    name: SinkName,
    selects: Selects,
    store: Store,
    /// Where it began.
    starts: Offsets,
    /// How far it had come when the replay began.
    progress: Offsets,
}

/// Where a sink's lines are.
#[derive(Debug)]
enum Store {
    Ordered(OrderedLines),
    Collection(Arc<dyn CollectionClient>),
    /// The job has not run with this sink yet.
    Nowhere,
}

/// How far a sink was read.
pub(super) enum Cursor {
    Lines(Peekable<Lines>),
    Collection(Arc<dyn CollectionClient>),
    Nowhere,
}

/// Lines of some requests.
pub(super) type LinesOf = BTreeMap<Offset, Vec<Bytes>>;

/// What a sink holds of a page of requests.
pub(super) enum Held {
    Lines(LinesOf),
    Documents(Arc<dyn CollectionClient>),
    Nothing,
}

impl Sinks {
    /// Opens all sinks that the job has run with, as its ledger says.
    pub(super) fn open(
        config: &StreamConfig,
        access: &Access,
        registered: &BTreeMap<SinkName, Offsets>,
        partitions: &[Partition],
    ) -> Result<Self, Failure> {
        let mut sinks = Vec::new();
        for (name, sink) in &config.sinks {
            let (store, progress) = match (registered.contains_key(name), &sink.target) {
                (false, _) => (Store::Nowhere, Offsets::new()),
                (true, target) => {
                    // Before anything is read: what lies below must be found.
                    let progress = access.progress(name, sink, partitions)?;
                    (store(access, target)?, progress)
                }
            };
            let starts = registered.get(name).cloned().unwrap_or_default();
            sinks.push(Sink { name: name.clone(), selects: sink.selects, store, starts, progress });
        }
        Ok(Self(sinks))
    }

    /// The collection in which answers can be looked up by UUID, if there is one.
    #[must_use]
    pub fn answers_by_id(&self) -> Option<&dyn CollectionClient> {
        self.0.iter().filter(|sink| sink.selects == Selects::Answers).find_map(|sink| match &sink.store {
            Store::Collection(collection) => Some(&**collection),
            Store::Ordered(_) | Store::Nowhere => None,
        })
    }

    /// Begins to read the lines of some requests in every sink.
    pub(super) fn cursors(&self, partition: Partition, range: OffsetRange) -> Result<Vec<Cursor>, Failure> {
        let cursor = |sink: &Sink| {
            Ok(match &sink.store {
                Store::Ordered(lines) => Cursor::Lines(lines.lines(partition, range)?.peekable()),
                Store::Collection(collection) => Cursor::Collection(Arc::clone(collection)),
                Store::Nowhere => Cursor::Nowhere,
            })
        };
        self.0.iter().map(cursor).collect()
    }

    /// Reads on up to the request at `upto`.
    pub(super) fn take(&self, cursors: &mut [Cursor], upto: Offset) -> Result<Vec<Held>, Failure> {
        let held = |cursor: &mut Cursor| {
            Ok(match cursor {
                Cursor::Lines(lines) => Held::Lines(take(lines, upto)?),
                Cursor::Collection(collection) => Held::Documents(Arc::clone(collection)),
                Cursor::Nowhere => Held::Nothing,
            })
        };
        cursors.iter_mut().map(held).collect()
    }

    /// What each sink is found to hold of a request that was settled so; `None` for one that nothing binds.
    pub(super) fn verdicts(
        &self,
        partition: Partition,
        offset: Offset,
        settled: Option<&Settled>,
        held: &[Held],
    ) -> Result<Vec<(SinkName, Verdict)>, Failure> {
        let verdict = |(sink, held): (&Sink, &Held)| {
            let verdict = sink.verdict(LinePosition { partition, offset }, settled, held)?;
            Ok((sink.name.clone(), verdict))
        };
        self.0.iter().zip(held).map(verdict).collect()
    }

    /// Lines of a page that none of its requests asks for, by the numbers of their sinks.
    pub(super) fn unasked(&self, records: &[LogRecord], held: &mut [Held]) -> Vec<(usize, LinesOf)> {
        let is_asked = |offset: &Offset| records.binary_search_by_key(offset, |record| record.offset).is_ok();
        let unasked = held.iter_mut().map(|held| match held {
            Held::Lines(lines) => lines.extract_if(.., |offset, _| !is_asked(offset)).collect(),
            Held::Documents(_) | Held::Nothing => LinesOf::new(),
        });
        unasked.enumerate().filter(|(_, lines): &(usize, LinesOf)| !lines.is_empty()).collect()
    }

    /// Whether the lines of a sink may be there again.
    pub(super) fn may_repeat(&self, sink: usize) -> bool {
        self.0.get(sink).is_some_and(Sink::may_repeat)
    }

    /// Has a sink keep its lines elsewhere.
    #[cfg(test)]
    pub(super) fn keep(&mut self, name: &str, lines: OrderedLines) {
        let sink = self.0.iter_mut().find(|sink| &*sink.name.0 == name);
        sink.expect("there is such a sink").store = Store::Ordered(lines);
    }

    /// A page of which only one sink is looked at.
    pub(super) fn only(&self, sink: usize, lines: LinesOf) -> Vec<Held> {
        let mut held: Vec<Held> = self.0.iter().map(|_| Held::Nothing).collect();
        if let Some(place) = held.get_mut(sink) {
            *place = Held::Lines(lines);
        }
        held
    }
}

impl Sink {
    const fn may_repeat(&self) -> bool {
        matches!(&self.store, Store::Ordered(lines) if lines.may_repeat())
    }

    fn verdict(&self, at: LinePosition, settled: Option<&Settled>, held: &Held) -> Result<Verdict, Failure> {
        let line = settled.and_then(|settled| self.line(settled));
        let stand = self.stand(at);
        Ok(match (held, line) {
            (Held::Lines(lines), line) => {
                let found = lines.get(&at.offset).map_or(&[][..], Vec::as_slice);
                judge_lines(line.map(|line| &line.body), found, stand, self.may_repeat())
            }
            (Held::Documents(_) | Held::Nothing, None) => Verdict::NotDue,
            (Held::Documents(documents), Some(line)) => {
                judge_document(line, at, documents.get(&line.key)?.as_ref(), stand)
            }
            (Held::Nothing, Some(_)) => Verdict::NotYet,
        })
    }

    /// The line that the sink must hold.
    fn line<'a>(&self, settled: &'a Settled) -> Option<&'a Line> {
        match self.selects {
            Selects::Answers => settled.answer.as_ref(),
            Selects::DeadLetters => settled.dead_letter.as_ref(),
        }
    }

    fn stand(&self, LinePosition { partition, offset }: LinePosition) -> Stand {
        let above = |offsets: &Offsets| offsets.get(&partition).is_some_and(|place| offset < *place);
        match (above(&self.starts), above(&self.progress)) {
            (true, _) => Stand::Above,
            (false, true) => Stand::Passed,
            (false, false) => Stand::Below,
        }
    }
}

fn store(access: &Access, target: &SinkTarget) -> Result<Store, Failure> {
    Ok(match (access.ordered_lines(target)?, target) {
        (Some(lines), _) => Store::Ordered(lines),
        (None, SinkTarget::Collection(name)) => Store::Collection(access.collection(name)?),
        (None, SinkTarget::Topic(_) | SinkTarget::Files(_)) => Store::Nowhere,
    })
}

/// The lines up to the first whose request is at or beyond `upto`.
fn take(lines: &mut Peekable<Lines>, upto: Offset) -> Result<BTreeMap<Offset, Vec<Bytes>>, Failure> {
    let mut taken: BTreeMap<Offset, Vec<Bytes>> = BTreeMap::new();
    while let Some(line) = lines.next_if(|line| line.as_ref().map_or(true, |(offset, _)| *offset < upto)) {
        let (offset, body) = line?;
        taken.entry(offset).or_default().push(body);
    }
    Ok(taken)
}

/// Lines that stand where no request asks for them: repeated where that must not be, or of offsets that the log does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// How many.
    pub count: u64,
    /// The first: the sink, and what request the line is for.
    pub first: Option<(SinkName, Partition, Offset)>,
}

impl Strays {
    pub(super) fn note(&mut self, sinks: &Sinks, sink: usize, partition: Partition, lines: &LinesOf) {
        self.count += lines.values().map(|copies| copies.len() as u64).sum::<u64>();
        let first = lines.keys().next().zip(sinks.0.get(sink));
        if let (None, Some((offset, sink))) = (&self.first, first) {
            self.first = Some((sink.name.clone(), partition, *offset));
        }
    }

    /// Takes those of another range.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.take().or(other.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(offsets: &[u64]) -> Peekable<Lines> {
        let lines: Vec<_> =
            offsets.iter().map(|offset| Ok((Offset(*offset), Bytes::from(vec![*offset as u8])))).collect();
        let lines: Lines = Box::new(lines.into_iter());
        lines.peekable()
    }

    fn taken(lines: &mut Peekable<Lines>, upto: u64) -> Vec<(u64, usize)> {
        take(lines, Offset(upto)).unwrap().iter().map(|(offset, copies)| (offset.0, copies.len())).collect()
    }

    #[test]
    fn a_page_takes_what_lies_below_its_end_and_no_more() {
        let lines = &mut lines(&[0, 1, 3, 4, 7]);
        assert_eq!(taken(lines, 2), [(0, 1), (1, 1)]);
        assert_eq!(taken(lines, 2), [] as [(u64, usize); 0]);
        assert_eq!(taken(lines, 5), [(3, 1), (4, 1)]);
        assert_eq!(taken(lines, 100), [(7, 1)]);
    }

    #[test]
    fn what_a_sink_wrote_again_is_seen_also_across_pages() {
        let lines = &mut lines(&[0, 1, 2, 1, 2, 3]);
        assert_eq!(taken(lines, 2), [(0, 1), (1, 1)]);
        // The second 1 has nobody who asks for it any more: a stray.
        assert_eq!(taken(lines, 4), [(1, 1), (2, 2), (3, 1)]);
    }

    #[test]
    fn an_error_is_passed_on() {
        let broken: Lines = Box::new(std::iter::once(Err(Failure::new(crate::failure::FailureKind::Storage, "gone"))));
        assert_eq!(take(&mut broken.peekable(), Offset(1)).unwrap_err().message, "gone");
    }

    #[test]
    fn a_sink_owes_what_lies_between_its_start_and_its_progress() {
        let at = |offset| Offsets::from([(Partition(1), Offset(offset))]);
        let sink = Sink {
            name: SinkName("s".into()),
            selects: Selects::Answers,
            store: Store::Nowhere,
            starts: at(5),
            progress: at(9),
        };
        let stand =
            |partition, offset| sink.stand(LinePosition { partition: Partition(partition), offset: Offset(offset) });
        assert_eq!(
            [4, 5, 8, 9].map(|offset| stand(1, offset)),
            [Stand::Above, Stand::Passed, Stand::Passed, Stand::Below]
        );
        assert_eq!(stand(0, 3), Stand::Below);
    }
}
