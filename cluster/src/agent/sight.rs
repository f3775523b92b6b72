//! What an agent's own pages see: its machine, what it was ordered, and how its processes are.

use std::sync::Arc;

use tokio::sync::watch;

use super::Household;
use super::answers::LOG_PIECE;
use super::link::Link;
use super::lives::Wanted;
use crate::ids::{Cores, Memory, Moment, ProcessRef};
use crate::master::desk::WallClock;
use crate::protocol::{LogStream, ProcessReport, ProcessState};
use crate::ui::{NotHad, WorkerSight};
use crate::view::{LineView, LogPiece, ProcessView, WorkerState, WorkerView};

/// An agent, as its pages see it.
pub struct AgentSight {
    household: Arc<Household>,
    link: Arc<Link>,
    wall: WallClock,
}

impl AgentSight {
    /// Shows this agent.
    #[must_use]
    pub const fn new(household: Arc<Household>, link: Arc<Link>, wall: WallClock) -> Self {
        Self { household, link, wall }
    }
}

impl WorkerSight for AgentSight {
    fn worker(&self) -> WorkerView {
        let (machine, orders, reports) = (self.link.machine(), self.link.wanted(), self.household.reports());
        let specs = || orders.iter().filter_map(|order| Some(&order.life.as_ref()?.spec));
        WorkerView {
            name: machine.worker.clone(),
            state: WorkerState::Alive,
            page: machine.page.clone(),
            cores: machine.cores,
            cores_taken: Cores(specs().map(|spec| spec.cores.0).sum()),
            memory: machine.memory,
            memory_taken: Memory(specs().map(|spec| spec.memory.0).sum()),
            memory_used: Memory(reports.iter().map(|report| report.memory.0).sum()),
            heard: self.now(),
            version: machine.version.clone(),
            processes: reports
                .into_iter()
                .map(|report| process(self.link.machine().worker.clone(), &orders, report))
                .collect(),
        }
    }

    fn now(&self) -> Moment {
        (self.wall)()
    }

    fn line(&self) -> LineView {
        self.link.line()
    }

    fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad> {
        self.household.logs(process, stream, from, LOG_PIECE).map_err(|error| NotHad::Missing(error.to_string()))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.household.changed()
    }
}

fn process(worker: crate::ids::WorkerName, orders: &[Wanted], report: ProcessReport) -> ProcessView {
    let ProcessReport { id, state, memory, .. } = report;
    let order = orders.iter().find(|order| order.id == id);
    let (state, last_lines) = match state {
        ProcessState::Starting { .. } => ("starting".to_owned(), Vec::new()),
        ProcessState::Up { .. } => ("up".to_owned(), Vec::new()),
        ProcessState::Ended { how, last_lines, .. } => (how.to_string(), last_lines),
    };
    ProcessView {
        job: id.job,
        generation: id.generation,
        process: id.process,
        worker,
        address: order.and_then(|order| order.life.as_ref()?.hosts.get(id.process.get()).cloned()).unwrap_or_default(),
        state,
        memory,
        last_lines,
    }
}
