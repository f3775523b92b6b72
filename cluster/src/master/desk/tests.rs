//! A desk before a disk that takes its time, or takes nothing.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use flightline_engine::clock::SystemClock;

use super::*;
use crate::entropy::SystemEntropy;
use crate::ids::{Incarnation, WorkerName};
use crate::job::spec::Program;
use crate::master::state::{Changed, Rules};
use crate::protocol::Machine;
use crate::samples;

/// Longer than anything takes: who waits so long hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Says when it is asked to write something down, and does what it is told.
struct Disk {
    asked: SyncSender<()>,
    told: Mutex<Receiver<bool>>,
    room: Option<Memory>,
}

impl Durable for Disk {
    fn save(&self, _: &Cluster, changed: &Changed) -> Result<(), StoreError> {
        if *changed == Changed::default() {
            return Ok(());
        }
        self.asked.send(()).unwrap();
        if self.told.lock().unwrap().recv().unwrap() {
            return Ok(());
        }
        Err(StoreError::Io { file: PathBuf::from("disk"), what: "written", why: "it is full".to_owned() })
    }

    fn room(&self) -> Option<Memory> {
        self.room
    }
}

/// A desk, when its disk is asked, and what to tell it.
fn desk(room: Option<Memory>) -> (Arc<Desk>, Receiver<()>, SyncSender<bool>) {
    let ((asked, hears), (tells, told)) = (mpsc::sync_channel(9), mpsc::sync_channel(9));
    let disk = Disk { asked, told: Mutex::new(told), room };
    let cluster = Cluster::new(Rules::default(), Vec::new(), Vec::new(), JobId(0));
    let desk = Desk::new(disk, cluster, Arc::new(SystemClock::new()), Arc::new(|| Moment(1)), Arc::new(SystemEntropy));
    (Arc::new(desk), hears, tells)
}

fn spec() -> JobSpec {
    samples::spec(Program::Train, &[])
}

fn machine() -> Machine {
    samples::machine("it")
}

/// Whatever is asked is answered, also of an async task: what there is, and which processes the worker shall have.
fn all_answers(desk: &Arc<Desk>) -> (Heard, usize, usize) {
    let (done, answers) = mpsc::sync_channel(1);
    let desk = Arc::clone(desk);
    thread::spawn(move || {
        let agent = AgentId { worker: WorkerName("it".into()), incarnation: Incarnation(1) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let orders = runtime.block_on(async {
            desk.sample();
            let _ = desk.pause(Duration::from_secs(1));
            desk.orders(&agent, u64::MAX, Duration::from_secs(1)).await
        });
        let jobs = desk.cluster().jobs.len();
        assert_eq!((desk.read(|cluster| cluster.jobs().len()), desk.job(JobId(1)).is_some()), (jobs, jobs > 0));
        done.send((orders.heard, jobs, orders.processes.len())).unwrap();
    });
    answers.recv_timeout(HANGS).expect("nobody waits for the disk")
}

/// Pages and calls all stood still while the disk did.
#[test]
fn nobody_waits_for_a_slow_disk_and_nobody_hears_what_is_not_on_it() {
    let (desk, hears, tells) = desk(None);
    let change = |what: fn(&Desk)| {
        let desk = Arc::clone(&desk);
        thread::spawn(move || what(&desk))
    };
    let seen = *desk.shown().borrow();
    let coming = change(|desk| desk.change(|cluster, at| cluster.register(machine(), at).unwrap()).unwrap());
    hears.recv_timeout(HANGS).unwrap();
    assert_eq!(all_answers(&desk), (Heard::Register, 0, 0));
    tells.send(true).unwrap();
    coming.join().unwrap();
    assert_eq!(all_answers(&desk), (Heard::Yes, 0, 0));

    let submitting = change(|desk| assert_eq!(desk.submit(spec(), None, false).unwrap(), Submitted::New(JobId(1))));
    hears.recv_timeout(HANGS).unwrap();
    assert_eq!(all_answers(&desk), (Heard::Yes, 0, 0), "it may be gone after a crash");
    assert_eq!(*desk.shown().borrow(), seen + 1, "and nobody is called for it");
    tells.send(true).unwrap();
    submitting.join().unwrap();
    assert_eq!(all_answers(&desk), (Heard::Yes, 1, 1));
    assert_eq!(*desk.shown().borrow(), seen + 2);
}

#[test]
fn what_has_happened_and_can_not_be_written_down_is_never_shown_and_ends_the_master() {
    let (desk, _hears, tells) = desk(None);
    tells.send(false).unwrap();
    let failed = desk.change(|cluster, at| cluster.register(machine(), at).unwrap()).unwrap_err();
    assert!(failed.to_string().contains("it is full"), "{failed}");
    assert_eq!(desk.broken().borrow().as_deref(), Some(failed.to_string().as_str()));
    assert_eq!(all_answers(&desk), (Heard::Register, 0, 0));
    tells.send(true).unwrap();
    desk.change(|cluster, at| cluster.submit(spec(), at)).unwrap();
    assert_eq!(all_answers(&desk), (Heard::Register, 1, 0), "what failed is not what others begin from");
}

/// A large job on a full disk ended the master.
#[test]
fn a_job_that_the_disk_has_no_room_for_is_refused_and_the_master_goes_on() {
    let (desk, _hears, tells) = desk(Some(Memory(17 << 20)));
    let large = JobSpec { args: vec!["x".repeat(1 << 20)], ..spec() };
    let why = desk.submit(large, None, false).unwrap_err().to_string();
    assert!(why.contains("has 17.0 MiB left, and needs 20.0 MiB") && why.contains("make room"), "{why}");
    tells.send(true).unwrap();
    assert_eq!(
        desk.submit(spec(), None, false).unwrap(),
        Submitted::New(JobId(1)),
        "what has room is taken, and no number was lost"
    );
    assert_eq!(*desk.broken().borrow(), None);
}

/// Where a start is repeated, as that of containers is, a full disk is no reason to say that what runs can't be had.
#[test]
fn what_is_at_work_already_needs_no_room() {
    let (desk, _hears, tells) = desk(Some(Memory(0)));
    tells.send(true).unwrap();
    desk.change(|cluster, at| cluster.submit(spec(), at)).unwrap();
    assert_eq!(desk.submit(spec(), None, true).unwrap(), Submitted::Running(JobId(1)));
    assert!(matches!(desk.submit(spec(), None, false), Err(NotTaken::NoRoom { .. })));
}
