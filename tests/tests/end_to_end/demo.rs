//! The demo as a newcomer meets it: the page answers, a killed process goes on where it was, and it can check itself.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use flightline_engine::process::Exit;
use flightline_tests::{
    DEADLINE, Folder, Invocation, Running, Signal, bundled_distances, bundled_flights, free_ports, wait_until,
};
use serde_json::Value;

const FORM: [(&str, &str); 6] = [
    ("DepDelay", "5"),
    ("Carrier", "AA"),
    ("FlightDate", "2016-12-25"),
    ("Origin", "JFK"),
    ("Dest", "SFO"),
    ("FlightNum", "1519"),
];

/// A demo in a folder of its own.
struct Demo {
    folder: Folder,
    page: u16,
    job: u16,
}

impl Demo {
    fn new() -> Self {
        let ports = free_ports(2);
        Self { folder: Folder::new(), page: ports[0], job: ports[1] }
    }

    fn invocation(&self) -> Invocation {
        let (page, job) = (format!("127.0.0.1:{}", self.page), format!("127.0.0.1:{}", self.job));
        self.folder
            .run("demo")
            .args(["--listen", &page, "--job-listen", &job, "--flights"])
            .arg(bundled_flights())
            .arg("--distances")
            .arg(bundled_distances())
    }

    fn start(&self) -> Running {
        let mut running = self.invocation().start();
        running.wait_for_line("where the page is", |line| line.contains("Open  http://"));
        running
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/flights/delays/predict/{path}", self.page)
    }

    /// Asks as the seed's page does, and gives the id.
    fn ask(&self) -> String {
        let mut asked = agent().post(self.url("classify_realtime")).send_form(FORM).expect("the form is taken");
        let asked: Value = asked.body_mut().read_json().expect("it is JSON");
        assert_eq!(asked["status"], "OK");
        asked["id"].as_str().expect("an id is a text").to_owned()
    }

    /// Polls until the answer is there.
    fn polled(&self, id: &str) -> Value {
        let mut answer = Value::Null;
        wait_until("the answer is stored", || {
            let url = self.url(&format!("classify_realtime/response/{id}"));
            let polled: Value = agent().get(url).call().expect("it answers").body_mut().read_json().expect("JSON");
            answer = polled["prediction"].clone();
            polled["status"] == "OK"
        });
        answer
    }

    /// The answer that the event stream brings.
    fn streamed(&self, id: &str) -> Value {
        let url = self.url(&format!("kafka_event_stream/{id}"));
        let body = agent().get(url).call().expect("it answers").into_body().into_reader();
        for line in BufReader::new(body).lines() {
            if let Some(data) = line.expect("the stream is text").strip_prefix("data:") {
                return serde_json::from_str(data.trim()).expect("an event is JSON");
            }
        }
        panic!("the stream ended without an answer");
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into()
}

#[test]
fn a_newcomer_asks_and_a_killed_demo_goes_on_where_it_was() {
    let demo = Demo::new();
    let running = demo.start();
    let id = demo.ask();
    let (streamed, polled) = (demo.streamed(&id), demo.polled(&id));
    assert_eq!(streamed, polled);
    assert_eq!((&polled["Status"], &polled["UUID"]), (&"OK".into(), &id.as_str().into()));
    assert_eq!(polled["Probabilities"].as_array().map(Vec::len), Some(4));
    running.kill();

    let running = demo.start();
    assert_eq!(demo.polled(&id), polled, "what was answered stays");
    let next = demo.ask();
    assert_eq!(demo.streamed(&next)["Offset"], demo.polled(&next)["Offset"]);
    running.signal(Signal::TERM);
    running.end_within(DEADLINE).expect(Exit::Ok);
    let lines: Vec<Value> = demo
        .folder
        .files("flightline-demo/predictions")
        .iter()
        .filter(|file| file.ends_with(".jsonl"))
        .flat_map(|file| {
            let text = demo.folder.read(format!("flightline-demo/predictions/{file}"));
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
        })
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.contains(&polled));
}

#[test]
fn the_demo_checks_itself() {
    let demo = Demo::new();
    for _ in 0..2 {
        let checked = demo.invocation().args(["--check", "3000"]).succeed();
        for said in ["topic       3000 answers", "collection  3000", "files       3000", "p99", "requests/s"] {
            assert!(checked.stdout.contains(said), "{checked}");
        }
    }
}
