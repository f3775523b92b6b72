//! Takes a body in: within memory, and within time.
//!
//! The first bytes of a body need nobody's leave, so that small ones always come through. Who sends more waits for one of
//! a few places, and in it must go on sending: a client that stops in the middle loses the place, and nobody is kept out
//! for longer than a body takes that is sent at the slowest pace.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::problem::Problem;

/// What bodies may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyLimits {
    /// The largest body, in bytes.
    pub(super) largest: usize,
    /// Up to so many bytes a body is small, and needs no place.
    pub(super) small: usize,
    /// How many bodies that are not small are taken at once.
    pub(super) places: usize,
    /// How long a small body, and each further stretch of a large one, may take to come; and the wait for a place.
    pub(super) pace: Duration,
    /// How many bytes a stretch has.
    pub(super) stretch: usize,
}

/// Bodies on their way in.
#[derive(Debug)]
pub(super) struct Bodies {
    limits: BodyLimits,
    places: Semaphore,
}

/// A body that has come whole. It has its place until this is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) bytes: Bytes,
    _place: Option<SemaphorePermit<'a>>,
}

impl Bodies {
    pub(super) fn new(limits: BodyLimits) -> Self {
        Self { limits, places: Semaphore::new(limits.places) }
    }

    /// The body of a request.
    pub(super) async fn take(&self, request: Request) -> Result<Taken<'_>, Problem> {
        let BodyLimits { small, pace, stretch, .. } = self.limits;
        let mut body = request.into_body().into_data_stream();
        let mut bytes = BytesMut::new();
        let mut place = None;
        loop {
            let enough = if place.is_none() { small } else { bytes.len().saturating_add(stretch) };
            let came = timeout(pace, self.fill(&mut body, &mut bytes, enough));
            match came.await.map_err(|_| self.slow())?? {
                Come::Whole => return Ok(Taken { bytes: bytes.freeze(), _place: place }),
                Come::Enough if place.is_none() => {
                    // Never closed; and if it were, the bodies would only be unbounded.
                    place = timeout(pace, self.places.acquire()).await.map_err(|_| busy())?.ok();
                }
                Come::Enough => {}
            }
        }
    }

    /// Takes from the body until there is more than enough, or it ends.
    async fn fill(&self, body: &mut BodyDataStream, bytes: &mut BytesMut, enough: usize) -> Result<Come, Problem> {
        while bytes.len() <= enough {
            let Some(part) = body.next().await else { return Ok(Come::Whole) };
            let part = part.map_err(|error| Problem::bad("body", format!("the body broke off: {error}")))?;
            if bytes.len() + part.len() > self.limits.largest {
                return Err(self.too_large());
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Come::Enough)
    }

    fn slow(&self) -> Problem {
        let BodyLimits { pace, stretch, .. } = self.limits;
        let sentence = format!("the body came too slowly: {} KiB must come in {pace:?}", stretch >> 10);
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", sentence)
    }

    fn too_large(&self) -> Problem {
        let sentence = format!("the body is larger than {} MiB: send it in parts", self.limits.largest >> 20);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", sentence)
    }
}

/// How far a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Come {
    /// To its end.
    Whole,
    /// As far as was asked, and there may be more.
    Enough,
}

fn busy() -> Problem {
    let sentence = "too many large bodies are being sent at once; nothing was done: try again, or send smaller parts";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", sentence)
}
