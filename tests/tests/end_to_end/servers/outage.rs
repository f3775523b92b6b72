//! HDFS is away under load: what is required goes on, also in a process that starts meanwhile, and what HDFS has missed it
//! gets by itself.

use flightline_engine::contract::Guarantee;
use flightline_tests::Chance;
use flightline_tests::job::{World, wait_for_work};
use flightline_tests::servers::Servers;

use crate::storm::{finish, shape};

#[test]
fn answers_go_on_without_hdfs_and_it_gets_them_later() {
    let own = Servers::own(&["hdfs"]);
    let servers = Servers::shared().but("HDFS_URL", &own);
    let world = World::on(&servers, Guarantee::ExactlyOnce);
    // Or the ledger would be away, too.
    let shape = shape(1, 2).set("job.state=file:state");
    let mut job = world.start(&shape);
    let load = world.load(job.requests(), Chance::new());
    wait_for_work(&job, &load);

    own.stop("namenode");
    own.stop("datanode");
    let said =
        job.wait_for_line("that HDFS is away", |line| line.contains("sink files") && line.contains("trying again"));
    assert!(said.contains("hdfs://"), "it should say which: {said}");
    wait_for_work(&job, &load);
    let reached = job.answered("files");
    wait_for_work(&job, &load);
    assert_eq!(job.answered("files"), reached, "HDFS is away, so the files can't have more");

    job.kill(0);
    let mut job = world.start(&shape);
    job.wait_for_line("that it begins without HDFS", |line| line.contains("the job begins without it"));
    wait_for_work(&job, &load);

    own.start("datanode");
    own.start("namenode");
    let outcome = finish(&world, job, load, "HDFS away, and a kill meanwhile");
    assert_eq!(outcome, Ok(()));
}
