//! The flags of a process that has pages, and their serving.

use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args;
use flightline_engine::http::Tls;
use tokio::sync::watch;

use crate::failure::Failure;
use crate::ui::Pages;

/// How pages are protected; to be flattened into a command's flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Pages")]
pub struct PageFlags {
    /// Certificate of the pages and those that lead to its authority, PEM; then they are served with TLS. Read again when it
    /// is renewed
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "FLIGHTLINE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "FLIGHTLINE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
}

impl PageFlags {
    /// The certificate, if there is to be one.
    ///
    /// # Errors
    /// Its files can't be used.
    pub fn tls(&self) -> Result<Option<Tls>, Failure> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::read(certificate, key).map(Some).map_err(Failure::usage),
            _ => Ok(None),
        }
    }
}

/// Serves pages until `stop` says so.
pub async fn show(pages: Pages, listener: TcpListener, tls: Option<Tls>, mut stop: watch::Receiver<bool>) {
    let stopped = async {
        // Also when whoever would say so is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => pages.serve(listener, tls, stopped).await,
        Err(error) => tracing::error!("the port of the pages can't be watched: {error}"),
    }
}
