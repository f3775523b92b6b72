//! A change stream, on a task of its own.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, Timestamp, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::options::ReadConcern;
use tokio::task::JoinHandle;

use super::Documents;
use super::watched::{Event, StreamNumber, Watched};
use crate::mongodb::desk::Desk;
use crate::mongodb::error::{MongoError, Problem, What};

/// How long the server waits for something to tell before it says that there is nothing.
const AWAIT: Duration = Duration::from_secs(1);
/// The least time between two questions: there are servers that don't wait.
const LEAST: Duration = Duration::from_millis(50);

/// A collection that is watched by a change stream.
#[derive(Debug)]
pub(super) struct Stream {
    desk: Desk,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

/// What the task tells.
#[derive(Debug, Default)]
struct Shared {
    watched: Mutex<Watched>,
    told: Condvar,
}

impl Shared {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        // It is whole between any two calls of it, so a panic elsewhere can't have spoilt it.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, stream: StreamNumber, event: Event) {
        self.watched().told(stream, event);
        self.told.notify_all();
    }
}

/// What opening a stream came to.
#[derive(Debug)]
pub(super) enum Opening {
    /// It is open.
    Open,
    /// This server, or this user, can't have one.
    Impossible(String),
}

impl Stream {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk, shared: Arc::default(), task: None }
    }

    /// Opens a stream, if none is open.
    pub(super) fn open(&mut self) -> Result<Opening, MongoError> {
        if !self.shared.watched().must_open() {
            return Ok(Opening::Open);
        }
        let action = format!("watch collection `{}`", self.desk.name);
        // The time comes first, then the stream from that time on, then all is read: nothing can happen in between.
        let ping = self.desk.server.command(self.desk.name.database(), &action, doc! {"ping": 1})?;
        let since = ping.get_timestamp("operationTime").ok();
        let stream = match self.watch(&action, since)? {
            Ok(stream) => stream,
            Err(problem) if is_impossible(&problem) => return Ok(Opening::Impossible(problem.cause)),
            Err(problem) => return Err(self.desk.server.doing(&action).failed(&problem)),
        };
        self.stop();
        let number = self.shared.watched().opened();
        let shared = Arc::clone(&self.shared);
        self.task = Some(self.desk.server.handle().spawn(follow(stream, shared, number)));
        Ok(Opening::Open)
    }

    fn watch(
        &self,
        action: &str,
        since: Option<Timestamp>,
    ) -> Result<Result<ChangeStream<Document>, Problem>, MongoError> {
        let database = self.desk.server.database(self.desk.name.database())?;
        let collection = database.collection::<Document>(self.desk.name.collection());
        self.desk.server.wait(action, async {
            let mut watch = collection.watch().max_await_time(AWAIT).read_concern(ReadConcern::majority());
            if let Some(since) = since {
                watch = watch.start_at_operation_time(since);
            }
            watch.await.map(ChangeStream::with_type).map_err(|error| Problem::of(&error))
        })
    }

    /// All documents, as they are now; what changes from here on is told.
    pub(super) fn read(&mut self, documents: &Documents) -> Result<Vec<Document>, MongoError> {
        self.shared.watched().reads();
        let read = documents.read();
        if read.is_err() {
            self.forget();
        }
        read
    }

    /// What was read was no table.
    pub(super) fn forget(&mut self) {
        self.shared.watched().failed();
    }

    pub(super) fn changed(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now().checked_add(patience);
        let mut watched = self.shared.watched();
        while !watched.is_alarmed() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            watched = match left {
                None => self.shared.told.wait(watched).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => self.shared.told.wait_timeout(watched, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether no stream will ever be had there: no such stage, no replica set, no right to it.
fn is_impossible(problem: &Problem) -> bool {
    problem.is_unknown_command() || matches!(problem.what, What::Code(13 | 40_324 | 40_573) | What::Refused)
}

/// Tells what a stream tells, to its end. What it remembers of its place keeps up also while nothing happens.
async fn follow(mut stream: ChangeStream<Document>, shared: Arc<Shared>, number: StreamNumber) {
    loop {
        let asked = Instant::now();
        let event = match stream.next_if_any().await {
            Ok(Some(event)) if event.get_str("operationType").is_ok_and(|kind| kind == "invalidate") => Event::Ended,
            Ok(Some(_)) => Event::Changed,
            Ok(None) if stream.is_alive() => Event::Idle,
            Ok(None) => Event::Ended,
            Err(error) => {
                tracing::warn!(%error, "a change stream ended; the table is read again, and another one is opened");
                Event::Ended
            }
        };
        shared.tell(number, event);
        match event {
            Event::Ended => return,
            Event::Idle => tokio::time::sleep(LEAST.saturating_sub(asked.elapsed())).await,
            Event::Changed => {}
        }
    }
}
