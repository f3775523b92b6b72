//! Clusters that can't come together: a wrong hostfile or secret, a port in use, a peer that never comes or is another one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

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
        let ended = on_rows(&folder).args(["-n", processes, "-p", "0", "-h", file, "--insecure"]).finish();
        ended.expect(Exit::Usage).says(says).silent();
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn several_processes_without_a_secret_are_a_mistake_that_says_how_to_make_one() {
    let folder = folder_with_rows();
    folder.write("hosts.txt", "127.0.0.1:2101\n");
    let ended = on_rows(&folder).args(["-n", "2", "-p", "0", "-h", "hosts.txt"]).finish();
    let how = "(umask 077; head -c 32 /dev/urandom | base64 > FILE)";
    let says = ["--secret-file", how, "--insecure", "has 1 address, but -n 2 needs 2"];
    ended.expect(Exit::Usage).says(&says).silent();
    assert_no_model(&folder, &ended);
}

#[test]
fn a_secret_that_others_can_read_or_that_is_none_is_a_mistake_on_the_command_line() {
    let folder = folder_with_rows();
    let hosts = Hosts::new(&folder, 2);
    let fails = |says: &[&str]| {
        let ended = hosts.process(on_rows(&folder), 0).finish();
        ended.expect(Exit::Usage).says(says).silent();
        assert_no_model(&folder, &ended);
    };
    fs::set_permissions(&hosts.secret, Permissions::from_mode(0o644)).unwrap();
    fails(&["mode 644", "chmod 600", &hosts.secret.display().to_string()]);
    fs::set_permissions(&hosts.secret, Permissions::from_mode(0o600)).unwrap();
    fs::write(&hosts.secret, "  too short\n").unwrap();
    fails(&["holds 9 bytes", "16 to 4096"]);
    fs::remove_file(&hosts.secret).unwrap();
    fails(&["can't be read"]);
}

#[test]
fn a_process_with_another_secret_or_none_never_joins_and_says_why() {
    let folder = folder_with_rows();
    let hosts = Hosts::new(&folder, 2);
    let others = Hosts::new(&folder, 2);
    let mut first = hosts.process(on_rows(&folder).env("FLIGHTLINE_LOG", "flightline=debug"), 0).start();
    first.wait_for_line("whom it waits for", |line| line.contains("waiting for process 1"));
    let process = |flag: &[&str]| {
        let file = hosts.file.display().to_string();
        let second = on_rows(&folder).words("-n 2 -p 1 --connect-timeout 2").args(["-h", &file]).args(flag);
        let ended = second.finish();
        ended.expect(Exit::ClusterStart).silent();
        assert_no_model(&folder, &ended);
        ended
    };
    let same = "give all processes the same --secret-file";
    process(&["--secret-file", &others.secret.display().to_string()]).says(&["process 0", "another secret", same]);
    process(&["--insecure"]).says(&["process 0", "it was started with --secret-file, this one with --insecure", same]);
    // Neither has ended the one that waits; it lets the right one in.
    hosts.process(on_rows(&folder), 1).succeed();
    let first = first.end_within(DEADLINE);
    first.ok();
    let warned = "it says that it is process 1, and did not prove that it may join";
    assert!(first.stderr.contains(warned), "{first}");
}

#[test]
fn processes_without_a_secret_come_together_and_are_warned() {
    let folder = folder_with_rows();
    let hosts = Hosts::new(&folder, 2);
    let file = hosts.file.display().to_string();
    let process = |index: &str| on_rows(&folder).args(["-n", "2", "-p", index, "-h", &file, "--insecure"]);
    let second = process("1").start();
    for ended in [process("0").finish(), second.end_within(DEADLINE)] {
        ended.ok();
        assert_eq!(ended.stderr.matches("--insecure: whoever can reach the ports").count(), 1, "{ended}");
    }
}

#[test]
fn an_older_life_ends_when_a_later_one_calls_it() {
    let folder = folder_with_rows();
    let hosts = Hosts::new(&folder, 2);
    let process = |index, generation: &str| {
        let invocation = on_rows(&folder).args(["--generation", generation]).env("FLIGHTLINE_LOG", "flightline=debug");
        hosts.process(invocation, index)
    };
    let older = process(0, "3").start();
    let second = process(1, "4").start();
    let older = older.end_within(DEADLINE);
    older.expect(Exit::Superseded).says(&["generation 4 of this job", "generation 3"]).silent();
    process(0, "4").succeed();
    second.end_within(DEADLINE).ok();
    let mut late = process(1, "3").start();
    late.wait_for_line("whom it waits for", |line| line.contains("waiting for process 0"));
    let first = process(0, "4").start();
    late.end_within(DEADLINE).expect(Exit::Superseded).says(&["generation 4 of this job", "generation 3"]).silent();
    process(1, "4").succeed();
    first.end_within(DEADLINE).ok();
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
