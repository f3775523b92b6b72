use std::sync::Arc;
use std::time::Duration;

use flightline_engine::clock::ManualClock;
use flightline_engine::ids::{JobName, ProcessCount};
use flightline_engine::ledger::{self, Entry, EntryBody, Seq};
use flightline_engine::log::Partition;
use flightline_engine::metrics::{EntrySays, StreamMetrics, Written};
use flightline_engine::stream::Epoch;

use super::super::state::Rules;
use super::*;
use crate::ids::{Incarnation, SpecNumber, WorkerName};
use crate::job::spec::{JobSpec, Program};
use crate::protocol::{HowEnded, Machine};
use crate::samples;

fn at(millis: u64) -> At {
    At { now: Moment(millis), up: Duration::from_millis(millis), chance: 0.5 }
}

fn machine(worker: &WorkerName) -> Machine {
    Machine { cores: Cores(2), memory: Memory(4 << 30), ..samples::machine(&worker.0) }
}

#[test]
fn a_worker_that_gets_no_jobs_for_its_version_is_shown_so() {
    let name = WorkerName("a".into());
    let mut cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    let other = Machine { version: "0.0.0".to_owned(), ..machine(&name) };
    cluster.register(other, at(0)).unwrap();
    assert_eq!(cluster_view(&cluster, Moment(0), at(1)).workers[0].state, WorkerState::OtherVersion);
    cluster.register(machine(&name), at(2)).unwrap();
    assert_eq!(cluster_view(&cluster, Moment(0), at(3)).workers[0].state, WorkerState::Alive);
}

/// A job that had failed often was more than a call holds, and nobody could see why it had.
#[test]
fn of_many_last_lines_the_newest_are_shown() {
    let process = |number: usize| ProcessView {
        job: JobId(1),
        generation: Generation(1),
        process: ProcessIndex::new(number),
        worker: WorkerName("it".into()),
        address: "host:1".to_owned(),
        state: "ended".to_owned(),
        memory: Memory(0),
        last_lines: vec!["x".repeat(1_000); 40],
    };
    let life = |number| GenerationView {
        number: Generation(number),
        spec: SpecNumber(1),
        started: Moment(0),
        ended: None,
        processes: (0..10).map(process).collect(),
    };
    let mut lives: Vec<GenerationView> = (0..50).rev().map(life).collect();
    keep_the_newest_words(&mut lives);
    let told = lives.iter().flat_map(|life| &life.processes).map(|process| process.last_lines.len());
    let told: Vec<usize> = told.collect();
    assert_eq!(told, [[40].repeat(52), [0].repeat(448)].concat());
}

fn spec(processes: usize) -> JobSpec {
    let spec = samples::spec(Program::Predict, &[]);
    JobSpec { processes: ProcessCount::new(processes), cores: Cores(2), supervise: true, ..spec }
}

/// What the page shows of a stream with a process on each of two workers, which say this of themselves.
fn stream_of(statuses: [StreamStatus; 2], now: u64) -> StreamView {
    let names = ["a", "b"].map(|name| WorkerName(name.into()));
    let mut cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    names.iter().for_each(|name| cluster.register(machine(name), at(0)).unwrap());
    let job = cluster.submit(spec(2), at(1));
    for (index, (name, status)) in names.iter().zip(statuses).enumerate() {
        let up = ProcessReport {
            id: ProcessRef { job, generation: Generation(1), process: ProcessIndex::new(index) },
            state: ProcessState::Up { pid: 7 },
            memory: Memory(0),
            stream: Some(status),
            stages: Vec::new(),
        };
        cluster.report((name, Incarnation(1)), vec![up], at(2)).unwrap();
    }
    job_view(&cluster, &Histories::default(), job, Moment(now)).unwrap().stream.unwrap()
}

/// The least and the greatest newest epoch of the processes were taken for what is in flight: of one process, always one.
#[test]
fn epochs_are_in_flight_from_the_oldest_of_any_process_to_the_newest_of_any() {
    let status = |epochs| {
        let metrics = StreamMetrics::new();
        metrics.epoch(Epoch(90));
        metrics.epochs_in_flight(Partition(0), epochs);
        metrics.status()
    };
    let epochs = |one, other| stream_of([status(one), status(other)], 3).epochs;
    let flight = |oldest, newest| Some((Epoch(oldest), Epoch(newest)));
    assert_eq!(epochs(flight(70, 80), flight(75, 89)), Some((70, 89)));
    assert_eq!(epochs(None, flight(75, 89)), Some((75, 89)));
    assert_eq!(epochs(None, None), None);
}

/// Of throughput the charts showed only the whole.
#[test]
fn what_is_read_of_each_partition_in_a_second_is_told_and_nothing_across_lives() {
    let name = WorkerName("a".into());
    let mut cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    cluster.register(machine(&name), at(0)).unwrap();
    let job = cluster.submit(spec(1), at(1));
    let mut histories = Histories::default();
    let mut metrics = StreamMetrics::new();
    for (second, generation, read) in [(1, 1, 5), (2, 1, 40), (3, 1, 60), (4, 2, 7), (5, 2, 9)] {
        let id = ProcessRef { job, generation: Generation(generation), process: ProcessIndex::new(0) };
        let report = |state, stream| ProcessReport { id, state, memory: Memory(0), stream, stages: Vec::new() };
        if (generation, read) == (2, 7) {
            let how = HowEnded::Signal(9);
            let ended = ProcessState::Ended { how, last_lines: Vec::new(), ledger: None, model: None };
            let before = ProcessRef { generation: Generation(1), ..id };
            let ended = ProcessReport { id: before, ..report(ended, None) };
            cluster.report((&name, Incarnation(1)), vec![ended], at(second * 1_000 - 500)).unwrap();
            cluster.tick(at(second * 1_000 - 100));
            metrics = StreamMetrics::new();
        }
        metrics.read(Partition(1), read, 100 * read);
        let up = report(ProcessState::Up { pid: 7 }, Some(metrics.status()));
        cluster.report((&name, Incarnation(1)), vec![up], at(second * 1_000)).unwrap();
        histories.sample(&cluster, Moment(second * 1_000));
    }
    let history = job_view(&cluster, &histories, job, Moment(6_000)).unwrap().stream.unwrap().history;
    assert_eq!(history.moments.len(), 5);
    assert_eq!(history.partition_rate[&1], [0.0, 40.0, 60.0, 0.0, 9.0]);
}

/// The page had only the number of its entries.
#[test]
fn what_the_ledger_holds_is_told_by_the_process_that_writes_it() {
    let leads = StreamMetrics::new();
    let clock = ManualClock::new();
    leads.ledger_claimed(ledger::Generation(1), Arc::new(clock.clone()));
    let opens = EntryBody::Open { job: JobName("it".into()), partitions: 4, nonce: 7 };
    leads.ledger_entry(Seq(0), &Entry { generation: ledger::Generation(1), body: opens }, Written::Now);
    clock.advance(Duration::from_secs(5));
    let ledger = stream_of([StreamMetrics::new().status(), leads.status()], 65_000).ledger.unwrap();
    assert_eq!((ledger.generation, ledger.claimed), (1, Moment(60_000)));
    let entry = &ledger.newest[0];
    assert_eq!((entry.number, entry.written), (0, Some(Moment(60_000))));
    assert_eq!(entry.says, EntrySays::Opened { partitions: 4 });
    assert_eq!(stream_of([StreamMetrics::new().status(), StreamMetrics::new().status()], 9).ledger, None);
}

/// Of a training of three processes one page showed a third of the rows, and a moment later no stages at all.
#[test]
fn what_ended_processes_have_done_is_still_told_when_their_agents_have_forgotten_them() {
    let names = ["a", "b"].map(|name| WorkerName(name.into()));
    let mut cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    names.iter().for_each(|name| cluster.register(machine(name), at(0)).unwrap());
    let job = cluster.submit(JobSpec { program: Program::Train, supervise: false, ..spec(2) }, at(1));
    for (index, name) in names.iter().enumerate() {
        let done = 10 + index as u64;
        let stage = StageLine { name: "index".to_owned(), unit: "rows".to_owned(), total: done, done, ended: true };
        let (how, model) = (HowEnded::Code(0), (index == 0).then(|| "its id".into()));
        let ended = ProcessReport {
            id: ProcessRef { job, generation: Generation(1), process: ProcessIndex::new(index) },
            state: ProcessState::Ended { how, last_lines: Vec::new(), ledger: None, model },
            memory: Memory(0),
            stream: None,
            stages: vec![stage],
        };
        cluster.report((name, Incarnation(1)), vec![ended], at(2)).unwrap();
        cluster.report((name, Incarnation(1)), Vec::new(), at(3)).unwrap();
    }
    let line = &cluster_view(&cluster, Moment(0), at(4)).jobs[0];
    assert_eq!((line.exit, line.stages.len()), (Some(0), 1), "{line:?}");
    assert_eq!((line.stages[0].done, line.stages[0].total), (21, 21));
    let view = job_view(&cluster, &Histories::default(), job, Moment(4_000)).unwrap();
    assert_eq!(view.model.as_deref(), Some("its id"), "the first process says what all have made");
}
