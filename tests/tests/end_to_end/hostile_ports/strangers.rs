//! Who doesn't know the secret: port scans, HTTP, random bytes, idle connections, and those who try with another secret.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use flightline_cluster::ids::{Incarnation, JobId, WorkerName};
use flightline_cluster::job::state::StopHow;
use flightline_cluster::protocol::messages::{AgentId, FromAgent, FromUser};
use flightline_cluster::rpc::call::{CallError, Caller};
use flightline_cluster::rpc::seal::Role;
use flightline_cluster::secret::Token;
use flightline_engine::process::Exit;
use flightline_tests::cluster::STATE;
use flightline_tests::job::World;
use flightline_tests::{DEADLINE, Hosts};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use super::scene::{Scene, WAIT};

/// Longer than a worker may be silent.
const LONG: Duration = Duration::from_secs(7);
/// Connections to each port.
const CROWD: usize = 1_000;

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap_or_else(|error| panic!("{to}: {error}"));
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Waits until the other side hangs up.
fn until_hung_up(mut stream: &TcpStream) {
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!late, "it doesn't hang up");
                return;
            }
        }
    }
}

#[test]
fn a_port_scan_changes_nothing() {
    let world = World::new();
    let scene = Scene::set(&world);
    for (_, port) in scene.ports().into_iter().cycle().take(400) {
        drop(connect(port));
    }
    scene.end();
}

#[test]
fn http_at_every_port_changes_nothing() {
    let world = World::new();
    let scene = Scene::set(&world);
    let body = "{\"role\":\"agent\",\"nonce\":\"00\"}";
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let requests = [
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
        format!(
            "POST /rpc/hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
        "POST /rpc/call HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4194305\r\n\r\n{".to_owned(),
        huge,
    ];
    thread::scope(|scope| {
        for (_, port) in scene.ports() {
            for request in &requests {
                scope.spawn(move || {
                    let mut stream = connect(port);
                    // It may hang up before all is sent.
                    let _ = stream.write_all(request.as_bytes());
                    until_hung_up(&stream);
                });
            }
            // A head that never ends, a byte at a time.
            scope.spawn(move || {
                let mut stream = connect(port);
                let mut sent = stream.write_all(b"GET / HTTP/1.1\r\nx: ");
                while sent.is_ok() {
                    thread::sleep(Duration::from_millis(100));
                    sent = stream.write_all(b"y");
                }
            });
        }
    });
    scene.end();
}

#[test]
fn a_megabyte_of_random_bytes_at_every_port_changes_nothing() {
    let world = World::new();
    let mut scene = Scene::set(&world);
    for (_, port) in scene.ports() {
        let bytes: Vec<u8> = (0..1 << 17).flat_map(|_| scene.chance.next_number().to_le_bytes()).collect();
        let mut stream = connect(port);
        // It hangs up when it has heard enough.
        let _ = stream.write_all(&bytes);
        until_hung_up(&stream);
    }
    scene.end();
}

#[test]
fn a_thousand_idle_connections_at_every_port_starve_nobody() {
    let world = World::new();
    let mut scene = Scene::set(&world);
    let ports = scene.ports();
    let crowd = affordable(CROWD, ports.len() - 1);
    let idle_at = |to: &[SocketAddr]| -> Vec<TcpStream> {
        thread::scope(|scope| {
            // Where too many are, the next ones are let in when those have been silent for too long.
            let all = |port: SocketAddr| scope.spawn(move || (0..crowd).map(|_| connect(port)).collect::<Vec<_>>());
            let asked: Vec<_> = to.iter().map(|port| all(*port)).collect();
            asked.into_iter().flat_map(|idle| idle.join().expect("all are let in")).collect()
        })
    };
    // The mesh first, while it waits.
    let idle = idle_at(&scene.mesh[..1]);
    // Who speaks is heard among those who don't.
    with_another_secret(&scene);
    scene.goes_on();
    drop(idle);
    scene.wait_no_longer();

    let others: Vec<SocketAddr> =
        ports.into_iter().map(|(_, port)| port).filter(|port| *port != scene.mesh[0]).collect();
    let idle = idle_at(&others);
    println!("{} idle connections", idle.len());
    scene.outlast(LONG);
    scene.goes_on();
    drop(idle);
    scene.end();
}

/// How many connections to each of the ports this process may have; all of them but where it may not.
fn affordable(wanted: usize, ports: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).expect("a process may raise its limit as far as it may");
    // The rest is for all else that the tests beside this one open.
    let files = limit.maximum.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let crowd = wanted.min(files.saturating_sub(1_000) / ports);
    if crowd < wanted {
        println!("ONLY {crowd} IDLE CONNECTIONS to each port: this process may open {files} files, see `ulimit -Hn`");
    }
    assert!(crowd >= 100, "{crowd} connections to each port are no crowd: raise `ulimit -Hn`");
    crowd
}

#[test]
fn who_calls_with_another_secret_or_as_another_is_not_let_in() {
    let world = World::new();
    let scene = Scene::set(&world);
    let (secret, other) = (scene.secret(), b"some other secret of many bytes".as_slice());
    let token = Token::read(&world.folder().join(STATE).join("token")).expect("the master made it");
    let (master, agent) = (scene.cluster.address(), scene.cluster.agent_address(0));
    let not_let_in = |caller: &Caller, call: &Value| {
        let told = caller.call::<Value>(call, WAIT);
        assert!(matches!(told, Err(CallError::NotLetIn { .. })), "{told:?}");
    };
    let id = AgentId { worker: WorkerName("worker-0".into()), incarnation: Incarnation(7) };
    let leave = serde_json::to_value(FromAgent::Leave { agent: id }).unwrap();
    let kill = serde_json::to_value(FromUser::Stop { job: JobId(1), how: StopHow::Kill }).unwrap();
    not_let_in(&Scene::caller(&master, Role::Agent, other), &leave);
    not_let_in(&Scene::caller(&master, Role::User, other), &kill);
    // A person is no agent, an agent is no person, and nobody but the master calls agents.
    not_let_in(&Scene::caller(&master, Role::Agent, token.reveal().as_bytes()), &leave);
    not_let_in(&Scene::caller(&master, Role::User, &secret), &kill);
    not_let_in(&Scene::caller(&master, Role::Master, &secret), &kill);
    not_let_in(&Scene::caller(&agent, Role::Master, other), &kill);
    not_let_in(&Scene::caller(&agent, Role::Agent, &secret), &leave);
    not_let_in(&Scene::caller(&agent, Role::User, token.reveal().as_bytes()), &kill);
    scene.end();
}

#[test]
fn a_process_with_another_secret_does_not_join_a_job() {
    let world = World::new();
    let scene = Scene::set(&world);
    with_another_secret(&scene);
    scene.end();
}

/// A process that says that it is the one which the job waits for.
fn with_another_secret(scene: &Scene<'_>) {
    let folder = scene.world.folder();
    // Its own address is any: it is the second one that calls the first.
    let own = flightline_tests::free_ports(1)[0];
    let hosts = Hosts::of_ports(folder, vec![scene.mesh[0].port(), own]);
    let line = folder.run("train").words("--models stolen --input rows.jsonl --generation 1 --connect-timeout 3");
    let ended = hosts.process(line, 1).finish();
    ended.expect(Exit::ClusterStart).says(&["process 0", "another secret"]);
    assert!(folder.names("stolen").is_empty());
}
