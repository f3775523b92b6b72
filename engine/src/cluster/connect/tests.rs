use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread::{self, JoinHandle};

use super::super::handshake::{Calling, LONGEST, Move, Setback};
use super::super::hello::{self, Kind};
use super::super::hostfile::Address;
use super::super::judge::Verdict;
use super::super::proof::{NONCE_LENGTH, Nonce, Nonces};
use super::*;
use crate::ids::{ProcessCount, WorkerCount};

mod strangers;

fn secret() -> MeshSecret {
    MeshSecret::from_bytes(b"the secret of this mesh")
}

/// Listeners on free ports and the plan of each process that uses them.
fn cluster(processes: usize) -> Vec<(ClusterPlan, TcpListener)> {
    let listeners: Vec<_> = (0..processes).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
    let addresses: Vec<_> =
        listeners.iter().map(|listener| Address::new("127.0.0.1", listener.local_addr().unwrap().port())).collect();
    let plans = (0..processes).map(|process| ClusterPlan {
        workers_here: WorkerCount::new(2),
        process: ProcessIndex::new(process),
        addresses: addresses.clone(),
        connect_timeout: Duration::from_secs(60),
        fingerprint: 7,
        generation: Some(Generation(4)),
        secret: Some(secret()),
    });
    plans.zip(listeners).collect()
}

type Joined = JoinHandle<Result<Sockets, ClusterError>>;

fn start((plan, listener): (ClusterPlan, TcpListener)) -> Joined {
    thread::spawn(move || join(&plan, vec![listener]))
}

fn address(of: &(ClusterPlan, TcpListener)) -> SocketAddr {
    of.1.local_addr().unwrap()
}

/// Each process writes its index to each other, and reads theirs.
fn assert_whole(meshes: Vec<Sockets>) {
    for (process, sockets) in meshes.iter().enumerate() {
        for (peer, socket) in sockets.iter().enumerate() {
            assert_eq!(socket.is_none(), peer == process);
            if let Some(mut socket) = socket.as_ref() {
                socket.write_all(&[process as u8]).unwrap();
            }
        }
    }
    for sockets in &meshes {
        for (peer, socket) in sockets.iter().enumerate() {
            if let Some(mut socket) = socket.as_ref() {
                let mut said = [0];
                socket.read_exact(&mut said).unwrap();
                assert_eq!(usize::from(said[0]), peer);
            }
        }
    }
}

fn all(joined: Vec<Joined>) -> Vec<Sockets> {
    joined.into_iter().map(|process| process.join().unwrap().unwrap()).collect()
}

fn identity_of(plan: &ClusterPlan) -> Identity {
    Mesh::new(plan, Vec::new()).us
}

/// Goes through the handshake as if we were another process, and gives what came of it, with all that was heard.
fn call(to: SocketAddr, us: Identity, peer: usize) -> (TcpStream, Result<Verdict, Setback>, Vec<u8>) {
    let mut stream = TcpStream::connect(to).unwrap();
    let (secret, mut all) = (secret(), Vec::new());
    let nonce = SystemNonces.fresh().unwrap();
    let (mut calling, words) = Calling::begin(&us, ProcessIndex::new(peer), &secret, nonce);
    stream.write_all(&words).unwrap();
    let mut buffer = [0; LONGEST];
    loop {
        let read = stream.read(&mut buffer[..calling.due()]).unwrap();
        assert!(read > 0, "it closed");
        all.extend_from_slice(&buffer[..read]);
        match calling.hear(&buffer[..read]) {
            Ok(Move::Listen) => {}
            Ok(Move::Say(words)) => stream.write_all(&words).unwrap(),
            Ok(Move::Done(verdict)) => return (stream, Ok(verdict), all),
            Err(setback) => return (stream, Err(setback), all),
        }
    }
}

/// Our call as another process, and nothing after it.
fn first_words(us: Identity, peer: usize) -> Vec<u8> {
    us.hello(ProcessIndex::new(peer), Nonce([9; NONCE_LENGTH])).encode(Kind::Call)
}

/// What a process says when the time is up after its first try to reach process 0, which must not end it.
fn after_one_try(plan: &ClusterPlan) -> String {
    let mut mesh = Mesh::new(plan, Vec::new());
    mesh.dial_lower().unwrap();
    let news = mesh.news.recv().unwrap();
    mesh.take_news(news).unwrap();
    mesh.too_late().to_string()
}

fn assert_dropped(mut stranger: TcpStream, what: &str) {
    // A reset is as good as a close: it means that our junk was not even read.
    let mut heard = Vec::new();
    let _ = stranger.read_to_end(&mut heard);
    assert!(heard.len() <= hello::CHALLENGE_LENGTH, "{what} heard {} bytes", heard.len());
}

#[test]
fn processes_find_each_other() {
    for processes in [2, 3, 5] {
        assert_whole(all(cluster(processes).into_iter().map(start).collect()));
    }
}

#[test]
fn the_sockets_block_are_prompt_and_notice_a_host_that_vanishes() {
    let meshes = all(cluster(2).into_iter().map(start).collect());
    let socket = meshes[0][1].as_ref().unwrap();
    assert!(socket.nodelay().unwrap());
    assert_eq!(socket.read_timeout().unwrap(), None);
    let socket = SockRef::from(socket);
    assert!(socket.keepalive().unwrap());
    assert!(!socket.nonblocking().unwrap());
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
}

#[test]
fn strangers_neither_stop_nor_hold_up_the_start() {
    let mut processes = cluster(3);
    let first = address(&processes[0]);
    let last = processes.pop().unwrap();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(first).unwrap()).collect();
    let joined: Vec<_> = processes.into_iter().map(start).collect();
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 8], &[0xff; 4096], b"FLTLINE\n", b""] {
        let mut stranger = TcpStream::connect(first).unwrap();
        stranger.write_all(junk).unwrap();
        stranger.shutdown(Shutdown::Write).unwrap();
        // Dropped without a word. A reset is as good as a close: it means that our junk was not even read.
        assert!(matches!(stranger.read(&mut [0; 64]), Ok(0) | Err(_)), "{junk:?}");
    }
    // Random, from a fixed seed: it fills every buffer on the way, and nobody reads it.
    let mut state = 7_u64;
    let random = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let random: Vec<u8> = random.take(1 << 20).collect();
    let mut stranger = TcpStream::connect(first).unwrap();
    // It breaks off as soon as we are dropped.
    let _ = stranger.write_all(&random);
    assert_dropped(stranger, "a megabyte of random bytes");
    let meshes = all(joined.into_iter().chain([start(last)]).collect());
    assert_whole(meshes);
    drop(silent);
}

#[test]
fn processes_that_differ_are_told_what_differs_and_the_right_one_may_still_come() {
    let change = |plan: &ClusterPlan, case| match case {
        0 => ClusterPlan { workers_here: WorkerCount::new(3), ..plan.clone() },
        1 => ClusterPlan { fingerprint: 8, ..plan.clone() },
        _ => {
            let one_more = [plan.addresses.clone(), vec![Address::new("127.0.0.1", 9)]].concat();
            ClusterPlan { addresses: one_more, ..plan.clone() }
        }
    };
    let says = [
        "it was started with -w 2, this one with -w 3",
        "other arguments",
        "it was started with -n 2, this one with -n 3",
    ];
    let mut processes = cluster(2);
    let (right, listener) = processes.pop().unwrap();
    let first = start(processes.pop().unwrap());
    for (case, says) in says.into_iter().enumerate() {
        let wrong = (change(&right, case), listener.try_clone().unwrap());
        let error = start(wrong).join().unwrap().unwrap_err();
        assert!(matches!(&error, ClusterError::Refused { peer, .. } if peer.get() == 0), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_whole(all(vec![first, start((right, listener))]));
}

#[test]
fn who_refused_somebody_says_so_when_the_time_is_up() {
    let mut processes = cluster(2);
    let (mut other, other_listener) = processes.pop().unwrap();
    let (plan, listener) = processes.pop().unwrap();
    other.workers_here = WorkerCount::new(9);
    listener.set_nonblocking(true).unwrap();
    let mut mesh = Mesh::new(&plan, vec![listener]);
    let caller = start((other, other_listener));
    while !caller.is_finished() {
        mesh.accept();
        mesh.visitors.listen(Instant::now()).into_iter().for_each(|arrival| mesh.answer(arrival).unwrap());
        thread::yield_now();
    }
    assert!(matches!(caller.join().unwrap(), Err(ClusterError::Refused { .. })));
    let error = mesh.too_late().to_string();
    assert!(error.contains("process 1") && error.contains("was refused: it was started with -w 9"), "{error}");
}

#[test]
fn a_process_of_another_version_hears_ours_and_understands_a_later_ones() {
    let mut processes = cluster(2);
    let first = address(&processes[0]);
    let second = processes.pop().unwrap();
    let mut later = first_words(identity_of(&second.0), 0);
    later[9] += 1;
    let joined = start(processes.pop().unwrap());
    let mut stream = TcpStream::connect(first).unwrap();
    stream.write_all(&later).unwrap();
    let mut answer = Vec::new();
    // The rest of our bytes was not read, so the connection may end with a reset after the answer.
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(answer, hello::farewell());
    assert_whole(all(vec![joined, start(second)]));

    let mut processes = cluster(2);
    let (plan, _) = processes.pop().unwrap();
    let (_, listener) = processes.pop().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; hello::CALL_LENGTH]).unwrap();
        stream.write_all(&later[..16]).unwrap();
    });
    // Nobody has proven that, so it ends nobody; but it is what we know when the time is up.
    let error = after_one_try(&plan);
    assert!(error.contains("it speaks version 3 of the cluster protocol, this one version 2"), "{error}");
}

#[test]
fn a_hostfile_in_another_order_is_told() {
    let mut processes = cluster(3);
    let third = processes.pop().unwrap();
    let (mut plan, listener) = processes.pop().unwrap();
    plan.addresses.swap(0, 2);
    let _third = start(third);
    let error = start((plan, listener)).join().unwrap().unwrap_err().to_string();
    assert!(error.contains("it is process 2") && error.contains("same hostfile"), "{error}");
}

#[test]
fn an_index_is_taken_only_once() {
    let mut processes = cluster(3);
    let first = address(&processes[0]);
    let third = processes.pop().unwrap();
    let second = processes.pop().unwrap();
    let impostor = identity_of(&second.0);
    let joined = start(processes.pop().unwrap());
    let (held, verdict, _) = call(first, impostor, 0);
    assert_eq!(verdict, Ok(Verdict::In));
    let error = start((second.0.clone(), second.1.try_clone().unwrap())).join().unwrap().unwrap_err();
    assert!(error.to_string().contains("another process 1 is connected"), "{error}");
    // When the one who held it ends, the next may have it.
    drop(held);
    assert_whole(all([joined, start(second), start(third)].into()));
}

#[test]
fn a_caller_with_an_index_of_the_listener_or_beyond_is_refused() {
    let processes = cluster(2);
    let first = address(&processes[0]);
    let us = identity_of(&processes[1].0);
    let mut processes = processes.into_iter().map(start);
    let waiting = processes.next().unwrap();
    for sender in [0, 2, usize::MAX] {
        let process = ProcessIndex::new(sender);
        let (_, verdict, _) = call(first, Identity { process, ..us }, 0);
        assert!(matches!(verdict, Ok(Verdict::Never(_))), "{sender}: {verdict:?}");
    }
    let (_, verdict, _) = call(first, Identity { processes: ProcessCount::new(9), ..us }, 0);
    assert!(matches!(verdict, Ok(Verdict::Never(_))), "{verdict:?}");
    assert_whole(all([waiting, processes.next().unwrap()].into()));
}

#[test]
fn a_peer_that_ended_before_the_mesh_was_whole_may_come_again() {
    let mut processes = cluster(3);
    let first = address(&processes[0]);
    let third = processes.pop().unwrap();
    let second = processes.pop().unwrap();
    let joined = start(processes.pop().unwrap());
    // A first life of process 1 comes to process 0 and ends.
    assert_eq!(call(first, identity_of(&second.0), 0).1, Ok(Verdict::In));
    assert_whole(all([joined, start(second), start(third)].into()));
}

#[test]
fn peers_that_never_come_are_named_when_the_time_is_up() {
    let mut processes = cluster(3);
    let _bound_but_silent = processes.pop().unwrap();
    let (mut plan, listener) = processes.remove(1);
    // Nobody listens here: the first process has given its port back.
    drop(processes);
    plan.connect_timeout = Duration::from_millis(300);
    let begun = Instant::now();
    let error = join(&plan, vec![listener]).unwrap_err();
    assert!(begun.elapsed() >= plan.connect_timeout);
    assert_eq!(error.exit(), crate::process::Exit::ClusterStart);
    let text = error.to_string();
    assert!(text.contains("after 0.3 s"), "{text}");
    assert!(text.contains(&format!("process 0 ({}) had not come, last: ", plan.addresses[0])), "{text}");
    assert!(text.contains(&format!("process 2 ({}) had not come;", plan.addresses[2])), "{text}");
}

#[test]
fn a_program_that_is_no_process_of_ours_is_named_as_such() {
    let mut processes = cluster(2);
    let (mut plan, listener) = processes.pop().unwrap();
    let (_, other_program) = processes.pop().unwrap();
    plan.connect_timeout = Duration::from_millis(300);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = other_program.accept() {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let text = join(&plan, vec![listener]).unwrap_err().to_string();
    assert!(text.contains("not from a Flightline process"), "{text}");
}

#[test]
fn a_port_in_use_and_a_foreign_address_are_told_apart() {
    let (mut plan, taken) = cluster(2).remove(0);
    let error = listen(&plan).unwrap_err().to_string();
    assert!(error.contains(&taken.local_addr().unwrap().to_string()) && error.contains("port is in use"), "{error}");
    // Of the block that is kept for documentation, so no host has it.
    plan.addresses[0] = Address::new("192.0.2.1", 2101);
    let error = listen(&plan).unwrap_err().to_string();
    assert!(error.contains("this host doesn't have that address"), "{error}");
    plan.addresses[0] = Address::new("no-such-host.invalid", 2101);
    let error = listen(&plan).unwrap_err().to_string();
    assert!(error.contains("can't be resolved"), "{error}");
}
