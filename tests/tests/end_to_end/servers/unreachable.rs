//! A server that is away, when the job starts and while it runs: it is named, it is waited for without haste, and when it is
//! there again all goes on by itself.

use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::contract::Guarantee;
use flightline_engine::http::HealthState;
use flightline_tests::job::{Job, PARTITIONS, Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::servers::Servers;

/// Requests that are asked together.
const SOME: u64 = 40;
/// For how long the processor's time is looked at.
const WATCHED: Duration = Duration::from_secs(3);
/// Lines of the log that may tell of two absences of one server.
const LINES: usize = 30;

/// A server that goes away.
struct Absent<'a> {
    part: &'a str,
    address: &'a str,
    /// What is said about it.
    remedy: &'a str,
}

/// One set of servers and one job for all, since both take long to start.
#[test]
fn a_server_that_is_away_is_named_and_waited_for() {
    let servers = Servers::own(&["kafka", "hdfs", "ferretdb"]);
    let world = World::on(&servers, Guarantee::ExactlyOnce);
    let absent = |part, key, remedy| Absent { part, address: servers.authority(key), remedy };
    let mut asked = 0;
    for server in [
        absent("kafka", "KAFKA_BROKERS", "check the address, and that the brokers run"),
        absent("namenode", "HDFS_URL", "check that"),
        absent("ferretdb", "MONGODB_URL", "check the address, and that the server runs"),
    ] {
        servers.stop(server.part);
        let job = world.start(&Shape::of(1, 1).set("limits.start_patience=1h"));
        is_waited_for(&job, &HealthState::Starting, &server);
        servers.start(server.part);
        job.wait_until_running();
        ask(&job, &mut asked);
        job.wait_until_done();

        servers.stop(server.part);
        // What is away can't be asked.
        if server.part != "kafka" {
            ask(&job, &mut asked);
        }
        is_waited_for(&job, &HealthState::Running, &server);
        servers.start(server.part);
        ask(&job, &mut asked);
        job.wait_until_done();
        job.wait_until("nothing is waited for", || job.health().is_some_and(|health| health.waits_for.is_empty()));
        is_told(&job.end().remove(0).stderr, &server);
    }
    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    assert_eq!(holdings.requests() as u64, asked);
}

/// By all partitions together.
fn ask(job: &Job, asked: &mut u64) {
    for partition in 0..PARTITIONS {
        let numbers = *asked..*asked + SOME / u64::from(PARTITIONS);
        *asked = numbers.end;
        job.ask(partition, numbers.map(|number| request(&bundled()[number as usize % bundled().len()], number)));
    }
}

/// The job's health names the server, and the job has hardly anything to do meanwhile.
#[track_caller]
fn is_waited_for(job: &Job, state: &HealthState, server: &Absent<'_>) {
    let Absent { part, address, .. } = server;
    job.wait_until("its health names what is away", || {
        let Some(health) = job.health() else { return false };
        health.state == *state && health.waits_for.values().any(|fault| fault.contains(address))
    });
    let (worked, since) = (job.processor_time(), Instant::now());
    // What is measured, not what is waited for.
    thread::sleep(WATCHED);
    let (worked, passed) = (job.processor_time() - worked, since.elapsed());
    println!("{part} is away, {state:?}: {worked:?} of processors in {passed:?}");
    assert!(worked < passed / 2, "{worked:?} of processors in {passed:?} while {part} is away");
}

/// The log says who is away, where, and what to do, and does not say it again and again.
#[track_caller]
fn is_told(log: &str, server: &Absent<'_>) {
    let Absent { part, address, remedy } = server;
    let tries: Vec<&str> = log.lines().filter(|line| line.contains("trying again")).collect();
    println!("{part} was away: {} lines, such as\n  {}", tries.len(), tries.first().unwrap_or(&"none"));
    assert!(tries.iter().any(|line| line.contains(address) && line.contains(remedy)), "{part}: {log}");
    assert!(tries.len() <= LINES, "{} lines tell of two absences of {part}:\n{log}", tries.len());
    assert!(log.contains("works again"), "{part}: {log}");
}
