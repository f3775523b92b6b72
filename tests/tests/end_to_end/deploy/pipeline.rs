//! Everything that compose starts, started as it would, but for the notebook, which is made of packages of others; what stands in
//! for a container is told in `flightline_tests::compose`.

use std::collections::BTreeSet;

use flightline_cluster::job::state::Phase;
use flightline_cluster::view::{JobLine, JobView};
use flightline_engine::process::Exit;
use flightline_tests::compose::Project;
use flightline_tests::page::Traveller;
use flightline_tests::{Ended, wait_until};
use serde_json::Value;

/// The configuration of the image that names the servers of the file.
const CONFIG: [&str; 4] = ["--config", "/etc/flightline/servers.toml", "--config", "/etc/flightline/compose.toml"];
/// Servers of others, which say by other codes that they were asked to end.
const OTHERS: [&str; 4] = ["kafka", "mongo", "namenode", "datanode"];

#[test]
fn what_compose_starts_answers_and_is_the_same_when_it_is_started_again() {
    let Some(mut project) = Project::new(&["notebook"]) else { return };
    project.up();
    let mut asked = ask_some(&project);
    let (model, stream) = (current_model(&project), the_stream(&project));
    for ended in ends_of_ours(&mut project) {
        ended.expect(Exit::Ok);
    }

    project.up();
    asked.extend(ask_some(&project));
    assert_eq!((current_model(&project), the_stream(&project).id), (model, stream.id));
    let jobs: Vec<String> = jobs(&project).into_iter().map(|job| job.program).collect();
    assert_eq!(
        jobs.iter().filter(|program| *program == "train").count(),
        1,
        "a model that is there is enough: {jobs:?}"
    );

    project.exec("master", &["submit", "stop", &stream.id.to_string(), "--wait"]);
    every_sink_has_each_answer_once(&mut project, &asked);
    project.stop();
}

/// Asks the page as a browser does, and gives the ids; each answer is seen in the collection, by polling, and in the topic, by the
/// stream of events.
fn ask_some(project: &Project) -> BTreeSet<String> {
    let page = Traveller::at(&format!("{}:5000", project.address("web")));
    page.wait_until_healthy();
    let model = current_model(project);
    let ids: BTreeSet<String> = (0..5).map(|_| page.ask_well()).collect();
    for id in &ids {
        let streamed = page.streamed(id);
        assert_eq!(streamed, page.polled(id));
        assert_eq!((streamed["Status"].as_str(), streamed["Model"].as_str()), (Some("OK"), Some(model.as_str())));
    }
    wait_until("the files in HDFS have the answers, too", || {
        let files = "/user/flight_predictions/log_partition=*/*.txt";
        let told = project.try_exec("namenode", &["hdfs", "dfs", "-cat", files]);
        ids.iter().all(|id| told.stdout.contains(id.as_str()))
    });
    ids
}

/// The id of the one model that there is.
#[track_caller]
fn current_model(project: &Project) -> String {
    let told = project.exec("master", &["model", "--json", "list"]);
    let models: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}\n{told}"));
    let [model] = &models.as_array().expect("it is a list")[..] else { panic!("there is not one model: {models}") };
    assert_eq!(model["current"], true, "{model}");
    model["id"].as_str().expect("a model has an id").to_owned()
}

fn jobs(project: &Project) -> Vec<JobLine> {
    let told = project.exec("master", &["submit", "--json", "list"]);
    serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}\n{told}"))
}

/// The one stream, which runs and is started again whenever it ends.
#[track_caller]
fn the_stream(project: &Project) -> JobLine {
    let mut streams: Vec<JobLine> = jobs(project).into_iter().filter(|job| job.program == "predict").collect();
    assert_eq!(streams.len(), 1, "{streams:#?}");
    let stream = streams.remove(0);
    let told = project.exec("master", &["submit", "--json", "status", &stream.id.to_string()]);
    let view: JobView = serde_json::from_str(&told.stdout).unwrap_or_else(|error| panic!("{error}\n{told}"));
    assert!(view.spec.supervise && view.line.state.phase() == Phase::Running, "{view:#?}");
    stream
}

fn ends_of_ours(project: &mut Project) -> Vec<Ended> {
    project.stop().into_iter().filter(|(name, _)| !OTHERS.contains(&name.as_str())).map(|(_, ended)| ended).collect()
}

/// What every sink holds, computed again from the log of requests and the ledger: an answer that is missing, or there twice, would
/// end it with a code of its own.
fn every_sink_has_each_answer_once(project: &mut Project, asked: &BTreeSet<String>) {
    let line: Vec<&str> = ["replay", "--all", "--json"].into_iter().chain(CONFIG).collect();
    let told = project.run("worker-1", &line);
    let requests: Vec<Value> =
        told.stdout.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let ids: Vec<&str> = requests.iter().filter_map(|request| request["uuid"].as_str()).collect();
    assert_eq!(ids.len(), asked.len(), "a request is in the log once\n{told}");
    assert_eq!(ids.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), *asked);
    for request in &requests {
        for sink in ["topic", "collection", "files"] {
            assert_eq!(request["sinks"][sink]["verdict"], "same", "{request}");
        }
    }
}
