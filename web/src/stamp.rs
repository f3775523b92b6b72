//! What every request gets from us: an id of its own, and the time at which it was asked.
//!
//! Handed in, so that a test knows both.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use flightline_jobs::flight::instant::Instant;
use flightline_jobs::request::RequestId;
use uuid::Uuid;

/// Id and time of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// What the client waits for; never given twice.
    pub id: RequestId,
    /// When the request was asked.
    pub asked_at: Instant,
}

/// Gives stamps.
pub trait Stamper: Debug + Send + Sync {
    /// The next one.
    fn stamp(&self) -> Stamp;
}

/// Random ids (UUID version 4) and the computer's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemStamper;

impl Stamper for SystemStamper {
    fn stamp(&self) -> Stamp {
        // A clock that was never set stands before 1970, which is no reason to refuse a traveller.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
        Stamp { id: Uuid::new_v4().into(), asked_at: Instant::from_micros(micros) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_times_are_rfc_3339() {
        let (first, second) = (SystemStamper.stamp(), SystemStamper.stamp());
        assert_ne!(first.id, second.id);
        assert_eq!(Uuid::parse_str(first.id.as_str()).unwrap().get_version_num(), 4);
        let text = first.asked_at.to_string();
        assert!(text.ends_with('Z') && text.parse() == Ok(first.asked_at), "{text}");
    }
}
