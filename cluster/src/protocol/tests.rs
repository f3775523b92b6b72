//! That everything that is said of the largest legal jobs and workers fits into a call. A set of orders that was too long for
//! one kept a worker from ever hearing of any again.

use std::time::Duration;

use flightline_engine::ids::{ProcessCount, ProcessIndex};

use super::life::{LONGEST_JOB, LifeRef, LifeSpec, too_long};
use super::messages::{AgentId, FromAgent, FromUser, Heard, Orders};
use super::{MOST_OF_A_WORKER, ProcessOrder, Wish};
use crate::entropy::SystemEntropy;
use crate::ids::{Cores, Generation, Incarnation, JobId, Memory, ProcessRef, SubmissionId, WorkerName};
use crate::job::check::MOST_PROCESSES;
use crate::job::spec::{CarriedFile, JobSpec, Program};
use crate::rpc::seal::{Answer, Call, Role};
use crate::rpc::{LONGEST_ANSWER, LONGEST_CALL};
use crate::samples;

/// The longest name of a host.
const HOST: usize = 253;

pub(crate) fn called(message: &impl serde::Serialize) -> usize {
    let call = Call {
        role: Role::Agent,
        nonce: "f".repeat(64),
        session: "f".repeat(32),
        issued: u64::MAX,
        number: u64::MAX,
        body: serde_json::to_string(message).unwrap(),
        tag: "f".repeat(64),
    };
    serde_json::to_string(&call).unwrap().len()
}

fn answered(message: &impl serde::Serialize) -> usize {
    let answer = Answer { done: true, body: serde_json::to_string(message).unwrap(), tag: "f".repeat(64) };
    serde_json::to_string(&answer).unwrap().len()
}

/// A job of quotes: each takes four bytes in a call.
fn largest_job() -> JobSpec {
    let mut spec = JobSpec {
        files: vec![CarriedFile { name: "a".to_owned(), text: String::new() }],
        processes: ProcessCount::new(MOST_PROCESSES),
        cores: Cores(u32::MAX),
        memory: Memory(u64::MAX),
        supervise: true,
        every: Some(Duration::MAX),
        ..samples::spec(Program::DeadLetters, &[])
    };
    let room = LONGEST_JOB - serde_json::to_string(&spec).unwrap().len();
    spec.files[0].text = "\"".repeat(room / 2);
    spec
}

pub(crate) fn largest_id(process: usize) -> ProcessRef {
    ProcessRef { job: JobId(u64::MAX), generation: Generation(u64::MAX), process: ProcessIndex::new(process) }
}

pub(crate) fn agent() -> AgentId {
    AgentId { worker: WorkerName("\"".repeat(HOST).into()), incarnation: Incarnation(u64::MAX) }
}

#[test]
fn the_largest_job_can_be_submitted_and_fetched_and_a_larger_one_is_refused() {
    let spec = largest_job();
    assert_eq!(too_long(&spec), None);
    assert!(
        called(&FromUser::Submit { id: SubmissionId::draw(&SystemEntropy).unwrap(), spec: spec.clone() })
            <= LONGEST_CALL
    );
    let hosts = vec![format!("{}:65535", "h".repeat(HOST)); MOST_PROCESSES];
    assert!(answered(&LifeSpec { spec: spec.clone().into(), hosts }) <= LONGEST_ANSWER);

    let files = [&spec.files[..], &spec.files[..]].concat();
    let mistake = too_long(&JobSpec { files, ..spec }).unwrap();
    assert!(mistake.contains("put large files below a root"), "{mistake}");
}

#[test]
fn the_most_orders_of_a_worker_fit_into_an_answer_whatever_the_jobs_carry() {
    let life = LifeSpec { spec: largest_job().into(), hosts: Vec::new() }.digest();
    let order = |process| ProcessOrder { id: largest_id(process), wish: Wish::Drain, life: Some(life.clone()) };
    let processes = (0..MOST_OF_A_WORKER).map(order).collect();
    assert!(answered(&Orders { heard: Heard::Replaced, version: u64::MAX, processes }) <= LONGEST_ANSWER);
    let life = LifeRef { job: JobId(u64::MAX), generation: Generation(u64::MAX) };
    assert!(called(&FromAgent::Life { agent: agent(), life }) <= LONGEST_CALL);
}
