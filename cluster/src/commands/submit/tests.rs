use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;
use flightline_engine::clock::SystemClock;
use flightline_engine::http::{Health, HttpPort};
use flightline_engine::metrics::StreamMetrics;

use super::*;
use crate::ids::{Moment, SpecNumber};
use crate::job::spec::Program;
use crate::master::desk::Desk;
use crate::master::serve::Front;
use crate::master::state::Rules;
use crate::master::store::Store;
use crate::rpc::serve::{Handler, Outcome, routes};
use crate::samples;
use crate::secret::ClusterSecret;

const SECRET: &[u8] = b"a token of sixteen bytes or more";

/// A master that dies between saving and answering, so many times.
struct Dying {
    front: Arc<Front>,
    times: AtomicU32,
}

impl Handler for Dying {
    fn handle(self: Arc<Self>, role: Role, body: String) -> Outcome {
        Box::pin(async move {
            let done = Arc::clone(&self.front).handle(role, body).await;
            let left = self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1));
            assert!(left.is_err(), "the master dies here: {done:?}");
            done
        })
    }
}

fn master(folder: &std::path::Path, dies: u32) -> (HttpPort, Arc<Desk>) {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let store = Store::open(folder).unwrap();
    let cluster = store.load(Rules::default()).unwrap();
    let clock = Arc::new(SystemClock::new());
    let desk = Arc::new(Desk::new(store, cluster, clock.clone(), Arc::new(|| Moment(1)), Arc::clone(&entropy)));
    let (secret, _) = ClusterSecret::read_or_make(&folder.join("secret"), &entropy).unwrap();
    let front = Arc::new(Front::new(Arc::clone(&desk), secret, clock.clone(), Arc::clone(&entropy)));
    let dying = Arc::new(Dying { front, times: AtomicU32::new(dies) });
    let app = routes(dying, Arc::new(|_| Some(SECRET.to_vec())), clock, entropy).unwrap();
    (HttpPort::start("127.0.0.1:0", app, Health::new(), StreamMetrics::new()).unwrap(), desk)
}

fn caller(address: &str) -> Caller {
    Caller::new(address, Role::User, SECRET, Arc::new(SystemEntropy))
}

fn submission() -> FromUser {
    let flags = SubmitFlags::parse_from(["submit", "train"]);
    let (program, run) = flags.what.run().unwrap();
    FromUser::Submit { id: SubmissionId::draw(&SystemEntropy).unwrap(), spec: spec::spec(program, run).unwrap() }
}

/// The job was there, and the command said that the master can't be reached.
#[test]
fn a_job_whose_answer_was_lost_is_asked_for_again_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let (port, desk) = master(folder.path(), 2);
    let caller = caller(&port.local_addr().to_string());
    let (asked, mut said) = (submission(), Vec::new());
    let job: JobId = submit(&caller, &asked, false, |line| said.push(line.to_owned())).unwrap();
    assert_eq!((job, desk.cluster().jobs.len()), (JobId(1), 1));
    assert!(said[0].starts_with("waiting for the master, to hear whether it has the job: "), "{said:?}");
    assert_eq!(submit::<JobId>(&caller, &asked, false, |_| ()).unwrap(), job, "also much later");
    assert_eq!(submit::<JobId>(&caller, &submission(), false, |_| ()).unwrap(), JobId(2), "another one is another job");
    // A master that was started again since then reads it.
    let kept: crate::job::record::Job = desk.read(|cluster| {
        let written = serde_json::to_string(&cluster.jobs()[&job]).unwrap();
        serde_json::from_str(&written).unwrap()
    });
    assert_eq!(Some(kept), desk.read(|cluster| cluster.jobs().get(&job).cloned()));
    assert!(desk.read(|cluster| cluster.jobs()[&job].submission.is_some()));
}

/// Whoever asked while the old one still ended found it neither at work nor over.
#[test]
fn a_job_whose_name_another_one_has_is_submitted_when_that_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (port, desk) = master(folder.path(), 0);
    let caller = caller(&port.local_addr().to_string());
    let ask = |say: &mut dyn FnMut(&str)| {
        let (id, spec) = (SubmissionId::draw(&SystemEntropy).unwrap(), samples::spec(Program::Train, &[]));
        submit_unless_running(&caller, &FromUser::SubmitUnlessRunning { id, spec }, false, say).unwrap()
    };
    let machine = samples::machine("it");
    desk.change(|cluster, at| cluster.register(machine.clone(), at)).unwrap().unwrap();
    assert_eq!(ask(&mut |line| panic!("{line}")), Submitted::New(JobId(1)));
    assert_eq!(ask(&mut |line| panic!("{line}")), Submitted::Running(JobId(1)));
    desk.change(|cluster, at| cluster.stop(JobId(1), StopHow::Stop, at)).unwrap().unwrap();
    let mut said = Vec::new();
    let submitted = ask(&mut |line| {
        said.push(line.to_owned());
        // Its worker goes, and its process with it.
        drop(desk.change(|cluster, at| cluster.leave(&machine.worker, machine.incarnation, at)));
    });
    assert_eq!(
        (submitted, said[0].as_str()),
        (Submitted::New(JobId(2)), "waiting for the end of job 1, which has that name")
    );
    assert_eq!(desk.cluster().jobs.len(), 2);
}

#[test]
fn a_name_that_another_program_has_is_a_mistake_in_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (port, desk) = master(folder.path(), 0);
    let caller = caller(&port.local_addr().to_string());
    let ask = |program| {
        let (id, spec) = (SubmissionId::draw(&SystemEntropy).unwrap(), samples::spec(program, &[]));
        let asked = FromUser::SubmitUnlessRunning { id, spec };
        submit_unless_running(&caller, &asked, false, |line| panic!("{line}"))
    };
    assert_eq!(ask(Program::Train).unwrap(), Submitted::New(JobId(1)));
    let refused = called(&ask(Program::Distances).unwrap_err());
    assert_eq!(refused.exit.code(), 2);
    assert!(refused.to_string().contains("and runs train, not distances"), "{refused}");
    assert_eq!(desk.cluster().jobs.len(), 1);
}

/// Drained twice, it would have lost its patience twice.
#[test]
fn an_upgrade_whose_answer_was_lost_is_asked_for_again_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let (port, desk) = master(folder.path(), 0);
    let job = submit(&caller(&port.local_addr().to_string()), &submission(), false, |_| ()).unwrap();
    drop((port, desk));
    let (port, desk) = master(folder.path(), 2);
    let caller = caller(&port.local_addr().to_string());
    let flags =
        SubmitFlags::parse_from(["submit", "upgrade", "1", "--processes", "3", "--supervise", "--", "--trees", "7"]);
    let What::Upgrade(flags) = flags.what else { panic!("{flags:?}") };
    let id = SubmissionId::draw(&SystemEntropy).unwrap();
    let asked = FromUser::Upgrade { id, job, changes: spec::changes(&flags).unwrap() };
    let mut said = Vec::new();
    let made = ask_for_upgrade(&caller, &asked, false, |line| said.push(line.to_owned())).unwrap();
    assert_eq!(made, Upgraded { job, specification: SpecNumber(2), next_run: false });
    assert!(said[0].starts_with("waiting for the master, to hear whether it has the upgrade: "), "{said:?}");
    assert_eq!(ask_for_upgrade(&caller, &asked, false, |_| ()).unwrap(), made, "also much later");
    let view = desk.job(job).unwrap();
    assert_eq!(
        (view.spec.args.join(" "), view.spec.processes.get(), view.spec.supervise),
        ("--trees 7".to_owned(), 3, true)
    );
    assert_eq!(view.specs.iter().map(|spec| spec.number.0).collect::<Vec<_>>(), [2, 1]);
    let gone = FromUser::Upgrade {
        id: SubmissionId::draw(&SystemEntropy).unwrap(),
        job: JobId(9),
        changes: spec::changes(&flags).unwrap(),
    };
    let refused = ask_for_upgrade(&caller, &gone, false, |_| ()).unwrap_err();
    assert_eq!(
        (called(&refused).exit.code(), called(&refused).to_string().contains("there is no job 9")),
        (2, true),
        "{refused}"
    );
}

#[test]
fn what_nobody_heard_is_not_waited_for_by_who_does_not_wait() {
    let error = submit::<JobId>(&caller("127.0.0.1:1"), &submission(), false, |line| panic!("{line}")).unwrap_err();
    assert!(error.is_away(), "{error}");
    assert_eq!(called(&error).exit.code(), 5);
}

/// `FLIGHTLINE_TOKEN=` counted as a wrong token.
#[test]
fn an_empty_variable_is_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (made, _) = Token::read_or_make(&file, &SystemEntropy).unwrap();
    let flags = SubmitFlags::parse_from(["submit", "--token-file", file.to_str().unwrap(), "list"]);
    for empty in [None, Some(String::new()), Some(" \n".to_owned())] {
        assert_eq!(token(empty, &flags).unwrap().reveal(), made.reveal());
    }
    assert_eq!(token(Some("mine\n".to_owned()), &flags).unwrap().reveal(), "mine");
}

#[test]
fn the_master_may_be_written_as_a_page_is() {
    let flags = SubmitFlags::parse_from(["submit", "--master", "http://head:7077/", "list"]);
    assert_eq!(flags.master, "head:7077");
    let error = SubmitFlags::try_parse_from(["submit", "--master", "https://head:7077", "list"]).unwrap_err();
    assert!(error.to_string().contains("write HOST:PORT"), "{error}");
}
