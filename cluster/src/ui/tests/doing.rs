//! What pages and programs can do.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::http::StatusCode;
use flightline_engine::clock::ManualClock;
use flightline_engine::ids::ProcessCount;
use flightline_engine::supervised::Graph;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

use super::{Made, Served, access, bearer, form, hasty, master, sample, serve, with_cookie};
use crate::ids::{Cores, JobId, Moment, ProcessRef};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::job::upgrade::Changes;
use crate::master::upgrade::Refused;
use crate::protocol::LogStream;
use crate::protocol::messages::{Submitted, Upgraded};
use crate::ui::page::job::confirm;
use crate::ui::{NotHad, Settings, Sight};
use crate::view::{ClusterView, JobView, LogPiece, ModelView};

#[tokio::test]
async fn jobs_are_stopped_and_killed_by_people_and_programs() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    let page = served.ask(with_cookie("/jobs/3/kill", &cookie)).await.body;
    assert!(page.contains(&seal) && page.contains("action=\"/jobs/3/kill\""));
    let answer = served.ask(form("/jobs/3/kill", &cookie, &format!("seal={seal}"))).await;
    assert_eq!((answer.code, answer.header("location")), (StatusCode::SEE_OTHER, "/jobs/3"));
    let answer = served.ask(bearer("POST", "/api/jobs/3/stop", "")).await;
    assert_eq!((answer.code, answer.body.as_str()), (StatusCode::ACCEPTED, r#"{"asked":"stop","id":3}"#));
    assert_eq!(*served.made.stopped.lock().unwrap(), [(JobId(3), StopHow::Kill), (JobId(3), StopHow::Stop)]);
    let late = served.ask(form("/jobs/5/stop", &cookie, &format!("seal={seal}"))).await;
    assert!(late.code == StatusCode::CONFLICT && late.body.contains("Job 5 is over already."));
    assert_eq!(served.ask(bearer("POST", "/api/jobs/5/stop", "")).await.code, StatusCode::CONFLICT);
    assert_eq!(served.ask(bearer("POST", "/api/jobs/77/stop", "")).await.code, StatusCode::NOT_FOUND);
}

/// The page said that such a job is over, and let nobody end what comes after it.
#[test]
fn a_schedule_can_be_ended_where_a_run_of_it_is_over() {
    let mut view = sample::job(JobId(5)).unwrap();
    assert!(view.line.state.is_over());
    let page = |view: &_| confirm(view, StopHow::Stop, "a seal").into_string();
    assert!(page(&view).contains("It is over already.") && !page(&view).contains("<form"));
    view.line.schedule = Some(JobId(2));
    let asks = page(&view);
    assert!(asks.contains("End the schedule of job 5?") && asks.contains("action=\"/jobs/5/stop\""), "{asks}");
}

#[tokio::test]
async fn jobs_are_submitted_by_people_and_programs() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    let typed = format!(
        "seal={seal}&program=predict&name=x&args=--live&processes=2&cores=3&memory=2G&every=&config=a%3D1&supervise=yes"
    );
    let answer = served.ask(form("/submit", &cookie, &typed)).await;
    assert_eq!((answer.code, answer.header("location")), (StatusCode::SEE_OTHER, "/jobs/3"), "{}", answer.body);
    let answer = served.ask(bearer("POST", "/api/jobs", &serde_json::to_string(&sample::spec()).unwrap())).await;
    assert_eq!(
        (answer.code, answer.header("location"), answer.body.as_str()),
        (StatusCode::CREATED, "/api/jobs/3", r#"{"id":3}"#)
    );
    let submitted = served.made.submitted.lock().unwrap();
    assert_eq!(submitted[0].args, ["--live", "--config", "{carried}/job.toml"]);
    assert_eq!((submitted[0].processes.get(), submitted[0].supervise), (2, true));
    assert_eq!(submitted[1], sample::spec());
}

#[tokio::test]
async fn a_program_submits_what_is_not_there_yet() {
    let served = serve();
    let ask = |name: &str, unless_running| {
        let spec = JobSpec { name: name.to_owned(), ..sample::spec() };
        let path = format!("/api/jobs?unless_running={unless_running}");
        served.ask(bearer("POST", &path, &serde_json::to_string(&spec).unwrap()))
    };
    for (name, unless_running, code, body) in [
        ("live delays", true, StatusCode::OK, r#"{"id":3}"#),
        ("another", true, StatusCode::CREATED, r#"{"id":3}"#),
        (
            "distances",
            true,
            StatusCode::CONFLICT,
            r#"{"error":"job 7 of this name is ending: ask again when that is over","id":7}"#,
        ),
        ("live delays", false, StatusCode::CREATED, r#"{"id":3}"#),
    ] {
        let answer = ask(name, unless_running).await;
        assert_eq!((answer.code, answer.body.as_str()), (code, body), "{name} {unless_running}");
    }
    let names: Vec<String> = served.made.submitted.lock().unwrap().iter().map(|spec| spec.name.clone()).collect();
    assert_eq!(names, ["another", "live delays"]);
}

#[tokio::test]
async fn a_program_upgrades_a_job_and_is_told_why_not() {
    let served = serve();
    let ask = async |job: u64, body: &str| {
        let answer = served.ask(bearer("POST", &format!("/api/jobs/{job}/upgrade"), body)).await;
        (answer.code, answer.body)
    };
    let body = r#"{"id":3,"specification":2}"#.to_owned();
    assert_eq!(ask(3, r#"{"processes":2,"args":["--live"]}"#).await, (StatusCode::ACCEPTED, body.clone()));
    let asked =
        Changes { processes: Some(ProcessCount::new(2)), args: Some(vec!["--live".to_owned()]), ..Changes::default() };
    assert_eq!(served.made.upgraded.lock().unwrap()[..], [(JobId(3), asked)]);
    assert_eq!(ask(2, "{}").await, (StatusCode::ACCEPTED, body), "the run that goes on, not the one that was named");
    let (code, why) = ask(5, "{}").await;
    assert!(code == StatusCode::CONFLICT && why.contains("job 5 is failed: submit it again"), "{why}");
    let errors = r#"{"errors":["no worker has so many cores"]}"#.to_owned();
    assert_eq!(ask(3, r#"{"cores":65}"#).await, (StatusCode::UNPROCESSABLE_ENTITY, errors));
    let (code, why) = ask(3, r#"{"proceses":2}"#).await;
    assert!(code == StatusCode::BAD_REQUEST && why.contains("unknown field `proceses`"), "{why}");
}

#[tokio::test]
async fn mistakes_are_told_all_together_with_what_was_typed() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    let typed = |cores: &str| {
        format!(
            "seal={seal}&program=train&name=%3Cb%3Ename&args=--a%0D%0A--b&processes=1&cores={cores}&memory=2G&every=&config="
        )
    };
    for (cores, mistakes) in [
        ("many", vec!["is no number of cores"]),
        ("65", vec!["no worker has so many cores", "and &lt;none&gt; ever had"]),
    ] {
        let answer = served.ask(form("/submit", &cookie, &typed(cores))).await;
        assert_eq!(answer.code, StatusCode::UNPROCESSABLE_ENTITY);
        for shown in mistakes.into_iter().chain(["&lt;b&gt;name", "--a\r\n--b", &seal]) {
            assert!(answer.body.contains(shown), "{shown} in {}", answer.body);
        }
    }
    let spec = sample::spec();
    let wide = JobSpec { cores: Cores(65), ..spec };
    let answer = served.ask(bearer("POST", "/api/jobs", &serde_json::to_string(&wide).unwrap())).await;
    assert_eq!(answer.code, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        json!({"errors": ["no worker has so many cores", "and <none> ever had"]})
    );
    let junk = served.ask(bearer("POST", "/api/jobs", "{\"name\":1}")).await;
    assert!(junk.code == StatusCode::BAD_REQUEST && junk.body.contains("can't be read"), "{}", junk.body);
    let large = served.ask(bearer("POST", "/api/jobs", &"x".repeat(2 << 20))).await;
    assert_eq!(large.code, StatusCode::PAYLOAD_TOO_LARGE);
}

/// Someone who looks at too much at once is sent away; whoever comes then is not.
#[tokio::test]
async fn calls_that_block_are_bounded() {
    struct Slow(Arc<Made>, Mutex<mpsc::Receiver<()>>);
    impl Sight for Slow {
        fn cluster(&self) -> ClusterView {
            let _ = self.1.lock().unwrap().recv();
            self.0.cluster()
        }
        fn job(&self, id: JobId) -> Option<JobView> {
            self.0.job(id)
        }
        fn graph(&self, id: JobId) -> Result<Graph, NotHad> {
            self.0.graph(id)
        }
        fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad> {
            Sight::log(&*self.0, process, stream, from)
        }
        fn models(&self) -> Result<Vec<ModelView>, String> {
            self.0.models()
        }
        fn current_model(&self) -> Option<(String, Moment)> {
            self.0.current_model()
        }

        fn model(&self, _: &str) -> Option<ModelView> {
            None
        }
        fn model_page(&self, _: &str) -> Option<Vec<u8>> {
            None
        }
        fn submit(&self, _: JobSpec, _: bool) -> Result<Submitted, Vec<String>> {
            Err(vec![])
        }
        fn stop(&self, _: JobId, _: StopHow) -> Result<(), NotHad> {
            Ok(())
        }
        fn is_ready(&self) -> bool {
            true
        }
        fn upgrade(&self, id: JobId, changes: Changes) -> Result<Upgraded, Refused> {
            self.0.upgrade(id, changes)
        }
        fn changes(&self) -> watch::Receiver<u64> {
            self.0.changes.subscribe()
        }
    }
    let (release, released) = mpsc::channel();
    let (made, clock) = (Made::new(), ManualClock::new());
    let sight = Arc::new(Slow(Arc::clone(&made), released.into()));
    let settings = Settings { calls: 1, patience: Duration::from_millis(20), ..hasty() };
    let pages = master(sight, access(&clock, false), settings);
    let served = Served { made, clock, pages };
    let slow = tokio::spawn({
        let router = served.router();
        async move { router.oneshot(bearer("GET", "/api/cluster", "")).await.unwrap().status() }
    });
    // Until the one place is taken, the other request is answered.
    loop {
        let answer = served.get("/api/jobs/3").await;
        if answer.code == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.header("retry-after"), "1");
            break;
        }
        tokio::task::yield_now().await;
    }
    release.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), StatusCode::OK);
    assert_eq!(served.get("/api/jobs/3").await.code, StatusCode::OK);
}
