//! The binary `web` as a function of its flags: the page of a job that runs elsewhere.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::channel;

use clap::Parser;
use flightline_jobs::clients::{CollectionClient, RemoteJob, TopicClient};
use flightline_jobs::commands::{Level, start_logging};
use flightline_jobs::config::{CollectionUrl, ConfigFlags, StreamConfig, TopicUrl};
use flightline_jobs::failure::{Failure, FailureKind};
use flightline_jobs::servers::Servers;
use flightline_jobs::service::install_drain_policy;

use crate::backend::ClientBackend;
use crate::server::{Serving, Settings, Site};

const EXAMPLES: &str = "\
Examples:
  web                                            for a job on this machine; then open http://127.0.0.1:5000/
  web --job host1:9464 --job host2:9464          a job of two processes
  web --config config/servers.toml               over Kafka and MongoDB, where nobody asks the job itself
  web --listen 0.0.0.0:80                        for others to see

The job need not run: until it does, and whenever it is away, the page says so, and goes on by itself when it is there.
Answers that came in the meantime are found in the collection.

Exit codes: 0 asked to end by Ctrl-C or SIGTERM, 2 command line or configuration, 4 a server refuses, 5 the address can't be
listened on.";

/// The page where a traveller asks about a flight, in front of a running `predict`.
#[derive(Clone, Debug, Parser)]
#[command(name = "web", version, after_help = EXAMPLES)]
pub struct WebFlags {
    /// Where the page is served; there is no log-in, so think before you name an address that others reach
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5000", env = "FLIGHTLINE_WEB_LISTEN")]
    pub listen: String,

    /// Address of a process of the running job, as it says it at its start; once for each of its processes. Asked only for
    /// embedded topics and collections
    #[arg(long = "job", value_name = "URL", default_value = "http://127.0.0.1:9464")]
    pub jobs: Vec<String>,

    /// The job's configuration: it says where requests go, and where answers come and stay.
    #[command(flatten)]
    pub config: ConfigFlags,
}

/// Serves the page until the process is asked to end. The job need not run yet: the page says so until it does.
///
/// # Errors
/// An address that is none, a port that is taken, no thread, or logs that can't be started.
pub fn run(flags: &WebFlags) -> Result<(), Failure> {
    let loaded = flags.config.load()?;
    if flags.config.dumped(&loaded)? {
        return Ok(());
    }
    start_logging(loaded.config.log.format, Level::INFO)?;
    serve(flags, &loaded.config)
}

/// The backend that a configuration names.
fn backend(flags: &WebFlags, config: &StreamConfig) -> Result<ClientBackend, Failure> {
    let servers = Servers::of(config);
    let job = RemoteJob::new(&flags.jobs).map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
    let topic = |url: &TopicUrl| -> Result<Arc<dyn TopicClient>, Failure> {
        match url {
            TopicUrl::Embedded(name) => Ok(Arc::new(job.topic(&name.0))),
            TopicUrl::Kafka(name) => servers.topic(name),
        }
    };
    let collection = |url: &CollectionUrl| -> Result<Arc<dyn CollectionClient>, Failure> {
        match url {
            CollectionUrl::Embedded(name) => Ok(Arc::new(job.collection(&name.0))),
            CollectionUrl::Mongodb(name) => servers.collection(name),
        }
    };
    let missing = |what: &str| {
        let sentence =
            format!("no sink of answers is a {what}, and the page needs one: enable one in the configuration");
        Failure::new(FailureKind::Usage, sentence)
    };
    let responses = config.answers_topic().ok_or_else(|| missing("topic"))?;
    let answers = config.answers_collection().ok_or_else(|| missing("collection"))?;
    Ok(ClientBackend::new(topic(&config.requests.log)?, topic(responses)?, collection(answers)?))
}

fn serve(flags: &WebFlags, config: &StreamConfig) -> Result<(), Failure> {
    let backend = backend(flags, config)?;
    let listener = TcpListener::bind(&flags.listen).map_err(|error| {
        let listen = &flags.listen;
        Failure::new(
            FailureKind::ClusterStart,
            format!("can't listen on {listen}: {error}; give another address with --listen"),
        )
    })?;
    let no_start = |error| Failure::new(FailureKind::ClusterStart, format!("the page can't be served: {error}"));
    let site = Site::open(Arc::new(backend), Settings::default()).map_err(no_start)?;
    let page = Serving::start(listener, site).map_err(no_start)?;
    let (ask_to_end, asked_to_end) = channel();
    install_drain_policy(move || {
        // Who is ending already need not be told.
        let _ = ask_to_end.send(());
    });
    eprintln!("the page is at http://{}/ (Ctrl-C ends it)", page.local_addr());
    // Without a handler there is nobody left to ask, and signals end the process by themselves.
    if asked_to_end.recv().is_err() {
        page.wait();
    } else {
        page.shutdown();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_a_job_on_this_machine() {
        let flags = WebFlags::parse_from(["web"]);
        assert_eq!(flags.listen, "127.0.0.1:5000");
        assert_eq!(flags.jobs, ["http://127.0.0.1:9464"]);
        let flags = WebFlags::parse_from(["web", "--job", "http://a:1", "--job", "http://b:2"]);
        assert_eq!(flags.jobs, ["http://a:1", "http://b:2"]);
    }

    #[test]
    fn what_can_not_start_says_why() {
        let refusal = |arguments: &[&str]| {
            let flags = WebFlags::parse_from([&["web"], arguments].concat());
            let loaded = flags.config.load().unwrap();
            serve(&flags, &loaded.config).unwrap_err()
        };
        let no_address = refusal(&["--job", "ftp://x"]);
        assert_eq!(no_address.kind, FailureKind::Usage);
        assert!(no_address.message.contains("ftp://x"), "{no_address}");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let no_port = refusal(&["--listen", &address]);
        assert!(no_port.message.contains(&address) && no_port.message.contains("--listen"), "{no_port}");
    }
}
