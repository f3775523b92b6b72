//! Each route: who may have it, and what it answers.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;

use super::{bearer, dataflow, sample, serve, serve_worker};
use crate::ids::JobId;
use crate::job::state::JobState;
use crate::view::{ClusterView, JobLine, JobView, LineState, LogPiece, ModelView, WorkerView};

#[tokio::test]
async fn the_json_twins_are_the_views() {
    let served = serve();
    let cluster = served.get("/api/cluster").await;
    assert_eq!(cluster.header("content-type"), "application/json");
    assert_eq!(serde_json::from_str::<ClusterView>(&cluster.body).unwrap(), sample::cluster());
    let models = served.get("/api/models").await.body;
    assert_eq!(serde_json::from_str::<Vec<ModelView>>(&models).unwrap(), sample::models());
    let one = served.get("/api/models/11d0a9e2b4c87f3377aa").await.body;
    assert_eq!(serde_json::from_str::<ModelView>(&one).unwrap(), sample::models()[1]);
    let jobs = served.get("/api/jobs").await.body;
    assert_eq!(serde_json::from_str::<Vec<JobLine>>(&jobs).unwrap(), sample::cluster().jobs);
    let graph = served.get("/api/jobs/3/graph").await.body;
    assert_eq!(serde_json::from_str::<flightline_engine::supervised::Graph>(&graph).unwrap(), dataflow::graph());
    let mut five = sample::job(JobId(5)).unwrap();
    five.spec.files[0].text.clear();
    let shown = served.get("/api/jobs/5").await.body;
    assert_eq!(serde_json::from_str::<JobView>(&shown).unwrap(), five);
    let log: LogPiece = serde_json::from_str(&served.get("/api/jobs/3/logs/4/0?from=5").await.body).unwrap();
    assert_eq!((log.from, log.next, log.text.as_str(), log.more), (5, 11, "began\n", true));
    for served in [served, serve_worker()] {
        for (stream, text) in [("stdout", "{\"rows\":3}\n"), ("stderr", "INFO began\n")] {
            let piece = served.get(&format!("/api/jobs/3/logs/4/0?stream={stream}")).await.body;
            assert_eq!(serde_json::from_str::<LogPiece>(&piece).unwrap().text, text);
        }
        assert_eq!(served.get("/api/jobs/3/logs/4/0?stream=both").await.code, StatusCode::BAD_REQUEST);
    }
    let worker = serve_worker().get("/api/worker").await.body;
    assert_eq!(serde_json::from_str::<WorkerView>(&worker).unwrap(), sample::the_worker());
}

#[tokio::test]
async fn what_a_job_carries_is_shown_nowhere() {
    let served = serve();
    for path in ["/jobs/3", "/api/jobs/3"] {
        let shown = served.get(path).await.body;
        assert!(shown.contains("job.toml") && !shown.contains("hush"), "{path}");
    }
}

#[tokio::test]
async fn every_page_shows_what_it_is_for() {
    let served = serve();
    for (path, words) in [
        (
            "/",
            &[
                "it needs 32 cores",
                "elm",
                "lost",
                "41 of 100 trees",
                "backing off",
                "11 of 24",
                "it is started again in 20 s",
            ][..],
        ),
        (
            "/jobs/3",
            &[
                "specification 2, ",
                "Specification 3",
                "given up: process 0 ended with code 2: &lt;answers.format&gt; is wrong",
                ", in force",
                "exactly-once",
                "version 41",
                "120,411 to 120,415",
                "1,204",
                "left lookup",
                "18k wait",
                "was ended by signal 9",
                "^[[31m",
            ][..],
        ),
        ("/jobs/3?scope=0.6", &["Arrange: distances", "from outside", "All dataflows", "stroke-dasharray"][..]),
        ("/jobs/5", &["line 77: not JSON", "2 of 4 files were read"][..]),
        ("/jobs/6", &["1,203,111 rows, done", "Runs every", "Worker elm can’t be asked"][..]),
        ("/jobs/4", &["made model", "href=\"/models/9f31c2ab77d0e4b1aa03/report\""][..]),
        ("/jobs/3/logs/4/0", &["INFO began", "data-next=\"11\""][..]),
        ("/jobs/3/stop", &["Stop job 3?", "SIGTERM"][..]),
        ("/jobs/3/kill", &["Kill job 3?", "SIGKILL"][..]),
        ("/models", &["51.2%", "current", "/models/9f31c2ab77d0e4b1aa03/report"][..]),
        ("/submit", &["dead-letters", "name=\"config\""][..]),
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.code, StatusCode::OK, "{path}");
        for word in words {
            assert!(answer.body.contains(word), "{word} on {path}");
        }
        assert!(!answer.body.contains("NaN") && !answer.body.contains('\u{1b}'), "{path}");
    }
    let worker = serve_worker().get("/").await.body;
    assert!(worker.contains("12.0 GiB taken of 16.0 GiB") && worker.contains("Job 3, generation 4"));
}

#[tokio::test]
async fn nothing_is_inline_nothing_comes_from_elsewhere_and_ids_are_unique() {
    let served = serve();
    for path in [
        "/",
        "/jobs/3",
        "/jobs/3?scope=0.6",
        "/jobs/5",
        "/jobs/3/logs/4/0",
        "/jobs/3/kill",
        "/models",
        "/submit",
        "/login",
        "/nothing",
    ] {
        let page = served.get(path).await.body;
        assert_eq!(page.matches("<script").count(), 1, "{path}");
        for inline in [" style=", "<style", "javascript:", " onclick", " onload", "src=\"http", "src=\"//"] {
            assert!(!page.contains(inline), "{inline} on {path}");
        }
        let mut ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}: {ids:?}");
        for label in page.split("<label for=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(ids.contains(&label), "{label} on {path}");
        }
    }
    let files = [include_str!("../../../assets/ui.css"), include_str!("../../../assets/live.js")];
    for file in files {
        for elsewhere in ["http:", "https:", "url(", "@import", "eval(", "Function("] {
            assert!(!file.contains(elsewhere), "{elsewhere}");
        }
    }
    assert!(files[1].lines().count() < 150);
}

#[tokio::test]
async fn no_text_of_others_becomes_markup() {
    const EVIL: &str = "\"><script>alert(1)</script>\u{202e}";
    let served = serve();
    {
        let mut cluster = served.made.cluster.lock().unwrap();
        for job in &mut cluster.jobs {
            (job.name, job.program) = (EVIL.to_owned(), EVIL.to_owned());
            job.state = JobState::Failed { why: EVIL.to_owned() };
        }
        for worker in &mut cluster.workers {
            (worker.name.0, worker.page, worker.version) = (EVIL.into(), format!("javascript:{EVIL}"), EVIL.to_owned());
        }
    }
    *served.made.log.lock().unwrap() = EVIL.to_owned();
    for path in [
        "/",
        "/jobs/3/logs/4/0",
        "/jobs/3?scope=%22%3E%3Cscript%3E",
        "/login?next=%22%3E%3Cscript%3E",
        "/models/%3Cscript%3E/report",
    ] {
        let page = served.get(path).await.body;
        assert!(
            !page.contains("<script>") && !page.contains('\u{202e}') && !page.contains("href=\"javascript"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_page_or_as_json() {
    let served = serve();
    for path in ["/jobs/77", "/jobs/x", "/nothing", "/jobs/77/stop", "/models/none/report", "/jobs/3/logs/x/0"] {
        let answer = served.get(path).await;
        assert_eq!(answer.code, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("There is nothing here") && answer.body.ends_with("</html>"), "{path}");
    }
    let no_log = "/api/jobs/77/logs/1/0";
    for path in ["/api/jobs/77", "/api/jobs/77/graph", no_log, "/api/models/none", "/api/nothing"] {
        let answer = served.get(path).await;
        assert_eq!(answer.code, StatusCode::NOT_FOUND, "{path}");
        assert!(serde_json::from_str::<Value>(&answer.body).unwrap()["error"].is_string(), "{path}");
    }
    let lost = served.get("/jobs/9/logs/1/0").await;
    assert_eq!(lost.code, StatusCode::BAD_GATEWAY);
    assert!(lost.body.contains("Worker fir can’t be asked: it timed out."));
    assert_eq!(served.get("/api/jobs/6/graph").await.code, StatusCode::BAD_GATEWAY);
    let over = served.get("/api/jobs/5/graph").await;
    assert_eq!(
        (over.code, over.body.as_str()),
        (StatusCode::CONFLICT, "{\"error\":\"job 5 is failed: nothing runs\"}")
    );
    assert_eq!(served.ask(bearer("DELETE", "/jobs/3", "")).await.code, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(served.get("/jobs/3/logs/4/0?from=x").await.code, StatusCode::BAD_REQUEST);
}

/// A check that ends who is not healthy would have ended the jobs of every worker while the master was away.
#[tokio::test]
async fn whether_a_worker_lives_and_whether_it_is_given_jobs_are_two_questions_for_everybody() {
    let served = serve_worker();
    let ask = |path| served.ask(Request::builder().uri(path).body(Body::empty()).unwrap());
    for (standing, word, ready) in [
        (LineState::Unregistered, "unregistered", StatusCode::SERVICE_UNAVAILABLE),
        (LineState::Registered, "registered", StatusCode::OK),
        (LineState::Unheard, "unheard", StatusCode::SERVICE_UNAVAILABLE),
        (LineState::Draining, "draining", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        *served.made.standing.lock().unwrap() = standing;
        let told = format!("{{\"master\":\"head:7077\",\"standing\":\"{word}\",\"state\":\"up\"}}");
        for (path, code) in [("/health", StatusCode::OK), ("/ready", ready)] {
            let answer = ask(path).await;
            assert_eq!((answer.code, &answer.body), (code, &told), "{path}");
        }
    }
}

#[tokio::test]
async fn a_master_is_ready_until_it_can_write_no_more() {
    let served = serve();
    let ask = |path| served.ask(Request::builder().uri(path).body(Body::empty()).unwrap());
    assert_eq!([ask("/health").await.code, ask("/ready").await.code], [StatusCode::OK; 2]);
    served.made.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(ask("/health").await.code, StatusCode::OK);
    let ending = ask("/ready").await;
    assert_eq!((ending.code, ending.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "{\"state\":\"ending\"}"));
}

#[tokio::test]
async fn a_models_own_page_may_do_nothing() {
    let answer = serve().get("/models/9f31c2ab77d0e4b1aa03/report").await;
    assert_eq!(answer.code, StatusCode::OK);
    assert!(answer.body.contains("its report"));
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn files_are_sent_once() {
    let served = serve();
    let ask = |tag: Option<String>| {
        let mut request = Request::builder().uri("/assets/ui.css");
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        served.ask(request.body(Body::empty()).unwrap())
    };
    let first = ask(None).await;
    assert!(
        first.code == StatusCode::OK && first.header("content-type").starts_with("text/css") && !first.body.is_empty()
    );
    let again = ask(Some(format!("\"other\", W/{}", first.header("etag")))).await;
    assert_eq!((again.code, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(ask(Some("\"other\"".to_owned())).await.code, StatusCode::OK);
}

#[tokio::test]
async fn metrics_count_workers_and_jobs() {
    let metrics = serve().get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "flightline_cluster_workers{state=\"alive\"} 2\n",
        "flightline_cluster_workers{state=\"gone\"} 0\n",
        "flightline_cluster_cores_taken{worker=\"ash\"} 6\n",
        "flightline_cluster_memory_bytes{worker=\"elm\"} 17179869184\n",
        "flightline_cluster_jobs{state=\"backing-off\"} 1\n",
        "flightline_cluster_jobs{state=\"running\"} 2\n",
        "flightline_cluster_workers{state=\"other-version\"} 0\n",
        "flightline_cluster_job_state{job=\"3\",name=\"live delays\",state=\"running\"} 1\n",
        "flightline_cluster_stream_log_end_offset{job=\"3\",name=\"live delays\",partition=\"1\"} 1201408\n",
        "flightline_cluster_stream_sink_lag_offsets{job=\"3\",name=\"live delays\",sink=\"mongodb\"} 2140\n",
        "flightline_cluster_stream_sink_state{job=\"3\",name=\"live delays\",sink=\"mongodb\",state=\"retrying\"} 1\n",
        "flightline_cluster_stream_dead_letters{job=\"3\",name=\"live delays\"} 17\n",
        "flightline_cluster_stream_troubles{job=\"3\",name=\"live delays\"} 1\n",
        "flightline_cluster_job_restarts{job=\"8\",name=\"extract, nightly\"} 5\n",
        "flightline_cluster_job_generation{job=\"3\",name=\"live delays\"} 4\n",
        "# EOF\n",
    ] {
        assert!(metrics.body.contains(line), "{line} in {}", metrics.body);
    }
    let worker = serve_worker().get("/metrics").await.body;
    assert!(
        worker.contains("flightline_worker_cores_taken 6\n") && worker.contains("flightline_worker_processes 3\n"),
        "{worker}"
    );
}
