//! What `docker compose up` starts, held against the programs, without Docker.
//!
//! | module | shows |
//! |---|---|
//! | `pipeline` | that all of it comes up as the file says, answers, ends, and comes up again |
//! | `compose_file` | what may be said of the file without starting anything |
//! | `image` | that the Dockerfile has what the programs need |

mod compose_file;
mod image;
mod pipeline;

use std::collections::BTreeSet;

use flightline_tests::compose::ComposeFile;
use flightline_tests::{Invocation, project_root};
use serde_json::Value;

fn compose_file() -> ComposeFile {
    ComposeFile::read(&project_root().join("docker-compose.yml"))
}

/// What cargo says of the workspace.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let line = Invocation::of(cargo, project_root()).words("metadata --no-deps --offline --format-version 1");
    line.succeed().json()
}

/// The names of the workspace's programs, but for those of tests and benches.
fn programs() -> BTreeSet<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let for_people = packages.iter().filter(|package| !NOT_FOR_PEOPLE.iter().any(|name| package["name"] == *name));
    let targets = for_people.flat_map(|package| package["targets"].as_array().expect("a package has targets"));
    let programs = targets.filter(|target| target["kind"][0] == "bin");
    programs.map(|target| target["name"].as_str().expect("a target has a name").to_owned()).collect()
}

/// Packages whose programs nobody needs who only uses it: `predict` with bugs, and what measures.
const NOT_FOR_PEOPLE: [&str; 2] = ["flightline-tests", "flightline-bench"];
