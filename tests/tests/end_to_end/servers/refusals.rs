//! Troubles that don't pass: the job ends with code 4 (or goes on without a sink that may lag), and says what is wrong, where,
//! and what to do, without showing a secret.
//!
//! All but what a test is about is embedded, so a test is quick.

use std::hash::{BuildHasher, RandomState};

use flightline_engine::http::HealthState;
use flightline_engine::log::Offsets;
use flightline_engine::process::Exit;
use flightline_jobs::clients::Partition;
use flightline_tests::job::{Job, Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::servers::{Servers, shared_hdfs};

/// Never to be read anywhere.
const WRONG: &str = "not-the-password";

/// A name that nobody uses.
fn fresh(what: &str) -> String {
    format!("{what}-{:016x}", RandomState::new().hash_one("a fresh key every time"))
}

/// The job ends by itself, says so, and has not asked again and again.
#[track_caller]
fn is_refused(world: &World, shape: Shape, told: &[&str]) {
    let ended = world.start(&shape.env("FLIGHTLINE_LOG", "debug")).wait_for_death().remove(0);
    ended.expect(Exit::Storage).says(told);
    assert!(!ended.stdout.contains(WRONG) && !ended.stderr.contains(WRONG), "it shows a secret\n{ended}");
    assert!(!ended.stderr.contains("trying again"), "what stays wrong is not tried again\n{ended}");
}

fn some(from: u64, count: u64) -> Vec<String> {
    bundled().iter().zip(from..from + count).map(|(row, number)| request(row, number)).collect()
}

#[test]
fn a_wrong_password_of_kafka_is_refused() {
    let (servers, topic) = (Servers::shared(), fresh("request"));
    let world = World::new();
    let wrong = world.folder().write("wrong", WRONG);
    let (brokers, user) = (servers.address("KAFKA_SASL_BROKERS"), servers.address("KAFKA_SASL_USER"));
    let world = world.and(&format!(
        "[requests]\nurl = \"kafka:topic/{topic}\"\n[kafka]\nbrokers = \"{brokers}\"\n\
         [kafka.properties]\nsecurity.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"SCRAM-SHA-512\"\n\
         sasl.username = \"{user}\"\nsasl.password = \"file:{}\"\n",
        wrong.display()
    ));
    is_refused(&world, Shape::of(1, 1), &[brokers, &topic, "check the user, the password"]);
}

#[test]
fn brokers_with_a_certificate_of_somebody_else_are_refused() {
    let (servers, topic) = (Servers::shared(), fresh("response"));
    let (brokers, ca) = (servers.address("KAFKA_TLS_BROKERS"), servers.address("KAFKA_OTHER_CA"));
    let world = World::new().and(&format!(
        "[sinks.topic]\nurl = \"kafka:topic/{topic}\"\n[kafka]\nbrokers = \"{brokers}\"\ncreate_topics = true\n\
         [kafka.properties]\nsecurity.protocol = \"SSL\"\nssl.ca.location = \"{ca}\"\n"
    ));
    is_refused(&world, Shape::of(1, 1), &[brokers, &topic, "certificate"]);
}

#[test]
fn a_topic_that_is_missing_and_may_not_be_made_is_refused() {
    let brokers = Servers::shared().address("KAFKA_BROKERS");
    for place in ["requests", "sinks.topic"] {
        let topic = fresh("missing");
        let world = World::new().and(&format!(
            "[{place}]\nurl = \"kafka:topic/{topic}\"\n[kafka]\nbrokers = \"{brokers}\"\ncreate_topics = false\n"
        ));
        is_refused(&world, Shape::of(1, 1), &[brokers, &format!("no topic `{topic}`"), "make it, or let it be made"]);
        if place == "requests" {
            assert!(world.requests_on_server().partitions().is_err(), "it was made all the same");
        }
    }
}

#[test]
fn a_wrong_password_of_mongodb_is_refused() {
    let servers = Servers::shared();
    let url = servers.address("MONGODB_AUTH_URL");
    let world = World::new().and(&format!(
        "[sinks.collection]\nurl = \"mongodb:collection/{}.answers\"\n[mongodb]\nurl = \"{url}\"\n",
        fresh("refused")
    ));
    let login = format!("{}:{WRONG}", servers.address("MONGODB_AUTH_USER"));
    let shape = Shape::of(1, 1).set("mongodb.credentials=env:LOGIN").env("LOGIN", login);
    is_refused(&world, shape, &[url.trim_start_matches("mongodb://"), "check the user, the password"]);
}

#[test]
fn a_topic_that_was_made_anew_while_the_job_was_away_is_refused() {
    let (servers, topic) = (Servers::shared(), fresh("request"));
    let world = World::new().and(&format!(
        "[requests]\nurl = \"kafka:topic/{topic}\"\n\
         [kafka]\nbrokers = \"{}\"\ncreate_topics = true\npartitions = 4\n",
        servers.address("KAFKA_BROKERS")
    ));
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.ask(0, some(0, 30));
    job.ask(3, some(30, 10));
    job.wait_until_done();
    job.stop();

    servers.remake_topic(&topic, 4);
    let way_out = "begin a new job with a state folder and destinations of its own";
    is_refused(&world, Shape::of(1, 1), &["the log was cut short or made anew", way_out]);
    // With as many requests, but others.
    let requests = world.requests_on_server();
    for (partition, others) in [(0, some(100, 30)), (3, some(200, 10))] {
        let others = others.into_iter().map(Into::into).collect();
        requests.append_to(Partition(partition), others).expect("the brokers take requests");
    }
    is_refused(&world, Shape::of(1, 1), &["is not the one that was answered there", way_out]);
}

#[test]
fn a_full_quota_of_hdfs_ends_what_needs_it_and_nothing_else() {
    let folder = format!("{}/{}", Servers::shared().address("HDFS_URL"), fresh("quota"));
    let path = format!("/{}", folder.rsplit('/').next().expect("it has a name"));
    let world = World::new().and(&format!("[sinks.files]\nurl = \"{folder}\"\n"));
    let told = [folder.as_str(), "-setSpaceQuota"];

    let mut job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.ask(0, some(0, 20));
    job.wait_until_done();
    let _ = shared_hdfs(&["dfsadmin", "-setSpaceQuota", "1", &path]);
    job.ask(0, some(20, 20));
    let line = job.wait_for_line("that the files may wait", |line| line.contains("the job goes on without it"));
    let health = job.health().expect("it runs");
    assert_eq!(health.state, HealthState::Running);
    for part in told {
        assert!(line.contains(part) && health.without["sink files"].contains(part), "{line}\n{health:?}");
    }
    job.wait_until("the other sinks have everything", || are_at(&job, ["collection", "dead-letters", "topic"], 40));
    let said = &job.end()[0].stderr;
    assert!(!said.contains("trying again"), "{said}");

    is_refused(&world, Shape::of(1, 1).set("sinks.files.required=true"), &["sink files", told[0], told[1]]);

    let _ = shared_hdfs(&["dfsadmin", "-clrSpaceQuota", &path]);
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.wait_until_done();
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}

/// Whether these sinks have so many requests of partition 0.
fn are_at(job: &Job, sinks: [&str; 3], next: u64) -> bool {
    let Some(status) = job.status(0) else { return false };
    let reached = |next_of: &Offsets| next_of.get(&Partition(0)).is_some_and(|reached| reached.0 >= next);
    sinks.iter().all(|wanted| status.sinks.iter().any(|(name, sink)| *name.0 == **wanted && reached(&sink.next)))
}
