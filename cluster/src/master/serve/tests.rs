//! Which jobs are taken, and of which processes a job's dataflow is asked.

use flightline_engine::clock::ManualClock;
use flightline_engine::ids::ProcessCount;

use super::*;
use crate::entropy::SystemEntropy;
use crate::ids::{Cores, Incarnation, Memory, Moment, WorkerName};
use crate::job::spec::Program;
use crate::master::state::{At, Rules};
use crate::master::store::Store;
use crate::protocol::{HowEnded, Machine, ProcessReport, ProcessState};
use crate::samples;

fn at(seconds: u64) -> At {
    At { now: Moment(seconds * 1_000), up: Duration::from_secs(seconds), chance: 0.5 }
}

/// Each load of the page of such a job waited for five seconds for its worker.
#[test]
fn nobody_is_asked_for_what_a_job_runs_that_is_over_or_whose_worker_is_lost() {
    let names = ["a", "b"].map(|name| WorkerName(name.into()));
    let mut cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    for worker in &names {
        cluster.register(samples::machine(&worker.0), at(0)).unwrap();
    }
    let spec = JobSpec { processes: ProcessCount::new(2), ..training(&[]) };
    let job = cluster.submit(spec, at(0));
    let asked = |cluster: &Cluster| to_be_asked(cluster, job).map(|processes| processes.len());
    assert_eq!(asked(&cluster), Ok(2));
    assert!(matches!(to_be_asked(&cluster, JobId(9)), Err(NotHad::Missing(_))));

    for second in 1..=6 {
        cluster.report((&names[0], Incarnation(1)), Vec::new(), at(second)).unwrap();
    }
    assert_eq!(asked(&cluster), Ok(1), "the other worker is lost");
    let ended = ProcessReport {
        id: to_be_asked(&cluster, job).unwrap()[0],
        state: ProcessState::Ended { how: HowEnded::Code(3), last_lines: Vec::new(), ledger: None, model: None },
        memory: Memory(0),
        stream: None,
        stages: Vec::new(),
    };
    cluster.stop(job, StopHow::Kill, at(7)).unwrap();
    assert_eq!(asked(&cluster), Ok(1), "it ends, and may still tell");
    cluster.report((&names[0], Incarnation(1)), vec![ended], at(8)).unwrap();
    assert_eq!(asked(&cluster), Err(NotHad::NotAsItStands("job 1 is killed: nothing runs".to_owned())));
}

fn training(args: &[&str]) -> JobSpec {
    samples::spec(Program::Train, args)
}

/// Only the command line asked whether a job makes sense, and a job without a process was taken from programs; and that the
/// token itself lay below a root was seen by nobody.
#[test]
fn a_call_can_ask_for_no_more_than_a_person_and_is_told_all_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let cluster = store.load(Rules::default()).unwrap();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let clock = Arc::new(ManualClock::new());
    let desk = Arc::new(Desk::new(store, cluster, clock.clone(), Arc::new(|| Moment(1)), Arc::clone(&entropy)));
    let machine = Machine { own: vec!["/srv/flightline-cluster".to_owned()], ..samples::machine("worker") };
    desk.change(|cluster, at| cluster.register(machine, at).unwrap()).unwrap();
    let (secret, _) = ClusterSecret::read_or_make(&folder.path().join("secret"), &entropy).unwrap();
    let front = Front::new(desk, secret, clock, Arc::clone(&entropy));

    let none = JobSpec { processes: ProcessCount::new(0), cores: Cores(0), ..training(&["--output", "/etc/x"]) };
    let told =
        front.of_user(FromUser::Submit { id: SubmissionId::draw(&entropy).unwrap(), spec: none.clone() }).unwrap_err();
    for part in ["0 processes can't be had", "0 cores for each", "argument 2 names \"/etc/x\""] {
        assert!(told.contains(part), "{part:?} is not in: {told}");
    }
    assert_eq!(front.submit(none, None, false).unwrap_err().len(), 3);
    let told = front.submit(training(&["--output", "flightline-cluster/token"]), None, false).unwrap_err();
    assert!(told[0].contains("the cluster's own"), "{told:?}");
    assert!(front.desk().read(|cluster| cluster.jobs().is_empty()), "nothing of that became a job");
    assert_eq!(front.submit(training(&["--output", "models/x"]), None, false), Ok(Submitted::New(JobId(1))));
}
