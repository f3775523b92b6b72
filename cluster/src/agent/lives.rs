//! What an agent was ordered, and what it knows of the lives that its processes belong to. Pure.
//!
//! Invariants: a life is known as long as orders name it, and only as it was named last; a life that is not known yet holds
//! up its own processes and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::ProcessRef;
use crate::protocol::life::{LifeDigest, LifeRef, LifeSpec};
use crate::protocol::{ProcessOrder, Wish};

/// A process that this worker shall have, and what it runs, as soon as that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which one.
    pub id: ProcessRef,
    /// What shall become of it.
    pub wish: Wish,
    /// What it runs.
    pub life: Option<Arc<LifeSpec>>,
}

/// All orders, and all lives that are known.
#[derive(Debug, Default)]
pub(super) struct Lives {
    orders: Vec<ProcessOrder>,
    known: BTreeMap<LifeRef, (LifeDigest, Arc<LifeSpec>)>,
}

impl Lives {
    /// Takes new orders; whatever was ordered before counts no more.
    pub(super) fn order(&mut self, orders: Vec<ProcessOrder>) {
        self.orders = orders;
        let named: BTreeMap<LifeRef, Option<&LifeDigest>> =
            self.orders.iter().map(|order| (life_of(order), order.life.as_ref())).collect();
        // An order that only ends a process names nothing.
        let holds = |named: &Option<&LifeDigest>, digest: &LifeDigest| named.is_none_or(|named| named == digest);
        self.known.retain(|life, (digest, _)| named.get(life).is_some_and(|named| holds(named, digest)));
    }

    /// The lives that are to be fetched, each once.
    pub(super) fn missing(&self) -> BTreeSet<LifeRef> {
        let named = self.orders.iter().filter(|order| order.life.is_some()).map(life_of);
        named.filter(|life| !self.known.contains_key(life)).collect()
    }

    /// Takes what was fetched. False if it is not what the orders name, now: then it is to be fetched again, if at all.
    pub(super) fn take(&mut self, life: LifeRef, spec: LifeSpec) -> bool {
        let digest = spec.digest();
        let is_named = self.orders.iter().any(|order| life_of(order) == life && order.life.as_ref() == Some(&digest));
        if is_named {
            self.known.insert(life, (digest, Arc::new(spec)));
        }
        is_named
    }

    /// What this worker shall have.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let wanted = |order: &ProcessOrder| {
            let life = self.known.get(&life_of(order)).map(|(_, life)| Arc::clone(life));
            Wanted { id: order.id, wish: order.wish, life }
        };
        self.orders.iter().map(wanted).collect()
    }
}

fn life_of(order: &ProcessOrder) -> LifeRef {
    LifeRef { job: order.id.job, generation: order.id.generation }
}

#[cfg(test)]
mod tests {
    use flightline_engine::ids::{ProcessCount, ProcessIndex};

    use super::*;
    use crate::ids::{Generation, JobId};
    use crate::job::spec::{CarriedFile, JobSpec, Program};
    use crate::samples;

    fn life(text: &str) -> LifeSpec {
        let files = vec![CarriedFile { name: "a".to_owned(), text: text.to_owned() }];
        let spec = JobSpec { files, processes: ProcessCount::new(2), ..samples::spec(Program::Train, &[]) };
        LifeSpec { spec: spec.into(), hosts: vec!["a:1".to_owned(), "a:2".to_owned()] }
    }

    fn order(job: u64, process: usize, life: Option<&LifeSpec>) -> ProcessOrder {
        let id = ProcessRef { job: JobId(job), generation: Generation(1), process: ProcessIndex::new(process) };
        ProcessOrder { id, wish: if life.is_some() { Wish::Run } else { Wish::Kill }, life: life.map(LifeSpec::digest) }
    }

    fn reference(job: u64) -> LifeRef {
        LifeRef { job: JobId(job), generation: Generation(1) }
    }

    #[test]
    fn a_life_is_fetched_once_for_all_of_its_processes_and_kept_until_they_are_gone() {
        let (mut lives, one) = (Lives::default(), life("one"));
        lives.order(vec![order(1, 0, Some(&one)), order(1, 1, Some(&one)), order(2, 0, None)]);
        assert_eq!(lives.missing(), [reference(1)].into(), "who has to end needs nothing");
        assert!(lives.wanted().iter().all(|wanted| wanted.life.is_none()));
        assert!(lives.take(reference(1), one.clone()));
        assert_eq!(lives.missing(), BTreeSet::new());
        assert_eq!(lives.wanted().iter().filter(|wanted| wanted.life.as_deref() == Some(&one)).count(), 2);
        lives.order(vec![order(1, 1, None)]);
        assert!(lives.wanted()[0].life.is_some(), "it is known until its last process is gone");
        lives.order(Vec::new());
        lives.order(vec![order(1, 0, Some(&one))]);
        assert_eq!(lives.missing(), [reference(1)].into(), "and not longer");
    }

    /// A master that has lost its memory counts anew.
    #[test]
    fn a_life_that_is_another_one_under_the_same_number_is_never_taken_for_the_one_that_is_named() {
        let (mut lives, one, other) = (Lives::default(), life("one"), life("other"));
        lives.order(vec![order(1, 0, Some(&one))]);
        assert!(!lives.take(reference(1), other.clone()), "it was on its way for long");
        assert!(lives.take(reference(1), one.clone()));
        lives.order(vec![order(1, 0, Some(&other))]);
        assert_eq!((lives.missing(), lives.wanted()[0].life.clone()), ([reference(1)].into(), None));
        let elsewhere = LifeSpec { hosts: vec!["b:1".to_owned()], ..other };
        assert!(!lives.take(reference(1), elsewhere), "its addresses count, too");
        assert!(!lives.take(reference(2), one), "nobody asked for it");
    }
}
