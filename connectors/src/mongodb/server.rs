//! A server, or a set of them, from plain threads.
//!
//! The driver is async, so it has a small runtime of its own, and every call here waits for it: they are for sink and
//! reader threads, never for an operator or an async task (where tokio would panic). No call waits for ever: each has a
//! limit, after which its connection is given up. Nobody is asked before the first call, and a server that is away then is
//! asked again by the next one.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, Credential};
use mongodb::{Client, Database};
use tokio::runtime::{Builder, Handle, Runtime};

use super::abilities::{Abilities, Majority};
use super::error::{Doing, MongoError, Problem};
use super::options::MongoOptions;

/// Threads that drive requests: they only wait and copy.
const IO_THREADS: usize = 2;
/// Beyond what the server itself was told to take, before a call is given up.
const GRACE: Duration = Duration::from_secs(5);

/// A server of MongoDB's protocol, or a set of them. Clones share connections.
#[derive(Clone)]
pub struct MongoServer {
    shared: Arc<Shared>,
}

struct Shared {
    options: MongoOptions,
    /// Only `None` while it is being dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    reached: Mutex<Reached>,
}

/// What is known of the server.
#[derive(Default)]
struct Reached {
    client: Option<Client>,
    abilities: Option<Abilities>,
}

impl MongoServer {
    /// The server of these options. Nobody is asked yet.
    ///
    /// # Errors
    /// The options make no sense, or the operating system gives no threads.
    pub fn new(options: MongoOptions) -> Result<Self, MongoError> {
        options.check()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("mongodb-io")
            .enable_all()
            .build()
            .map_err(|error| MongoError::transient(format!("can't start the threads of MongoDB's client: {error}")))?;
        let handle = runtime.handle().clone();
        let shared = Shared { options, runtime: Some(runtime), handle, reached: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The hosts, as messages name them.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.shared.options.shown()
    }

    /// What the server can do; asked once.
    ///
    /// # Errors
    /// It can't be reached, or refuses.
    pub fn abilities(&self) -> Result<Abilities, MongoError> {
        if let Some(abilities) = &self.reached().abilities {
            return Ok(abilities.clone());
        }
        let action = "ask what it can do";
        let admin = self.database("admin")?;
        let hello = match self.run(&admin, action, doc! {"hello": 1})? {
            Ok(hello) => hello,
            Err(problem) if problem.is_unknown_command() => self.command("admin", action, doc! {"isMaster": 1})?,
            Err(problem) => return Err(self.doing(action).failed(&problem)),
        };
        let build = self.command("admin", action, doc! {"buildInfo": 1})?;
        let abilities = Abilities::of(&hello, &build);
        let server = self.shown();
        tracing::info!("{server}: {abilities}");
        if abilities.majority == Majority::PassedOver {
            tracing::warn!(
                server,
                "this server passes over write concerns: an answer is as durable as the server's one store makes it"
            );
        }
        self.reached().abilities = Some(abilities.clone());
        Ok(abilities)
    }

    /// Runs a command, and gives its answer.
    pub(super) fn command(&self, database: &str, action: &str, command: Document) -> Result<Document, MongoError> {
        let database = self.database(database)?;
        self.run(&database, action, command)?.map_err(|problem| self.doing(action).failed(&problem))
    }

    /// Runs a command. The inner error is what the server or the driver says, the outer one that nothing was heard.
    fn run(
        &self,
        database: &Database,
        action: &str,
        command: Document,
    ) -> Result<Result<Document, Problem>, MongoError> {
        self.wait(action, async { database.run_command(command).await.map_err(|error| Problem::of(&error)) })
    }

    /// Waits for an answer, no longer than a command may take.
    pub(super) fn wait<T>(&self, action: &str, answer: impl Future<Output = T>) -> Result<T, MongoError> {
        let options = &self.shared.options;
        let limit = options.command_timeout + options.selection_timeout + GRACE;
        let limited = async { tokio::time::timeout(limit, answer).await };
        self.shared.handle.block_on(limited).map_err(|_late| self.doing(action).too_late(limit.as_secs()))
    }

    /// A database of the server.
    pub(super) fn database(&self, name: &str) -> Result<Database, MongoError> {
        Ok(self.client()?.database(name))
    }

    /// The driver's client, made when it is first needed: the URL of a cluster is looked up by DNS.
    pub(super) fn client(&self) -> Result<Client, MongoError> {
        if let Some(client) = &self.reached().client {
            return Ok(client.clone());
        }
        let action = "look up the servers";
        let failed = |error: mongodb::error::Error| self.doing(action).failed(&Problem::of(&error));
        let MongoOptions { url, user, password, connect_timeout, selection_timeout, .. } = &self.shared.options;
        let mut options = self.wait(action, async { ClientOptions::parse(url).await })?.map_err(failed)?;
        options.app_name = Some("flightline".to_owned());
        options.connect_timeout.get_or_insert(*connect_timeout);
        options.server_selection_timeout.get_or_insert(*selection_timeout);
        if let (Some(user), Some(password)) = (user, password) {
            let mut credential = options.credential.take().unwrap_or_else(|| Credential::builder().build());
            credential.username = Some(user.clone());
            credential.password = Some(password.clone());
            options.credential = Some(credential);
        }
        // The client spawns tasks when it is made, and needs to find the runtime.
        let _context = self.shared.handle.enter();
        let client = Client::with_options(options).map_err(failed)?;
        self.reached().client = Some(client.clone());
        Ok(client)
    }

    /// Where tasks of the client's own run.
    pub(super) fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    /// How long the servers may wait for a majority.
    pub(super) fn patience(&self) -> Duration {
        self.shared.options.command_timeout
    }

    pub(super) fn doing<'a>(&'a self, action: &'a str) -> Doing<'a> {
        Doing { server: self.shown(), action }
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        // What it holds is whole between any two operations on it, so a panic elsewhere can't have spoilt it.
        self.shared.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The plain drop waits for threads, which tokio forbids (by a panic) inside of async code.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for MongoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoServer").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
