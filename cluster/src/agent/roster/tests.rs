//! Single steps, and a game of random orders and exits with a world that keeps count.

use std::collections::{BTreeMap, BTreeSet};

use flightline_engine::ids::ProcessIndex;
use proptest::prelude::*;

use super::{Action, REMEMBERED_JOBS, Refused, Roster};
use crate::ids::{Generation, JobId, ProcessRef};
use crate::protocol::Wish;

fn id(job: u64, generation: u64, process: usize) -> ProcessRef {
    ProcessRef { job: JobId(job), generation: Generation(generation), process: ProcessIndex::new(process) }
}

fn orders<const N: usize>(orders: [(ProcessRef, Wish); N]) -> BTreeMap<ProcessRef, Wish> {
    orders.into()
}

#[test]
fn what_is_ordered_starts_once_and_what_is_left_out_goes() {
    let mut roster = Roster::default();
    let one = id(1, 1, 0);
    let wanted = orders([(one, Wish::Run)]);
    assert_eq!(roster.reconcile(&wanted), [Action::Start(one)]);
    assert_eq!(roster.reconcile(&wanted), []);
    assert_eq!(roster.reconcile(&orders([])), [Action::Kill(one)]);
    assert_eq!(roster.reconcile(&orders([])), []);
    roster.ended(one);
    assert_eq!(roster.reconcile(&orders([])), [Action::Forget(one)]);
    assert_eq!(roster.reconcile(&orders([])), []);
}

#[test]
fn who_has_ended_is_known_while_it_is_ordered_and_never_starts_again() {
    let mut roster = Roster::default();
    let one = id(1, 1, 0);
    let wanted = orders([(one, Wish::Run)]);
    roster.reconcile(&wanted);
    roster.ended(one);
    assert_eq!(roster.reconcile(&wanted), []);
    assert_eq!(roster.reconcile(&orders([])), [Action::Forget(one)]);
    // An order that was on its way for long.
    assert_eq!(roster.reconcile(&wanted), [Action::Refuse(one, Refused::Stale)]);
    assert_eq!(roster.reconcile(&wanted), []);
}

#[test]
fn a_drain_is_told_once_and_a_kill_follows_only_by_order() {
    let mut roster = Roster::default();
    let one = id(1, 1, 0);
    roster.reconcile(&orders([(one, Wish::Run)]));
    let drain = orders([(one, Wish::Drain)]);
    assert_eq!(roster.reconcile(&drain), [Action::Drain(one)]);
    assert_eq!(roster.reconcile(&drain), []);
    assert_eq!(roster.reconcile(&orders([(one, Wish::Run)])), [], "what was asked to end can't be asked back");
    assert_eq!(roster.reconcile(&orders([(one, Wish::Kill)])), [Action::Kill(one)]);
    assert_eq!(roster.reconcile(&drain), []);
}

#[test]
fn a_newer_generation_waits_until_the_older_one_is_gone() {
    let mut roster = Roster::default();
    let (old, new) = (id(1, 1, 0), id(1, 2, 3));
    roster.reconcile(&orders([(old, Wish::Run)]));
    let both = orders([(old, Wish::Run), (new, Wish::Run)]);
    assert_eq!(roster.reconcile(&both), [Action::Kill(old)]);
    assert_eq!(roster.reconcile(&both), []);
    roster.ended(old);
    assert_eq!(roster.reconcile(&both), [Action::Start(new)]);
    assert_eq!(roster.reconcile(&orders([(new, Wish::Run)])), [Action::Forget(old)]);
}

#[test]
fn processes_of_other_jobs_wait_for_nobody() {
    let mut roster = Roster::default();
    roster.reconcile(&orders([(id(1, 1, 0), Wish::Run)]));
    assert_eq!(
        roster.reconcile(&orders([(id(2, 9, 0), Wish::Run)])),
        [Action::Kill(id(1, 1, 0)), Action::Start(id(2, 9, 0))]
    );
}

#[test]
fn who_shall_end_before_it_began_is_said_to_have_ended() {
    let mut roster = Roster::default();
    let (one, two) = (id(1, 1, 0), id(2, 1, 0));
    let wanted = orders([(one, Wish::Drain), (two, Wish::Kill)]);
    let unneeded = |id| Action::Refuse(id, Refused::Unneeded);
    assert_eq!(roster.reconcile(&wanted), [unneeded(one), unneeded(two)]);
    assert_eq!(roster.reconcile(&orders([])), [Action::Forget(one), Action::Forget(two)]);
}

#[test]
fn what_is_remembered_is_bounded_but_never_loses_who_is_there() {
    let mut roster = Roster::default();
    let kept = (id(1, 1, 0), Wish::Run);
    roster.reconcile(&orders([kept]));
    for job in 2..REMEMBERED_JOBS as u64 + 100 {
        let passing = id(job, 1, 0);
        roster.reconcile(&orders([kept, (passing, Wish::Run)]));
        roster.ended(passing);
    }
    roster.reconcile(&orders([kept]));
    assert_eq!(roster.started.len(), REMEMBERED_JOBS);
    roster.ended(kept.0);
    roster.reconcile(&orders([]));
    assert_eq!(roster.reconcile(&orders([kept])), [Action::Refuse(kept.0, Refused::Stale)]);
}

/// What an operating system would see.
#[derive(Default)]
struct World {
    roster: Roster,
    alive: BTreeSet<ProcessRef>,
    told: BTreeMap<ProcessRef, Wish>,
    ever: BTreeSet<ProcessRef>,
    reported: BTreeSet<ProcessRef>,
}

impl World {
    fn order(&mut self, ordered: &BTreeMap<ProcessRef, Wish>) {
        for action in self.roster.reconcile(ordered) {
            match action {
                Action::Start(id) => {
                    let other =
                        self.alive.iter().find(|other| other.job == id.job && other.generation != id.generation);
                    assert_eq!(other, None, "{id} was started beside it");
                    assert!(self.ever.insert(id), "{id} was started again");
                    assert_eq!(ordered.get(&id), Some(&Wish::Run));
                    self.alive.insert(id);
                    self.reported.insert(id);
                }
                Action::Refuse(id, _) => assert!(ordered.contains_key(&id) && self.reported.insert(id)),
                Action::Drain(id) => {
                    assert_eq!(ordered.get(&id), Some(&Wish::Drain));
                    assert!(self.alive.contains(&id) && self.told.insert(id, Wish::Drain).is_none());
                }
                Action::Kill(id) => {
                    assert!(self.alive.contains(&id) && self.told.insert(id, Wish::Kill) != Some(Wish::Kill));
                }
                Action::Forget(id) => {
                    assert!(!self.alive.contains(&id) && !ordered.contains_key(&id) && self.reported.remove(&id));
                }
            }
        }
        for id in self.alive.difference(&ordered.keys().copied().collect()) {
            assert_eq!(self.told.get(id), Some(&Wish::Kill), "{id} is not ordered and was not killed");
        }
    }

    fn exit(&mut self, id: ProcessRef) {
        if self.alive.remove(&id) {
            self.roster.ended(id);
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Order(BTreeMap<ProcessRef, Wish>),
    /// The same orders again, as after a message that came twice.
    Repeat,
    Exit(ProcessRef),
}

fn any_id() -> impl Strategy<Value = ProcessRef> {
    (1..3_u64, 1..4_u64, 0..2_usize).prop_map(|(job, generation, process)| id(job, generation, process))
}

fn any_wish() -> impl Strategy<Value = Wish> {
    prop_oneof![3 => Just(Wish::Run), 1 => Just(Wish::Drain), 1 => Just(Wish::Kill)]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => proptest::collection::btree_map(any_id(), any_wish(), 0..5).prop_map(Event::Order),
        1 => Just(Event::Repeat),
        4 => any_id().prop_map(Event::Exit),
    ]
}

proptest! {
    #[test]
    fn whatever_is_ordered_the_invariants_hold_and_the_last_order_is_fulfilled(
        events in proptest::collection::vec(any_event(), 0..40)
    ) {
        let mut world = World::default();
        let mut last = BTreeMap::new();
        for event in events {
            match event {
                Event::Order(ordered) => {
                    world.order(&ordered);
                    last = ordered;
                }
                Event::Repeat => world.order(&last),
                Event::Exit(id) => {
                    world.exit(id);
                    continue;
                }
            }
            // Whoever was ordered is reported, unless it waits for an older generation.
            for id in last.keys().filter(|id| !world.reported.contains(id)) {
                assert!(world.alive.iter().any(|other| other.job == id.job && other.generation != id.generation));
            }
        }

        // A new generation of each job always gets its turn as soon as those that were killed are gone.
        let next = BTreeMap::from([(id(1, 9, 0), Wish::Run), (id(2, 9, 1), Wish::Run)]);
        world.order(&next);
        for id in world.alive.clone().into_iter().filter(|id| !next.contains_key(id)) {
            world.exit(id);
        }
        world.order(&next);
        prop_assert_eq!(&world.alive, &next.keys().copied().collect::<BTreeSet<_>>());

        world.order(&BTreeMap::new());
        for id in world.alive.clone() {
            world.exit(id);
        }
        world.order(&BTreeMap::new());
        prop_assert!(world.alive.is_empty() && world.reported.is_empty() && world.roster.known.is_empty());
    }
}
