//! The calls themselves. Each can be made again without harm.
//!
//! Their names stand outside of what they hold (`{"report": {...}}`): inside, numbers could not be keys of maps.

use flightline_engine::ids::ProcessIndex;
use serde::{Deserialize, Serialize};

use super::life::LifeRef;
use super::{LogStream, Machine, ProcessOrder, ProcessReport};
use crate::ids::{Generation, Incarnation, JobId, ProcessRef, SpecNumber, SubmissionId, WorkerName};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::job::upgrade::Changes;

/// What an agent tells the master, as [`Role::Agent`](crate::rpc::seal::Role::Agent).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromAgent {
    /// Here I am. Answered with [`Heard`].
    Register(Machine),
    /// This is how all of my processes are. Answered with [`Heard`].
    Report {
        /// Who.
        agent: AgentId,
        /// All of them.
        processes: Vec<ProcessReport>,
        /// Whether it ends, and takes no more jobs. Said each time, so that no master forgets it.
        #[serde(default)]
        ending: bool,
    },
    /// What shall I have? Answered with [`Orders`], as soon as they are others than those of version `seen`, or `wait_ms` are
    /// over.
    Orders {
        /// Who.
        agent: AgentId,
        /// The version of the orders that it has.
        seen: u64,
        /// How long to wait for others.
        wait_ms: u64,
    },
    /// What do the processes of this life run that I shall have? Answered with a [`LifeSpec`](super::life::LifeSpec), if there
    /// are some.
    Life {
        /// Who.
        agent: AgentId,
        /// Which one.
        life: LifeRef,
    },
    /// I am going, and have no process any more. Answered with [`Heard`].
    Leave {
        /// Who.
        agent: AgentId,
    },
}

/// Which life of which worker's agent speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentId {
    /// Whose agent.
    pub worker: WorkerName,
    /// Which life.
    pub incarnation: Incarnation,
}

/// Whether the master listens to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// It does.
    Yes,
    /// It doesn't know it: register.
    Register,
    /// Another agent has come under the same name: end.
    Replaced,
    /// Another machine's agent is at work under the same name: wait until it is not, or end.
    Taken,
}

/// All that a worker shall have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Whether the agent is listened to; if not, there is nothing else in here.
    pub heard: Heard,
    /// Which version.
    pub version: u64,
    /// The processes.
    pub processes: Vec<ProcessOrder>,
}

/// What a person's command asks of the master, as [`Role::User`](crate::rpc::seal::Role::User).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromUser {
    /// Run this. Answered with a [`JobId`]; the same one when it comes again.
    Submit {
        /// Which submission it is.
        id: SubmissionId,
        /// What.
        spec: JobSpec,
    },
    /// Run this, unless a job of its name is at work. Answered with a [`Submitted`].
    SubmitUnlessRunning {
        /// Which submission it is.
        id: SubmissionId,
        /// What.
        spec: JobSpec,
    },
    /// Let a job go on otherwise. Answered with an [`Upgraded`]; the same one when it comes again.
    Upgrade {
        /// Which submission it is.
        id: SubmissionId,
        /// Which job.
        job: JobId,
        /// What is other than before.
        changes: Changes,
    },
    /// How is the cluster? Answered with a [`ClusterView`](crate::view::ClusterView).
    Cluster,
    /// How is a job? Answered with a [`JobView`](crate::view::JobView).
    Job {
        /// Which one.
        job: JobId,
    },
    /// End a job. Answered with `null`.
    Stop {
        /// Which one.
        job: JobId,
        /// How.
        how: StopHow,
    },
    /// A piece of a process's log. Answered with a [`LifeLog`](crate::view::LifeLog).
    Log {
        /// Which job's.
        job: JobId,
        /// Which life's; the last one's without it.
        generation: Option<Generation>,
        /// Which process's.
        process: ProcessIndex,
        /// Which of its two logs.
        stream: LogStream,
        /// From where, in bytes; the last lines without it.
        from: Option<u64>,
    },
}

/// What became of a job that was to be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Submitted {
    /// It was, as this one; the same one when it comes again.
    New(JobId),
    /// It wasn't: this one of its name is at work, or will be again.
    Running(JobId),
    /// It wasn't: this one of its name is coming to its end, and nobody knows yet what follows.
    Ending(JobId),
}

impl Submitted {
    /// The job that is there, whoever submitted it.
    #[must_use]
    pub const fn job(self) -> JobId {
        match self {
            Self::New(job) | Self::Running(job) | Self::Ending(job) => job,
        }
    }
}

/// What became of an upgrade that was taken. With no more than that, it is known what to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgraded {
    /// The job that goes on: the one that was named, or the run of its schedule that is at work or was the last one.
    #[serde(rename = "id")]
    pub job: JobId,
    /// What it shall be.
    pub specification: SpecNumber,
    /// Whether that job is over, and another one, the next run of its schedule, is what begins so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub next_run: bool,
}

/// What the master asks of an agent, as [`Role::Master`](crate::rpc::seal::Role::Master).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromMaster {
    /// A piece of a process's log. Answered with a [`LogPiece`](crate::view::LogPiece).
    Log {
        /// Which one's.
        id: ProcessRef,
        /// Which of its two logs.
        stream: LogStream,
        /// From where, in bytes; the last lines without it.
        from: Option<u64>,
    },
    /// What a process last said of itself. Answered with a [`Telemetry`](flightline_engine::supervised::Telemetry) or `null`.
    Telemetry {
        /// Which one.
        id: ProcessRef,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flightline_engine::log::{Offset, Partition};
    use flightline_engine::metrics::StreamMetrics;

    use super::*;
    use crate::ids::Memory;
    use crate::protocol::ProcessState;

    /// Every agent of a streaming job ended with it: its reports could be written, but not be read, since partitions are the
    /// keys of their maps.
    #[test]
    fn a_report_of_a_streaming_job_is_read_as_it_was_written() {
        let metrics = StreamMetrics::new();
        metrics.read(Partition(3), 5, 100);
        metrics.log_end(Partition(3), Offset(7));
        let id = ProcessRef { job: JobId(1), generation: Generation(2), process: ProcessIndex::new(0) };
        let report = ProcessReport {
            id,
            state: ProcessState::Up { pid: 7 },
            memory: Memory(1),
            stream: Some(metrics.status()),
            stages: Vec::new(),
        };
        let agent = AgentId { worker: WorkerName("it".into()), incarnation: Incarnation(1) };
        let message = FromAgent::Report { agent, processes: vec![report], ending: false };
        let text = serde_json::to_string(&message).unwrap();
        let read: FromAgent = serde_json::from_str(&text).unwrap();
        assert_eq!(read, message);
        let FromAgent::Report { processes, .. } = read else { panic!("{text}") };
        let ends: BTreeMap<Partition, Offset> =
            processes[0].stream.as_ref().unwrap().partitions.iter().map(|(at, of)| (*at, of.end)).collect();
        assert_eq!(ends, [(Partition(3), Offset(7))].into());
    }
}
