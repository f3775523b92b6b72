//! The lead's decisions, event by event, and at random.

use proptest::prelude::*;

use super::*;
use crate::ids::JobName;
use crate::ledger::{AnswerFormat, EntryBody, Seq, TableVersion};

const PROCESSES: usize = 2;
const WORKERS: usize = 3;
const AT_ONCE: Duration = Duration::ZERO;

fn binding(model: &str, table: u64) -> Binding {
    Binding { model: model.into(), table: TableVersion(table), format: AnswerFormat(1), settings: BTreeMap::new() }
}

/// A lead, its ledger, and what it has ordered.
struct Scene {
    lead: Lead,
    book: Book,
    /// What is on its way to the ledger.
    entry: Option<Entry>,
    ordered: Vec<Order>,
}

impl Scene {
    /// One partition, at offset 10 of 400 that are bound: few enough that more are due.
    fn new() -> Self {
        let at = Offsets::from([(Partition(0), Offset(10))]);
        let (generation, in_force) = (Generation(1), binding("m1", 1));
        let mut book = Book::default();
        let open = EntryBody::Open { job: JobName("job".into()), partitions: 1, nonce: 0 };
        book.apply(Seq(0), &Entry { generation, body: open }).unwrap();
        let first = decide::extend(&book, generation, &in_force, &[(Partition(0), Offset(400))].into()).unwrap();
        book.apply(Seq(1), &first).unwrap();
        let (processes, workers) = (ProcessCount::new(PROCESSES), WorkerCount::new(WORKERS));
        let lead = Lead::new(generation, processes, workers, in_force, at, AT_ONCE);
        Self { lead, book, entry: None, ordered: Vec::new() }
    }

    fn take(&mut self, orders: Vec<Order>) {
        for order in &orders {
            if let Order::Append(entry) = order {
                assert!(self.entry.replace(entry.clone()).is_none(), "two entries on their way");
            }
        }
        self.ordered.extend(orders);
    }

    fn turn(&mut self) {
        let orders = self.lead.turn(&self.book);
        self.take(orders);
    }

    fn want(&mut self, model: &str) {
        self.lead.want(|wanted| wanted.model = model.into());
        self.turn();
    }

    fn prepared(&mut self, model: &str, table: u64, refused: Option<&str>) {
        for process in ProcessCount::new(PROCESSES).indices() {
            let orders = self.lead.prepared(process, &[binding(model, table)], refused.map(str::to_owned));
            self.take(orders);
        }
        self.turn();
    }

    fn stopped(&mut self, at: u64) {
        for worker in (0..WORKERS).map(WorkerIndex::new) {
            let here = if worker.get() == 0 { [(Partition(0), Offset(at))].into() } else { Offsets::new() };
            let orders = self.lead.stopped(worker, &here, &self.book);
            self.take(orders);
        }
        self.turn();
    }

    fn written(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.book.apply(self.book.next_seq(), &entry).unwrap();
            let orders = self.lead.appended();
            self.take(orders);
            self.turn();
        }
    }

    fn swap(&mut self, model: &str, at: u64) {
        self.want(model);
        self.prepared(model, 1, None);
        self.stopped(at);
        self.written();
    }

    /// What was ordered since the last look, without what is inside.
    fn orders(&mut self) -> Vec<&'static str> {
        let word = |order| match order {
            Order::Prepare(_) => "prepare",
            Order::Stop => "stop",
            Order::Go => "go",
            Order::Append(Entry { body: EntryBody::Cut { .. }, .. }) => "cut",
            Order::Append(_) => "bind",
            Order::Refused(..) => "refused",
        };
        self.ordered.drain(..).map(word).collect()
    }

    fn model_at(&self, offset: u64) -> Option<&str> {
        let stretch = self.book.at(Partition(0), Offset(offset))?;
        self.book.binding(stretch.number).map(|binding| &*binding.model)
    }
}

#[test]
fn a_model_takes_force_where_the_workers_stand_when_all_have_loaded_it() {
    let mut scene = Scene::new();
    scene.turn();
    assert_eq!(scene.orders(), ["bind"], "less than half of a range is left");
    scene.written();
    scene.swap("m2", 20);
    assert_eq!(scene.orders(), ["prepare", "stop", "cut", "go"]);
    assert_eq!((scene.model_at(19), scene.model_at(20)), (Some("m1"), Some("m2")));
    assert_eq!(scene.lead.in_force(), &binding("m2", 1));
    scene.turn();
    assert_eq!(scene.orders(), [""; 0]);
}

#[test]
fn nobody_stops_while_an_entry_is_on_its_way() {
    let mut scene = Scene::new();
    scene.turn();
    scene.want("m2");
    scene.prepared("m2", 1, None);
    assert_eq!(scene.orders(), ["bind", "prepare"]);
    scene.written();
    assert_eq!(scene.orders(), ["stop"]);
}

/// What was refused once was never tried again, however often it was promoted.
#[test]
fn what_was_refused_is_tried_again_after_another_one_was() {
    let mut scene = Scene::new();
    scene.turn();
    scene.written();
    scene.orders();
    scene.want("bad");
    scene.prepared("bad", 1, Some("damaged"));
    assert_eq!(scene.orders(), ["prepare", "refused", "refused"][..2]);
    scene.want("bad");
    assert_eq!(scene.orders(), [""; 0], "nothing is new about it");
    scene.swap("m2", 30);
    assert_eq!(scene.orders(), ["prepare", "stop", "cut", "go"]);
    scene.swap("bad", 40);
    assert_eq!(scene.orders(), ["prepare", "stop", "cut", "go"], "somebody has mended it");
    assert_eq!(scene.model_at(40), Some("bad"));
}

#[test]
fn a_table_changes_in_spite_of_a_refused_model() {
    let mut scene = Scene::new();
    scene.turn();
    scene.written();
    scene.want("bad");
    scene.prepared("bad", 1, Some("damaged"));
    scene.lead.want(|wanted| wanted.table = TableVersion(2));
    scene.turn();
    scene.prepared("m1", 2, None);
    scene.stopped(30);
    scene.written();
    assert_eq!(scene.lead.in_force(), &binding("m1", 2));
}

#[test]
fn nothing_begins_while_the_job_drains() {
    let mut scene = Scene::new();
    scene.lead.drain();
    scene.want("m2");
    assert_eq!(scene.orders(), [""; 0]);
}

#[derive(Clone, Debug)]
enum Step {
    Want(u8),
    Prepared(bool),
    Stopped(u64),
    Written,
    Turn,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4_u8).prop_map(Step::Want),
        any::<bool>().prop_map(Step::Prepared),
        (0..40_u64).prop_map(Step::Stopped),
        Just(Step::Written),
        Just(Step::Turn),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever comes in whatever order: entries follow on one another, a stop is followed by a go before the next one, and
    /// what workers have passed keeps its binding.
    #[test]
    fn orders_make_sense_in_any_order_of_events(steps in steps()) {
        let (mut scene, mut at) = (Scene::new(), 10);
        for step in steps {
            let passed: Vec<_> = (0..at).map(|offset| scene.model_at(offset).map(str::to_owned)).collect();
            match step {
                Step::Want(model) => scene.want(&format!("m{model}")),
                Step::Prepared(well) => {
                    if let Phase::Preparing { binding, .. } = scene.lead.phase.clone() {
                        scene.prepared(&binding.model, 1, (!well).then_some("damaged"));
                    }
                }
                // Who has stopped emits nothing more before the entry of the cut.
                Step::Stopped(further) if !matches!(scene.lead.phase, Phase::Cutting { .. }) => {
                    at += further;
                    scene.stopped(at);
                }
                Step::Stopped(_) => {}
                Step::Written => scene.written(),
                Step::Turn => scene.turn(),
            }
            for (offset, before) in passed.into_iter().enumerate() {
                prop_assert_eq!(scene.model_at(offset as u64).map(str::to_owned), before);
            }
        }
        let stops_and_goes: Vec<_> = scene.orders().into_iter().filter(|word| ["stop", "go"].contains(word)).collect();
        for pair in stops_and_goes.windows(2) {
            prop_assert_ne!(pair[0], pair[1]);
        }
    }
}
