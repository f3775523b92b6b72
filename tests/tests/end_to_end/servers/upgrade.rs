//! The upgrade drill of [`crate::cluster::upgrade`] with Kafka, MongoDB's protocol and HDFS: the topics are there all the time, so
//! that a client has to wait for nothing but its answers. How long it waits is printed, and judged only without servers: these
//! share two processors with all other tests, and the ledger lies in HDFS.

use std::time::Duration;

use flightline_cluster::job::state::Phase;
use flightline_engine::contract::Guarantee;
use flightline_tests::cluster::Cluster;
use flightline_tests::job::World;
use flightline_tests::servers::Servers;
use flightline_tests::wait_until;

use crate::cluster::upgrade::{drill, judge};

#[test]
fn a_stream_on_servers_is_upgraded_under_load_and_no_answer_is_lost_or_doubled() {
    // What the files lack then, the next life gives them.
    let world = World::on(Servers::shared(), Guarantee::ExactlyOnce).and("[limits]\ndrain_patience = \"1s\"\n");
    let cluster = Cluster::start(world.folder(), 2);
    let id = cluster.run("predict --supervise -- --config job.toml --config more.toml");
    cluster.wait_until_job_is(id, Phase::Running);
    let client = world.client(3, Duration::from_millis(100));
    let answers = drill(&world, &cluster, id, client, "--processes 2 --cores 2");
    wait_until("the files have all answers", || {
        let stream = cluster.job(id).stream;
        stream.is_some_and(|stream| stream.sinks.get("files").is_some_and(|files| files.lag == 0))
    });
    cluster.submit(&format!("stop {id} --wait")).succeed();
    cluster.stop();
    let holdings = world.holdings();
    println!("{} requests", holdings.requests());
    assert_eq!(holdings.check_as(world.promised()), Ok(()));
    judge(&answers);
}
