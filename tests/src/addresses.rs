//! Where the servers of `tests/services` are: from the environment, else from the file that it writes.

use std::env;
use std::fs;

use crate::project_root;

/// What the addresses file says under `key`.
///
/// # Panics
/// If nobody says it: the servers aren't up.
#[must_use]
pub fn address(key: &str) -> String {
    let file = project_root().join("target/services/addresses.env");
    let of_file = || {
        let text = fs::read_to_string(&file).ok()?;
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned)
    };
    let said = env::var(key).ok().or_else(of_file);
    said.unwrap_or_else(|| panic!("nobody says {key}: run `tests/services up`, which writes {}", file.display()))
}
