//! The dataflow of batch prediction on one worker, and how all workers come to one end.
//!
//! A worker that has written its share says so to all others; one that fails says that at once, and all stop reading. No
//! part gets its name before every worker has heard that all of them are whole and the bad rows within their limit.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flightline_engine::ids::WorkerIndex;
use flightline_engine::progress::Stage;
use flightline_operators::identity::{CopyNumber, RowIdentity};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandleVec;
use timely::dataflow::ProbeHandle;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Concat, Input as _, Inspect, Probe};
use timely::worker::Worker;

use super::operators::{TableChange, answer, arrange_everywhere, look_up, number_copies};
use super::output::Target;
use super::reading::{BadLine, RowKind, Rows, rows};
use super::summary::Summary;
use super::writer::{Outbox, Writer};
use crate::answer::Serving;
use crate::failure::Failure;
use crate::flight::batch::FlightBatch;
use crate::input::Input;
use crate::request::Request;
use crate::response::{Outcome, Response};
use crate::table::{DistanceRow, DistanceTable, RouteKey};

/// All happens at one time: a batch has one table.
type Once = u64;

/// What all workers of a process share.
#[derive(Debug)]
pub struct PredictPlan {
    /// What is read.
    pub input: Input,
    /// What JSON lines hold.
    pub kind: RowKind,
    /// Who answers.
    pub serving: Arc<Serving>,
    /// The distances; those of worker 0 are everybody's.
    pub distances: DistanceTable,
    /// Where answers go.
    pub target: Target,
    /// Shows the reading.
    pub stage: Stage,
    /// The largest share of bad training rows.
    pub max_bad_rows: f64,
}

/// What a worker tells all others, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Said {
    /// All of its share is written.
    Written(Summary),
    /// It can't do its share.
    Failed(Failure),
}

/// What operators leave for the worker.
#[derive(Clone, Default)]
struct Desk {
    outbox: Rc<RefCell<Outbox>>,
    summary: Rc<RefCell<Summary>>,
    said: Rc<RefCell<Vec<Said>>>,
}

/// The ends of the dataflow that the worker holds.
struct Handles {
    /// Where the distances come in.
    table: InputHandleVec<Once, TableChange<Once>>,
    /// Done when all answers are on the desks.
    answered: ProbeHandle<Once>,
    /// Done when all has been said by all workers.
    agreed: ProbeHandle<Once>,
    /// Where this worker speaks.
    say: InputHandleVec<Once, Said>,
}

/// Answers and writes this worker's share, and gives what all workers came to.
///
/// # Errors
/// The same on each worker: what kept any of them from its share, or too many bad rows.
pub fn run_worker(worker: &mut Worker, plan: &PredictPlan) -> Result<Summary, Failure> {
    let index = WorkerIndex::new(worker.index());
    let desk = Desk::default();
    let Handles { table, answered, agreed, mut say } = build(worker, plan, &desk);
    feed(table, &plan.distances, index);

    let mut writer = Writer::start(plan.target.clone(), index);
    let mut failure_told = false;
    loop {
        let last = answered.done();
        let outbox = desk.outbox.take();
        // Without a writer the rest is let go.
        writer = writer.and_then(|writer| writer.send(outbox));
        if let Err(failure) = &writer
            && !std::mem::replace(&mut failure_told, true)
        {
            say.send(Said::Failed(failure.clone()));
            say.flush();
            plan.input.stop();
        }
        if last {
            break;
        }
        worker.step_or_park(None);
    }
    let part = writer.and_then(Writer::finish);
    match &part {
        Ok(_) => say.send(Said::Written(desk.summary.take())),
        Err(failure) if !failure_told => say.send(Said::Failed(failure.clone())),
        Err(_) => {}
    }
    say.close();
    worker.step_or_park_while(None, || !agreed.done());

    let summary = sum(desk.said.take())?;
    summary.check(plan.max_bad_rows)?;
    part?.commit()?;
    Ok(summary)
}

/// Worker 0 gives the distances to all.
fn feed(mut table: InputHandleVec<Once, TableChange<Once>>, distances: &DistanceTable, worker: WorkerIndex) {
    if worker.get() == 0 {
        let change = |row: DistanceRow| ((RouteKey { origin: row.origin, dest: row.dest }, row.distance), 0, 1);
        distances.rows().for_each(|row| table.send(change(row)));
    }
    table.close();
}

/// The sum of what all workers did, or the same failure for all of them.
fn sum(said: Vec<Said>) -> Result<Summary, Failure> {
    let mut sum = Summary::default();
    let mut failures = Vec::new();
    for said in said {
        match said {
            Said::Written(summary) => sum.merge(&summary),
            Said::Failed(failure) => failures.push(failure),
        }
    }
    failures.into_iter().min().map_or(Ok(sum), Err)
}

fn build(worker: &mut Worker, plan: &PredictPlan, desk: &Desk) -> Handles {
    worker.dataflow_named::<Once, _, _>("Predict", |scope| {
        let (items, unread) = plan.input.separate(rows(scope, &plan.input, &plan.stage, plan.kind));
        let (requests, others) = items.ok_err(|rows| match rows {
            Rows::Requests(requests) => Ok(requests),
            others => Err(others),
        });
        let requests: StreamVec<'_, Once, Vec<Request>> = requests;
        let others: StreamVec<'_, Once, Rows> = others;
        let (flights, bad) = others.ok_err(|rows| match rows {
            Rows::Flights(flights) => Ok(flights),
            Rows::Bad(lines) => Err(lines),
            Rows::Requests(_) => Err(Vec::new()),
        });
        let flights: StreamVec<'_, Once, Box<FlightBatch>> = flights;
        let bad: StreamVec<'_, Once, Vec<BadLine>> = bad;

        let summary = Rc::clone(&desk.summary);
        let counted = flights.inspect(move |flights| summary.borrow_mut().flights.merge(&flights.counts));
        let asked = number_copies(counted.flat_map(|flights| first_copies(&flights)))
            .concat(requests.flat_map(|requests| requests));

        let (table, changes) = scope.new_input::<Vec<TableChange<Once>>>();
        let serving = Arc::clone(&plan.serving);
        let questions = look_up(asked.map(|request| ((), request)), arrange_everywhere(changes), |()| 0, || 0);
        let answers = answer(questions, |()| (), move |()| Arc::clone(&serving));
        let answers = answers.map(|((), answer)| answer).concat(answer_bad(bad, plan, desk));
        let (answered, _) = put_on_desk(answers, desk).probe();

        let (say, said) = scope.new_input::<Vec<Said>>();
        let (input, heard) = (plan.input.clone(), Rc::clone(&desk.said));
        let said = said.broadcast().concat(unread.map(Said::Failed)).inspect(move |said| {
            if matches!(said, Said::Failed(_)) {
                input.stop();
            }
            heard.borrow_mut().push(said.clone());
        });
        let (agreed, _) = said.probe();
        Handles { table, answered, agreed, say }
    })
}

/// The flights of a batch, as requests of which each is the first copy.
fn first_copies(flights: &FlightBatch) -> Vec<(RowIdentity, Request)> {
    (0..flights.len()).map(|row| (flights.identities[row], flights.request(row, CopyNumber(0)))).collect()
}

/// Leaves bad lines on the desk, and answers those of which it is known who asked.
fn answer_bad<'scope>(
    bad: StreamVec<'scope, Once, Vec<BadLine>>,
    plan: &PredictPlan,
    desk: &Desk,
) -> StreamVec<'scope, Once, Response> {
    let (desk, model) = (desk.clone(), plan.serving.id().to_string().into_boxed_str());
    bad.flat_map(move |mut lines| {
        let unreadable = |line: &BadLine| {
            let outcome = Outcome::Unreadable(line.id.clone()?, line.reason.to_string().into());
            Some(Response { model: model.clone(), position: None, outcome })
        };
        let answers: Vec<Response> = lines.iter().filter_map(unreadable).collect();
        lines.iter().for_each(|line| desk.summary.borrow_mut().add_bad(line));
        desk.outbox.borrow_mut().bad.append(&mut lines);
        answers
    })
}

/// Counts the answers, and takes them out of the dataflow.
fn put_on_desk<'scope>(answers: StreamVec<'scope, Once, Response>, desk: &Desk) -> StreamVec<'scope, Once, ()> {
    let desk = desk.clone();
    answers.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "ToWriter", move |_capability, _info| {
        move |input, _output| {
            input.for_each(|_time, answers| {
                let mut summary = desk.summary.borrow_mut();
                answers.iter().for_each(|answer| summary.add_answer(answer));
                desk.outbox.borrow_mut().answers.append(answers);
            });
        }
    })
}
