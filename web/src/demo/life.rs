//! The stream and the page, running in this process.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use flightline_jobs::clients::{CollectionClient, TopicClient};
use flightline_jobs::config::Loaded;
use flightline_jobs::failure::{Failure, FailureKind};
use flightline_jobs::service::{Service, StopFlag, StreamMetrics, install_drain_policy};
use uuid::Uuid;

use super::flags::DemoFlags;
use crate::backend::ClientBackend;
use crate::server::{Serving, Settings, Site};

/// The running demo.
pub(super) struct Life {
    stop: StopFlag,
    ended: Receiver<Result<(), Failure>>,
    job: JoinHandle<()>,
    page: Serving,
    address: SocketAddr,
    pub(super) metrics: StreamMetrics,
    pub(super) requests: Arc<dyn TopicClient>,
    pub(super) responses: Arc<dyn TopicClient>,
    pub(super) collection: Arc<dyn CollectionClient>,
}

impl Life {
    /// Starts both, and says where they are.
    pub(super) fn start(flags: &DemoFlags, loaded: &Loaded) -> Result<Self, Failure> {
        // Before the job: a port that is taken must not begin a life of it.
        let listener = listen(flags.listen)?;
        let stop = StopFlag::default();
        let nonce = Uuid::new_v4().as_u64_pair().0;
        let service = Service::open(loaded, Service::alone(flags.workers.get()), nonce, stop.clone())?;
        let (requests, responses, collection) = clients(loaded, &service)?;
        let (metrics, job_address) = (service.metrics(), service.address());
        let on_signal = stop.clone();
        install_drain_policy(move || on_signal.raise());
        let (tell, ended) = channel();
        let job = thread::Builder::new()
            .name("job".to_owned())
            .spawn(move || {
                // Nobody may be left to hear it.
                let _ = tell.send(service.run().map(|_drained| ()));
            })
            .map_err(|error| Failure::new(FailureKind::ClusterStart, format!("no thread for the job: {error}")))?;
        let backend = ClientBackend::new(Arc::clone(&requests), Arc::clone(&responses), Arc::clone(&collection));
        let site = Site::open(Arc::new(backend), Settings::default());
        let page = site
            .and_then(|site| Serving::start(listener, site))
            .map_err(|error| Failure::new(FailureKind::ClusterStart, format!("the page can't be served: {error}")))?;
        let address = page.local_addr();
        tracing::info!("job: http://{job_address}/status");
        Ok(Self { stop, ended, job, page, address, metrics, requests, responses, collection })
    }

    /// Runs until somebody asks it to end.
    pub(super) fn until_stopped(self) -> Result<(), Failure> {
        eprintln!("{}", welcome(self.address));
        self.end()
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(self) -> Result<(), Failure> {
        self.stop.raise();
        self.end()
    }

    /// How the job ended, if it has.
    pub(super) fn has_ended(&self) -> Option<Failure> {
        match self.ended.try_recv() {
            Ok(Err(failure)) => Some(failure),
            Ok(Ok(())) => Some(Failure::new(FailureKind::Bug, "the job has ended before it was asked to")),
            Err(_) => None,
        }
    }

    fn end(self) -> Result<(), Failure> {
        let ended = self.ended.recv().unwrap_or(Ok(()));
        self.page.shutdown();
        // A job that panicked has ended the process.
        let _ = self.job.join();
        ended
    }
}

type Clients = (Arc<dyn TopicClient>, Arc<dyn TopicClient>, Arc<dyn CollectionClient>);

fn clients(loaded: &Loaded, service: &Service) -> Result<Clients, Failure> {
    let requests = loaded.config.requests.log.name();
    let missing = |what: &str| Failure::new(FailureKind::Usage, format!("the demo needs a sink that is a {what}"));
    let topic = |name: &str| service.store().opened_topic(name).ok_or_else(|| missing("topic"));
    let responses = loaded.config.answers_topic().ok_or_else(|| missing("topic"))?;
    let answers = loaded.config.answers_collection().ok_or_else(|| missing("collection"))?;
    let collection = service.store().opened_collection(&answers.name().0).ok_or_else(|| missing("collection"))?;
    Ok((topic(&requests.0)?, topic(&responses.name().0)?, collection))
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        Failure::new(
            FailureKind::ClusterStart,
            format!("can't listen on {address}: {error}; give another address with --listen"),
        )
    })
}

/// What a newcomer needs to know.
fn welcome(address: SocketAddr) -> String {
    format!(
        "\nFlightline runs. Open  http://{address}/  or ask from a shell:\n\n  \
         curl -d 'DepDelay=5&Carrier=AA&FlightDate=2016-12-25&Origin=JFK&Dest=SFO&FlightNum=1519' \\\n       \
         http://{address}/flights/delays/predict/classify_realtime\n\n\
         Ctrl-C ends it; killed at any moment and started again, it loses nothing and doubles nothing.\n"
    )
}
