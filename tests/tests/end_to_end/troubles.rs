//! Destinations in trouble: one that is slow holds the source back, and memory stays as it is; those that are away for half a
//! minute lose nothing and get nothing twice.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::metrics::StreamStatus;
use flightline_jobs::clients::Partition;
use flightline_tests::job::{Job, PARTITIONS, REQUESTS, Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::{Chance, wait_until};

/// How long a destination is slow, under full load.
const SLOW: Duration = Duration::from_secs(60);
/// From when on memory must stay as it is.
const SETTLED: Duration = Duration::from_secs(15);
/// How long destinations are away.
const AWAY: Duration = Duration::from_secs(30);
/// Bytes of requests that may be under way: little, so that what grows without bound is seen.
const IN_FLIGHT: u64 = 1 << 20;
/// Requests that are there for each partition before the job starts: more than it can answer while its sink is slow.
const BACKLOG: u64 = 24_000;
/// What memory may grow by once it has settled, in bytes: far less than what is read meanwhile.
const GROWTH: u64 = 8 << 20;

fn troubled() -> Shape {
    Shape::of(1, 2)
        .binary("planted")
        .env("FLIGHTLINE_PLANTED", "trouble")
        .set("limits.in_flight_bytes=1MiB")
        .set("limits.read_batch_bytes=64KiB")
        .set("embedded.cache_bytes=8MiB")
}

/// Says what is the matter, or that nothing is any more.
fn trouble(world: &World, what: &str) {
    let beside = world.folder().write("trouble.new", what);
    fs::rename(beside, world.folder().join("embedded/trouble")).expect("a file can be renamed");
}

/// Requests of 4 KiB: what an older client sends beside is ignored, and still read.
fn append_backlog(world: &World) {
    let store = world.store();
    let shape = flightline_connectors::embedded::TopicShape::whole(PARTITIONS);
    let topic = store.topic(REQUESTS, &shape).expect("the topic can be made");
    let (flights, padding) = (bundled(), "x".repeat(3800));
    for partition in 0..PARTITIONS {
        for from in (0..BACKLOG).step_by(1000) {
            let line = |number: u64| {
                let number = u64::from(partition) * BACKLOG + number;
                let plain = request(&flights[number as usize % flights.len()], number);
                format!("{{\"Padding\":\"{padding}\",{}", &plain[1..]).into()
            };
            let lines = (from..from + 1000).map(line).collect();
            topic.append(Partition(partition), lines).expect("requests can be appended");
        }
    }
}

/// Bytes of requests that were read and are not yet durable, and the most memory that the process ever held.
fn held(job: &Job) -> (u64, u64) {
    let status = job.status(0).expect("the job can be asked");
    let in_flight = status.partitions.values().map(|partition| partition.in_flight_bytes).sum();
    (in_flight, status.peak_memory_bytes.expect("this system tells"))
}

#[test]
fn a_slow_sink_holds_the_source_back_and_memory_stays_as_it_is() {
    let world = World::new();
    append_backlog(&world);
    trouble(&world, "slow topic");
    let job = world.start(&troubled());
    job.wait_until_running();
    let (started, mut settled) = (Instant::now(), None);
    while started.elapsed() < SLOW {
        let (in_flight, peak) = held(&job);
        // What is in flight for the metrics was emitted; each partition may have read a batch too many.
        assert!(
            in_flight <= IN_FLIGHT + u64::from(PARTITIONS) * (64 << 10) + (64 << 10),
            "{in_flight} bytes in flight"
        );
        if started.elapsed() >= SETTLED {
            let settled = *settled.get_or_insert(peak);
            assert!(peak <= settled + GROWTH, "memory grew from {settled} to {peak} bytes");
        }
        // Looks at it now and then; nothing waits for this to be over.
        thread::sleep(Duration::from_millis(500));
    }
    let answers = job.status(0).expect("the job can be asked").answers;
    let answered = answers.ok + answers.error;
    assert!(answered > 1000 && answered < u64::from(PARTITIONS) * BACKLOG, "{answered} answers under full load");
    let (_, peak) = held(&job);
    println!("{answered} answers in a minute; memory {settled:?} after {SETTLED:?}, {peak} at the end");
    trouble(&world, "");
    job.wait_until_done();
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}

#[test]
fn sinks_that_are_away_for_half_a_minute_lose_nothing_and_double_nothing() {
    let world = World::new();
    let job = world.start(&troubled());
    job.wait_until_running();
    let load = world.load(job.requests(), Chance::new());
    wait_until("the job takes requests", || load.sent() > 1000);
    let away = Instant::now();
    trouble(&world, "away topic collection files");
    let has_faults = |status: &StreamStatus, name: &str| {
        status.sinks.iter().any(|(sink, told)| *sink.0 == *name && told.transient_faults > 0)
    };
    let faults = || {
        job.status(0)
            .is_some_and(|status| ["topic", "collection", "files"].iter().all(|name| has_faults(&status, name)))
    };
    wait_until("the sinks are found to be away", faults);
    while away.elapsed() < AWAY {
        let (in_flight, _) = held(&job);
        assert!(in_flight <= IN_FLIGHT + u64::from(PARTITIONS + 1) * (64 << 10), "{in_flight} bytes in flight");
        thread::sleep(Duration::from_millis(500));
    }
    trouble(&world, "");
    let sent = load.sent();
    wait_until("the job takes requests", || load.sent() > sent + 1000);
    load.stop();
    job.wait_until_done();
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}
