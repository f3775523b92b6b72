//! Where the built binaries and the bundled data are.

use std::path::{Path, PathBuf};

/// The folder of the workspace.
#[must_use]
pub fn project_root() -> &'static Path {
    // The manifest of this crate stands one level below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// The 327,346 bundled flights.
#[must_use]
pub fn bundled_flights() -> PathBuf {
    project_root().join("data/flights.parquet")
}

/// The bundled distances of their routes.
#[must_use]
pub fn bundled_distances() -> PathBuf {
    project_root().join("data/origin_dest_distances.jsonl")
}

/// The binary of this name, built with the profile that the running test, or bench, was built with.
///
/// # Panics
/// If it was not built, with the command that builds it.
pub(crate) fn binary(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("a process knows its own file");
    // target/PROFILE/deps/TEST-HASH, or a binary itself: target/PROFILE/NAME.
    let is_profile = |folder: &&Path| folder.file_name().is_some_and(|name| name != "deps");
    let folder = running.ancestors().skip(1).find(is_profile).expect("cargo puts tests into target/PROFILE/deps");
    let binary = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "",
        _ => " --release",
    };
    assert!(
        binary.is_file(),
        "there is no binary {}: build all of them first, with `cargo build{profile} --workspace --bins`",
        binary.display()
    );
    binary
}
