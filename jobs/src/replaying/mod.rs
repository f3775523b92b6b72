//! Answering again what was once answered, and comparing with what each sink holds.
//!
//! ```text
//! request log ──► page of records ──[ledger]──► binding ──[Recompute]──► the lines that must be there ──┐
//! each sink ────► the lines of that page ──────────────────────────────────────────────────────────────┴► verdicts
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`find`] | where the request of a UUID stands |
//! | [`bound`] | what the ledger says of an offset |
//! | [`sinks`] | the configured sinks, and what they hold |
//! | [`compare`] | the pure core: from the line that must be there and what is there to a verdict |
//! | [`result`](mod@result) | what is told of a request, and of all together |
//!
//! Where a sink promises each line at least once, lines may come again behind those of later requests: these requests are
//! answered once more, and a line that says the same is no difference.
//!
//! Invariants: it changes nothing; each request of a range is told once, in order, with one verdict for each sink. A job
//! may go on in the meantime: what a sink had not reached when the replay began may be there or not, and a verdict against
//! a sink stands only when the ledger, read after it, still says the same.

pub mod bound;
pub mod compare;
pub mod find;
pub mod result;
pub mod sinks;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

use std::sync::Arc;
use std::time::Duration;

use flightline_connectors::client::TopicClient;
use flightline_connectors::files::{StoreBlobs, Stores};
use flightline_engine::contract::{Blobs, Fault};
use flightline_engine::ledger::Binding;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
use flightline_engine::stream::{Settled, StreamJob};

use self::bound::{At, Ledger};
use self::result::{Answered, Replayed, What};
use self::sinks::{Held, LinesOf, Sinks, Strays};
use crate::access::Access;
use crate::config::StreamConfig;
use crate::failure::{Failure, FailureKind};
use crate::model::Registry;
use crate::streaming::{FlightsJob, Recompute, TableVersions};

/// As many as that, if nobody wants otherwise.
const PAGE: usize = 1 << 20;

/// All that is needed to answer again.
#[derive(Debug)]
pub struct Replayer {
    requests: Arc<dyn TopicClient>,
    ledger: Ledger,
    job: Arc<FlightsJob>,
    recompute: Recompute,
    sinks: Sinks,
    /// Bytes of requests that are answered again at once.
    page: usize,
}

impl Replayer {
    /// Opens ledger, models, versions of the table and sinks.
    ///
    /// # Errors
    /// There is no ledger, it is another job's, or something can't be read.
    pub fn open(config: &StreamConfig, access: &Access) -> Result<Self, Failure> {
        let state = open_state(config, access.stores())?;
        let ledger = Ledger::open(Arc::clone(&state), config)?;
        let requests = access.requests();
        let partitions: Vec<Partition> = (0..requests.partitions()?).map(Partition).collect();
        let sinks = Sinks::open(config, access, ledger.registered(), &partitions)?;
        let job = Arc::new(FlightsJob::new(Registry::open_patiently(access.stores(), &config.model.registry)?));
        let (loading, versions) = (Arc::clone(&job), TableVersions::new(state));
        let recompute = Recompute::new(move |binding| loading.load(binding), move |version| versions.load(version));
        Ok(Self { requests, ledger, job, recompute, sinks, page: PAGE })
    }

    /// The log of requests.
    #[must_use]
    pub fn requests(&self) -> &dyn TopicClient {
        &*self.requests
    }

    /// The configured sinks.
    #[must_use]
    pub const fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    /// Answers the requests of a range again, and tells what became of each, in order. Gives the lines that stand in the
    /// range's place and belong to no request there.
    ///
    /// # Errors
    /// Something can't be read, an answer can't be computed by this build, or `each` fails.
    pub fn replay(
        &mut self,
        partition: Partition,
        range: OffsetRange,
        each: &mut dyn FnMut(Replayed) -> Result<(), Failure>,
    ) -> Result<Strays, Failure> {
        let mut cursors = self.sinks.cursors(partition, range)?;
        let mut strays = Strays::default();
        let mut next = range.from;
        while next < range.to {
            let mut records = self.requests.read(partition, next, self.page, Duration::ZERO)?;
            records.retain(|record| range.contains(record.offset));
            let Some(last) = records.last() else { break };
            next = last.offset.next();
            let mut held = self.sinks.take(&mut cursors, next)?;
            for (sink, lines) in self.sinks.unasked(&records, &mut held) {
                let lines = if self.sinks.may_repeat(sink) { self.no_repeats(partition, sink, lines)? } else { lines };
                strays.note(&self.sinks, sink, partition, &lines);
            }
            self.judge(partition, &records, &held)?.into_iter().try_for_each(&mut *each)?;
        }
        Ok(strays)
    }

    /// Of lines that come behind their requests, those that don't say again what they must.
    fn no_repeats(&mut self, partition: Partition, sink: usize, mut lines: LinesOf) -> Result<LinesOf, Failure> {
        let mut next = Offset::default();
        while let Some(first) = lines.range(next..).next().map(|(offset, _)| *offset) {
            let mut records = self.requests.read(partition, first, self.page, Duration::ZERO)?;
            let Some(last) = records.last() else { break };
            next = last.offset.next();
            records.retain(|record| lines.contains_key(&record.offset));
            let held = self.sinks.only(sink, lines.clone());
            for replayed in self.judge(partition, &records, &held)? {
                if !replayed.is_wrong() {
                    lines.remove(&replayed.offset);
                }
            }
        }
        Ok(lines)
    }

    fn judge(&mut self, partition: Partition, records: &[LogRecord], held: &[Held]) -> Result<Vec<Replayed>, Failure> {
        loop {
            let replayed = self.look(partition, records, held)?;
            // A cut may have bound these offsets otherwise since the ledger was read, or a new range come.
            if !replayed.iter().any(Replayed::is_wrong) || !self.ledger.reload()? {
                return Ok(replayed);
            }
        }
    }

    fn look(&mut self, partition: Partition, records: &[LogRecord], held: &[Held]) -> Result<Vec<Replayed>, Failure> {
        let mut replayed = Vec::with_capacity(records.len());
        let at = |record: &LogRecord| self.ledger.at(partition, record.offset);
        let runs: Vec<(At, &[LogRecord])> =
            records.chunk_by(|one, other| at(one) == at(other)).map(|run| (at(&run[0]), run)).collect();
        for (at, run) in runs {
            match at {
                At::Bound(number) => {
                    let bound = self.ledger.bound(number)?;
                    let settled = self.settle(partition, run, &bound.binding)?;
                    for (record, settled) in run.iter().zip(settled) {
                        let verdicts = self.sinks.verdicts(partition, record.offset, Some(&settled), held)?;
                        let what = What::Answered(Box::new(Answered { bound: bound.clone(), settled }));
                        replayed.push(Replayed::new(partition, record, what, verdicts));
                    }
                }
                At::Unbound => {
                    for record in run {
                        let verdicts = self.sinks.verdicts(partition, record.offset, None, held)?;
                        replayed.push(Replayed::new(partition, record, What::Unbound, verdicts));
                    }
                }
                At::Collected => {
                    let collected = |record| Replayed::new(partition, record, What::Collected, Vec::new());
                    replayed.extend(run.iter().map(collected));
                }
            }
        }
        Ok(replayed)
    }

    fn settle(&self, partition: Partition, run: &[LogRecord], binding: &Binding) -> Result<Vec<Settled>, Failure> {
        let records = run.iter().map(|record| (partition, record.clone())).collect();
        self.recompute.settle(records, binding).map_err(|fault| {
            // What fails is the binding itself, or else its table.
            let kind = match self.job.load(binding) {
                Err(Fault::Permanent(_)) => FailureKind::DamagedModel,
                _ => FailureKind::Storage,
            };
            let offset = run.first().map(|record| record.offset).unwrap_or_default();
            Failure::new(kind, format!("can't answer partition {partition} from offset {offset} on again: {fault}"))
        })
    }
}

/// The folder of ledger and tables, which must be there: it would be made otherwise.
fn open_state(config: &StreamConfig, stores: &Stores) -> Result<Arc<dyn Blobs>, Failure> {
    let state = &config.job.state;
    if state.local().is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::new(
            FailureKind::BadInput,
            format!("there is no folder `{}` (job.state): the job that it belongs to has never run", state.location()),
        ));
    }
    Ok(Arc::new(StoreBlobs::open(stores, state.location())?))
}
