//! Sends requests: one after the other at a steady pace, or all at once.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use flightline_jobs::clients::{ClientError, Partition, TopicClient, partition_of};
use flightline_jobs::failure::{Failure, FailureKind};
use uuid::Uuid;

use super::expected::Asked;
use crate::demo::life::Life;

/// Requests that are appended together when all are sent at once.
const TOGETHER: usize = 1000;

/// Sends at a pace, and gives the moment before each was sent.
pub(super) fn paced(life: &Life, requests: &[Asked], per_second: u32) -> Result<HashMap<Uuid, Instant>, Failure> {
    let (started, gap) = (Instant::now(), Duration::from_secs(1) / per_second);
    let mut sent = HashMap::with_capacity(requests.len());
    for (number, Asked { id, line }) in (0_u32..).zip(requests) {
        thread::sleep((started + gap * number).saturating_duration_since(Instant::now()));
        sent.insert(*id, Instant::now());
        life.requests.append(id.as_bytes(), line.clone().into()).map_err(failure)?;
    }
    Ok(sent)
}

/// Sends as fast as the topic takes them: a thread for each partition.
pub(super) fn at_once(life: &Life, requests: &[Asked]) -> Result<(), Failure> {
    let partitions = life.requests.partitions().map_err(failure)?;
    let mut shares: HashMap<Partition, Vec<&Asked>> = HashMap::new();
    for asked in requests {
        shares.entry(partition_of(asked.id.as_bytes(), partitions)).or_default().push(asked);
    }
    let topic = life.requests.as_ref();
    thread::scope(|scope| {
        let senders: Vec<_> = shares
            .into_iter()
            .map(|(partition, share)| scope.spawn(move || send_share(topic, partition, &share)))
            .collect();
        senders.into_iter().try_for_each(|sender| {
            sender.join().unwrap_or_else(|_| Err(Failure::new(FailureKind::Bug, "a sender panicked")))
        })
    })
}

fn send_share(topic: &dyn TopicClient, partition: Partition, share: &[&Asked]) -> Result<(), Failure> {
    for some in share.chunks(TOGETHER) {
        let lines = some.iter().map(|asked| asked.line.clone().into()).collect();
        topic.append_to(partition, lines).map_err(failure)?;
    }
    Ok(())
}

pub(super) fn failure(error: ClientError) -> Failure {
    Failure::new(FailureKind::Storage, error.to_string())
}
