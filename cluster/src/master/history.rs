//! The last minutes of streaming jobs, for their charts. Pure, bounded, and not kept over the master's end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flightline_engine::metrics::StreamStatus;

use super::state::Cluster;
use crate::ids::{Generation, JobId, Moment, ProcessRef};
use crate::view::History;

/// So many samples of each job: ten minutes of one each second.
const MOST: usize = 600;

/// Samples of all streaming jobs that have processes.
#[derive(Clone, Debug, Default)]
pub(super) struct Histories(BTreeMap<JobId, VecDeque<Sample>>);

/// A job's numbers at one moment, over all of its processes.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    at: Moment,
    generation: Generation,
    answered: u64,
    /// Requests that were read of each partition.
    read: BTreeMap<u32, u64>,
    /// Requests of all partitions that each sink is done with.
    done: BTreeMap<String, u64>,
    partition_lag: BTreeMap<u32, u64>,
    sink_lag: BTreeMap<String, u64>,
    latency: (f64, f64),
}

impl Histories {
    /// Takes a sample of each streaming job, and forgets those that are over.
    pub(super) fn sample(&mut self, cluster: &Cluster, now: Moment) {
        self.0.retain(|id, _| cluster.jobs().get(id).is_some_and(|job| !job.state().is_over()));
        for job in cluster.jobs().values().filter(|job| job.phase().has_processes()) {
            let Some(life) = job.life() else { continue };
            let statuses: Vec<&StreamStatus> =
                statuses(cluster, job.id, life.number).map(|(_, status)| status).collect();
            if statuses.is_empty() {
                continue;
            }
            let samples = self.0.entry(job.id).or_default();
            if samples.len() >= MOST {
                samples.pop_front();
            }
            samples.push_back(Sample::of(&statuses, life.number, now));
        }
    }

    /// The series of one job.
    #[must_use]
    pub(super) fn of(&self, job: JobId) -> History {
        let Some(samples) = self.0.get(&job) else { return History::default() };
        let mut history = History::default();
        let before = std::iter::once(None).chain(samples.iter().map(Some));
        let pairs: Vec<(Option<&Sample>, &Sample)> = before.zip(samples).collect();
        history.moments = samples.iter().map(|sample| sample.at).collect();
        history.latency = samples.iter().map(|sample| sample.latency).collect();
        history.answers = rates(&pairs, |sample| Some(sample.answered));
        for partition in names(samples, |sample| &sample.read) {
            history.partition_rate.insert(partition, rates(&pairs, |sample| sample.read.get(&partition).copied()));
        }
        for sink in names(samples, |sample| &sample.done) {
            let rate = rates(&pairs, |sample| sample.done.get(&sink).copied());
            history.sink_rate.insert(sink, rate);
        }
        for partition in names(samples, |sample| &sample.partition_lag) {
            let lag = samples.iter().map(|sample| sample.partition_lag.get(&partition).copied().unwrap_or(0));
            history.partition_lag.insert(partition, lag.collect());
        }
        for sink in names(samples, |sample| &sample.sink_lag) {
            let lag = samples.iter().map(|sample| sample.sink_lag.get(&sink).copied().unwrap_or(0)).collect();
            history.sink_lag.insert(sink, lag);
        }
        history
    }
}

fn names<K: Clone + Ord>(samples: &VecDeque<Sample>, of: impl Fn(&Sample) -> &BTreeMap<K, u64>) -> Vec<K> {
    let all: BTreeSet<&K> = samples.iter().flat_map(|sample| of(sample).keys()).collect();
    all.into_iter().cloned().collect()
}

/// What a count grows by in each second; nothing across lives, which count from 0, nor from where it wasn't known yet.
fn rates(pairs: &[(Option<&Sample>, &Sample)], count: impl Fn(&Sample) -> Option<u64>) -> Vec<f64> {
    let rate = |(before, sample): &(Option<&Sample>, &Sample)| {
        let before = before.filter(|before| before.generation == sample.generation)?;
        let (seconds, grown) =
            (sample.at.since(before.at).as_secs_f64(), count(sample)?.saturating_sub(count(before)?));
        (seconds > 0.0).then(|| grown as f64 / seconds)
    };
    pairs.iter().map(|pair| rate(pair).unwrap_or(0.0)).collect()
}

/// What the processes of one life of a job say of themselves.
pub(super) fn statuses(
    cluster: &Cluster,
    job: JobId,
    generation: Generation,
) -> impl Iterator<Item = (ProcessRef, &StreamStatus)> {
    let reports = cluster.workers().values().flat_map(|worker| worker.reports.values());
    reports
        .filter(move |report| report.id.job == job && report.id.generation == generation)
        .filter_map(|report| Some((report.id, report.stream.as_ref()?)))
}

impl Sample {
    fn of(statuses: &[&StreamStatus], generation: Generation, at: Moment) -> Self {
        let mut sample = Self {
            at,
            generation,
            answered: 0,
            read: BTreeMap::new(),
            done: BTreeMap::new(),
            partition_lag: BTreeMap::new(),
            sink_lag: BTreeMap::new(),
            latency: (0.0, 0.0),
        };
        for status in statuses {
            sample.answered += status.answers.ok + status.answers.error;
            for (partition, read) in &status.partitions {
                *sample.read.entry(partition.0).or_default() += read.requests;
            }
            for (name, sink) in &status.sinks {
                *sample.done.entry(name.to_string()).or_default() += sink.next.values().map(|next| next.0).sum::<u64>();
                *sample.sink_lag.entry(name.to_string()).or_default() += sink.lag.values().sum::<u64>();
                for (partition, lag) in sink.lag.iter().filter(|_| sink.required) {
                    let slowest = sample.partition_lag.entry(partition.0).or_default();
                    *slowest = (*slowest).max(*lag);
                }
            }
            // Of several processes the slowest one's: a mean of percentiles is none.
            let [p50, p99] = [status.whole.p50_ms, status.whole.p99_ms].map(|millis| millis.unwrap_or(0.0));
            sample.latency = (sample.latency.0.max(p50), sample.latency.1.max(p99));
        }
        sample
    }
}
