//! Putting a file into HDFS: written whole under a staging name beside it, synchronised, closed, and then renamed.
//!
//! Invariants:
//! - nobody ever sees a part of a file under its own name, and [`PutMode::Create`] never replaces one;
//! - a staging name is used once, by one try of one process: nobody waits for the lease of a writer that was killed;
//! - a try that was given up does not commit any more, unless its rename was already on its way. That may come late: it then
//!   puts the very bytes that were asked for under a name that is still free, or does nothing;
//! - a staging file that anybody removes costs its writer a try, and nothing else: its rename finds nothing.
//!
//! Whoever is given up goes on in the background until he notices, for at most [`FAREWELL`]: a client that is dropped in the
//! middle of a block leaves a connection that keeps itself alive.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use flightline_engine::failpoint;
use hdfs_native::{Client, HdfsError, WriteOptions};
use object_store::{Error as StoreError, PutMode, PutPayload, Result};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Connected, HdfsStore, errors};
use crate::files::refusal::Refusal;

/// How long a try that was given up may go on. A DataNode that is silent is noticed by the client after 60 s.
const FAREWELL: Duration = Duration::from_secs(90);

/// The longest wait for a staging file to be removed; if that fails, the next life does it.
const CLEARING: Duration = Duration::from_secs(30);

/// Puts a file.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for a name that is taken and not to be replaced. After most others nobody knows whether the
/// file is there.
pub(super) async fn put(store: &HdfsStore, file: &str, payload: PutPayload, mode: PutMode) -> Result<()> {
    let replaces = match mode {
        PutMode::Create => false,
        PutMode::Overwrite => true,
        PutMode::Update(_) => return super::not_there("a put that depends on a version"),
    };
    let limit = store.shared.options.allowance(payload.content_length() as u64);
    let Connected { client, number } = store.lock().clone();
    let given_up = Arc::new(AtomicBool::new(false));
    let attempt = Attempt {
        client,
        file: file.to_owned(),
        replaces,
        replication: store.shared.options.hdfs.replication,
        given_up: Arc::clone(&given_up),
        io: store.shared.io.clone(),
    };
    let task = store.shared.io.spawn(timeout(limit + FAREWELL, attempt.run(payload)));
    match timeout(limit, task).await {
        Ok(Ok(Ok(outcome))) => {
            store.shared.silences.store(0, Ordering::Relaxed);
            outcome
        }
        Ok(Ok(Err(_))) => Err(errors::silent(limit)),
        Ok(Err(broken)) => Err(StoreError::Generic { store: super::STORE, source: Box::new(broken) }),
        Err(_) => {
            given_up.store(true, Ordering::SeqCst);
            store.replace(number);
            Err(errors::silent(limit))
        }
    }
}

/// One try to put a file.
struct Attempt {
    client: Client,
    file: String,
    replaces: bool,
    replication: Option<u32>,
    given_up: Arc<AtomicBool>,
    io: Handle,
}

impl Attempt {
    async fn run(self, payload: PutPayload) -> Result<()> {
        self.look().await?;
        let mut staged = Staged::new(&self.file, &self.client, &self.io);
        self.write(&staged.name, payload).await.map_err(errors::of_call)?;
        failpoint::hit("hdfs/before-rename");
        if self.given_up.load(Ordering::SeqCst) {
            return Err(errors::silent(Duration::ZERO));
        }
        staged.rename_to(&self.file, self.replaces).await
    }

    /// Saves the writing where the name is taken already. The rename decides.
    async fn look(&self) -> Result<()> {
        match self.client.get_file_info(&self.file).await {
            Ok(there) if there.isdir => {
                let refusal = Refusal::permanent("a folder has this name", "remove it, or choose another name");
                Err(StoreError::Generic { store: super::STORE, source: Box::new(refusal) })
            }
            Ok(_) if !self.replaces => Err(errors::of_call(HdfsError::AlreadyExists(self.file.clone()))),
            Ok(_) | Err(HdfsError::FileNotFound(_)) => Ok(()),
            Err(error) => Err(errors::of_call(error)),
        }
    }

    async fn write(&self, name: &str, payload: PutPayload) -> hdfs_native::Result<()> {
        let options = WriteOptions { replication: self.replication, ..WriteOptions::default() };
        let mut writer = self.client.create(name, options).await?;
        let mut is_empty = true;
        for bytes in payload {
            is_empty &= bytes.is_empty();
            writer.write_bytes(bytes).await?;
        }
        failpoint::hit("hdfs/under-construction");
        if !is_empty {
            // On the disks of all DataNodes, that is; erasure-coded files have no such thing.
            match writer.hsync().await {
                Ok(()) | Err(HdfsError::UnsupportedFeature(_)) => {}
                Err(error) => return Err(error),
            }
        }
        writer.close().await
    }
}

/// A later life of the job took the staging file for a dead writer's.
fn swept() -> StoreError {
    let refusal = Refusal::transient("its staging file is gone", "another life of the job may have cleared it away");
    StoreError::Generic { store: super::STORE, source: Box::new(refusal) }
}

/// A staging file, removed when it is dropped.
pub(super) struct Staged {
    pub(super) name: String,
    client: Client,
    io: Handle,
    /// It has its own name now.
    is_gone: bool,
}

impl Staged {
    /// For this file; nothing is written yet.
    pub(super) fn new(file: &str, client: &Client, io: &Handle) -> Self {
        Self { name: staging_name(file), client: client.clone(), io: io.clone(), is_gone: false }
    }

    /// Gives it its own name.
    pub(super) async fn rename_to(&mut self, file: &str, replaces: bool) -> Result<()> {
        match self.client.rename(&self.name, file, replaces).await.map_err(errors::of_call) {
            Ok(()) => {
                self.is_gone = true;
                Ok(())
            }
            Err(StoreError::NotFound { .. }) => Err(swept()),
            Err(other) => Err(other),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        let (name, client) = (std::mem::take(&mut self.name), self.client.clone());
        self.io.spawn(async move {
            match timeout(CLEARING, client.delete(&name, false)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::debug!(%name, %error, "a staging file stays for the next life to clear away");
                }
                Err(_) => tracing::debug!(%name, "a staging file stays for the next life to clear away"),
            }
        });
    }
}

/// A name beside the file's, which [`final_name`](crate::files::staging::final_name) knows, and which nobody had before.
fn staging_name(file: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    // Each of these is seeded by the system anew.
    let chance = RandomState::new().hash_one((std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    format!("{folder}/.{name}.tmp.{chance}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::staging::final_name;

    #[test]
    fn staging_names_are_hidden_never_the_same_and_known() {
        let (one, other) = (staging_name("/a/b/c.jsonl"), staging_name("/a/b/c.jsonl"));
        assert_ne!(one, other);
        let hidden = one.strip_prefix("/a/b/").unwrap();
        assert!(hidden.starts_with('.'));
        assert_eq!(final_name(hidden), Some("c.jsonl"));
        assert!(staging_name("/top").starts_with("/.top.tmp."));
    }
}
