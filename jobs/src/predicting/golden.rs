//! Sends the golden rows of a model through the operators that are going to answer, before they answer anybody.
//!
//! A golden row brings its own distance, and two rows of one route may differ in it. So each row has a time of its own, at
//! which the table holds its route and nothing else.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flightline_operators::columns::Number;
use timely::dataflow::operators::{Input, Inspect};

use super::operators::{TableChange, answer, arrange_everywhere, look_up};
use crate::answer::Serving;
use crate::model::golden::difference;
use crate::model::{GoldenError, GoldenRow, Model, ModelError};
use crate::request::Request;
use crate::response::Response;
use crate::table::RouteKey;

/// Makes a model answer, by `start`, and sends its golden rows through the operators that are going to answer.
///
/// # Errors
/// Those of `start`, and [`ModelError::Golden`] with the first answer that differs.
pub(crate) fn ready(
    model: Model,
    start: impl FnOnce(Model) -> Result<Serving, ModelError>,
) -> Result<Arc<Serving>, ModelError> {
    let (id, rows) = (model.id(), model.golden().to_vec());
    let serving = Arc::new(start(model)?);
    check(&serving, &rows).map_err(|problem| ModelError::Golden { id, problem })?;
    Ok(serving)
}

/// Sends all golden rows through a dataflow of lookup and answer on the calling thread, and compares.
///
/// # Errors
/// The first row, and the first field in it, that differs.
pub fn check(serving: &Arc<Serving>, rows: &[GoldenRow]) -> Result<(), GoldenError> {
    let parse = |(row, golden): (usize, &GoldenRow)| {
        let request = Request::parse(golden.request.as_bytes())
            .map_err(|error| GoldenError::Refused { row: row + 1, reason: error.to_string() })?;
        Ok((request, golden.distance))
    };
    let requests = rows.iter().enumerate().map(parse).collect::<Result<Vec<_>, GoldenError>>()?;
    let mut answers = answers(Arc::clone(serving), requests);
    answers.sort_unstable_by_key(|(row, _)| *row);
    for (row, golden) in rows.iter().enumerate() {
        let found = match answers.get_mut(row).filter(|(number, _)| *number == row) {
            Some((_, response)) => unnamed_line(response, row)?,
            None => String::new(),
        };
        if *found != *golden.answer {
            return Err(difference(row + 1, &golden.answer, &found));
        }
    }
    Ok(())
}

/// The line of an answer; golden answers are older than the name of their model.
fn unnamed_line(response: &mut Response, row: usize) -> Result<String, GoldenError> {
    response.model = "".into();
    response.to_json().map_err(|error| GoldenError::Unwritable { row: row + 1, reason: error.to_string() })
}

fn answers(serving: Arc<Serving>, requests: Vec<(Request, Number)>) -> Vec<(usize, Response)> {
    timely::execute_directly(move |worker| {
        let answers: Rc<RefCell<Vec<(usize, Response)>>> = Rc::default();
        let heard = Rc::clone(&answers);
        let (mut table, mut asked) = worker.dataflow_named::<u64, _, _>("Golden", |scope| {
            let (table, changes) = scope.new_input::<Vec<TableChange<u64>>>();
            let (asked, requests) = scope.new_input::<Vec<(usize, Request)>>();
            let questions = look_up(requests, arrange_everywhere(changes), |row| *row as u64, || 0);
            answer(questions, |_| (), move |()| Arc::clone(&serving))
                .inspect(move |answer| heard.borrow_mut().push(answer.clone()));
            (table, asked)
        });
        for (time, (row, (request, distance))) in (0_u64..).zip(requests.into_iter().enumerate()) {
            let entry: (RouteKey, Number) = (request.route_key(), distance);
            table.send((entry.clone(), time, 1));
            asked.send((row, request));
            table.advance_to(time + 1);
            asked.advance_to(time + 1);
            table.send((entry, time + 1, -1));
        }
        drop((table, asked));
        while worker.step() {}
        answers.take()
    })
}
