//! Ctrl-C, SIGTERM and kill -9 at any moment: whatever then stands under a final name is whole.

use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Chance, Folder, Hosts, Signal};

use crate::training::{CURRENT, MODELS, assert_models_are_whole, assert_no_model, current, train};

fn folder_with_rows(number: usize) -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(number, 0)));
    folder
}

#[test]
fn ctrl_c_and_sigterm_end_it_with_one_sentence_and_no_model() {
    let folder = folder_with_rows(5_000);
    for (stage, signal, exit, says) in [
        ("read", Signal::INT, Exit::Interrupted, "interrupted (Ctrl-C)"),
        ("index", Signal::INT, Exit::Interrupted, "interrupted (Ctrl-C)"),
        ("index", Signal::TERM, Exit::Terminated, "SIGTERM"),
    ] {
        let mut running = train(&folder).words("--input rows.jsonl --trees 10000 --depth 16 -w 2").start();
        running.wait_for_line(&format!("the end of {stage}"), |line| line.trim_start().starts_with(stage));
        running.signal(signal);
        let ended = running.end_within(Duration::from_secs(5));
        ended.expect(exit).says(&[says]).silent();
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn ctrl_c_ends_the_wait_for_a_peer() {
    let folder = folder_with_rows(100);
    let hosts = Hosts::new(&folder, 2);
    let waiting = train(&folder).words("--input rows.jsonl").env("FLIGHTLINE_LOG", "flightline=info");
    let mut running = hosts.process(waiting, 0).start();
    running.wait_for_line("whom it waits for", |line| line.contains("waiting for process 1"));
    running.signal(Signal::INT);
    running.end_within(Duration::from_secs(5)).expect(Exit::Interrupted).silent();
}

#[test]
fn all_processes_of_a_terminal_are_interrupted_together() {
    let folder = folder_with_rows(5_000);
    let hosts = Hosts::new(&folder, 2);
    let long = || train(&folder).words("--input rows.jsonl --trees 10000 --depth 16");
    let mut both = [0, 1].map(|index| hosts.process(long(), index).start());
    for running in &mut both {
        running.wait_for_line("the end of reading", |line| line.trim_start().starts_with("read"));
    }
    both.iter().for_each(|running| running.signal(Signal::INT));
    for running in both {
        let ended = running.end_within(Duration::from_secs(5));
        // The one that is hit a moment later may see the other go first.
        let code = ended.status.code();
        assert!(
            [Exit::Interrupted, Exit::PeerLost].map(|exit| Some(i32::from(exit.code()))).contains(&code),
            "{ended}"
        );
        assert_no_model(&folder, &ended);
    }
}

/// Runs that are ended at random instants: the first half of them between their start and their usual end, the second
/// half after the rows were judged, when the model is saved.
fn at_any_moment(signal: Signal, rounds: u32) {
    let mut chance = Chance::new();
    let folder = folder_with_rows(2_000);
    let run = |seed: u32| train(&folder).words("--input rows.jsonl -w 2 --seed").arg(seed.to_string());
    let start = Instant::now();
    run(0).succeed();
    let usual = start.elapsed();
    let first = current(&folder);
    let mut ended_early = 0;
    for round in 1..=rounds {
        let share = chance.below(1_000) as f64 / 1_000.0;
        let before = current(&folder);
        let mut running = run(round).start();
        let share = if round * 2 <= rounds {
            share
        } else {
            running.wait_for_line("that it has judged", |line| line.trim_start().starts_with("judge"));
            0.6 * share
        };
        // A random instant is the point here, and any will do.
        thread::sleep(usual.mul_f64(share));
        running.signal(signal);
        let ended = running.end_within(flightline_tests::DEADLINE);
        assert_models_are_whole(&folder);
        match (ended.status.code(), ended.status.signal()) {
            (Some(0), _) => assert_ne!(current(&folder), before, "a run that ended well is current\n{ended}"),
            (Some(130), _) | (None, Some(_)) => ended_early += 1,
            _ => panic!("neither done nor interrupted\n{ended}"),
        }
    }
    println!("{ended_early} of {rounds} runs were ended early, in {} ms each", usual.as_millis());
    assert!(folder.join(MODELS).join(&first).is_dir() && folder.join(MODELS).join(CURRENT).is_file());
    // The next writer clears away what killed ones have left.
    run(rounds + 1).succeed();
    let hidden: Vec<String> = folder.names(MODELS).into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?} is left");
}

#[test]
fn ctrl_c_at_any_moment_leaves_whole_models() {
    at_any_moment(Signal::INT, 20);
}

#[test]
fn kill_9_at_any_moment_leaves_whole_models() {
    at_any_moment(Signal::KILL, 20);
}
