//! `predict` without `--input`: the long-running job that answers requests from a log.

use flightline_engine::contract::Guarantee;
use flightline_engine::process::install_drain_policy;
use uuid::Uuid;

use super::PredictFlags;
use crate::commands::{Level, start_logging};
use crate::config::Loaded;
use crate::failure::Failure;
use crate::service::{Drained, Service, StopFlag};

/// Runs the job until it is asked to end.
///
/// # Errors
/// The configuration, a connector or the cluster can't be used, or a later start of the job is at work.
pub fn run(flags: &PredictFlags) -> Result<(), Failure> {
    let loaded = flags.config.load()?;
    if flags.config.dumped(&loaded)? {
        return Ok(());
    }
    start_logging(loaded.config.log.format, Level::INFO)?;
    let stop = StopFlag::default();
    let on_signal = stop.clone();
    install_drain_policy(move || on_signal.raise());
    let mut plan = flags.cluster.plan()?;
    loop {
        let service = Service::open(&loaded, plan.clone(), nonce(), stop.clone())?;
        announce(&loaded, &service);
        match service.run()? {
            // A life reads the partitions that were there when it began.
            Drained::LogGrew if !stop.is_raised() => plan = plan.next_life(),
            Drained::LogGrew | Drained::Asked => return Ok(()),
        }
    }
}

/// A number that no other start has.
fn nonce() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}

fn announce(loaded: &Loaded, service: &Service) {
    let guarantee = match service.guarantee() {
        Some(Guarantee::ExactlyOnce) => ", each answer exactly once in each sink",
        Some(Guarantee::AtLeastOnce) => ", each answer at least once in each sink",
        None => "",
    };
    let (job, address) = (&loaded.config.job.name, service.address());
    tracing::info!("job {job}{guarantee}; http://{address}/status");
    for (name, sink) in &loaded.config.sinks {
        let patience = if sink.required { "required" } else { "may lag" };
        tracing::info!("sink {name}: {} ({patience})", sink.target.endpoint());
    }
}
