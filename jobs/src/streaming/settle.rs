//! The pure core of the stream: a record is read, and settled by an answer, a dead letter, or both.
//!
//! | the record | answer | dead letter | counted as |
//! |---|---|---|---|
//! | a request on a known route | `OK`, final | none | |
//! | a request on an unknown route | `ERROR`, provisional | yes | `unknown-route` |
//! | no request, with a UUID that can be read | `ERROR`, provisional | yes | `bad-request` |
//! | no request, without one | none: nobody can be told | yes | `bad-request` |

use bytes::Bytes;
use flightline_engine::contract::Standing;
use flightline_engine::ledger::Binding;
use flightline_engine::log::{LogRecord, Partition};
use flightline_engine::stream::{Line, Settled};

use super::format::style;
use crate::dead_letter::DeadLetter;
use crate::request::{self, BadRequest, Request, RequestId};
use crate::response::{LogPosition, Outcome, Response};

/// Reads a record; one that is no request is settled at once.
///
/// # Errors
/// What becomes of a record that is no request.
pub fn read(partition: Partition, record: &LogRecord, binding: &Binding) -> Result<Request, Box<Settled>> {
    Request::parse(&record.payload).map_err(|BadRequest { id, reason }| {
        let reason = reason.to_string().into_boxed_str();
        Box::new(match id {
            Some(id) => {
                let outcome = Outcome::Unreadable(id, reason);
                settle(partition, record, binding, Response { model: binding.model.clone(), position: None, outcome })
            }
            None => bury(partition, record, None, reason),
        })
    })
}

/// Settles a record by the answer to it, which gets its place in the log.
#[must_use]
pub fn settle(partition: Partition, record: &LogRecord, binding: &Binding, mut response: Response) -> Settled {
    let offset = record.offset;
    response.position = Some(LogPosition { partition, offset, table: binding.table });
    let id = response.id().clone();
    let line = match response.to_json_as(&style(binding)) {
        Ok(line) => line,
        Err(error) => {
            let reason = format!("internal error (bug): the answer can't be written as JSON: {error}");
            return bury(partition, record, Some(id), reason.into());
        }
    };
    let answer = |standing| Some(Line { key: request::key(&id), standing, body: Bytes::from(line) });
    match response.outcome {
        Outcome::Predicted(..) => {
            Settled { partition, offset, answer: answer(Standing::Final), dead_letter: None, error: None }
        }
        Outcome::Unanswerable(_, why) => {
            let buried = bury(partition, record, Some(id.clone()), why);
            Settled { answer: answer(Standing::Provisional), error: Some("unknown-route".into()), ..buried }
        }
        Outcome::Unreadable(_, why) => {
            Settled { answer: answer(Standing::Provisional), ..bury(partition, record, Some(id.clone()), why) }
        }
    }
}

/// Settles a record by a dead letter alone.
fn bury(partition: Partition, record: &LogRecord, id: Option<RequestId>, reason: Box<str>) -> Settled {
    let letter = DeadLetter { partition, offset: record.offset, reason, id, bytes: record.payload.clone() };
    let line = Line { key: letter.key(), standing: Standing::Final, body: Bytes::from(letter.to_json()) };
    Settled {
        partition,
        offset: record.offset,
        answer: None,
        dead_letter: Some(line),
        error: Some("bad-request".into()),
    }
}
