//! Clusters that can't come together: a wrong hostfile, a port in use, a peer that never comes or is another one.

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{DEADLINE, Folder, Hosts, Invocation, Occupied};

use crate::training::{assert_no_model, train};

fn folder_with_rows() -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(400, 0)));
    folder
}

fn on_rows(folder: &Folder) -> Invocation {
    train(folder).args(["--input", "rows.jsonl"])
}

#[test]
fn a_hostfile_that_does_not_fit_is_a_mistake_on_the_command_line() {
    let folder = folder_with_rows();
    folder.write("short.txt", "# one too few\n127.0.0.1:2101\n\n127.0.0.1:2102\n");
    folder.write("wrong.txt", "127.0.0.1:2101\nsomewhere\n");
    folder.write("twice.txt", "127.0.0.1:2101\n127.0.0.1:2101\n");
    for (file, processes, says) in [
        ("short.txt", "3", &["short.txt", "has 2 addresses", "-n 3"][..]),
        ("wrong.txt", "2", &["line 2", "wrong.txt", "somewhere", "no port"]),
        ("twice.txt", "2", &["line 2", "twice.txt", "repeats line 1"]),
        ("nowhere.txt", "2", &["nowhere.txt"]),
    ] {
        let ended = on_rows(&folder).args(["-n", processes, "-p", "0", "-h", file]).finish();
        ended.expect(Exit::Usage).says(says).silent();
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let folder = folder_with_rows();
    let occupied = Occupied::new();
    let other = flightline_tests::free_ports(1)[0];
    let hosts = Hosts::of_ports(&folder, vec![occupied.port(), other]);
    let ended = hosts.process(on_rows(&folder), 0).finish();
    let address = format!("127.0.0.1:{}", occupied.port());
    ended.expect(Exit::ClusterStart).says(&["process 0", &address, "the port is in use"]).silent();
    assert_no_model(&folder, &ended);
}

#[test]
fn a_peer_that_never_comes_is_named_on_both_sides_of_the_call() {
    let folder = folder_with_rows();
    let hosts = Hosts::new(&folder, 2);
    for (process, missing) in [(0, 1), (1, 0)] {
        let ended = hosts.process(on_rows(&folder).words("--connect-timeout 0.5"), process).finish();
        let name = format!("process {missing} (127.0.0.1:{})", hosts.ports[missing]);
        ended.expect(Exit::ClusterStart).says(&["0.5 s", &name, "--connect-timeout"]).silent();
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn a_stranger_in_the_place_of_a_peer_is_no_peer() {
    let folder = folder_with_rows();
    // Somebody else listens there and never says a word.
    let stranger = Occupied::new();
    let hosts = Hosts::of_ports(&folder, vec![stranger.port(), flightline_tests::free_ports(1)[0]]);
    let ended = hosts.process(on_rows(&folder).words("--connect-timeout 1"), 1).finish();
    ended.expect(Exit::ClusterStart).says(&["process 0"]).silent();
}

#[test]
fn a_peer_that_dies_before_all_have_come_is_waited_for_again() {
    let folder = folder_with_rows();
    let hosts = Hosts::new(&folder, 2);
    let process = |index| hosts.process(on_rows(&folder).env("FLIGHTLINE_LOG", "flightline=debug"), index);
    let mut early = process(1).start();
    early.wait_for_line("whom it waits for", |line| line.contains("waiting for process 0"));
    early.kill();
    let second = process(1).start();
    process(0).succeed();
    second.end_within(DEADLINE).ok();
}

#[test]
fn processes_that_were_started_otherwise_refuse_each_other() {
    let folder = folder_with_rows();
    folder.write("others.jsonl", json_lines(&sample(400, 7)));
    for (first, second) in [
        ("-w 1", "-w 2"),
        ("--seed 1", "--seed 2"),
        ("--trees 5", "--trees 6"),
        ("--promote if-better", "--promote never"),
        ("", "--input others.jsonl"),
    ] {
        let hosts = Hosts::new(&folder, 2);
        let process = |index, words| {
            let input = if first.is_empty() && index == 1 { train(&folder) } else { on_rows(&folder) };
            hosts.process(input.words("--connect-timeout 3").words(words), index)
        };
        let second = process(1, second).start();
        for ended in [process(0, first).finish(), second.end_within(DEADLINE)] {
            ended.expect(Exit::ClusterStart).says(&["process "]).silent();
            assert_no_model(&folder, &ended);
        }
    }
}
