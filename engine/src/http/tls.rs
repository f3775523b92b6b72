//! Encryption of a server's connections: a certificate and its key, from files that may be renewed while it runs.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// How often it is looked whether the files are others.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why a certificate or its key can't be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file has something else in it.
    #[error("{} holds no {what} in PEM ({source}): it begins with a line such as -----BEGIN {what}-----", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The key is not the certificate's, or neither can be used.
    #[error("the certificate in {} and the key in {} can't be used together: {source}", certificate.display(), key.display())]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        source: rustls::Error,
    },
}

/// A certificate with its key. Clones are the same, also after it was renewed.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    changed: Changed,
}

/// When the files were changed, as far as the system tells.
type Changed = [Option<SystemTime>; 2];

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({})", self.0.certificate.display())
    }
}

impl Tls {
    /// Reads a certificate, with those that lead to its authority, and its key, both PEM.
    ///
    /// # Errors
    /// A file can't be read, holds something else, or they don't fit together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let changed = changed(certificate, key);
        let current = Mutex::new(Current { acceptor: acceptor(certificate, key)?, changed });
        Ok(Self(Arc::new(Inner { certificate: certificate.to_owned(), key: key.to_owned(), current })))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.lock().acceptor.clone()
    }

    /// Takes files that were renewed, for connections from now on. Those that can't be used are left, with a warning. Blocks on
    /// the disk.
    pub fn renew(&self) {
        let Inner { certificate, key, .. } = &*self.0;
        let changed = changed(certificate, key);
        if changed == self.lock().changed {
            return;
        }
        match acceptor(certificate, key) {
            Ok(acceptor) => {
                *self.lock() = Current { acceptor, changed };
                tracing::info!(certificate = %certificate.display(), "the renewed certificate is in use");
            }
            // Perhaps only one of the two was written yet: tried again next time.
            Err(error) => tracing::warn!("the certificate was changed, and the old one stays in use: {error}"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn changed(certificate: &Path, key: &Path) -> Changed {
    [certificate, key].map(|path| path.metadata().and_then(|about| about.modified()).ok())
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let fault = |path: &Path, what, source| match source {
        pem::Error::Io(source) => TlsError::File { path: path.to_owned(), source },
        source => TlsError::Pem { path: path.to_owned(), what, source },
    };
    let open = |path: &Path| {
        let refused = |source| TlsError::File { path: path.to_owned(), source };
        File::open(path).map(BufReader::new).map_err(refused)
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(open(certificate)?).collect();
    let chain = chain.map_err(|source| fault(certificate, "CERTIFICATE", source))?;
    if chain.is_empty() {
        return Err(fault(certificate, "CERTIFICATE", pem::Error::NoItemsFound));
    }
    let of_key = PrivateKeyDer::from_pem_reader(open(key)?).map_err(|source| fault(key, "PRIVATE KEY", source))?;
    let unfit = |source| TlsError::Unfit { certificate: certificate.to_owned(), key: key.to_owned(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, of_key)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    #[test]
    fn what_is_no_certificate_is_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one");
        let (_, other_key) = write(folder.path(), "two");
        let says = |certificate: &Path, key: &Path, words: &str| {
            let error = Tls::read(certificate, key).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        says(&folder.path().join("none"), &key, "can't read");
        says(&key, &key, "holds no CERTIFICATE in PEM");
        says(&certificate, &certificate, "holds no PRIVATE KEY in PEM");
        says(&certificate, &other_key, "can't be used together");
        assert!(Tls::read(&certificate, &key).is_ok());
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one");
        let tls = Tls::read(&certificate, &key).unwrap();
        let config = || Arc::as_ptr(tls.acceptor().config());
        let first = config();
        tls.renew();
        assert_eq!(config(), first, "nothing changed");
        let later = |path: &Path, seconds| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(seconds)).unwrap();
        };
        std::fs::write(&key, "junk").unwrap();
        later(&key, 10);
        tls.renew();
        assert_eq!(config(), first, "the old one stays");
        let (renewed, of_renewed) = write(folder.path(), "two");
        std::fs::copy(renewed, &certificate).unwrap();
        std::fs::copy(of_renewed, &key).unwrap();
        later(&key, 20);
        tls.renew();
        assert_ne!(config(), first);
    }
}
