//! The streaming dataflow of one worker: inputs, the job between them, and what closes epochs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::{Input, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

use super::Epoch;
use super::closing::{Emitted, Part, Whole, close_epochs};
use super::delivery::lines_for;
use super::job::{Bindings, BoundRecord, JobInputs, StreamJob, TableChange, TableSpread};
use super::owner::Owners;
use super::queue::SinkQueue;
use crate::contract::{Answers, Placement, Selects, SinkName};
use crate::named::merge_named;

/// An input whose capability is held by the worker's loop.
type Handle<D> = InputHandle<Epoch, CapacityContainerBuilder<Vec<D>>>;

/// A queue before a writer, and what the writer wants.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) placement: Placement,
    pub(super) selects: Selects,
    pub(super) queue: Arc<SinkQueue>,
}

/// What happens beside the queues when stretches are whole.
pub(super) type OnWhole = Rc<dyn Fn(&[Whole])>;

/// What a dataflow is built from.
pub(super) struct FlowPlan<R> {
    pub(super) bindings: Bindings<R>,
    pub(super) spread: TableSpread,
    pub(super) owners: Owners,
    /// The queues of this worker's writers.
    pub(super) outlets: Vec<Outlet>,
    /// All sinks of the job, and where they are written.
    pub(super) sinks: Vec<(Placement, SinkName)>,
    pub(super) on_whole: OnWhole,
}

/// A worker's ends of the dataflow. Without `inputs`, nothing more comes in.
pub(super) struct Flow {
    inputs: Option<Inputs>,
    now: Epoch,
    probe: ProbeHandle<Epoch>,
    /// A record that the job has lost or doubled.
    bug: Rc<RefCell<Option<String>>>,
    oldest_table: Rc<Cell<Epoch>>,
}

struct Inputs {
    records: Handle<BoundRecord>,
    emitted: Handle<Emitted>,
    table: Handle<TableChange>,
}

impl Flow {
    /// Builds it, alike on every worker.
    pub(super) fn build<J: StreamJob>(worker: &mut Worker, job: &J, plan: FlowPlan<J::Ready>) -> Self {
        let FlowPlan { bindings, spread, owners, outlets, sinks, on_whole } = plan;
        let (probe, bug, oldest_table) = (ProbeHandle::new(), Rc::default(), Rc::new(Cell::new(Epoch(0))));
        let inputs = worker.dataflow_named("Stream", |scope| {
            let (records_in, records) = scope.new_input::<Vec<BoundRecord>>();
            let (emitted_in, emitted) = scope.new_input::<Vec<Emitted>>();
            let (table_in, table) = scope.new_input::<Vec<TableChange>>();
            let oldest = Rc::clone(&oldest_table);
            let settled = job.build(scope, JobInputs { records, table, spread, bindings, oldest_table: oldest });
            let parts = merge_named((settled, Part::Settled), (emitted, Part::Emitted), "GatherEpoch");
            let at = |placement| outlets.iter().filter(|outlet| outlet.placement == placement).cloned().collect();
            let home = move |partition| owners.worker(partition).get() as u64;
            if sinks.iter().any(|(placement, _)| *placement == Placement::OnLead) {
                let hand_out = hand_out(at(Placement::OnLead), Rc::clone(&bug), None);
                let name = closing_for(Placement::OnLead, &sinks);
                close_epochs(parts.clone(), &name, |_| 0, hand_out).probe_with(&probe);
            }
            let hand_out = hand_out(at(Placement::WithPartition), Rc::clone(&bug), Some(on_whole));
            let name = closing_for(Placement::WithPartition, &sinks);
            close_epochs(parts, &name, home, hand_out).probe_with(&probe);
            Inputs { records: records_in, emitted: emitted_in, table: table_in }
        });
        Self { inputs: Some(inputs), now: Epoch(0), probe, bug, oldest_table }
    }

    /// The epoch in which records leave now.
    pub(super) const fn now(&self) -> Epoch {
        self.now
    }

    /// Moves on to an epoch, unless it is past already.
    pub(super) fn advance(&mut self, epoch: Epoch) {
        if epoch <= self.now {
            return;
        }
        self.now = epoch;
        if let Some(Inputs { records, emitted, table }) = &mut self.inputs {
            records.advance_to(epoch);
            emitted.advance_to(epoch);
            table.advance_to(epoch);
        }
    }

    /// Lets a stretch of a partition in, at the present epoch.
    pub(super) fn emit(&mut self, stretch: Emitted, mut bound: Vec<BoundRecord>) {
        if let Some(Inputs { records, emitted, .. }) = &mut self.inputs {
            emitted.send(stretch);
            records.send_batch(&mut bound);
        }
    }

    /// Lets changes of the table in, at the present epoch.
    pub(super) fn change_table(&mut self, changes: impl IntoIterator<Item = ((String, String), isize)>) {
        let now = self.now;
        if let Some(Inputs { table, .. }) = &mut self.inputs {
            changes.into_iter().for_each(|(row, change)| table.send((row, now, change)));
        }
    }

    /// Nobody asks for the table as of an earlier epoch any more.
    pub(super) fn retire_tables_before(&self, epoch: Epoch) {
        self.oldest_table.set(epoch.max(self.oldest_table.get()));
    }

    /// Nothing more comes in.
    pub(super) fn close(&mut self) {
        self.inputs = None;
    }

    /// Whether all that came in on any worker, has left everywhere.
    pub(super) fn is_done(&self) -> bool {
        self.probe.done()
    }

    /// A bug of the job that was found out; nothing is handed out after it.
    pub(super) fn bug(&self) -> Option<String> {
        self.bug.borrow().clone()
    }
}

/// What closes epochs is called by the sinks that it hands them to: the same on all workers.
fn closing_for(placement: Placement, sinks: &[(Placement, SinkName)]) -> String {
    let names = sinks.iter().filter(|(at, _)| *at == placement).map(|(_, name)| &*name.0);
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { "Sinks".to_owned() } else { format!("Sinks: {names}") }
}

/// Puts what is whole into the queues of the writers on this worker.
fn hand_out(
    outlets: Vec<Outlet>,
    bug: Rc<RefCell<Option<String>>>,
    on_whole: Option<OnWhole>,
) -> impl FnMut(Result<Vec<Whole>, String>) + 'static {
    move |wholes| {
        let wholes = match wholes {
            Ok(wholes) if bug.borrow().is_none() => wholes,
            Ok(_) => return,
            Err(found) => {
                *bug.borrow_mut() = Some(found);
                return;
            }
        };
        if let Some(on_whole) = &on_whole {
            on_whole(&wholes);
        }
        for Whole { partition, from, reached, settled } in wholes {
            for Outlet { selects, queue, .. } in &outlets {
                queue.push(Answers { partition, from, reached, items: lines_for(*selects, &settled) });
            }
        }
    }
}
