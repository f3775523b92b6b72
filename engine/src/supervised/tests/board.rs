//! When something is told, and what.

use std::thread;
use std::time::Duration;

use super::super::board::{Board, Due};
use super::super::telemetry::StagePhase;
use crate::http::{Health, HealthState};
use crate::ledger::Generation;
use crate::metrics::StreamMetrics;
use crate::progress::{Progress, Unit};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn what_was_posted_is_in_the_next_snapshot() {
    let board = Board::default();
    let nothing = board.snapshot();
    assert!(
        nothing.stages.is_empty() && nothing.graph.is_none() && nothing.stream.is_none() && nothing.health.is_none()
    );

    let progress = Progress::hidden();
    board.show_stages(progress.shown());
    progress.stage("read", Unit::Bytes, 1).start(7);
    let health = Health::new();
    let metrics = StreamMetrics::new();
    board.show_stream(health.clone(), metrics.clone());
    metrics.dead_letters(3);
    health.running();
    board.ledger_holds(Generation(12));
    board.has_made("a model");
    let run = board.new_run();
    assert!(board.snapshot().graph.is_none(), "no worker has begun");
    drop(run.recorder());
    let all = board.snapshot();
    assert_eq!((all.stages[0].name.as_str(), all.stages[0].state), ("read", StagePhase::Running));
    assert_eq!(all.health.unwrap().state, HealthState::Running);
    assert_eq!(all.stream.unwrap().dead_letters, 3);
    assert_eq!((all.ledger_generation, all.made.as_deref()), (Some(Generation(12)), Some("a model")));
    assert!(all.graph.unwrap().operators.is_empty());
}

#[test]
fn stages_that_are_made_without_end_are_forgotten_from_the_oldest() {
    let board = Board::default();
    for part in 0..100_u64 {
        let progress = Progress::hidden();
        board.show_stages(progress.shown());
        progress.stage("part", Unit::Rows, 1).start(part);
    }
    let totals: Vec<_> = board.snapshot().stages.iter().filter_map(|stage| stage.total).collect();
    assert_eq!(totals, (84..100).collect::<Vec<_>>());
}

#[test]
fn a_change_is_due_at_once_and_only_once() {
    let board = Board::default();
    board.changed();
    board.changed();
    assert_eq!(board.wait(LONG), Due::Next);
    assert_eq!(board.wait(Duration::ZERO), Due::Next, "the time is over");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| board.wait(LONG));
        board.ledger_holds(Generation(1));
        assert_eq!(waiting.join().unwrap(), Due::Next);
    });
}

#[test]
fn the_end_waits_until_the_last_snapshot_is_told() {
    let board = Board::default();
    thread::scope(|scope| {
        let telling = scope.spawn(|| {
            while board.wait(LONG) != Due::Last {}
            board.told();
        });
        board.finish();
        telling.join().unwrap();
    });
    // Nobody is there any more to tell anything, and nobody is waited for.
    board.finish();
}

#[test]
fn the_end_does_not_wait_for_an_agent_that_does_not_read() {
    let board = Board::default();
    board.finish();
    assert_eq!(board.wait(LONG), Due::Last);
}
