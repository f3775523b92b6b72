//! Jobs and machines for tests, each as most of them want it; what a test is about it says itself.

use flightline_engine::ids::ProcessCount;

use crate::ids::{Cores, Incarnation, Memory, WorkerName};
use crate::job::spec::{JobSpec, Program};
use crate::protocol::Machine;

/// A job of one process with one core and 1 GiB, done once.
pub(crate) fn spec(program: Program, args: &[&str]) -> JobSpec {
    JobSpec {
        name: "it".to_owned(),
        program,
        args: args.iter().map(|&word| word.to_owned()).collect(),
        files: Vec::new(),
        processes: ProcessCount::new(1),
        cores: Cores(1),
        memory: Memory(1 << 30),
        supervise: false,
        every: None,
    }
}

/// The first agent of a worker with one core and 1 GiB, of this version, where nobody listens.
pub(crate) fn machine(name: &str) -> Machine {
    Machine {
        worker: WorkerName(name.into()),
        incarnation: Incarnation(1),
        host: "127.0.0.1".to_owned(),
        port: 1,
        page: "http://127.0.0.1:1".to_owned(),
        mesh_ports: (7_100, 7_109),
        cores: Cores(1),
        memory: Memory(1 << 30),
        roots: vec!["/srv".to_owned()],
        own: Vec::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
