//! `predict` on a stream with something planted: a bug, so that the crash tests show that they would find one like it, or
//! trouble with its destinations.
//!
//! The variable `FLIGHTLINE_PLANTED` says what; everything else is as in `predict`. Nobody but a test should run this.

mod hasty_state;
mod plain_sink;
mod troubled_sink;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use clap::Parser;
use flightline_connectors::embedded::EmbeddedStore;
use flightline_engine::cluster::ClusterFlags;
use flightline_engine::contract::{Blobs, Sink};
use flightline_engine::process::Exit;
use flightline_engine::telemetry::{self, Level};
use flightline_jobs::commands::end_service_with;
use flightline_jobs::config::ConfigFlags;
use flightline_jobs::failure::{Failure, FailureKind};
use flightline_jobs::service::{Replace, Service, StopFlag, install_drain_policy, open_store};

use hasty_state::HastyState;
use plain_sink::{Care, PlainSink};
use troubled_sink::TroubledSink;

/// The variable that chooses what is planted.
const VARIABLE: &str = "FLIGHTLINE_PLANTED";
/// The sink that is replaced, and its topic.
const SINK: (&str, &str) = ("topic", "flight-delay-ml-response");

/// `predict` on a stream, with something planted.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true)]
struct Flags {
    #[command(flatten)]
    config: ConfigFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
}

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// A sink of another kind, and what it takes care of.
    Sink(Care),
    /// An answer is released before its entry of the ledger is durable.
    AnswerBeforeEntry,
    /// Each sink has the trouble that a file tells of.
    Trouble,
}

impl Planted {
    fn chosen() -> Result<Self, Failure> {
        match std::env::var(VARIABLE).as_deref() {
            Ok("none") => Ok(Self::Sink(Care::DropsWhatItHas)),
            Ok("progress-before-data") => Ok(Self::Sink(Care::ProgressFirst)),
            Ok("keeps-what-it-has") => Ok(Self::Sink(Care::KeepsWhatItHas)),
            Ok("answer-before-entry") => Ok(Self::AnswerBeforeEntry),
            Ok("trouble") => Ok(Self::Trouble),
            other => Err(Failure::new(FailureKind::Usage, format!("{VARIABLE} names nothing to plant: {other:?}"))),
        }
    }
}

/// Puts it into its place.
struct Plant {
    planted: Planted,
    store: Arc<EmbeddedStore>,
}

impl Replace for Plant {
    fn sink(&self, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
        let (name, topic) = SINK;
        match (self.planted, self.store.opened_topic(topic)) {
            (Planted::Sink(care), Some(topic)) if *sink.name().0 == *name => {
                let folder = self.store.folder().join("plain-sink");
                Arc::new(PlainSink { sink, topic, folder, care })
            }
            (Planted::Trouble, _) => Arc::new(TroubledSink::over(sink, self.store.folder().join("trouble"))),
            _ => sink,
        }
    }

    fn state(&self, state: Arc<dyn Blobs>) -> Arc<dyn Blobs> {
        match self.planted {
            Planted::AnswerBeforeEntry => Arc::new(HastyState::over(state)),
            Planted::Sink(_) | Planted::Trouble => state,
        }
    }
}

fn main() -> Exit {
    let flags = Flags::parse();
    end_service_with(|| run(&flags))
}

fn run(flags: &Flags) -> Result<(), Failure> {
    let loaded = flags.config.load()?;
    telemetry::init(loaded.config.log.format, Level::INFO, &[])
        .map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
    let store = open_store(&loaded.config)?;
    let plant = Plant { planted: Planted::chosen()?, store: Arc::clone(&store) };
    let nonce = RandomState::new().hash_one("another one for each start");
    let stop = StopFlag::default();
    let service = Service::open_on(store, &loaded, flags.cluster.plan()?, nonce, stop.clone(), &plant)?;
    install_drain_policy(move || stop.raise());
    service.run().map(|_drained| ())
}
