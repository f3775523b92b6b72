//! `worker`: the agent that runs a machine's share of the jobs.

mod env_file;
mod places;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use flightline_engine::clock::SystemClock;
use flightline_engine::telemetry::Level;
use tokio::sync::watch;

use self::env_file::{Read, with_variables};
use self::places::{Has, Share, share};
use super::pages::{PageFlags, open_pages, show};
use super::{start_logging, stop_on_signal, wall_clock};
use crate::agent::answers::Answers;
use crate::agent::link::Link;
use crate::agent::sight::AgentSight;
use crate::agent::{Household, JobSecret, Settings, check_user};
use crate::entropy::{Entropy, SystemEntropy, random};
use crate::failure::Failure;
use crate::ids::{Cores, Incarnation, Memory, WorkerName};
use crate::port::{answer, callee, listen};
use crate::protocol::{MOST_OF_A_WORKER, Machine};
use crate::rpc::call::Caller;
use crate::rpc::seal::Role;
use crate::rpc::serve::routes;
use crate::secret::{ClusterSecret, SecretError, Token};
use crate::ui::{self, Access};
use crate::view::LineState;

const EXAMPLES: &str = "\
Examples:
  worker                                       all cores of this machine, for a master on this machine
  worker --master head:7077 --cores 4 --memory 8G --host node1 --secret-file cluster.secret
  worker --env-file config/worker.env          FLIGHTLINE_MASTER, FLIGHTLINE_WORKER_CORES, FLIGHTLINE_WORKER_MEMORY, ...

It starts our own programs only, those beside itself, and jobs have files only below the folders of --root. SIGTERM drains it:
its jobs finish what they have begun and go on elsewhere. When it dies, its processes die with it.

Exit codes: 0 asked to end, also while it waits for the secret or for its master; 2 command line, 4 its folder can't be used,
5 a port can't be had or another worker has its name.";

/// Runs jobs for a master, on this machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "worker", version, after_help = EXAMPLES)]
pub struct WorkerFlags {
    /// Where the master takes calls
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7077", value_parser = callee, env = "FLIGHTLINE_MASTER")]
    pub master: String,
    /// Cores for jobs; all of this machine's without it
    #[arg(long, value_name = "N", env = "FLIGHTLINE_WORKER_CORES")]
    pub cores: Option<u32>,
    /// Memory for jobs, such as 8G; what this machine has, less 1 GiB, without it
    #[arg(long, value_name = "SIZE", env = "FLIGHTLINE_WORKER_MEMORY")]
    pub memory: Option<Memory>,
    /// The name of this worker, the same each time; HOST:PORT of its calls without it
    #[arg(long, value_name = "NAME", env = "FLIGHTLINE_WORKER_NAME")]
    pub name: Option<String>,
    /// The name or address at which the master and other workers reach this machine
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", env = "FLIGHTLINE_WORKER_HOST")]
    pub host: String,
    /// Port at which the master calls this agent, on the address of --host
    #[arg(long, value_name = "PORT", default_value_t = 7078, env = "FLIGHTLINE_WORKER_RPC_PORT")]
    pub rpc_port: u16,
    /// Where its own pages are
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081", env = "FLIGHTLINE_WORKER_UI")]
    pub ui: String,
    /// The token of its pages; made in its folder if there is none
    #[arg(long, value_name = "FILE", env = "FLIGHTLINE_WORKER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Ports for the processes of jobs, on the address of --host
    #[arg(long, value_name = "FROM-TO", default_value = "7100-7199", value_parser = ports, env = "FLIGHTLINE_WORKER_MESH_PORTS")]
    pub mesh_ports: (u16, u16),
    /// Folder below which jobs may have their files; the first is where they start. The present one without it
    #[arg(long = "root", value_name = "DIR", env = "FLIGHTLINE_WORKER_ROOTS", value_delimiter = ':')]
    pub roots: Vec<PathBuf>,
    /// Folder for the processes' own files and logs
    #[arg(long, value_name = "DIR", default_value = "flightline-worker", env = "FLIGHTLINE_WORKER_FOLDER")]
    pub work: PathBuf,
    /// The cluster's secret, as the master made it
    #[arg(
        long,
        value_name = "FILE",
        default_value = "flightline-cluster/cluster.secret",
        env = "FLIGHTLINE_CLUSTER_SECRET_FILE"
    )]
    pub secret_file: PathBuf,
    /// How long jobs may take to finish what they have begun when this worker is asked to end
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "FLIGHTLINE_WORKER_GRACE")]
    pub grace: u64,
    /// File of NAME=VALUE lines, read before all else; what the environment has already stays. Those for jobs, such as
    /// AWS_REGION and FLIGHTLINE_JOB_..., are handed on to them
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Run jobs as root
    #[arg(long)]
    pub allow_root: bool,
    /// How its pages are protected.
    #[command(flatten)]
    pub pages: PageFlags,
    /// Variables of --env-file that are for jobs.
    #[arg(skip)]
    pub variables: Vec<(OsString, OsString)>,
}

impl WorkerFlags {
    /// Reads the command line, and what --env-file adds to it. Ends the process with a usage error if that can't be.
    #[must_use]
    pub fn read() -> Self {
        let words: Vec<OsString> = std::env::args_os().collect();
        let mut command = Self::command();
        let given = command.get_matches_mut();
        let Some(file) = given.get_one::<PathBuf>("env_file") else { return Self::parse() };
        match with_variables(&command, words, &given, file) {
            Ok(Read { words, variables }) => Self { variables, ..Self::parse_from(words) },
            Err(mistake) => command.error(ErrorKind::ValueValidation, mistake).exit(),
        }
    }
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let numbers =
        text.split_once('-').and_then(|(from, to)| Some((from.trim().parse().ok()?, to.trim().parse().ok()?)));
    let range = numbers.filter(|(from, to)| *from > 0 && from <= to);
    let range = range.ok_or_else(|| format!("{text:?} is no range of ports: write it as 7100-7199"))?;
    // Each process has one.
    if usize::from(range.1 - range.0) >= MOST_OF_A_WORKER {
        return Err(format!("{text:?} are more than {MOST_OF_A_WORKER} ports: no worker runs so many processes"));
    }
    Ok(range)
}

/// Runs the agent until it is asked to end.
///
/// # Errors
/// The secret, the folder or a port can't be had, or the master refuses this agent.
pub fn run(flags: &WorkerFlags) -> Result<ExitCode, Failure> {
    check_user(rustix::process::geteuid().as_raw(), flags.allow_root).map_err(Failure::usage)?;
    start_logging(Level::INFO)?;
    // Before anything is waited for: the first process of a container has no signal handlers but its own.
    let stop = stop_on_signal("no new jobs, and those that run finish what they have begun (--grace)");
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let executable = std::env::current_exe().map_err(Failure::storage)?;
    let programs = executable.parent().unwrap_or(Path::new("/"));
    let share = checked(flags, programs)?;
    let Some(secret) = secret(&flags.secret_file, &stop)? else { return Ok(ExitCode::SUCCESS) };
    let calls = listen(&joined(&flags.host, flags.rpc_port)).map_err(Failure::cluster)?;
    let address = calls.local_addr().map_err(Failure::cluster)?;
    let tls = flags.pages.tls()?;
    let pages = listen(&flags.ui).map_err(Failure::cluster)?;
    let page = pages.local_addr().map_err(Failure::cluster)?;
    let token_file = flags.token_file.clone().unwrap_or_else(|| flags.work.join("token"));
    let (token, _) = Token::read_or_make(&token_file, &entropy).map_err(Failure::storage)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let own_page = format!("{scheme}://{}", joined(&flags.host, page.port()));
    let machine = machine(flags, &share, (address, own_page), &entropy)?;

    let mut settings = Settings::new(flags.work.clone(), share.roots).map_err(Failure::storage)?;
    settings.environment.extend(flags.variables.iter().cloned());
    let (of_jobs, wall) = (secret.clone(), wall_clock());
    let job_secret = move |job, generation| JobSecret::new(of_jobs.of_job(job, generation));
    let household = Household::start(settings, job_secret, move || wall()).map_err(Failure::storage)?;
    let household = Arc::new(household);
    tracing::info!(
        "worker {}: {} cores, {}, calls at {address}, master at {}",
        machine.worker,
        machine.cores,
        machine.memory,
        flags.master
    );
    if let Some(warning) = open_pages(page, tls.is_some()) {
        tracing::warn!("{warning}");
    }
    tracing::info!("its pages are at {scheme}://{page}/, their token in {}", token_file.display());

    let caller = || Caller::new(&flags.master, Role::Agent, secret.bytes(), Arc::clone(&entropy));
    let name = machine.worker.to_string();
    let link = Arc::new(Link::new(Arc::clone(&household), machine, [caller(), caller(), caller()]));
    let clock = Arc::new(SystemClock::new());
    let access =
        Access::new(&token, &format!("worker-{}", page.port()), tls.is_some(), clock.clone(), Arc::clone(&entropy));
    let sight = Arc::new(AgentSight::new(Arc::clone(&household), Arc::clone(&link), wall_clock()));
    let site = ui::worker(&name, sight, access, ui::Settings::default());
    let key = secret.bytes().to_vec();
    let secrets = move |role| (role == Role::Master).then(|| key.clone());
    let answers = Arc::new(Answers::new(Arc::clone(&household)));
    let routes = routes(answers, Arc::new(secrets), clock, entropy).map_err(Failure::cluster)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failure::cluster)?;
    let ended = runtime.block_on(async {
        let answering = tokio::spawn(answer(calls, routes, stop.subscribe()));
        let showing = tokio::spawn(show(site, pages, tls, stop.subscribe()));
        let mut told = stop.subscribe();
        let at_work = async {
            link.come().await?;
            link.hold().await
        };
        let ended = tokio::select! {
            ended = at_work => ended.map_err(Failure::cluster),
            _ = told.wait_for(|stop| *stop) => drain(&link, &household, Duration::from_secs(flags.grace)).await,
        };
        stop.send_replace(true);
        // They end within their grace.
        let _ = tokio::join!(answering, showing);
        ended
    });
    household.shutdown(Duration::ZERO);
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.map(|()| ExitCode::SUCCESS)
}

/// Reads the cluster's secret. A master on the same machine that starts in this moment may be about to make it. `None` if this
/// process is asked to end before that.
fn secret(file: &Path, stop: &watch::Sender<bool>) -> Result<Option<ClusterSecret>, Failure> {
    const PATIENCE: Duration = Duration::from_secs(10);
    const LOOK_EVERY: Duration = Duration::from_millis(50);
    let begun = Instant::now();
    let mut said = false;
    loop {
        match ClusterSecret::read(file) {
            Err(SecretError::Missing { .. }) if *stop.borrow() => return Ok(None),
            Err(SecretError::Missing { .. }) if begun.elapsed() < PATIENCE => {
                if !said {
                    tracing::info!("waiting for the cluster's secret in {}", file.display());
                    said = true;
                }
                std::thread::sleep(LOOK_EVERY);
            }
            read => return read.map(Some).map_err(Failure::usage),
        }
    }
}

/// No more jobs; those that run finish what they have begun, while the master still hears how they are.
async fn drain(link: &Link, household: &Arc<Household>, grace: Duration) -> Result<(), Failure> {
    if link.line().standing == LineState::Unregistered && household.reports().is_empty() {
        // Nothing to finish, and nobody to tell.
        return Ok(());
    }
    link.say_drain().await;
    let all = Arc::clone(household);
    let ending = tokio::task::spawn_blocking(move || all.shutdown(grace));
    tokio::select! {
        ended = link.hold() => ended.map_err(Failure::cluster)?,
        _ = ending => {}
    }
    link.say_goodbye().await;
    Ok(())
}

/// What this worker has for jobs.
fn checked(flags: &WorkerFlags, programs: &Path) -> Result<Share, Failure> {
    let here = std::env::current_dir().map_err(Failure::storage)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    let has = Has { cores: Cores(cores).min(Cores::MOST), memory: all_memory() };
    share(flags, &here, programs, has).map_err(|mistakes| Failure::usage(mistakes.join("; ")))
}

fn machine(
    flags: &WorkerFlags,
    share: &Share,
    (address, page): (SocketAddr, String),
    entropy: &dyn Entropy,
) -> Result<Machine, Failure> {
    let incarnation = random::<8>(entropy).map_err(Failure::cluster)?;
    let port = address.port();
    Ok(Machine {
        worker: WorkerName(flags.name.clone().unwrap_or_else(|| joined(&flags.host, port)).into()),
        incarnation: Incarnation(u64::from_be_bytes(incarnation) >> 11),
        host: flags.host.clone(),
        port,
        page,
        mesh_ports: flags.mesh_ports,
        cores: share.cores,
        memory: share.memory,
        roots: share.roots.iter().map(|root| root.display().to_string()).collect(),
        own: share.roots.own().map(|own| own.display().to_string()).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn joined(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What the machine has, less what it needs itself.
fn all_memory() -> Option<Memory> {
    const OWN: u64 = 1 << 30;
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let bytes = kibibytes * 1024;
    Some(Memory(bytes.saturating_sub(OWN).max(bytes / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ports_is_from_and_to() {
        assert_eq!(ports("7100-7199"), Ok((7100, 7199)));
        assert_eq!(ports("1 - 1"), Ok((1, 1)));
        assert_eq!(ports("1-2048"), Ok((1, 2_048)));
        assert!(ports("1-2049").unwrap_err().contains("more than 2048 ports"));
        for text in ["", "7100", "7199-7100", "0-5", "1-70000", "a-b"] {
            assert!(ports(text).unwrap_err().contains("7100-7199"), "{text}");
        }
    }

    #[test]
    fn a_machine_has_memory_for_jobs() {
        assert!(all_memory().unwrap() > Memory(1 << 28));
    }
}
