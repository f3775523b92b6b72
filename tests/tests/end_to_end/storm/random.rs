//! Kills at random moments. `FLIGHTLINE_STORM_KILLS` says how many all shapes get together; `./test storm` takes 100.

use flightline_tests::Chance;
use flightline_tests::job::{Shape, World};

use super::{shape, storm};

/// Kills at random moments, over all shapes.
fn kills() -> usize {
    std::env::var("FLIGHTLINE_STORM_KILLS").map_or(20, |kills| kills.parse().expect("a number of kills"))
}

/// Kills before each look at the sinks, in a world of its own: what lives have bound ahead when they are killed leaves later
/// ones little to bind, and so few models and tables would take force in a longer one.
const TOGETHER: usize = 5;

fn storm_over(shape: &Shape, kills: usize) {
    let mut chance = Chance::new();
    for begun in (0..kills).step_by(TOGETHER) {
        assert_eq!(storm(&World::new(), shape, &mut chance, TOGETHER.min(kills - begun)), Ok(()));
    }
}

#[test]
fn storm_over_one_worker() {
    storm_over(&shape(1, 1), kills().div_ceil(3));
}

#[test]
fn storm_over_two_workers() {
    storm_over(&shape(1, 2), kills().div_ceil(3));
}

#[test]
fn storm_over_two_processes() {
    storm_over(&shape(2, 1), kills() / 3);
}
