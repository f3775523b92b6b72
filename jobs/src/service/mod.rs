//! The streaming job as a service: from a configuration to a life of the job, with its connectors and its port.
//!
//! ```text
//! StreamConfig ──[connect]──► Service ──run──► (drained | failed | superseded)
//!                                │
//!                                └─ topics and collections of this process, port, figures, stop flag
//! ```
//!
//! Invariants: everything that is opened is checked before the first record is read; a service that can't start says why in
//! one sentence and changes nothing. This module decides nothing about answers: that is the engine's and the job's.

mod adapters;
mod columns;
mod connect;
mod elsewhere;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use flightline_connectors::embedded::{self, EmbeddedStore, PageCache};
use flightline_connectors::files::patiently;
use flightline_engine::clock::SystemClock;
use flightline_engine::cluster::ClusterPlan;
use flightline_engine::contract::{Blobs, Fault, Sink};
use flightline_engine::http::{Health, HttpPort};
use flightline_engine::ids::WorkerCount;
pub use flightline_engine::metrics::StreamMetrics;
pub use flightline_engine::process::install_drain_policy;
use flightline_engine::stream::{self, Ending, LeadSetup, Limits, Owners, SinkSetup, StreamError, StreamSetup};
pub use flightline_engine::stream::{Drained, StopFlag};
use flightline_engine::supervised;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{EmbeddedConfig, Loaded, StreamConfig};
use crate::failure::{Failure, FailureKind};
use crate::model::ModelError;
use crate::servers::Servers;
use crate::stores::stores;
use crate::streaming::{FlightsJob, Ready};
use connect::Connections;

/// A job that is about to run in this process.
pub struct Service {
    plan: ClusterPlan,
    setup: StreamSetup<FlightsJob>,
    lead: Option<LeadSetup>,
    /// In process 0: the model that new requests are answered with at first. Held, so that it is loaded once.
    current: Option<Ready>,
    store: Arc<EmbeddedStore>,
    health: Health,
    port: HttpPort,
}

/// Puts something else in the place of a connector; for tests that show how sharp they are.
pub trait Replace {
    /// In the place of a sink.
    fn sink(&self, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
        sink
    }

    /// In the place of where the ledger is kept.
    fn state(&self, state: Arc<dyn Blobs>) -> Arc<dyn Blobs> {
        state
    }
}

/// Replaces nothing.
#[derive(Clone, Copy, Debug)]
pub struct AsConfigured;

impl Replace for AsConfigured {}

impl Service {
    /// The plan of a job that runs in this process alone.
    #[must_use]
    pub fn alone(workers: usize) -> ClusterPlan {
        ClusterPlan::local(WorkerCount::new(workers))
    }

    /// Opens all that the configuration names, and the port. `nonce` is a random number, a new one for each start; `stop`
    /// asks the job to drain.
    ///
    /// # Errors
    /// What can't be opened, by name.
    pub fn open(loaded: &Loaded, plan: ClusterPlan, nonce: u64, stop: StopFlag) -> Result<Self, Failure> {
        Self::open_on(open_store(&loaded.config)?, loaded, plan, nonce, stop, &AsConfigured)
    }

    /// The same on a store that is open already.
    ///
    /// # Errors
    /// As [`Service::open`].
    pub fn open_on(
        store: Arc<EmbeddedStore>,
        loaded: &Loaded,
        plan: ClusterPlan,
        nonce: u64,
        stop: StopFlag,
        replace: &dyn Replace,
    ) -> Result<Self, Failure> {
        let config = &loaded.config;
        let plan = plan.with_fingerprint(xxh3_64(format!("stream {}", loaded.agreement()).as_bytes()));
        let connections = Connections {
            config,
            store: &store,
            servers: Servers::of(config),
            stores: stores(config)?,
            owners: Owners::of(&plan),
            process: plan.process(),
        };
        let source = connections.source()?;
        let sinks = connections.sinks(replace)?;
        let state = replace.state(connections.state()?);
        let job = Arc::new(FlightsJob::new(connections.registry()?));
        let lead = plan.is_lead().then(|| connections.lead(Arc::clone(&state))).transpose()?;
        // Before a life begins: one that ends at once would be a number of the ledger for nothing.
        let current = plan.is_lead().then(|| load_current(&job, &stop)).transpose()?;
        let (metrics, health) = (StreamMetrics::new(), Health::new());
        for SinkSetup { sink, required, .. } in &sinks {
            metrics.sink(sink.name(), sink.guarantee(), *required);
        }
        let port = open_port(config, &plan, embedded::routes(Arc::clone(&store)), &health, &metrics)?;
        let setup = StreamSetup {
            name: config.job.name.clone(),
            nonce,
            source,
            sinks,
            recompute: adapters::recompute(&job, Arc::clone(&state)),
            job,
            state,
            spread: config.table.spread,
            limits: limits(config),
            metrics,
            health: health.clone(),
            clock: Arc::new(SystemClock::new()),
            stop,
        };
        Ok(Self { plan, setup, lead, current, store, health, port })
    }

    /// The topics and collections that this process has open.
    #[must_use]
    pub fn store(&self) -> &Arc<EmbeddedStore> {
        &self.store
    }

    /// Figures.
    #[must_use]
    pub fn metrics(&self) -> StreamMetrics {
        self.setup.metrics.clone()
    }

    /// Where the port is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.local_addr()
    }

    /// What the whole job promises of each answer: the weakest promise of its sinks.
    #[must_use]
    pub fn guarantee(&self) -> Option<flightline_engine::contract::Guarantee> {
        self.setup.sinks.iter().map(|sink| sink.sink.guarantee()).min()
    }

    /// Runs until the job has drained, and says why it did.
    ///
    /// # Errors
    /// The processes don't come together, something must be mended first, or a later life of the job is at work.
    pub fn run(self) -> Result<Drained, Failure> {
        let Self { plan, setup, lead, current, health, port, store } = self;
        let ended = stream::run(plan, setup, lead);
        if let Err(error) = &ended {
            health.failed(error.to_string());
        }
        port.shutdown();
        drop((store, current));
        ended.map_err(failure)
    }
}

/// Loads the current model. A store that hiccups is asked again for a while, unless the job is to end meanwhile.
fn load_current(job: &FlightsJob, stop: &StopFlag) -> Result<Ready, ModelError> {
    let loaded = patiently(|| match job.load_current() {
        Err(ModelError::Store(hiccup @ Fault::Transient(_))) if !stop.is_raised() => Err(hiccup),
        settled => Ok(settled),
    });
    loaded.map_err(ModelError::Store)?
}

fn open_port(
    config: &StreamConfig,
    plan: &ClusterPlan,
    routes: Router,
    health: &Health,
    metrics: &StreamMetrics,
) -> Result<HttpPort, Failure> {
    let process = plan.process().get();
    let address = config.http.of_process(process).ok_or_else(|| {
        Failure::new(
            FailureKind::Usage,
            format!("http.listen = {}: there is no port {process} above it; choose a lower one", config.http.listen),
        )
    })?;
    HttpPort::start(&address.to_string(), routes, health.clone(), metrics.clone())
        .map_err(|error| Failure::new(FailureKind::ClusterStart, error.to_string()))
}

/// Opens the store that holds a job's embedded topics and collections.
///
/// # Errors
/// Its folder can't be made.
pub fn open_store(config: &StreamConfig) -> Result<Arc<EmbeddedStore>, Failure> {
    let EmbeddedConfig { folder, cache, .. } = &config.embedded;
    EmbeddedStore::open_within(folder, PageCache(bytes(*cache))).map_err(storage)
}

fn limits(config: &StreamConfig) -> Limits {
    Limits {
        in_flight_bytes: bytes(config.limits.in_flight),
        read_batch_bytes: bytes(config.limits.read_batch),
        lagging_queue_bytes: bytes(config.limits.lagging_queue),
        small_table_rows: config.table.small_rows as usize,
        start_patience: config.limits.start_patience,
        drain_patience: config.limits.drain_patience,
    }
}

/// Sizes that don't fit into an address space are as good as none.
fn bytes(size: bytesize::ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

fn failure(error: StreamError) -> Failure {
    match error {
        StreamError::Cluster(error) => error.into(),
        StreamError::Ended(ending @ (Ending::Superseded(_) | Ending::NotAbove { .. })) => {
            if let Ending::NotAbove { ledger, .. } = ending {
                // So that a master goes on above it.
                supervised::ledger_holds(ledger);
            }
            Failure::new(FailureKind::Superseded, ending.to_string())
        }
        StreamError::Ended(ending @ Ending::Failed(_)) => Failure::new(FailureKind::Storage, ending.to_string()),
    }
}

fn storage(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Storage, error.to_string())
}
