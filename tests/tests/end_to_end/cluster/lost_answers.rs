//! `submit` while the master is away or dies in the middle of it: there is one job, and its number is told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use flightline_cluster::ids::JobId;
use flightline_cluster::job::state::Phase;
use flightline_tests::DEADLINE;
use flightline_tests::cluster::Cluster;

use super::{direct, folder_with_rows};

const SHORT: &str = "--input rows.jsonl --trees 2";

/// Who is told that an answer was lost; once.
type Told = Arc<Mutex<Option<SyncSender<()>>>>;

/// Passes connections on to the master. Of the first call that was done the answer is lost, and word of it comes.
fn relay(master: String) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, word) = sync_channel(1);
    let told: Told = Arc::new(Mutex::new(Some(sender)));
    thread::spawn(move || {
        while let Ok((caller, _)) = listener.accept() {
            // Who calls while the master is away is hung up on.
            let Ok(callee) = TcpStream::connect(&master) else { continue };
            let told = Arc::clone(&told);
            thread::spawn(move || pass(&caller, &callee, &told));
        }
    });
    (address, word)
}

fn pass(caller: &TcpStream, callee: &TcpStream, told: &Told) {
    let (mut from, mut to) = (caller.try_clone().unwrap(), callee.try_clone().unwrap());
    let asking = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut answers, mut back, mut buffer) = (callee, caller, [0; 16 << 10]);
    while let Ok(read @ 1..) = answers.read(&mut buffer) {
        let is_done = String::from_utf8_lossy(&buffer[..read]).contains("\"done\":true");
        let lost = if is_done { told.lock().unwrap().take() } else { None };
        if let Some(word) = lost {
            let _ = word.send(());
            break;
        }
        if back.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = back.shutdown(Shutdown::Both);
    let _ = asking.join();
}

/// "The master can't be reached", it said, and the job was there.
#[test]
fn a_master_that_dies_between_saving_and_answering_has_one_job_and_its_number_is_told() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 1);
    let (address, lost) = relay(cluster.address());
    let line = folder.run("submit").args(["--master", &address.to_string()]);
    let mut submits = line.words(&format!("--json train -- --models models {SHORT}")).start();
    lost.recv_timeout(DEADLINE).expect("the master has the job");
    cluster.kill_master();
    submits.wait_for_line("that it asks again", |line| line.contains("to hear whether it has the job"));
    cluster.start_master();
    let ended = submits.end_within(DEADLINE);
    assert_eq!(ended.ok().json()["job"], 1, "{ended}");
    cluster.wait_until_job_is(JobId(1), Phase::Completed);
    assert_eq!(cluster.list().len(), 1);
    cluster.stop();
}

#[test]
fn who_waits_for_a_job_waits_for_the_master_first() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 1);
    cluster.kill_master();
    let mut waits = cluster.submit(&format!("train --wait -- --json --models models {SHORT}")).start();
    waits.wait_for_line("that it waits for the master", |line| line.contains("waiting for the master"));
    cluster.start_master();
    let ended = waits.end_within(DEADLINE);
    assert_eq!(ended.ok().json()["model"], direct(&folder, SHORT).as_str(), "{ended}");
    assert_eq!(cluster.list().len(), 1);
    cluster.stop();
}
