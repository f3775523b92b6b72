//! A cluster: a master, workers and the jobs that are submitted, as real processes on this host.
//!
//! | module | shows |
//! |---|---|
//! | `train` | that training through the cluster gives the direct run's model, and what `submit --wait` says |
//! | `kills` | that training ends with the same model whatever is killed with -9 |
//! | `stream` | that a supervised stream loses and doubles nothing when it is killed or its worker goes |
//! | `room` | that workers come, come back and are waited for |
//! | `carried` | that what a job carries holds up nothing |
//! | `crashes` | that a job that can't stay up is given up, with its last words |
//! | `ends` | how jobs are ended |
//! | `schedule` | that a job comes again, and promotes only what is better |
//! | `refused` | what is refused, and what is said then |
//! | `logs` | that what processes say can be read |
//! | `pages` | that people can do all of it on the pages, with a browser |
//! | `lost_answers` | that a job is submitted once, whatever becomes of the master meanwhile |
//! | `once` | that a job is not submitted while one of its name runs |
//! | `ready` | what health checks are told, and that agents that wait end at once |
//! | `upgrade` | that a stream under load is upgraded, and no answer is lost, doubled or late |
//! | `orphans` | that no process outlives its agent |

mod carried;
mod crashes;
mod ends;
mod kills;
mod logs;
mod lost_answers;
mod once;
mod orphans;
mod pages;
mod ready;
mod refused;
mod room;
mod schedule;
mod stream;
mod train;
pub(crate) mod upgrade;

use flightline_cluster::ids::{Generation, JobId};
use flightline_cluster::job::state::Phase;
use flightline_cluster::view::JobView;
use flightline_tests::Folder;
use flightline_tests::cluster::Cluster;
use flightline_tests::rows::{json_lines, sample};
use serde_json::Value;

use crate::training::{Trained, train};

/// Some seconds of training on 6 threads; when something of it is lost, most of it is still to be done.
const LONG: &str = "--input rows.jsonl --trees 900 --depth 14 --min-rows 1";
/// Far more than any test lasts.
const ENDLESS: &str = "--input rows.jsonl --trees 10000 --depth 16 --min-rows 1";
/// The shape of a training that needs three workers of two cores.
const ON_ALL: &str = "--processes 3 --cores 2";

/// A folder with some flights.
fn folder_with_rows() -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(5_000, 0)));
    folder
}

/// The model that a direct run gives.
fn direct(folder: &Folder, words: &str) -> String {
    Trained::by(train(folder).words("-w 2").words(words)).model()
}

/// Submits a training that says what came of it as JSON.
fn submit_training(cluster: &Cluster<'_>, shape: &str, words: &str) -> JobId {
    cluster.run(&format!("train {shape} -- --json --models models {words}"))
}

/// The model that a training has ended with.
#[track_caller]
fn model_of(cluster: &Cluster<'_>, job: JobId) -> String {
    cluster.wait_until_job_is(job, Phase::Completed);
    let told: Value = cluster.submit(&format!("logs {job} --stdout --all")).succeed().json();
    told["model"].as_str().unwrap_or_else(|| panic!("there is no model in {told}")).to_owned()
}

/// Waits until a life of a training, or a later one, grows trees, and gives what the master then says.
#[track_caller]
fn wait_until_it_grows(cluster: &Cluster<'_>, job: JobId, generation: u64) -> JobView {
    cluster.wait_for_job(job, "trees grow", |view| {
        assert!(!view.line.state.is_over(), "it ended before trees grew\n{view:#?}");
        let grows = view.line.stages.iter().any(|stage| stage.name == "grow" && stage.done > 0 && !stage.ended);
        view.line.state.phase() == Phase::Running && view.line.generation >= Some(Generation(generation)) && grows
    })
}

/// Why each life of a job ended that has ended, the newest first.
fn ends_of(view: &JobView) -> Vec<&str> {
    view.generations.iter().filter_map(|life| life.ended.as_ref()).map(|(_, why)| why.as_str()).collect()
}
