//! What an agent answers to its master.

use std::sync::Arc;

use serde::Serialize;

use super::Household;
use crate::ids::Memory;
use crate::protocol::messages::FromMaster;
use crate::rpc::seal::Role;
use crate::rpc::serve::{Handler, Outcome};

/// No piece of a log is longer.
pub(super) const LOG_PIECE: Memory = Memory(256 << 10);

/// Answers for an agent.
#[derive(Debug)]
pub struct Answers {
    household: Arc<Household>,
}

impl Answers {
    /// Answers from this household.
    #[must_use]
    pub const fn new(household: Arc<Household>) -> Self {
        Self { household }
    }

    fn answer(&self, message: &FromMaster) -> Result<String, String> {
        match message {
            FromMaster::Log { id, stream, from } => {
                text(&self.household.logs(*id, *stream, *from, LOG_PIECE).map_err(|error| error.to_string())?)
            }
            FromMaster::Telemetry { id } => text(&self.household.telemetry(*id).as_deref()),
        }
    }
}

impl Handler for Answers {
    fn handle(self: Arc<Self>, _role: Role, body: String) -> Outcome {
        Box::pin(async move {
            let message = serde_json::from_str(&body).map_err(|error| {
                format!("this version doesn't know that call ({error}): install the same version everywhere")
            })?;
            let answered = tokio::task::spawn_blocking(move || self.answer(&message)).await;
            answered.map_err(|error| format!("the call ended with a bug: {error}"))?
        })
    }
}

fn text(answer: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(answer).map_err(|error| format!("the answer can't be written down (bug): {error}"))
}
