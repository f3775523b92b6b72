//! How sharp the storm is: with a bug planted, the same storm and the same look at the sinks must find something wrong.

use flightline_tests::Chance;
use flightline_tests::job::{Shape, World};

use super::{shape, storm};

/// Chooses what the binary `planted` does wrong.
const VARIABLE: &str = "FLIGHTLINE_PLANTED";
/// Kills before each look at the sinks.
const KILLS: usize = 3;
/// Looks in which a bug must have been found: the kills of a whole storm.
const LOOKS: usize = 34;

fn planted(bug: &str) -> Shape {
    shape(1, 1).binary("planted").env(VARIABLE, bug)
}

/// Storms until one finds something wrong, which must sound like the bug. Each has a world of its own: what a life has
/// bound ahead when it is killed leaves the next ones little to bind.
fn is_caught(bug: &str, sounds_like: &[&str]) {
    let mut chance = Chance::new();
    for look in 1..=LOOKS {
        if let Err(found) = storm(&World::new(), &planted(bug), &mut chance, KILLS) {
            println!("planted {bug}: caught after {} kills: {found}", look * KILLS);
            let is_it = sounds_like.iter().any(|sound| found.contains(sound));
            assert!(is_it, "{bug} is planted, and something else was found: {found}");
            return;
        }
    }
    panic!("{bug} is planted, and {} kills did not show it", LOOKS * KILLS);
}

#[test]
fn the_storm_catches_progress_that_is_written_before_data() {
    is_caught("progress-before-data", &["was lost by the topic"]);
}

#[test]
fn the_storm_catches_an_answer_before_its_ledger_entry() {
    // Two sinks hold answers of two bindings.
    is_caught("answer-before-entry", &["the files say", "the collection says"]);
}

#[test]
fn the_storm_catches_a_sink_that_does_not_drop_what_it_has() {
    is_caught("keeps-what-it-has", &["is twice in the topic"]);
}

#[test]
fn the_storm_finds_nothing_where_nothing_is_planted() {
    // The same sink of the same binary with all the care that it needs.
    assert_eq!(storm(&World::new(), &planted("none"), &mut Chance::new(), 2 * KILLS), Ok(()));
}
