//! The flags of a process that has pages, and their serving.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
            (Some(certificate), Some(key)) => {
                check_key(key)?;
                Tls::read(certificate, key).map(Some).map_err(Failure::usage)
            }
            _ => Ok(None),
        }
    }
}

/// That not everybody on this computer may read the key: then it protects nothing. One that can't be looked at is told when it
/// is read.
fn check_key(key: &Path) -> Result<(), Failure> {
    let mode = std::fs::metadata(key).map_or(0, |about| about.mode() & 0o777);
    match mode & 0o007 {
        0 => Ok(()),
        _ => Err(Failure::usage(format!(
            "the key {key} can be read by others (mode {mode:o}), so it protects nothing: chmod 600 {key}, and make a new \
             one if others use this machine",
            key = key.display()
        ))),
    }
}

/// What to say of pages that other computers can reach without TLS, if they are.
pub fn open_pages(address: SocketAddr, has_tls: bool) -> Option<String> {
    let is_open = !address.ip().is_loopback() && !has_tls;
    is_open.then(|| {
        format!(
            "the pages at {address} have no TLS: the token and all that they show cross the network in the clear; give \
             --tls-cert and --tls-key, or listen on 127.0.0.1"
        )
    })
}

/// What to say of calls that come from other computers.
pub fn open_calls(address: SocketAddr) -> Option<String> {
    (!address.ip().is_loopback()).then(|| {
        format!(
            "calls at {address} are authenticated and not encrypted: the token is never sent, but the configuration of jobs \
             crosses the network in the clear; use a network that you trust, or a tunnel"
        )
    })
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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_that_everybody_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("site.pem"), folder.path().join("site.key"));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let flags = PageFlags { tls_cert: Some(certificate), tls_key: Some(key.clone()) };
        for (mode, is_taken) in [(0o644, false), (0o604, false), (0o640, true), (0o600, true)] {
            fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
            let read = flags.tls().map(|tls| tls.is_some()).map_err(|failure| failure.to_string());
            assert_eq!(read.is_ok(), is_taken, "{mode:o}: {read:?}");
            assert!(is_taken || read.unwrap_err().contains(&format!("mode {mode:o}")));
        }
    }

    #[test]
    fn what_crosses_the_network_in_the_clear_is_said() {
        for (address, pages, calls) in
            [("127.0.0.1:1", false, false), ("[::1]:1", false, false), ("0.0.0.0:1", true, true)]
        {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(open_pages(address, false).is_some(), pages, "{address}");
            assert_eq!(open_pages(address, true), None, "{address}");
            assert_eq!(open_calls(address).is_some(), calls, "{address}");
        }
    }
}
