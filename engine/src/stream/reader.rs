//! The thread that reads one partition, as far ahead as its room allows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Ending;
use super::inbox::{Gone, InboxSender};
use super::retry::Trial;
use super::room::{Admission, Room};
use crate::contract::{Fault, PartitionReader, Source};
use crate::log::{LogRecord, Offset, Partition};
use crate::metrics::StreamMetrics;

/// How long to wait before looking whether the job has ended.
const PATIENCE: Duration = Duration::from_millis(200);

/// What a reader says to its worker.
#[derive(Debug)]
pub(super) enum Reading {
    /// It has read these.
    Read(Partition, Vec<LogRecord>),
    /// It can't go on.
    Failed(Ending),
}

/// Tells the metrics where the log ends, and tools of the log how far the job is, so that they know how far behind we are; not
/// at every read.
pub(super) struct LogEnds {
    source: Arc<dyn Source>,
    partition: Partition,
    metrics: StreamMetrics,
    next: Instant,
    /// What tools were told last.
    told: Offset,
}

impl LogEnds {
    /// How often the log is asked.
    const EVERY: Duration = Duration::from_millis(500);

    pub(super) fn new(source: Arc<dyn Source>, partition: Partition, metrics: StreamMetrics) -> Self {
        Self { source, partition, metrics, next: Instant::now(), told: Offset::default() }
    }

    fn look(&mut self, room: &Room) {
        if Instant::now() < self.next {
            return;
        }
        // A log that can't be asked will say so to the reader.
        if let Ok(bounds) = self.source.bounds(self.partition) {
            self.metrics.log_end(self.partition, bounds.to);
        }
        // From the answer on: who waits long for one must not do so before each read.
        self.next = Instant::now() + Self::EVERY;
        let settled = room.slowest();
        if settled != self.told {
            self.source.settled(&[(self.partition, settled)].into());
            self.told = settled;
        }
    }
}

/// Reads until the room is closed.
pub(super) fn read_partition<E: From<Reading>>(
    partition: Partition,
    mut reader: Box<dyn PartitionReader>,
    batch_bytes: usize,
    room: &Arc<Room>,
    tell: &InboxSender<E>,
    mut ends: LogEnds,
    mut trial: Trial,
) {
    loop {
        ends.look(room);
        match room.admission(PATIENCE) {
            Admission::Closed => return,
            Admission::Full => continue,
            Admission::Open => {}
        }
        let event = match reader.read(batch_bytes, PATIENCE) {
            Ok(records) => {
                trial.worked();
                let Some(end) = records.last().map(|record| record.offset.next()) else { continue };
                room.enter(end, records.iter().map(LogRecord::weight).sum());
                Reading::Read(partition, records)
            }
            Err(Fault::Transient(fault)) => {
                if room.closed_within(trial.failed(&fault)) {
                    return;
                }
                continue;
            }
            Err(fault) => Reading::Failed(fault.into()),
        };
        if tell.send(event.into()) == Err(Gone) {
            return;
        }
    }
}
