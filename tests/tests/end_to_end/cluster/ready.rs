//! What health checks are told, and agents that wait for what they need.

use flightline_tests::cluster::{Cluster, STATE};
use flightline_tests::{DEADLINE, Folder, Signal, wait_until};
use serde_json::{Value, json};

/// The status and the JSON of a path, without a token.
fn told(page: &str, path: &str) -> (u16, Value) {
    let config = ureq::Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let mut answer = agent.get(format!("http://{page}{path}")).call().expect("it answers");
    (answer.status().as_u16(), answer.body_mut().read_json().expect("it answers with JSON"))
}

#[test]
fn a_worker_is_ready_while_its_master_has_it_and_lives_without_it() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(&folder, 1);
    let (page, master) = (cluster.worker_page(0), cluster.address());
    let stands = |standing: &str| json!({ "state": "up", "master": master, "standing": standing });
    assert_eq!(told(&cluster.page(), "/ready"), (200, json!({ "state": "ready" })));
    assert_eq!(told(&cluster.page(), "/health"), (200, json!({ "state": "up" })));
    wait_until("it is ready", || told(&page, "/ready") == (200, stands("registered")));
    cluster.kill_master();
    wait_until("it is not ready any more", || told(&page, "/ready") == (503, stands("unheard")));
    assert_eq!(told(&page, "/health"), (200, stands("unheard")));
    cluster.start_master();
    wait_until("it is ready again", || told(&page, "/ready") == (200, stands("registered")));
    cluster.stop();
}

/// The first process of a container heard nothing before it had a secret, and was killed in the end; one without a master told
/// goodbye to nobody for seconds.
#[test]
fn an_agent_that_waits_for_its_secret_or_its_master_ends_at_once_when_it_is_asked_to() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(&folder, 0);
    cluster.kill_master();
    let agent = |words: &str| cluster.agent_line("early", &format!("--rpc-port 0 --ui 127.0.0.1:0 {words}")).start();
    let ends = |agent: flightline_tests::Running| {
        agent.signal(Signal::TERM);
        let ended = agent.end_within(DEADLINE);
        assert!(ended.ok().stderr.contains("asked to end"), "{ended}");
        assert!(!ended.stderr.contains("the master does not hear that this worker goes"), "{ended}");
    };
    let mut without_secret = agent("--secret-file none");
    without_secret.wait_for_line("that it waits", |line| line.contains("waiting for the cluster's secret in none"));
    ends(without_secret);
    let mut without_master = agent(&format!("--secret-file {STATE}/cluster.secret"));
    without_master.wait_for_line("that it waits", |line| line.contains("registering with the master fails"));
    ends(without_master);
    cluster.stop();
}
