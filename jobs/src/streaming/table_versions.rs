//! Versions of a table, in a folder of immutable objects: `tables/<20 digits>.json`.
//!
//! A version is written as what differs from another one, or whole. It is created if absent and durable before anybody
//! can name it, and never changed. The object says `{"Base":6,"Hash":…,"Removed":["A-B"],"Rows":{"A-C":"…"}}`: the version
//! it is built on (none if it is whole), the hash of *all* rows of this version, and the rows that are gone, new or changed.
//!
//! Numbers come in blocks of 16, and a version is built on one of its own block only. So the first of a block is
//! whole, a version is read from at most 16 objects, and nothing of a block depends on another: what lies below the
//! block of the oldest version that is needed can be deleted without reading anything.
//!
//! Generic in what a row says. Who may name a version, and which are still needed, is the ledger's to say.

use std::sync::Arc;

use bytes::Bytes;
use flightline_engine::contract::{Blobs, Created, Fault, TableRows};
use flightline_engine::ledger::TableVersion;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

#[cfg(test)]
mod tests;

/// Numbers of a block.
const BLOCK: u64 = 16;

/// The folder of the objects.
const FOLDER: &str = "tables";

/// The versions in a store.
#[derive(Clone, Debug)]
pub struct TableVersions {
    blobs: Arc<dyn Blobs>,
}

/// What is written of a version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Object {
    /// What it is built on; nothing if it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<TableVersion>,
    /// Of all rows of the version.
    hash: String,
    /// Keys of the base that this version has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
    /// Rows that the base has not, or otherwise.
    rows: TableRows,
}

impl TableVersions {
    /// The versions in a store, if there are any yet.
    #[must_use]
    pub fn new(blobs: Arc<dyn Blobs>) -> Self {
        Self { blobs }
    }

    /// The highest version that is there, whether or not anybody names it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn latest(&self) -> Result<Option<TableVersion>, Fault> {
        Ok(self.numbers()?.into_iter().max())
    }

    /// Makes `rows` a version, built on `latest` if that pays, and gives its number; that of `latest` if the rows are the
    /// same. When this returns the version is durable.
    ///
    /// # Errors
    /// Those of the store. The version may be there all the same; to publish again finds it, or takes another number.
    pub fn publish(&self, latest: Option<(TableVersion, &TableRows)>, rows: &TableRows) -> Result<TableVersion, Fault> {
        if let Some((version, _)) = latest.filter(|(_, known)| *known == rows) {
            return Ok(version);
        }
        let mut version = TableVersion(latest.map_or(0, |(version, _)| version.0) + 1);
        loop {
            let base = latest.filter(|(base, _)| block(*base) == block(version));
            let bytes = to_bytes(&object(base, rows))?;
            let name = name(version);
            match self.blobs.create(&name, bytes.clone())? {
                Created::Ours => return Ok(version),
                // Ours after all, of a try that seemed to fail; or another's with the same rows, which is as good.
                Created::Taken if self.blobs.read(&name)?.as_ref() == Some(&bytes) => return Ok(version),
                Created::Taken => version = TableVersion(self.latest()?.unwrap_or(version).max(version).0 + 1),
            }
        }
    }

    /// The rows of a version.
    ///
    /// # Errors
    /// Those of the store; permanent if an object is missing or damaged, by its name.
    pub fn load(&self, version: TableVersion) -> Result<TableRows, Fault> {
        let last = self.read(version, version)?;
        let hash = last.hash.clone();
        let mut objects = vec![last];
        let mut at = version;
        while let Some(base) = objects.last().and_then(|object| object.base) {
            if base >= at {
                return Err(damaged(&name(at), &format!("it says that it is built on version {base}")));
            }
            objects.push(self.read(base, version)?);
            at = base;
        }
        let mut rows = TableRows::new();
        for object in objects.into_iter().rev() {
            object.removed.iter().for_each(|key| _ = rows.remove(key));
            rows.extend(object.rows);
        }
        if hash_of(&rows) != hash {
            return Err(damaged(
                &name(version),
                "its rows, or those of a version that it is built on, are not what was saved",
            ));
        }
        Ok(rows)
    }

    /// Deletes the versions that neither `oldest` nor any later one is built on, and gives how many they were.
    ///
    /// # Errors
    /// Those of the store; some may be deleted then.
    pub fn collect(&self, oldest: TableVersion) -> Result<usize, Fault> {
        let mut needless: Vec<TableVersion> = self.numbers()?;
        needless.retain(|version| block(*version) < block(oldest));
        needless.sort_unstable();
        needless.iter().try_for_each(|version| self.blobs.delete(&name(*version)))?;
        Ok(needless.len())
    }

    fn numbers(&self) -> Result<Vec<TableVersion>, Fault> {
        let names = self.blobs.list(FOLDER)?;
        Ok(names.iter().filter_map(|name| number(name)).collect())
    }

    /// Reads the object of a version, on the way to `wanted`.
    fn read(&self, version: TableVersion, wanted: TableVersion) -> Result<Object, Fault> {
        let name = name(version);
        let Some(bytes) = self.blobs.read(&name)? else {
            let why = if version == wanted { String::new() } else { format!(", on which version {wanted} is built,") };
            return Err(Fault::permanent(format!(
                "version {version} of the table{why} is missing: there is no `{name}` in the job's state; bring it back from a copy"
            )));
        };
        serde_json::from_slice(&bytes).map_err(|error| damaged(&name, &error.to_string()))
    }
}

/// A version as it is written: whole, or on its base if that is shorter.
fn object(base: Option<(TableVersion, &TableRows)>, rows: &TableRows) -> Object {
    let hash = hash_of(rows);
    if let Some((base, old)) = base {
        let removed: Vec<String> = old.keys().filter(|key| !rows.contains_key(*key)).cloned().collect();
        let changed = rows.iter().filter(|(key, value)| old.get(*key) != Some(value));
        let changed: TableRows = changed.map(|(key, value)| (key.clone(), value.clone())).collect();
        if removed.iter().map(String::len).sum::<usize>() + length(&changed) < length(rows) {
            return Object { base: Some(base), hash, removed, rows: changed };
        }
    }
    Object { base: None, hash, removed: Vec::new(), rows: rows.clone() }
}

fn to_bytes(object: &Object) -> Result<Bytes, Fault> {
    let bug = |error| Fault::permanent(format!("internal error (bug): a table can't be written as JSON: {error}"));
    serde_json::to_vec(object).map(Bytes::from).map_err(bug)
}

/// Bytes of some rows.
fn length(rows: &TableRows) -> usize {
    rows.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// 128 bits over all rows in order, each text with its length.
fn hash_of(rows: &TableRows) -> String {
    let mut hash = Xxh3::new();
    for text in rows.iter().flat_map(|(key, value)| [key, value]) {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    format!("{:032x}", hash.digest128())
}

const fn block(version: TableVersion) -> u64 {
    version.0.saturating_sub(1) / BLOCK
}

fn name(version: TableVersion) -> String {
    format!("{FOLDER}/{:020}.json", version.0)
}

/// The version of an object in the folder; other files are not ours.
fn number(name: &str) -> Option<TableVersion> {
    let digits = name.strip_suffix(".json").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok().map(TableVersion)).flatten()
}

fn damaged(name: &str, what: &str) -> Fault {
    Fault::permanent(format!("`{name}` in the job's state is damaged: {what}; bring it back from a copy"))
}
