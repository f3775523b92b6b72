//! What somebody has listened to and says again, byte for byte: it is done once, the first time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use flightline_cluster::ids::{Generation, ProcessRef};
use flightline_cluster::job::state::Phase;
use flightline_cluster::protocol::messages::FromMaster;
use flightline_cluster::rpc::seal::Role;
use flightline_cluster::view::WorkerState;
use flightline_engine::ids::ProcessIndex;
use flightline_tests::job::World;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::servers::Proxy;
use flightline_tests::{DEADLINE, Folder, Hosts, free_ports, free_ports_in_a_row};
use serde_json::Value;

use super::scene::{Scene, WAIT};

/// Says all of it again, and gives the status codes of the answers.
fn say_again(to: SocketAddr, heard: &[Vec<u8>]) -> Vec<String> {
    assert!(heard.iter().any(|bytes| !bytes.is_empty()), "nothing was heard");
    heard.iter().flat_map(|bytes| answers(to, bytes)).collect()
}

fn answers(to: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let said = String::from_utf8_lossy(bytes).matches("POST /rpc/").count();
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    let (mut told, mut piece) = (String::new(), [0; 4096]);
    let codes = |told: &str| -> Vec<String> {
        told.split("HTTP/1.1 ").skip(1).map(|answer| answer.chars().take(3).collect()).collect()
    };
    while codes(&told).len() < said {
        match stream.read(&mut piece) {
            Ok(read @ 1..) => told.push_str(&String::from_utf8_lossy(&piece[..read])),
            Ok(_) => break,
            Err(error) => panic!("{error} after {told}"),
        }
    }
    codes(&told)
}

/// Each hello is answered, as everybody's is; no call is.
#[track_caller]
fn assert_refused(codes: &[String], heard: &[Vec<u8>]) {
    let count =
        |what: &str| heard.iter().map(|bytes| String::from_utf8_lossy(bytes).matches(what).count()).sum::<usize>();
    let (hellos, calls) = (count("POST /rpc/hello"), count("POST /rpc/call"));
    assert!(calls > 0, "no call was heard");
    let number = |code: &str| codes.iter().filter(|told| *told == code).count();
    assert_eq!((number("200"), number("401"), codes.len()), (hellos, calls, hellos + calls), "{codes:?}");
}

#[test]
fn a_submitted_job_and_its_stop_are_said_again_in_vain() {
    let world = World::new();
    let scene = Scene::set(&world);
    let master: SocketAddr = scene.cluster.address().parse().unwrap();
    let proxy = Proxy::to(&master.to_string());
    proxy.listen_in();
    let through = |words: &str| {
        let line = world.folder().run("submit").args(["--master", &proxy.address().to_string(), "--json"]);
        line.words(words).succeed()
    };
    // It asks for more than there is, so that it waits until it is stopped.
    let told = through("train --processes 9 --cores 9 -- --models never --input rows.jsonl").json();
    let job = flightline_cluster::ids::JobId(told["job"].as_u64().expect("a number"));
    scene.cluster.wait_until_job_is(job, Phase::Queued);
    let submitted = proxy.heard();
    assert_refused(&say_again(master, &submitted), &submitted);
    assert_eq!(scene.cluster.list().len(), 3, "there is no second job");

    through(&format!("stop {job} --wait"));
    let stopped = proxy.heard()[submitted.len()..].to_vec();
    let before = scene.cluster.job(job);
    assert_eq!(before.line.state.phase(), Phase::Stopped);
    assert_refused(&say_again(master, &stopped), &stopped);
    let after = scene.cluster.job(job);
    assert_eq!((&after.line, &after.generations), (&before.line, &before.generations));
    assert_eq!(scene.cluster.list().len(), 3);
    scene.end_with(3);
}

/// An agent has come and said that it is well, and is dead: who says it again doesn't bring it back.
#[test]
fn what_an_agent_has_said_is_said_again_in_vain() {
    let world = World::new();
    let scene = Scene::set(&world);
    let master: SocketAddr = scene.cluster.address().parse().unwrap();
    let proxy = Proxy::to(&master.to_string());
    proxy.listen_in();
    let row = free_ports_in_a_row(3);
    let line = world.folder().run("worker").args(["--allow-root", "--master", &proxy.address().to_string()]);
    let line = line.words("--name heard --cores 1 --memory 1G --work heard").args(["--rpc-port", &row.to_string()]);
    let agent = line.args(["--ui", "127.0.0.1:0", "--mesh-ports", &format!("{}-{}", row + 1, row + 2)]).start();
    let is = |state| {
        move |view: &flightline_cluster::view::ClusterView| {
            view.workers.iter().any(|worker| &*worker.name.0 == "heard" && worker.state == state)
        }
    };
    scene.cluster.wait_for_cluster("it is heard", is(WorkerState::Alive));
    agent.kill();
    let lost = scene.cluster.wait_for_cluster("it is lost", is(WorkerState::Lost));
    let heard = proxy.heard();
    assert!(heard.iter().any(|bytes| String::from_utf8_lossy(bytes).contains("register")));
    assert_refused(&say_again(master, &heard), &heard);
    let now = scene.cluster.status();
    assert!(is(WorkerState::Lost)(&now), "{now:#?}");
    let when = |view: &flightline_cluster::view::ClusterView| {
        view.workers.iter().find(|worker| &*worker.name.0 == "heard").map(|worker| worker.heard)
    };
    assert_eq!(when(&now), when(&lost), "nobody has heard it since");
    scene.end_with(2);
}

#[test]
fn what_the_master_has_asked_an_agent_is_said_again_in_vain() {
    let world = World::new();
    let scene = Scene::set(&world);
    let agent: SocketAddr = scene.cluster.agent_address(0).parse().unwrap();
    let proxy = Proxy::to(&agent.to_string());
    proxy.listen_in();
    let caller = Scene::caller(&proxy.address().to_string(), Role::Master, &scene.secret());
    let id = ProcessRef { job: scene.stream(), generation: Generation(1), process: ProcessIndex::new(0) };
    let told: Value = caller.call(&FromMaster::Telemetry { id }, WAIT).expect("the agent answers its master");
    assert!(told.is_object(), "{told}");
    let heard = proxy.heard();
    assert_refused(&say_again(agent, &heard), &heard);
    scene.end();
}

/// A process came and proved that it may join; its words prove nothing to the next life of the one that it came to, nor to the
/// same one again.
#[test]
fn a_handshake_that_is_said_again_lets_nobody_join() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(400, 0)));
    let [first, second] = [0, 1].map(|_| free_ports(1)[0]);
    let proxy = Proxy::to(&format!("127.0.0.1:{first}"));
    proxy.listen_in();
    // The second process finds the first one through the wire; both have one secret.
    let to_first = Hosts::of_ports(&folder, vec![first, second]);
    let through = Hosts::of_ports(&folder, vec![proxy.address().port(), second]);
    std::fs::copy(&to_first.secret, &through.secret).unwrap();
    let train = |models: &str| {
        let line = folder.run("train").words("--json --input rows.jsonl --generation 1 --connect-timeout 3600");
        line.args(["--models", models]).env("FLIGHTLINE_LOG", "flightline=debug")
    };
    let one = to_first.process(train("heard"), 0).start();
    through.process(train("heard"), 1).succeed();
    one.end_within(DEADLINE).ok();
    let heard = proxy.heard();
    assert!(heard.iter().any(|bytes| bytes.len() > 100), "the handshake was heard");

    let mut one = to_first.process(train("again"), 0).start();
    one.wait_for_line("whom it waits for", |line| line.contains("waiting for process 1"));
    for bytes in &heard {
        let lines = one.lines();
        let mut stream = TcpStream::connect(("127.0.0.1", first)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let _ = stream.write_all(bytes);
        one.wait_for_line_after(lines, "that it lets nobody in", |line| line.contains("dropped a connection"));
        // It was hung up.
        let mut rest = [0; 4096];
        while let Err(error) =
            stream.read(&mut rest).and_then(|read| (read > 0).then_some(()).ok_or(ErrorKind::UnexpectedEof.into()))
        {
            if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                break;
            }
        }
    }
    assert!(!one.has_ended(), "it waits as before");
    assert!(folder.names("again").iter().all(|name| name.starts_with('.')));
    to_first.process(train("again"), 1).succeed();
    let ended = one.end_within(DEADLINE);
    assert!(ended.ok().json()["model"].is_string(), "{ended}");
}
