use flightline_engine::log::OffsetRange;

use super::*;

const PATIENT: Duration = Duration::from_secs(30);

/// A topic in memory that fails when it is told to.
#[derive(Debug, Default)]
struct Fake {
    state: Mutex<FakeState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct FakeState {
    logs: Vec<Vec<Bytes>>,
    /// Of each partition, how reading it fails.
    faults: Vec<Option<ClientError>>,
    /// Bytes that were read.
    read: usize,
}

impl Fake {
    fn new(partitions: usize) -> Arc<Self> {
        let state =
            FakeState { logs: vec![Vec::new(); partitions], faults: vec![None; partitions], ..FakeState::default() };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    fn put(&self, partition: usize, payload: impl Into<Bytes>) {
        self.state.lock().unwrap().logs[partition].push(payload.into());
        self.changed.notify_all();
    }

    fn fails(&self, partition: usize, fault: Option<ClientError>) {
        self.state.lock().unwrap().faults[partition] = fault;
        self.changed.notify_all();
    }
}

impl TopicClient for Fake {
    fn name(&self) -> &str {
        "fake"
    }

    fn partitions(&self) -> Result<u32, ClientError> {
        Ok(self.state.lock().unwrap().logs.len() as u32)
    }

    fn append_to(&self, _: Partition, _: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
        Err(fault(false))
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, ClientError> {
        let (at, first) = (partition.0 as usize, from.0 as usize);
        let nothing = |state: &mut FakeState| state.faults[at].is_none() && state.logs[at].len() <= first;
        let mut state = self.changed.wait_timeout_while(self.state.lock().unwrap(), patience, nothing).unwrap().0;
        if let Some(fault) = &state.faults[at] {
            return Err(fault.clone());
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        for (payload, offset) in state.logs[at].iter().zip(0..).skip(first) {
            if bytes >= limit {
                break;
            }
            bytes += weight(payload);
            records.push(LogRecord { offset: Offset(offset), payload: payload.clone() });
        }
        state.read += bytes;
        Ok(records)
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError> {
        let end = self.state.lock().unwrap().logs[partition.0 as usize].len();
        Ok(OffsetRange::new(Offset(0), Offset(end as u64)))
    }

    fn follow(self: Arc<Self>) -> Result<Box<dyn Follower>, ClientError> {
        Ok(Box::new(PartitionsFollower::start(self)?))
    }
}

fn fault(transient: bool) -> ClientError {
    ClientError::Server { sentence: "it is so".to_owned(), transient, uncertain: false }
}

/// So many records.
fn taken(follower: &mut dyn Follower, count: usize) -> Vec<Followed> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let came = follower.next(2000, PATIENT).unwrap();
        assert!(!came.records.is_empty(), "{} of {count}", taken.len());
        taken.extend(came.records);
    }
    taken
}

#[test]
fn all_partitions_are_followed_from_their_ends_on() {
    let topic = Fake::new(7);
    topic.put(3, "before");
    let mut follower = Arc::clone(&topic).follow().unwrap();
    assert_eq!(follower.next(1, Duration::ZERO), Ok(Came::default()));
    for number in 0..70 {
        topic.put(number % 7, number.to_string());
    }
    let taken = taken(&mut *follower, 70);
    for partition in 0..7 {
        let of_partition = taken.iter().filter(|record| record.position.partition == Partition(partition));
        let of_partition: Vec<_> =
            of_partition.map(|record| (record.position.offset.0, record.payload.clone())).collect();
        let first = u64::from(partition == 3);
        let expected: Vec<_> =
            (0..10).map(|turn| (first + turn, Bytes::from((turn * 7 + u64::from(partition)).to_string()))).collect();
        assert_eq!(of_partition, expected, "partition {partition}");
    }
}

#[test]
fn what_is_away_is_told_and_what_came_meanwhile_is_read_afterwards() {
    let topic = Fake::new(2);
    let mut follower = Arc::clone(&topic).follow().unwrap();
    topic.fails(1, Some(fault(true)));
    while follower.next(1, Duration::from_millis(10)).unwrap().away.is_none() {}
    topic.put(0, "here");
    topic.put(1, "later");
    let came = follower.next(usize::MAX, PATIENT).unwrap();
    assert_eq!((came.records.len(), came.away), (1, Some(fault(true))), "the others go on");
    topic.fails(1, None);
    assert_eq!(taken(&mut *follower, 1)[0].payload, "later");
    assert_eq!(follower.next(1, Duration::ZERO).unwrap().away, None);
}

#[test]
fn what_does_not_pass_is_the_end() {
    let topic = Fake::new(2);
    let mut follower = Arc::clone(&topic).follow().unwrap();
    topic.put(0, "last");
    assert_eq!(taken(&mut *follower, 1).len(), 1);
    topic.fails(1, Some(fault(false)));
    assert_eq!(follower.next(1, PATIENT), Err(fault(false)));
    assert_eq!(follower.next(1, PATIENT), Err(fault(false)), "and stays it");
}

#[test]
fn what_nobody_takes_is_not_read() {
    let topic = Fake::new(1);
    let mut follower = Arc::clone(&topic).follow().unwrap();
    let record = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..40 {
        topic.put(0, record.clone());
    }
    assert_eq!(taken(&mut *follower, 1).len(), 1);
    // Whenever it is looked: what waits, and what a read that waits for room has in its hands.
    let read = topic.state.lock().unwrap().read;
    assert!(read <= WAITING + 3 * AT_ONCE, "{read} bytes were read");
    assert_eq!(taken(&mut *follower, 39).len(), 39);
}

#[test]
fn who_follows_no_longer_leaves_no_thread_behind() {
    for fault in [None, Some(fault(true))] {
        let topic = Fake::new(3);
        let mut follower = Arc::clone(&topic).follow().unwrap();
        topic.fails(0, fault);
        // One that waits for room, too.
        (0..20).for_each(|_| topic.put(1, vec![b'x'; 1 << 20]));
        assert_eq!(taken(&mut *follower, 1).len(), 1);
        drop(follower);
        assert_eq!(Arc::strong_count(&topic), 1);
    }
}
