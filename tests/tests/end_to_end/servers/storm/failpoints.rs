//! A kill at each step of a commit to a server, for each promise of its topics.

use flightline_engine::contract::Guarantee;
use flightline_tests::Chance;
use flightline_tests::job::World;
use flightline_tests::servers::Servers;

use crate::storm::failpoints::{die_at, is_of_server, names};
use crate::storm::shape;

#[test]
fn storm_at_the_steps_of_exactly_once() {
    die_at_each(Guarantee::ExactlyOnce);
}

#[test]
fn storm_at_the_steps_of_at_least_once() {
    die_at_each(Guarantee::AtLeastOnce);
}

fn die_at_each(guarantee: Guarantee) {
    let mut chance = Chance::new();
    // Files are in HDFS here.
    let comes_by = |name: &&str| name.starts_with("file-sink/") || is_of_server(name) && comes_by(name, guarantee);
    for name in names().filter(comes_by) {
        let world = World::on(Servers::shared(), guarantee);
        die_at(name, &world, &shape(1, 2), &mut chance);
    }
}

/// Whether a sink with this promise takes that step.
fn comes_by(name: &str, guarantee: Guarantee) -> bool {
    const ONLY_EXACTLY_ONCE: [&str; 6] =
        ["before-fence", "after-fence", "before-begin", "after-begin", "before-commit", "after-commit"];
    const ONLY_AT_LEAST_ONCE: [&str; 4] = ["before-send", "after-acks", "before-progress", "after-progress"];
    let Some(step) = name.strip_prefix("kafka-sink/") else { return true };
    match guarantee {
        Guarantee::ExactlyOnce => !ONLY_AT_LEAST_ONCE.contains(&step),
        Guarantee::AtLeastOnce => !ONLY_EXACTLY_ONCE.contains(&step),
    }
}
