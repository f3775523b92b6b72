use super::*;
use crate::clock::ManualClock;
use crate::conformance::sink::{SinkHarness, Stored, Trouble, check};
use crate::contract::{Answers, SinkBatch, Standing};

struct Harness {
    make: fn(Arc<dyn Clock>) -> MemorySink,
    sink: MemorySink,
    clock: ManualClock,
}

impl Harness {
    fn of(make: fn(Arc<dyn Clock>) -> MemorySink) -> Self {
        let clock = ManualClock::new();
        Self { make, sink: make(Arc::new(clock.clone())), clock }
    }
}

impl SinkHarness for Harness {
    fn fresh(&mut self) {
        self.sink = (self.make)(Arc::new(self.clock.clone()));
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(self.sink.clone())
    }

    fn contents(&mut self) -> Vec<Stored> {
        let read = |(partition, item): (Partition, Item)| {
            let stored = Stored::read(&item.body).unwrap();
            assert_eq!(stored, Stored { partition, item });
            stored
        };
        self.sink.contents().into_iter().map(read).collect()
    }

    fn keyed(&self) -> bool {
        self.sink.keyed
    }

    fn pass_time(&mut self, by: Duration) -> bool {
        self.clock.advance(by);
        true
    }

    fn trouble(&mut self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::BeforeEffect => self.sink.troubles().fail_before(1),
            Trouble::AfterEffect => self.sink.troubles().fail_after(1),
        }
        true
    }

    fn rounds(&self) -> u64 {
        60
    }
}

const EVERY: Duration = Duration::from_secs(10);

#[test]
fn a_plain_one_passes_the_suite() {
    check(&mut Harness::of(|_| MemorySink::new("memory"))).unwrap();
}

#[test]
fn one_on_the_lead_passes_the_suite() {
    check(&mut Harness::of(|_| MemorySink::new("memory").placed(Placement::OnLead))).unwrap();
}

#[test]
fn a_collection_passes_the_suite() {
    check(&mut Harness::of(|_| MemorySink::new("memory").keyed())).unwrap();
}

#[test]
fn one_that_buffers_passes_the_suite() {
    check(&mut Harness::of(|clock| MemorySink::new("memory").buffering(EVERY, clock))).unwrap();
    check(&mut Harness::of(|clock| MemorySink::new("memory").keyed().buffering(EVERY, clock))).unwrap();
}

fn batch_to(next: u64) -> SinkBatch {
    let item = Item {
        offset: Offset(next - 1),
        key: "k".into(),
        standing: Standing::Final,
        body: Bytes::from(next.to_string()),
    };
    let answers =
        Answers { partition: Partition(0), from: Offset(0), reached: Reached::start(Offset(next)), items: vec![item] };
    SinkBatch { answers: BTreeMap::from([(Partition(0), answers)]) }
}

fn opened(sink: &MemorySink) -> Box<dyn OpenSink> {
    sink.adopt(&JobId("j".into()), &Offsets::from([(Partition(0), Offset(0))])).unwrap();
    sink.open(Generation(1), &[Partition(0)]).unwrap()
}

#[test]
fn away_means_nothing_works_until_it_is_back() {
    let sink = MemorySink::new("memory");
    let mut writer = opened(&sink);
    sink.troubles().be_away(true);
    for _ in 0..3 {
        assert!(matches!(writer.write(&batch_to(1)), Err(Fault::Transient(_))));
        assert!(matches!(sink.survey(&[]), Err(Fault::Transient(_))));
    }
    assert_eq!(sink.bodies(), [] as [Bytes; 0]);
    sink.troubles().be_away(false);
    writer.write(&batch_to(1)).unwrap();
    assert_eq!(sink.bodies(), ["1"]);
}

#[test]
fn waiting_ends_with_the_progress_or_with_patience() {
    let sink = MemorySink::new("memory");
    let mut writer = opened(&sink);
    let wanted = Offsets::from([(Partition(0), Offset(3))]);
    assert!(!sink.wait_for(&wanted, Duration::from_millis(1)));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| sink.wait_for(&wanted, Duration::from_secs(20)));
        writer.write(&batch_to(2)).unwrap();
        writer.write(&batch_to(3)).unwrap();
        assert!(waiter.join().unwrap());
    });
    assert_eq!(sink.generation(), Some(Generation(1)));
}

#[test]
fn lost_progress_is_not_there() {
    let sink = MemorySink::new("memory");
    opened(&sink).write(&batch_to(2)).unwrap();
    sink.lose_progress(Partition(0));
    assert!(sink.progress().is_empty());
    assert!(matches!(sink.open(Generation(2), &[Partition(0)]), Err(Fault::Permanent(_))));
}
