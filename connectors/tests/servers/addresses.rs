//! Where the servers are: from the environment, else from the file that `tests/services up` writes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The project's root.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the crate stands in the project").to_owned()
}

/// What the servers' addresses file says under `key`.
pub(crate) fn address(key: &str) -> String {
    let file = root().join("target/services/addresses.env");
    let said = env::var(key).ok().or_else(|| address_in(&file, key));
    said.unwrap_or_else(|| panic!("nobody says {key}: run `tests/services up`, which writes {}", file.display()))
}

/// What one addresses file says.
pub(crate) fn address_in(file: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned)
}

/// A name that no other test uses, also not one of another run.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{name}-{time:x}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
