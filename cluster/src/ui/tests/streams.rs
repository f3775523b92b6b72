//! Pages that stand open hear what changed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt;
use serde_json::Value;

use super::{Served, bearer, serve, serve_worker, with_cookie};
use crate::job::state::JobState;

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(30);

/// The parts of a job's page.
const OF_A_JOB: [&str; 9] = ["state", "stages", "stream", "charts", "places", "graph", "ledger", "generations", "spec"];

/// A stream's events as they come.
struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Events {
    async fn open(served: &Served, path: &str) -> Self {
        Self::of(served.raw(bearer("GET", path, "")).await)
    }

    fn of(response: axum::http::Response<Body>) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event's name and data; `None` when the stream ends.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name| event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
                let event = field("event:").map(|name| (name, serde_json::from_str(&field("data:").unwrap()).unwrap()));
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            } else {
                let chunk = tokio::time::timeout(LONG, self.body.next()).await.expect("nothing comes")?;
                self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            }
        }
    }

    async fn parts(&mut self, count: usize) -> Vec<Value> {
        let mut parts = Vec::new();
        for _ in 0..count {
            let (name, data) = self.next().await.unwrap();
            assert_eq!(name, "part");
            parts.push(data);
        }
        parts
    }
}

fn names(parts: &[Value]) -> Vec<&str> {
    parts.iter().map(|part| part["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_sends_all_parts_once_and_then_only_those_that_changed() {
    let served = serve();
    let page = served.get("/").await.body;
    let mut events = Events::open(&served, "/events?of=/").await;
    let first = events.parts(4).await;
    assert_eq!(names(&first), ["totals", "jobs", "workers", "over"]);
    for part in &first {
        let (mark, html) = (part["mark"].as_str().unwrap(), part["html"].as_str().unwrap());
        assert!(page.contains(&format!("data-mark=\"{mark}\"")) && page.contains(html), "the page has the same");
    }

    // A change that nobody can see, and then one of a job that is over: only that part comes.
    let looks = served.made.looks.load(Ordering::SeqCst);
    served.made.changed();
    tokio::select! {
        event = events.next() => panic!("nothing that shows has changed: {event:?}"),
        () = async {
            while served.made.looks.load(Ordering::SeqCst) == looks {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    served.made.cluster.lock().unwrap().jobs[5].state = JobState::Failed { why: "of <another> reason".to_owned() };
    served.made.changed();
    let changed = events.parts(1).await;
    assert_eq!(names(&changed), ["over"]);
    assert!(changed[0]["html"].as_str().unwrap().contains("of &lt;another&gt; reason"));
}

#[tokio::test]
async fn a_jobs_page_and_a_workers_page_are_followed_too() {
    let served = serve();
    let mut events = Events::open(&served, "/events?of=/jobs/3%3Fscope%3D0.6").await;
    let parts = events.parts(9).await;
    assert_eq!(names(&parts), OF_A_JOB);
    assert!(parts[5]["html"].as_str().unwrap().contains("Arrange: distances"));
    let served = serve_worker();
    let mut events = Events::open(&served, "/events?of=/").await;
    assert_eq!(names(&events.parts(2).await), ["worker", "processes"]);
}

/// A page that was open since before its job ran never showed stages, charts and sinks: it had no place for them.
#[tokio::test]
async fn a_job_that_has_nothing_to_say_yet_has_a_place_for_all_that_comes() {
    let served = serve();
    for path in ["/jobs/5", "/jobs/6"] {
        let page = served.get(path).await.body;
        for part in OF_A_JOB {
            assert!(page.contains(&format!("data-live=\"{part}\"")), "{path} has no place for {part}");
        }
    }
}

#[tokio::test]
async fn a_log_is_sent_as_it_grows_until_its_process_ends() {
    let served = serve();
    let mut events = Events::open(&served, "/events?of=/jobs/3/logs/4/0&from=5").await;
    let (name, data) = events.next().await.unwrap();
    assert_eq!(
        (name.as_str(), &data["next"], data["html"].as_str()),
        ("log", &Value::from(11), Some("<span>began\n</span>"))
    );
    served.made.log.lock().unwrap().push_str("<b>\u{7}\n");
    served.made.changed();
    let (_, data) = events.next().await.unwrap();
    assert_eq!((&data["next"], data["html"].as_str()), (&Value::from(16), Some("<span>&lt;b&gt;^G\n</span>")));
    served.made.is_over.store(true, Ordering::SeqCst);
    served.made.changed();
    assert_eq!(events.next().await.unwrap().0, "end");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let served = serve();
    let (cookie, seal) = served.log_in().await;
    let mut events = Events::of(served.raw(with_cookie("/events?of=/", &cookie)).await);
    events.parts(4).await;
    served.ask(super::form("/logout", &cookie, &format!("seal={seal}"))).await;
    served.made.cluster.lock().unwrap().jobs.clear();
    served.made.changed();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let served = serve();
    let mut events = Events::open(&served, "/events?of=/models").await;
    events.parts(1).await;
    served.pages.ending.send_replace(true);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn streams_are_bounded_and_of_pages_that_change() {
    let served = serve();
    let mut open = Vec::new();
    let refused = loop {
        let response = served.raw(bearer("GET", "/events?of=/", "")).await;
        if response.status() != StatusCode::OK {
            break response.status();
        }
        open.push(response);
    };
    assert_eq!((refused, open.len()), (StatusCode::SERVICE_UNAVAILABLE, super::hasty().streams));
    drop(open.pop());
    assert_eq!(served.raw(bearer("GET", "/events?of=/", "")).await.status(), StatusCode::OK, "a place came back");
    assert_eq!(served.get("/events?of=/submit").await.code, StatusCode::NOT_FOUND);
    assert_eq!(served.get("/events").await.code, StatusCode::BAD_REQUEST);
    let mut gone = Events::open(&serve(), "/events?of=/jobs/77").await;
    assert_eq!(gone.next().await.unwrap().0, "end");
}
