//! The game of exactly-once: random runs of a job with kills, paused old lives, swaps, collecting, repeated UUIDs, a store that
//! fails, and lives that claim at the same moment. Every decision is the engine's own: [`Book`](super::Book),
//! [`decide`](super::decide), [`collect`](super::collect), [`LedgerLog`](super::LedgerLog) and [`recovery`](crate::recovery).
//!
//! | module | holds |
//! |---|---|
//! | `world` | what survives a life: the ledger's objects and three stores |
//! | `start`, `life`, `flush`, `write` | one life: how it starts, how it answers, how its sinks write, what it writes down |
//! | `rules` | the decisions that a bug may stand in for, and the bugs: the ten of the executable model, and two more |
//! | `check` | what must hold after every step, and at the end |
//!
//! A game is a function of its seed, and a failure names the seed. Each bug must be caught, so that a green game means
//! something.

mod check;
mod dice;
mod flush;
mod life;
mod rules;
mod start;
mod world;
mod write;

use check::Violation;
use life::Life;
use rules::{Bug, Rules};
use world::World;

/// Games without a bug.
const GAMES: u64 = 4_000;
/// Games in which a bug must show.
const GAMES_TO_CATCH: u64 = 3_000;
/// Steps of the last life; far more than it needs.
const LAST_STEPS: usize = 20_000;

/// Plays a game: some lives at random, then a last one to the end of the log.
fn play(seed: u64, rules: Rules) -> Result<(), Violation> {
    let mut world = World::new(seed, rules);
    let mut alive = vec![Life::new(&mut world)];
    for _ in 0..20 + world.dice.below(181) {
        match world.dice.below(100) {
            // A new life; the old one may be dead, or only paused.
            0..4 => alive.push(Life::new(&mut world)),
            4..7 if !alive.is_empty() => {
                let killed = world.dice.below(alive.len() as u64) as usize;
                drop(alive.remove(killed));
            }
            7..12 => world.model += 1,
            _ if alive.is_empty() => alive.push(Life::new(&mut world)),
            _ => {
                let mut weights = vec![1; alive.len()];
                weights[alive.len() - 1] = 5;
                let one = world.dice.weighted(&weights);
                alive[one].step(&mut world)?;
            }
        }
        alive.retain(|life| !life.is_dead());
        if world.dice.percent(10) {
            world.collect().map_err(|fault| Violation::Refused(fault.to_string()))?;
        }
        check::always(&world)?;
    }
    finish(&mut world, alive)?;
    check::at_the_end(&world)?;
    world.book().map(drop).map_err(|fault| Violation::Refused(fault.to_string()))
}

/// One last life goes on to the end, and is followed by another one if it dies; paused ones wake up now and
/// then, for a while.
fn finish(world: &mut World, mut alive: Vec<Life>) -> Result<(), Violation> {
    let mut last = Life::new(world);
    for _ in 0..LAST_STEPS {
        last.step(world)?;
        if last.is_dead() {
            last = Life::new(world);
        }
        if !alive.is_empty() && world.dice.percent(5) {
            let woken = world.dice.below(alive.len() as u64) as usize;
            for _ in 0..world.dice.one_to(10) {
                alive[woken].step(world)?;
            }
        }
        alive.retain(|life| !life.is_dead());
        world.model += u32::from(world.dice.percent(5));
        if world.dice.percent(10) {
            world.collect().map_err(|fault| Violation::Refused(fault.to_string()))?;
        }
        if last.is_done() {
            return Ok(());
        }
    }
    Err(Violation::NeverFinished)
}

#[test]
fn nothing_is_lost_nothing_is_doubled_and_every_offset_has_one_binding() {
    for seed in 0..GAMES {
        let played = play(seed, Rules(None));
        assert_eq!(played, Ok(()), "game {seed}");
    }
}

/// Plays until a bug shows as what it is.
fn must_catch(bug: Bug, shows: impl Fn(&Violation) -> bool) {
    let caught = (0..GAMES_TO_CATCH).find_map(|seed| play(seed, Rules(Some(bug))).err().filter(|found| shows(found)));
    assert!(caught.is_some(), "{bug:?} was not caught in games 0 to {GAMES_TO_CATCH}");
}

const fn two_bindings(found: &Violation) -> bool {
    matches!(found, Violation::TwoBindings(..))
}

#[test]
fn generations_beside_the_ledger_are_caught() {
    must_catch(Bug::ClaimApart, two_bindings);
}

#[test]
fn a_life_that_binds_anew_from_where_it_reads_is_caught() {
    must_catch(Bug::OpenEnded, two_bindings);
}

#[test]
fn an_answer_before_its_entry_is_caught() {
    must_catch(Bug::NoLedgerWait, two_bindings);
}

#[test]
fn progress_before_its_answers_is_caught() {
    must_catch(Bug::ProgressFirst, |found| *found == Violation::Lost(world::Store::Topic));
}

#[test]
fn a_sink_that_does_not_drop_what_it_has_is_caught() {
    must_catch(Bug::NoDrop, |found| *found == Violation::Doubled(world::Store::Topic));
    must_catch(Bug::NoDrop, |found| *found == Violation::Doubled(world::Store::Files));
}

#[test]
fn a_producer_that_fences_nobody_is_caught() {
    must_catch(Bug::GenerationInTransactionalId, |found| *found == Violation::Doubled(world::Store::Topic));
}

#[test]
fn a_file_that_is_named_by_its_end_is_caught() {
    must_catch(Bug::RenameLast, |found| *found == Violation::Doubled(world::Store::Files));
}

#[test]
fn a_collection_in_which_the_last_answer_stands_is_caught() {
    must_catch(Bug::CollectionLastWins, |found| matches!(found, Violation::FinalAnswerChanged(_)));
}

#[test]
fn a_collection_in_which_an_error_stands_is_caught() {
    must_catch(Bug::CollectionFirstWins, |found| matches!(found, Violation::WrongAnswerStands(_)));
}

#[test]
fn a_cut_over_what_others_bound_is_caught() {
    must_catch(Bug::CutForeign, two_bindings);
}

#[test]
fn an_entry_that_is_given_up_without_knowing_is_caught() {
    must_catch(Bug::EntryGivenUp, two_bindings);
}

#[test]
fn a_number_that_is_used_again_after_collecting_is_caught() {
    must_catch(Bug::CollectedReopens, two_bindings);
}
