//! The pages of master and worker in a browser: how they look, what people do on them, and that they change as the cluster does.
//! The scenarios are scripts in `tests/browser`.

use flightline_cluster::ids::JobId;
use flightline_cluster::job::state::Phase;
use flightline_tests::Chance;
use flightline_tests::browser::play;
use flightline_tests::cluster::Cluster;
use flightline_tests::job::World;
use flightline_tests::rows::{json_lines, sample};
use serde_json::json;

use super::{ends_of, folder_with_rows, model_of, submit_training};

/// A training of some seconds, to be watched, one argument on each line.
const WATCHED: &str = "--json\n--models\nmodels\n--input\nrows.jsonl\n--trees\n300\n--depth\n14\n--min-rows\n1";

#[test]
fn every_page_is_laid_out_well_and_can_be_read() {
    let world = World::new();
    let folder = world.folder();
    folder.write("rows.jsonl", json_lines(&sample(5_000, 0)));
    let cluster = Cluster::start(folder, 2);
    let training = submit_training(&cluster, "--name nightly", "--input rows.jsonl --trees 20");
    let model = model_of(&cluster, training);
    let stream = cluster.run("predict --supervise --name delays -- --config job.toml --config more.toml");
    cluster.wait_until_job_is(stream, Phase::Running);
    let job = world.others_job(1);
    let load = world.trickle(job.requests(), Chance::new());
    job.wait_until("it answers", || job.answered("topic") > 0);
    let failed = submit_training(&cluster, "", "--input nothing.jsonl");
    cluster.wait_until_job_is(failed, Phase::Failed);
    let waiting = submit_training(&cluster, "--processes 9 --cores 2 --name large", "--input rows.jsonl");
    cluster.wait_until_job_is(waiting, Phase::Queued);
    let jobs = json!({ "training": training, "stream": stream, "failed": failed, "waiting": waiting });
    play("every_page", &cluster, folder, &json!({ "jobs": jobs, "model": model }));
    load.stop();
    cluster.stop();
}

#[test]
fn a_stream_is_submitted_by_the_form_watched_live_and_stopped() {
    let world = World::new();
    let cluster = Cluster::start(world.folder(), 1);
    let load = world.trickle(world.others_job(1).requests(), Chance::new());
    play("a_users_day", &cluster, world.folder(), &json!({ "config": world.folder().read("job.toml") }));
    load.stop();
    let view = cluster.job(JobId(1));
    assert_eq!(view.line.state.phase(), Phase::Stopped, "{view:#?}");
    assert_eq!(ends_of(&view), ["it was asked to end"], "{view:#?}");
    cluster.stop();
}

#[test]
fn a_training_is_watched_on_a_phone_until_its_model_is_there() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 1);
    play("training", &cluster, &folder, &json!({ "args": WATCHED }));
    model_of(&cluster, JobId(1));
    cluster.stop();
}

#[test]
fn neither_a_mouse_nor_javascript_is_needed() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 1);
    play("without_a_mouse", &cluster, &folder, &json!({}));
    cluster.stop();
}
