//! Of which processes a job's dataflow is asked.

use flightline_engine::ids::ProcessCount;

use super::*;
use crate::ids::{Cores, Incarnation, Memory, Moment, WorkerName};
use crate::job::spec::Program;
use crate::master::state::{At, Rules};
use crate::protocol::{HowEnded, Machine, ProcessReport, ProcessState};

fn at(seconds: u64) -> At {
    At { now: Moment(seconds * 1_000), up: Duration::from_secs(seconds), chance: 0.5 }
}

/// Each load of the page of such a job waited for five seconds for its worker.
#[test]
fn nobody_is_asked_for_what_a_job_runs_that_is_over_or_whose_worker_is_lost() {
    let names = ["a", "b"].map(|name| WorkerName(name.into()));
    let mut cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    for worker in &names {
        let machine = Machine {
            worker: worker.clone(),
            incarnation: Incarnation(1),
            host: "host".to_owned(),
            port: 1,
            page: "http://host:1".to_owned(),
            mesh_ports: (7_100, 7_109),
            cores: Cores(1),
            memory: Memory(1 << 30),
            roots: Vec::new(),
            version: Rules::default().version,
        };
        cluster.register(machine, at(0)).unwrap();
    }
    let spec = JobSpec {
        name: "it".to_owned(),
        program: Program::Train,
        args: Vec::new(),
        files: Vec::new(),
        processes: ProcessCount::new(2),
        cores: Cores(1),
        memory: Memory(1),
        supervise: false,
        every: None,
    };
    let job = cluster.submit(spec, at(0));
    let asked = |cluster: &Cluster| to_be_asked(cluster, job).map(|processes| processes.len());
    assert_eq!(asked(&cluster), Ok(2));
    assert!(to_be_asked(&cluster, JobId(9)).unwrap_err().contains("has not been started"));

    for second in 1..=6 {
        cluster.report((&names[0], Incarnation(1)), Vec::new(), at(second)).unwrap();
    }
    assert_eq!(asked(&cluster), Ok(1), "the other worker is lost");
    let ended = ProcessReport {
        id: to_be_asked(&cluster, job).unwrap()[0],
        state: ProcessState::Ended { how: HowEnded::Code(3), last_lines: Vec::new(), ledger: None },
        memory: Memory(0),
        stream: None,
        stages: Vec::new(),
    };
    cluster.stop(job, StopHow::Kill, at(7)).unwrap();
    assert_eq!(asked(&cluster), Ok(1), "it ends, and may still tell");
    cluster.report((&names[0], Incarnation(1)), vec![ended], at(8)).unwrap();
    assert_eq!(asked(&cluster), Err("job 1 is killed: nothing runs".to_owned()));
}
