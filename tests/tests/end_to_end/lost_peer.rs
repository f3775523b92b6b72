//! A process that is killed while it trains with others: they end at once, with the code for a lost peer and no model.

use std::time::Duration;

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Folder, Hosts, Running, Signal, bundled_flights};

use crate::training::{assert_no_model, train};

/// Within this time the others must have ended.
const SOON: Duration = Duration::from_secs(5);

/// When a process is killed: after which of its own lines.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Connected,
    Read,
    Indexed,
    Growing,
    Grown,
}

impl Moment {
    fn has_come(self, line: &str) -> bool {
        match self {
            Self::Connected => line.contains("processes are connected"),
            Self::Read => line.trim_start().starts_with("read"),
            Self::Indexed => line.trim_start().starts_with("index"),
            Self::Growing => line.trim_start().starts_with("grow") && line.contains('%'),
            Self::Grown => line.trim_start().starts_with("grow") && !line.contains('%'),
        }
    }

    /// Parameters with which there is much to do after the moment.
    fn parameters(self) -> &'static str {
        match self {
            // Many minutes of growing.
            Self::Connected | Self::Read | Self::Indexed | Self::Growing => "--trees 1000 --depth 16 --min-rows 1",
            Self::Grown => "--trees 100 --depth 12",
        }
    }
}

/// Starts a cluster, kills one process at the moment, and checks how the others end.
fn kill_one_of(processes: usize, victim: usize, moment: Moment) {
    let folder = Folder::new();
    let hosts = Hosts::new(&folder, processes);
    let process = |index| {
        let input = train(&folder).arg("--input").arg(bundled_flights()).words(moment.parameters());
        hosts.process(input.env("FLIGHTLINE_LOG", "flightline=debug"), index).start()
    };
    let mut running: Vec<Running> = (0..processes).map(process).collect();
    let mut victim_running = running.remove(victim);
    // A process that is lost before all have come is no lost peer yet: it may come again.
    for process in running.iter_mut().chain([&mut victim_running]) {
        process.wait_for_line("that all are connected", |line| Moment::Connected.has_come(line));
    }
    victim_running.wait_for_line(&format!("{moment:?}"), |line| moment.has_come(line));
    // It stands still before it dies, so that the others can't come to their end without it in between.
    victim_running.signal(Signal::STOP);
    victim_running.kill();
    for other in running {
        let ended = other.end_within(SOON);
        ended.expect(Exit::PeerLost).silent();
        if processes == 2 {
            ended.says(&[&format!("lost process {victim} (127.0.0.1:{})", hosts.ports[victim])]);
        } else {
            // Of several that end together, any may be missed first.
            ended.says(&["lost process "]);
        }
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn right_after_the_start() {
    kill_one_of(2, 1, Moment::Connected);
}

#[test]
fn after_reading() {
    kill_one_of(2, 1, Moment::Read);
    kill_one_of(2, 0, Moment::Read);
}

#[test]
fn while_trees_grow() {
    kill_one_of(2, 1, Moment::Indexed);
    kill_one_of(2, 1, Moment::Growing);
    kill_one_of(3, 2, Moment::Indexed);
}

#[test]
fn after_growing() {
    kill_one_of(2, 1, Moment::Grown);
}

#[test]
fn the_next_run_needs_nothing_cleaned_up() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    let hosts = Hosts::new(&folder, 2);
    let process =
        |index, words: &str| hosts.process(train(&folder).args(["--input", "rows.jsonl"]).words(words), index);
    let long = "--trees 5000 --depth 16";
    let (mut first, mut second) = (process(0, long).start(), process(1, long).start());
    for process in [&mut first, &mut second] {
        process.wait_for_line("that it has read", |line| Moment::Read.has_come(line));
    }
    second.kill();
    first.end_within(SOON).expect(Exit::PeerLost);
    // The same ports, at once.
    let second = process(1, "").start();
    process(0, "").succeed();
    second.end_within(flightline_tests::DEADLINE).ok();
}
