//! A backend in memory for tests, that behaves like the real one: durable at once, blocking reads, and faults on demand.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use flightline_jobs::clients::{Came, ClientError, Followed, Follower, Offset, Partition, Position};
use flightline_jobs::request::RequestId;
use uuid::Uuid;

use crate::backend::{Backend, BackendError};

#[derive(Debug)]
pub(crate) struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    requests: Vec<(RequestId, Bytes)>,
    responses: Vec<Vec<Bytes>>,
    collection: HashMap<Uuid, Bytes>,
    is_down: bool,
    has_lost_answers: bool,
}

impl Memory {
    pub(crate) fn new(partitions: usize) -> Self {
        let responses = vec![Vec::new(); partitions];
        let state = State {
            requests: Vec::new(),
            responses,
            collection: HashMap::new(),
            is_down: false,
            has_lost_answers: false,
        };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// All that was asked.
    pub(crate) fn requests(&self) -> Vec<(RequestId, Bytes)> {
        self.0.state.lock().unwrap().requests.clone()
    }

    /// Appends to the response topic.
    pub(crate) fn respond(&self, partition: usize, line: &str) {
        self.0.change(|state| state.responses[partition].push(line.to_owned().into()));
    }

    /// Puts into the collection.
    pub(crate) fn store(&self, id: &str, answer: &str) {
        self.0.change(|state| _ = state.collection.insert(id.parse().unwrap(), answer.to_owned().into()));
    }

    /// Makes a partition of the response topic anew, with nothing in it.
    pub(crate) fn make_anew(&self, partition: usize) {
        self.0.change(|state| state.responses[partition].clear());
    }

    /// Fails all calls from now on, or no longer.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.0.change(|state| state.is_down = is_down);
    }

    /// Fails to look answers up from now on, or no longer.
    pub(crate) fn lose_answers(&self, are_lost: bool) {
        self.0.change(|state| state.has_lost_answers = are_lost);
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, BackendError> {
        let state = self.state.lock().unwrap();
        if state.is_down { Err(BackendError::Unavailable("<it is down>".to_owned())) } else { Ok(state) }
    }
}

impl Backend for Memory {
    fn ask(&self, id: &RequestId, request: Bytes) -> Result<(), BackendError> {
        self.0.state()?.requests.push((id.clone(), request));
        Ok(())
    }

    fn answer(&self, id: &RequestId) -> Result<Option<Bytes>, BackendError> {
        let state = self.0.state()?;
        if state.has_lost_answers {
            return Err(BackendError::Unavailable("<it is lost>".to_owned()));
        }
        Ok(state.collection.get(&Uuid::parse_str(id.as_str()).unwrap()).cloned())
    }

    fn follow(&self) -> Result<Box<dyn Follower>, BackendError> {
        let next = self.0.state()?.responses.iter().map(Vec::len).collect();
        Ok(Box::new(Reading { inner: Arc::clone(&self.0), next }))
    }

    fn can_ask(&self) -> Result<(), BackendError> {
        self.0.state().map(drop)
    }
}

#[derive(Debug)]
struct Reading {
    inner: Arc<Inner>,
    /// Of each partition, where it reads on.
    next: Vec<usize>,
}

impl Follower for Reading {
    fn next(&mut self, _: usize, patience: Duration) -> Result<Came, ClientError> {
        let fault = |sentence: &str, transient| ClientError::Server {
            sentence: sentence.to_owned(),
            transient,
            uncertain: false,
        };
        let next = &mut self.next;
        let nothing_new = |state: &mut State| {
            state.is_down || state.responses.iter().zip(&*next).all(|(log, next)| log.len() == *next)
        };
        let state = self.inner.state.lock().unwrap();
        let state = self.inner.changed.wait_timeout_while(state, patience, nothing_new).unwrap().0;
        if state.is_down {
            return Ok(Came { records: Vec::new(), away: Some(fault("<it is down>", true)) });
        }
        let mut records = Vec::new();
        for ((log, next), partition) in state.responses.iter().zip(next).zip((0..).map(Partition)) {
            if *next > log.len() {
                return Err(fault("<it was made anew>", false));
            }
            for (payload, offset) in log.iter().zip(0..).skip(*next) {
                let position = Position { partition, offset: Offset(offset) };
                records.push(Followed { position, payload: payload.clone() });
            }
            *next = log.len();
        }
        Ok(Came { records, away: None })
    }
}
