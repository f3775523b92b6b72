//! A rich made-up cluster: what tests and eyes look at.

use std::collections::BTreeMap;
use std::time::Duration;

use flightline_engine::contract::SinkName;
use flightline_engine::ids::{ProcessCount, ProcessIndex};
use flightline_engine::ledger::{self, Seq, TableVersion};
use flightline_engine::log::{Offset, OffsetRange, Partition};
use flightline_engine::metrics::{ByPartition, EntrySays, OpenBinding};
use flightline_engine::stream::Epoch;

use crate::ids::{Cores, Generation, JobId, Memory, Moment, SpecNumber, WorkerName};
use crate::job::spec::{CarriedFile, JobSpec, Program};
use crate::job::state::{JobState, StopHow};
use crate::protocol::StageLine;
use crate::view::{
    ClusterView, EntryView, GenerationView, History, JobLine, JobView, LedgerView, ModelView, PartitionView,
    ProcessView, SinkView, SpecView, StreamView, WorkerState, WorkerView,
};

/// Now.
pub(super) const NOW: Moment = Moment(1_766_000_000_000);
const GIB: u64 = 1 << 30;

fn ago(seconds: u64) -> Moment {
    Moment(NOW.0 - seconds * 1000)
}

fn process(job: u64, generation: u64, process: usize, worker: &str, state: &str) -> ProcessView {
    ProcessView {
        job: JobId(job),
        generation: Generation(generation),
        process: ProcessIndex::new(process),
        worker: WorkerName(worker.into()),
        address: format!("10.0.0.{}:2{}01", process + 11, job),
        state: state.to_owned(),
        memory: Memory(310 << 20),
        last_lines: Vec::new(),
    }
}

fn worker(name: &str, state: WorkerState, taken: u32, processes: Vec<ProcessView>) -> WorkerView {
    WorkerView {
        name: WorkerName(name.into()),
        state,
        page: format!("http://{name}.example:8081"),
        cores: Cores(8),
        cores_taken: Cores(taken),
        memory: Memory(16 * GIB),
        memory_taken: Memory(u64::from(taken) * 2 * GIB),
        memory_used: Memory((u64::from(taken) * 800) << 20),
        heard: if state == WorkerState::Lost { ago(412) } else { ago(2) },
        version: "0.1.0".to_owned(),
        processes,
    }
}

pub(super) fn the_worker() -> WorkerView {
    let ended = ProcessView {
        state: "ended with code 3".to_owned(),
        last_lines: vec![
            "ERROR flightline: rows.json.bz2: line 77: not JSON".to_owned(),
            "2 of 4 files were read".to_owned(),
        ],
        ..process(5, 1, 0, "ash", "")
    };
    worker("ash", WorkerState::Alive, 6, vec![process(3, 4, 0, "ash", "up"), process(3, 4, 1, "ash", "up"), ended])
}

fn line(id: u64, name: &str, program: &str, state: JobState) -> JobLine {
    let is_over = state.is_over();
    JobLine {
        id: JobId(id),
        name: name.to_owned(),
        program: program.to_owned(),
        state,
        submitted: ago(7400),
        ended: is_over.then(|| ago(6900)),
        exit: is_over.then_some(0),
        generation: Some(Generation(1)),
        restarts: 0,
        cores: Cores(4),
        memory: Memory(4 * GIB),
        next_run: None,
        schedule: None,
        stages: Vec::new(),
    }
}

fn stage(name: &str, unit: &str, done: u64, total: u64, ended: bool) -> StageLine {
    StageLine { name: name.to_owned(), unit: unit.to_owned(), total, done, ended }
}

fn training() -> JobLine {
    JobLine {
        stages: vec![
            stage("read", "rows", 1_203_111, 1_203_111, true),
            stage("index", "rows", 1_203_111, 0, true),
            stage("grow", "trees", 41, 100, false),
            stage("judge", "rows", 0, 240_000, false),
        ],
        submitted: ago(47),
        ..line(6, "train on all years", "train", JobState::Running)
    }
}

fn stream_line() -> JobLine {
    JobLine {
        generation: Some(Generation(4)),
        restarts: 3,
        cores: Cores(6),
        submitted: ago(90_000),
        ..line(3, "live delays", "predict", JobState::Running)
    }
}

/// Jobs in every state there is.
pub(super) fn cluster() -> ClusterView {
    let why = str::to_owned;
    let lost = "worker elm was not heard for 10 s";
    ClusterView {
        version: "0.1.0".to_owned(),
        since: ago(200_000),
        now: NOW,
        workers: vec![
            the_worker(),
            worker(
                "beech",
                WorkerState::Alive,
                3,
                vec![process(3, 4, 2, "beech", "up"), process(6, 1, 0, "beech", "up")],
            ),
            worker("elm", WorkerState::Lost, 0, vec![]),
            worker("fir", WorkerState::Draining, 2, vec![process(9, 2, 0, "fir", "ending")]),
            worker("oak", WorkerState::Unheard, 0, vec![]),
        ],
        jobs: vec![
            JobLine {
                generation: None,
                submitted: ago(31),
                ..line(
                    10,
                    "train, wide",
                    "train",
                    JobState::Queued { why: why("it needs 32 cores in 4 processes; 13 of 16 cores are taken") },
                )
            },
            line(9, "replay of May", "replay", JobState::Ending { why: why("process 1 was ended by signal 9") }),
            JobLine {
                restarts: 5,
                ..line(
                    8,
                    "extract, nightly",
                    "extract",
                    JobState::BackingOff { until: Moment(NOW.0 + 25_000), why: why(lost) },
                )
            },
            line(7, "distances", "distances", JobState::Stopping { how: StopHow::Stop }),
            training(),
            line(
                5,
                "extract of 2013",
                "extract",
                JobState::Failed { why: why("process 0 ended with code 3: rows.json.bz2: line 77: not JSON") },
            ),
            line(4, "train on 2013", "train", JobState::Completed),
            stream_line(),
            line(2, "a try", "predict", JobState::Killed),
            line(1, "first stream", "predict", JobState::Stopped),
        ],
    }
}

pub(super) fn spec() -> JobSpec {
    JobSpec {
        name: "live delays".to_owned(),
        program: Program::Predict,
        args: ["--config", "{carried}/job.toml", "--live"].map(str::to_owned).into(),
        files: vec![CarriedFile { name: "job.toml".to_owned(), text: "password = \"hush\"".to_owned() }],
        processes: ProcessCount::new(3),
        cores: Cores(2),
        memory: Memory(2 * GIB),
        supervise: true,
        every: None,
    }
}

/// The views of all jobs that have one.
pub(super) fn job(id: JobId) -> Option<JobView> {
    let line = cluster().jobs.into_iter().find(|job| job.id == id)?;
    let ended = (line.ended.unwrap_or(NOW), "process 0 ended with code 3: rows.json.bz2: line 77: not JSON".to_owned());
    let mut view =
        JobView { now: NOW, spec: spec(), specs: Vec::new(), generations: Vec::new(), stream: None, model: None, line };
    match id.0 {
        4 => view.model = Some(models()[0].id.clone()),
        3 => {
            view.generations = lives();
            let spec_of = |number, asked, processes, given_up: Option<&str>| SpecView {
                number: SpecNumber(number),
                asked: ago(asked),
                spec: JobSpec { processes: ProcessCount::new(processes), ..spec() }.without_texts(),
                given_up: given_up.map(str::to_owned),
            };
            let wrong = "process 0 ended with code 2: <answers.format> is wrong";
            view.specs = vec![spec_of(3, 300, 4, Some(wrong)), spec_of(2, 415, 3, None), spec_of(1, 90_000, 2, None)];
            view.stream = Some(stream());
        }
        5 => {
            let processes = the_worker().processes.split_off(2);
            view.generations = vec![GenerationView {
                number: Generation(1),
                spec: SpecNumber(1),
                started: ago(7390),
                ended: Some(ended),
                processes,
            }];
        }
        6 => {
            let processes = vec![process(6, 1, 0, "beech", "up"), process(6, 1, 1, "ash", "up")];
            view.generations = vec![GenerationView {
                number: Generation(1),
                spec: SpecNumber(1),
                started: ago(44),
                ended: None,
                processes,
            }];
            view.spec = JobSpec {
                program: Program::Train,
                files: vec![],
                args: vec!["--bundled".to_owned()],
                every: Some(Duration::from_secs(86_400)),
                ..spec()
            };
        }
        _ => {}
    }
    Some(view)
}

fn lives() -> Vec<GenerationView> {
    let on = ["ash", "ash", "beech"];
    let life = |number, started, ended: Option<(u64, &str)>| GenerationView {
        number: Generation(number),
        spec: SpecNumber(1 + u64::from(number == 4)),
        started: ago(started),
        ended: ended.map(|(at, why)| (ago(at), why.to_owned())),
        processes: (0..3)
            .map(|at| {
                process(
                    3,
                    number,
                    at,
                    on[at],
                    if ended.is_some() { "was ended by its agent, as ordered" } else { "up" },
                )
            })
            .collect(),
    };
    let mut lives = vec![
        life(4, 410, None),
        life(3, 50_000, Some((420, "worker elm was not heard for 10 s"))),
        life(2, 89_000, Some((50_010, "process 2 used 2.1 GiB of memory, and was ended because it may use 2.0 GiB"))),
        life(1, 90_000, Some((89_010, "process 0 was ended by signal 9"))),
    ];
    lives[3].processes[0].last_lines =
        vec!["INFO epoch 4711 closed".to_owned(), "\u{1b}[31mWARN\u{1b}[0m sink files is retried".to_owned()];
    lives
}

/// Numbers that go up and down, the same each time.
fn wave(at: u64, every: u64, from: f64, by: f64) -> f64 {
    let phase = (at * 2_654_435_761 % 1000) as f64 / 1000.0;
    from + by * ((at as f64 / every as f64).sin() + 0.3 * phase)
}

fn ledger() -> LedgerView {
    let model = || "9f31c2ab77d0e4b1aa03".into();
    let ranges = |from: u64, to: u64| ByPartition {
        partitions: 8,
        first: (0..8).map(|number| (Partition(number), OffsetRange::new(Offset(from), Offset(to)))).collect(),
    };
    let at = ByPartition { partitions: 1, first: BTreeMap::from([(Partition(2), Offset(1_150_021))]) };
    let open = |entry, table, requests| OpenBinding {
        entry: Seq(entry),
        generation: ledger::Generation(4),
        model: model(),
        table: TableVersion(table),
        as_of: Some(Epoch(120_000 + table)),
        requests,
    };
    let bound = |table, requests| EntrySays::Bound { model: model(), table: TableVersion(table), requests };
    let entry =
        |number, generation, back: Option<u64>, says| EntryView { number, generation, written: back.map(ago), says };
    LedgerView {
        generation: 4,
        claimed: ago(409),
        open: vec![open(1203, 41, ranges(1_200_000, 1_216_384)), open(1202, 41, ranges(1_199_360, 1_200_000))],
        open_in_all: 2,
        newest: vec![
            entry(1203, 4, Some(12), bound(41, ranges(1_200_000, 1_216_384))),
            entry(1202, 4, Some(131), EntrySays::Cut { model: model(), table: TableVersion(41), at }),
            entry(1201, 4, Some(408), bound(40, ranges(1_150_000, 1_200_000))),
            entry(1200, 4, Some(409), EntrySays::Registered { sink: SinkName("files".into()) }),
            entry(1199, 4, Some(409), EntrySays::Claimed),
            entry(1198, 3, None, bound(40, ranges(1_100_000, 1_150_000))),
        ],
    }
}

fn stream() -> StreamView {
    let samples = || 0..120_u64;
    let sinks = [("kafka", "live", 12), ("mongodb", "retrying", 2140), ("files", "catching-up", 91_233)];
    let partition = |number: u32| PartitionView {
        end: 1_200_431 + u64::from(number) * 977,
        read: 1_200_400,
        in_flight: 31 + u64::from(number) * 170,
    };
    StreamView {
        guarantee: Some("exactly-once".to_owned()),
        model: Some("9f31c2ab77d0e4b1aa03".to_owned()),
        table: Some(41),
        epochs: Some((120_411, 120_415)),
        ledger_entries: Some(1204),
        ledger: Some(ledger()),
        dead_letters: 17,
        partitions: (0..8).map(|number| (number, partition(number))).collect(),
        sinks: sinks
            .map(|(name, state, lag)| {
                (
                    name.to_owned(),
                    SinkView {
                        state: state.to_owned(),
                        next: (0..8).map(|number| (number, 1_200_000 + u64::from(number))).collect(),
                        lag,
                    },
                )
            })
            .into(),
        troubles: BTreeMap::from([(
            "sink mongodb".to_owned(),
            "no primary is to be found in rs0; tried again".to_owned(),
        )]),
        history: History {
            moments: samples().map(|at| Moment(NOW.0 - (120 - at) * 5000)).collect(),
            answers: samples().map(|at| wave(at, 9, 5200.0, 900.0)).collect(),
            partition_rate: (0..8)
                .map(|number| (number, samples().map(|at| wave(at + u64::from(number), 9, 650.0, 110.0)).collect()))
                .collect(),
            sink_rate: sinks
                .map(|(name, _, _)| (name.to_owned(), samples().map(|at| wave(at, 9, 5200.0, 900.0)).collect()))
                .into(),
            partition_lag: (0..8)
                .map(|number| {
                    (number, samples().map(|at| wave(at + u64::from(number) * 7, 11, 200.0, 90.0) as u64).collect())
                })
                .collect(),
            sink_lag: sinks
                .map(|(name, _, lag)| (name.to_owned(), samples().map(|at| (at * lag / 120) / 40 + 10).collect()))
                .into(),
            latency: samples()
                .map(|at| (wave(at, 13, 21.0, 4.0), if at == 60 { f64::NAN } else { wave(at, 7, 92.0, 25.0) }))
                .collect(),
        },
    }
}

pub(super) fn models() -> Vec<ModelView> {
    let report = |accuracy: f64| {
        let quality = serde_json::json!({"accuracy": accuracy, "base_rate": 0.3431, "log_loss": 1.2044});
        serde_json::json!({"train": quality, "test": {"name": "last days (from 2013-10-20)", "quality": quality}, "rows": {"training": 261_344}, "trees": 100})
    };
    let model = |id: &str, saved, report, current| ModelView {
        id: id.to_owned(),
        current,
        saved: ago(saved),
        report,
        has_page: current,
    };
    vec![
        model("9f31c2ab77d0e4b1aa03", 4000, Some(report(0.5123)), true),
        model("11d0a9e2b4c87f3377aa", 90_000, Some(report(0.4984)), false),
        model("c4772be1904d2f81e6b0", 400_000, None, false),
    ]
}
