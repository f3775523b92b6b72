//! A backend in memory for tests, that behaves like the real one: durable at once, blocking reads, and faults on demand.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use flightline_jobs::request::RequestId;
use uuid::Uuid;

use crate::backend::{Backend, BackendError, Offset, Partition, ResponseLine};

#[derive(Debug)]
pub(crate) struct Memory {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    requests: Vec<(RequestId, Bytes)>,
    responses: Vec<Vec<Bytes>>,
    collection: HashMap<Uuid, Bytes>,
    is_down: bool,
}

impl Memory {
    pub(crate) fn new(partitions: usize) -> Self {
        let responses = vec![Vec::new(); partitions];
        let state = State { requests: Vec::new(), responses, collection: HashMap::new(), is_down: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// All that was asked.
    pub(crate) fn requests(&self) -> Vec<(RequestId, Bytes)> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Appends to the response topic.
    pub(crate) fn respond(&self, partition: usize, line: &str) {
        self.state.lock().unwrap().responses[partition].push(line.to_owned().into());
        self.changed.notify_all();
    }

    /// Puts into the collection.
    pub(crate) fn store(&self, id: &str, answer: &str) {
        self.state.lock().unwrap().collection.insert(id.parse().unwrap(), answer.to_owned().into());
    }

    /// Makes a partition of the response topic anew, with nothing in it.
    pub(crate) fn make_anew(&self, partition: usize) {
        self.state.lock().unwrap().responses[partition].clear();
        self.changed.notify_all();
    }

    /// Fails all calls from now on, or no longer.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
        self.changed.notify_all();
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, BackendError> {
        let state = self.state.lock().unwrap();
        if state.is_down { Err(BackendError::Unavailable("<it is down>".to_owned())) } else { Ok(state) }
    }
}

impl Backend for Memory {
    fn ask(&self, id: &RequestId, request: Bytes) -> Result<(), BackendError> {
        self.state()?.requests.push((id.clone(), request));
        Ok(())
    }

    fn answer(&self, id: &RequestId) -> Result<Option<Bytes>, BackendError> {
        Ok(self.state()?.collection.get(&Uuid::parse_str(id.as_str()).unwrap()).cloned())
    }

    fn response_partitions(&self) -> Result<u32, BackendError> {
        Ok(self.state()?.responses.len() as u32)
    }

    fn response_end(&self, partition: Partition) -> Result<Offset, BackendError> {
        Ok(Offset(self.state()?.responses[partition.0 as usize].len() as u64))
    }

    fn responses(&self, partition: Partition, from: Offset, wait: Duration) -> Result<Vec<ResponseLine>, BackendError> {
        let at = partition.0 as usize;
        let end = |state: &State| state.responses[at].len() as u64;
        let nothing_new = |state: &mut State| !state.is_down && end(state) == from.0;
        drop(self.changed.wait_timeout_while(self.state()?, wait, nothing_new).unwrap());
        let state = self.state()?;
        if from.0 > end(&state) {
            return Err(BackendError::Gone { partition, offset: from });
        }
        let lines = state.responses[at].iter().zip(0_u64..).skip(from.0 as usize);
        Ok(lines.map(|(line, offset)| ResponseLine { offset: Offset(offset), payload: line.clone() }).collect())
    }
}
