//! A request topic that gets more partitions while the job runs.

use std::ops::Range;
use std::time::{Duration, Instant};

use flightline_engine::contract::Guarantee;
use flightline_jobs::clients::Partition;
use flightline_tests::Chance;
use flightline_tests::job::{Job, PARTITIONS, Shape, World, some_request};
use flightline_tests::servers::Servers;

/// Partitions after the growth.
const GROWN: u32 = PARTITIONS + 2;
/// Requests that are asked of each partition at once; of the new ones twice.
const SOME: usize = 40;
/// Those that are asked now and then meanwhile.
const FEW: usize = 5;
/// How often. The collections of these servers are slow.
const PACE: Duration = Duration::from_millis(200);

#[test]
fn partitions_that_are_added_are_read_and_nothing_of_the_others_is_doubled() {
    let servers = Servers::shared();
    let world = World::on(servers, Guarantee::ExactlyOnce);
    let job = world.start(&Shape::of(2, 1));
    job.wait_until_running();
    ask(&world, 0..PARTITIONS, SOME);

    let topic = world.loaded().requests.log.name().0.clone();
    servers.grow_topic(&topic, GROWN);
    // Before the job can know of them.
    ask(&world, PARTITIONS..GROWN, SOME);
    let (mut old, mut asked) = ((0..PARTITIONS).cycle(), Instant::now());
    job.wait_until("the new partitions are read", || {
        // While the job ends and begins again, the others go on, without haste.
        if asked.elapsed() >= PACE {
            let partition = old.next().unwrap_or_default();
            ask(&world, partition..partition + 1, FEW);
            asked = Instant::now();
        }
        read_by(&job) == GROWN as usize
    });
    ask(&world, 0..GROWN, SOME);
    job.wait_until_done();
    job.stop();

    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    // Some are no requests, and only dead letters tell of them.
    let of_new = |partition: u64| holdings.answers().iter().filter(|((at, _), _)| *at == partition).count();
    for partition in PARTITIONS..GROWN {
        assert!(of_new(partition.into()) > SOME, "partition {partition} was not read to its end");
    }
}

/// By a client that has not known the topic before: others hear of new partitions only now and then.
fn ask(world: &World, partitions: Range<u32>, each: usize) {
    let (requests, mut chance) = (world.requests_on_server(), Chance::new());
    for partition in partitions.map(Partition) {
        let some = (0..each).map(|_| some_request(&mut chance).into()).collect();
        requests.append_to(partition, some).expect("the brokers take requests");
    }
}

/// How many partitions the processes read, all together.
fn read_by(job: &Job) -> usize {
    (0..2).filter_map(|process| job.status(process)).map(|status| status.partitions.len()).sum()
}
