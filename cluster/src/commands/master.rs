//! `master`: places jobs on workers, and remembers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use flightline_engine::clock::SystemClock;
use flightline_engine::telemetry::Level;
use tokio::task::spawn_blocking;

use super::pages::{PageFlags, open_calls, open_pages, show};
use super::{start_logging, stop_on_signal, wall_clock};
use crate::entropy::{Entropy, SystemEntropy};
use crate::failure::Failure;
use crate::master::desk::Desk;
use crate::master::models::Models;
use crate::master::serve::Front;
use crate::master::sight::MasterSight;
use crate::master::state::Rules;
use crate::master::store::{FORGETTING, Store};
use crate::port::{answer, listen};
use crate::rpc::seal::Role;
use crate::rpc::serve::routes;
use crate::secret::{ClusterSecret, Token};
use crate::ui::{self, Access};

const EXAMPLES: &str = "\
Examples:
  master                                              for this machine: calls at 127.0.0.1:7077, pages at 127.0.0.1:8080
  master --rpc 0.0.0.0:7077 --ui 0.0.0.0:8080 --tls-cert site.pem --tls-key site.key
  master --state /var/lib/flightline                  jobs, workers and secrets; the same folder again takes up what runs

At its first start it makes two secrets in its state folder (mode 600): cluster.secret, which workers need, and token, which
people need for the pages and for submit. Jobs go on while the master is away.

Exit codes: 0 asked to end by Ctrl-C or SIGTERM, 2 command line, 4 the state can't be read or written, 5 a port can't be had.";

/// Between two looks at what time alone brings: lost workers, jobs that are due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Between two samples for the charts.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// The master of a cluster: workers register with it, and it places the jobs that are submitted on them.
#[derive(Clone, Debug, Parser)]
#[command(name = "master", version, after_help = EXAMPLES)]
pub struct MasterFlags {
    /// Where workers and `submit` call
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7077", env = "FLIGHTLINE_MASTER_RPC")]
    pub rpc: String,
    /// Where its pages are
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", env = "FLIGHTLINE_MASTER_UI")]
    pub ui: String,
    /// Folder of models, to be shown on a page; of the URL of one in a store the page says how to see them
    #[arg(long, value_name = "DIR", default_value = "models", env = "FLIGHTLINE_MASTER_MODELS")]
    pub models: PathBuf,
    /// Folder of the master's state, and of the secrets that it makes
    #[arg(long, value_name = "DIR", default_value = "flightline-cluster", env = "FLIGHTLINE_MASTER_STATE")]
    pub state: PathBuf,
    /// The secret that workers have, too; made in the state folder if there is none
    #[arg(long, value_name = "FILE", env = "FLIGHTLINE_CLUSTER_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
    /// The token that people have; made in the state folder if there is none
    #[arg(long, value_name = "FILE", env = "FLIGHTLINE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How its pages are protected.
    #[command(flatten)]
    pub pages: PageFlags,
}

/// Runs the master until it is asked to end.
///
/// # Errors
/// The state, a secret or a port can't be had, or the state can't be written any more.
pub fn run(flags: &MasterFlags) -> Result<ExitCode, Failure> {
    start_logging(Level::INFO)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let file = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| flags.state.join(name));
    let secret_file = file(&flags.secret_file, "cluster.secret");
    let (secret, secret_is_new) = ClusterSecret::read_or_make(&secret_file, &entropy).map_err(Failure::storage)?;
    let token_file = file(&flags.token_file, "token");
    let (token, token_is_new) = Token::read_or_make(&token_file, &entropy).map_err(Failure::storage)?;
    let store = Store::open(&flags.state).map_err(Failure::storage)?;
    let cluster = store.load(Rules::default()).map_err(Failure::storage)?;
    if store.began_empty() && !(secret_is_new && token_is_new) {
        tracing::warn!(
            "there is nothing in {}, though the secrets of an earlier master are here: if it had jobs, they are forgotten, and \
             {FORGETTING}; if that is not meant, end this one at once and put a copy of that file back",
            store.file().display()
        );
    }
    let tls = flags.pages.tls()?;
    let (calls, pages) = (listen(&flags.rpc).map_err(Failure::cluster)?, listen(&flags.ui).map_err(Failure::cluster)?);

    if secret_is_new {
        tracing::info!("made the cluster's secret: workers on other machines need a copy of {}", secret_file.display());
    }
    let address = calls.local_addr().map_err(Failure::cluster)?;
    let page = pages.local_addr().map_err(Failure::cluster)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!("master: calls at {address}, pages at {scheme}://{page}/, state in {}", flags.state.display());
    tracing::info!("the token of the pages and of submit is in {}", token_file.display());
    for warning in [open_pages(page, tls.is_some()), open_calls(address)].into_iter().flatten() {
        tracing::warn!("{warning}");
    }
    if token_is_new {
        // To whoever starts it, once: the log of a service is no place for a secret.
        eprintln!("token: {}", token.reveal());
    }

    let clock = Arc::new(SystemClock::new());
    let desk = Arc::new(Desk::new(store, cluster, clock.clone(), wall_clock(), Arc::clone(&entropy)));
    let front = Arc::new(Front::new(Arc::clone(&desk), secret.clone(), clock.clone(), Arc::clone(&entropy)));
    let access =
        Access::new(&token, &format!("master-{}", page.port()), tls.is_some(), clock.clone(), Arc::clone(&entropy));
    let sight = Arc::new(MasterSight::new(Arc::clone(&front), Models::new(flags.models.clone())));
    let site = ui::master(sight, access, ui::Settings::default());
    let secrets = move |role| match role {
        Role::Agent => Some(secret.bytes().to_vec()),
        Role::User => Some(token.reveal().as_bytes().to_vec()),
        Role::Master => None,
    };
    let routes = routes(front, Arc::new(secrets), clock, entropy).map_err(Failure::cluster)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failure::cluster)?;
    let stop = stop_on_signal("jobs go on without a master, and the next one takes them up");
    let broken = runtime.block_on(async {
        let mut broken = desk.broken();
        let ended = tokio::select! {
            ((), ()) = async {
                tokio::join!(answer(calls, routes, stop.subscribe()), show(site, pages, tls, stop.subscribe()))
            } => None,
            () = pass_time(Arc::clone(&desk)) => None,
            told = broken.wait_for(Option::is_some) => told.ok().and_then(|why| why.clone()),
        };
        stop.send_replace(true);
        ended
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    broken.map_or(Ok(ExitCode::SUCCESS), |why| Err(Failure::storage(why)))
}

/// Time goes by, at the desk.
async fn pass_time(desk: Arc<Desk>) {
    let sampled = Arc::clone(&desk);
    let sampling = async move {
        loop {
            tokio::time::sleep(SAMPLE_EVERY).await;
            sampled.sample();
        }
    };
    let ticking = async move {
        loop {
            let pause = desk.pause(LOOK_EVERY);
            tokio::time::sleep(pause).await;
            let desk = Arc::clone(&desk);
            // What it can't write down it has told already.
            let _ = spawn_blocking(move || desk.tick()).await;
        }
    };
    tokio::select! {
        () = sampling => {}
        () = ticking => {}
    }
}
