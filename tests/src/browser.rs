//! Chromium in front of the pages of a cluster: the scripts in `tests/browser`, each of which plays one scenario.
//!
//! A script is told where the pages are and what opens them, looks at them and does on them what people do, and says in
//! sentences what is wrong. Pictures of what it has seen are in `target/browser-screenshots`, for eyes. Chromium and Node.js are
//! the system's; `tests/services fetch browser` gets what the scripts need besides.
//!
//! It decides nothing about a scenario, and waits for nothing but the script's end.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{DEADLINE, Folder, Invocation, project_root};

/// Where the pictures are.
const PICTURES: &str = "target/browser-screenshots";
/// What is there when the scripts can run.
const FETCHED: &str = "target/services/fetched/browser/node_modules/playwright-core/package.json";

/// Plays a scenario in front of a cluster that has a worker, with what it is told `more`.
///
/// # Panics
/// If the script says that something is wrong, or what it needs is not there.
#[track_caller]
pub fn play(scenario: &str, cluster: &Cluster<'_>, folder: &Folder, more: &Value) {
    let root = project_root();
    assert!(root.join(FETCHED).is_file(), "there is no {FETCHED}: run tests/services fetch browser");
    let pictures = root.join(PICTURES);
    fs::create_dir_all(&pictures).expect("folders can be made");
    let mut scene = json!({
        "chromium": program("chromium"),
        "master": format!("http://{}", cluster.page()),
        "worker": format!("http://{}", cluster.worker_page(0)),
        "token": cluster.token(),
        "workerToken": cluster.worker_token(0),
        "shots": pictures,
    });
    let (told, more) = (scene.as_object_mut().expect("it is one"), more.as_object().expect("it is an object"));
    told.extend(more.clone());
    let told = folder.write(&format!("{scenario}.json"), scene.to_string());
    let script = root.join("tests/browser").join(format!("{scenario}.mjs"));
    let ended = Invocation::of(program("node"), folder.path()).arg(script).arg(told).start().end_within(3 * DEADLINE);
    assert!(
        ended.status.success(),
        "the pages are not as they should be:\n{}\n{ended}\n{}",
        ended.stderr,
        cluster.story()
    );
}

/// The path of a program of the system.
fn program(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found
        .unwrap_or_else(|| panic!("there is no {name}: run ./test, which installs it, or tests/services fetch browser"))
}
