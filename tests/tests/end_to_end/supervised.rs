//! Processes that an agent starts and watches: what they tell it, and that they end with it.

use std::io::{BufReader, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use flightline_engine::http::HealthState;
use flightline_engine::log::Partition;
use flightline_engine::process::Exit;
use flightline_engine::progress::Unit;
use flightline_engine::supervised::{Channel, CordReader, Graph, Operator, StagePhase, Telemetry, VARIABLE};
use flightline_jobs::clients::{RemoteJob, TopicClient};
use flightline_tests::job::{REQUESTS, World, request};
use flightline_tests::rows::{bundled, json_lines, sample};
use flightline_tests::{DEADLINE, Ended, Folder, Invocation, Running, Signal, wait_until};

use crate::training::{assert_no_model, current, train};

/// Far more than a process needs to see that its agent is gone.
const AT_ONCE: Duration = Duration::from_secs(10);

/// A process, and its agent's end of the cord.
struct Supervised {
    running: Running,
    told: CordReader<BufReader<UnixStream>>,
}

/// Both ends of a cord. What isn't told in time fails the test that waits for it.
fn cord() -> (UnixStream, UnixStream) {
    let (agent, process) = UnixStream::pair().unwrap();
    agent.set_read_timeout(Some(DEADLINE)).unwrap();
    (agent, process)
}

fn on(process: UnixStream, command: Invocation) -> Invocation {
    command.env(VARIABLE, "stdin").stdin(OwnedFd::from(process))
}

impl Supervised {
    fn start(command: Invocation) -> Self {
        let (agent, process) = cord();
        Self { running: on(process, command).start(), told: CordReader::new(BufReader::new(agent)) }
    }

    /// The first snapshot that is wanted.
    #[track_caller]
    fn wait_until(&mut self, what: &str, mut wanted: impl FnMut(&Telemetry) -> bool) -> Telemetry {
        let mut last = None;
        for told in self.told.by_ref() {
            let told = told.unwrap_or_else(|error| panic!("{error}, before {what}: {last:#?}"));
            if wanted(&told) {
                return told;
            }
            last = Some(told);
        }
        panic!("it ended before {what}: {last:#?}")
    }

    /// The agent dies, with its end of the cord and whatever it hasn't read.
    fn lose_agent(self) -> Running {
        self.running
    }
}

/// A process that ended because its agent did.
#[track_caller]
fn ended_with_its_agent(running: Running) -> Ended {
    let ended = running.end_within(AT_ONCE);
    ended.expect(Exit::Terminated);
    ended
}

/// The operator of this name, also if it says after a colon for whom it works.
fn operator<'a>(graph: &'a Graph, name: &str) -> Option<&'a Operator> {
    graph.operators.iter().find(|operator| operator.name.split(':').next() == Some(name))
}

/// The channel into the first input of an operator.
fn into<'a>(graph: &'a Graph, name: &str) -> Option<&'a Channel> {
    let target = &operator(graph, name)?.address;
    graph.channels.iter().find(|channel| channel.target.operator == *target && channel.target.port.0 == 0)
}

fn folder_with_rows(number: usize) -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(number, 0)));
    folder
}

#[test]
fn an_agent_is_told_of_each_stage_until_all_have_ended() {
    let folder = folder_with_rows(2_000);
    let mut process = Supervised::start(train(&folder).words("--input rows.jsonl -w 2"));
    let told: Vec<Telemetry> = process.told.by_ref().collect::<Result<_, _>>().unwrap();
    let ended = process.running.end_within(DEADLINE);
    ended.ok();
    assert!(ended.stderr.contains("index: 2,000 rows"), "who watches standard error sees as much as ever\n{ended}");
    current(&folder);

    let last = told.last().expect("a process speaks when it begins and when it ends");
    let stages: Vec<_> = last.stages.iter().map(|stage| (stage.name.as_str(), stage.state)).collect();
    let names = ["read", "index", "grow", "judge", "save"];
    assert_eq!(stages, names.map(|name| (name, StagePhase::Ended)), "{last:#?}");
    assert_eq!((last.stages[1].done, last.stages[1].unit), (2_000, Unit::Rows));
    assert!(last.memory_bytes > Some(1 << 20) && last.peak_memory_bytes >= last.memory_bytes);
    assert!(last.stream.is_none() && last.health.is_none());
    let graph = last.graph.as_ref().unwrap();
    assert!(operator(graph, "Train").is_some_and(|train| train.is_scope && train.address.0.len() == 1), "{graph:#?}");
    let stages = graph.operators.iter().filter(|operator| operator.address.0.len() == 2 && operator.is_scope);
    let stages: Vec<&str> = stages.map(|stage| stage.name.as_str()).collect();
    for name in ["ReadRows", "SettleKeys", "AssignRoles", "IndexFeatures", "Bin", "Grow", "Judge", "KeepForModel"] {
        assert!(
            stages.contains(&name),
            "the picture of a training reads like its stages, but lacks {name}: {stages:?}"
        );
    }
    let binned = operator(graph, "BinRows").unwrap();
    assert!(binned.activations > 0 && binned.active_nanos > 0, "{binned:?}");
    assert!(graph.channels.iter().all(|channel| channel.waiting() == 0), "all is done: {graph:#?}");
    assert!(graph.channels.iter().any(|channel| channel.records_sent > 0));
    for (before, after) in told.iter().zip(&told[1..]) {
        for (before, after) in before.stages.iter().zip(&after.stages) {
            assert!(before.done <= after.done && before.state as u8 <= after.state as u8, "{before:?}, then {after:?}");
        }
    }
}

#[test]
fn an_agent_sees_requests_on_their_way_and_the_stream_ends_with_it() {
    let world = World::new();
    let mut process = Supervised::start(world.command("predict").words("-w 2").env("FLIGHTLINE_LOG", "info"));
    let running = process
        .wait_until("it runs", |told| told.health.as_ref().is_some_and(|health| health.state == HealthState::Running));
    assert!(running.stages.is_empty() && running.ledger_generation.is_none());

    let requests = RemoteJob::new([world.address()]).unwrap().topic(REQUESTS);
    let flights = bundled();
    let lines = (0..100_u64).map(|number| request(&flights[number as usize], number).into()).collect();
    requests.append_to(Partition(0), lines).unwrap();
    let told = process.wait_until("100 requests have gone through all of it", |told| {
        let answered = told.stream.as_ref().is_some_and(|stream| stream.answers.ok >= 100);
        let graph = told.graph.as_ref();
        let came = |name| graph.and_then(|graph| into(graph, name)).map_or(0, |channel| channel.records_received);
        answered && came("LookUpDistance") >= 100 && came("Sinks") >= 100
    });
    let graph = told.graph.unwrap();
    let stream = operator(&graph, "Stream").unwrap();
    let usual = ["Map", "FlatMap", "OkErr", "Concatenate", "Exchange"];
    let nameless = |operator: &&Operator| {
        operator.address.parent().as_ref() == Some(&stream.address) && usual.contains(&operator.name.as_str())
    };
    assert_eq!(graph.operators.iter().find(nameless), None, "the picture of a stream reads like its stages");
    for name in ["ParseRequests", "LookUpDistance", "Predict", "WriteAnswers", "Sinks"] {
        let operator = operator(&graph, name).unwrap();
        assert_eq!(operator.address.0[0], stream.address.0[0], "{name} is in the stream: {graph:#?}");
        assert!(operator.activations > 0 && operator.active_nanos > 0 && operator.running == 2, "{operator:?}");
    }
    assert!(!graph.truncated);
    ended_with_its_agent(process.lose_agent());
}

#[test]
fn a_process_that_was_paused_when_its_agent_died_ends_when_it_is_resumed() {
    let folder = folder_with_rows(5_000);
    let long = train(&folder).words("--input rows.jsonl --trees 10000 --depth 16 -w 2");
    let mut process = Supervised::start(long);
    process.wait_until("it grows", |told| {
        told.stages.iter().any(|stage| stage.name == "grow" && stage.state == StagePhase::Running)
    });
    process.running.signal(Signal::STOP);
    wait_until("it stands still", || process.running.is_paused());
    let running = process.lose_agent();
    running.signal(Signal::CONT);
    let ended = ended_with_its_agent(running);
    assert_no_model(&folder, &ended);
}

#[test]
fn an_agent_that_dies_before_the_process_has_begun_takes_it_along() {
    let folder = folder_with_rows(5_000);
    let (agent, process) = cord();
    drop(agent);
    let long = train(&folder).words("--input rows.jsonl --trees 10000 --depth 16");
    ended_with_its_agent(on(process, long).start());
}

#[test]
fn an_agent_that_does_not_read_holds_nothing_up() {
    let folder = folder_with_rows(500);
    let (agent, process) = cord();
    process.set_nonblocking(true).unwrap();
    // Not even the first snapshot finds room.
    let full = loop {
        if let Err(error) = (&process).write(&[b'x'; 1024]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    on(process, train(&folder).words("--input rows.jsonl")).succeed();
    drop(agent);
    current(&folder);
}

#[test]
fn a_cord_that_leads_nowhere_is_a_mistake_of_the_start() {
    let world = World::new();
    for command in ["train --input rows.jsonl", "predict"] {
        let start = || world.folder().run(command.split(' ').next().unwrap()).args(command.split(' ').skip(1));
        let nowhere = start().env(VARIABLE, "stdin").finish();
        nowhere.expect(Exit::Usage).says(&["FLIGHTLINE_CORD=stdin", "socket pair"]).silent();
        start().env(VARIABLE, "fd:3").finish().expect(Exit::Usage).says(&["FLIGHTLINE_CORD is \"fd:3\""]).silent();
    }
}
