//! `web` as a process of its own in front of a `predict` that comes, dies and comes again: the seed's curl of the form, the
//! answer by polling and by the event stream, and what a traveller is told while the job is away.

use std::io::{BufRead, BufReader};
use std::thread;
use std::time::Duration;

use flightline_engine::process::Exit;
use flightline_tests::job::{Shape, World};
use flightline_tests::{DEADLINE, Folder, Running, Signal, free_ports, wait_until};
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

/// The five fields of the seed's page; its server sends no flight number.
const FORM: [(&str, &str); 5] =
    [("DepDelay", "5"), ("Carrier", "AA"), ("FlightDate", "2016-12-25"), ("Origin", "JFK"), ("Dest", "SFO")];
const HOSTILE: &str = "\"><script>alert(1)</script>\u{1b}[2J";

/// A `web` in front of the jobs of a world.
struct Page {
    running: Running,
    port: u16,
    agent: Agent,
}

impl Page {
    fn start(world: &World) -> Self {
        let port = free_ports(1)[0];
        let listen = format!("127.0.0.1:{port}");
        let web = world.folder().run("web").args(["--listen", &listen, "--job", &world.address()]);
        let mut running = web.start();
        running.wait_for_line("where the page is", |line| line.contains("the page is at http://"));
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).http_status_as_error(false);
        Self { running, port, agent: config.build().into() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn get(&self, path: &str) -> Response<Body> {
        self.agent.get(self.url(path)).call().expect("the page answers")
    }

    /// Sends a form, and gives status and body.
    fn ask(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let asked = self.agent.post(self.url("/flights/delays/predict/classify_realtime"));
        let mut reply = asked.send_form(form.iter().copied()).expect("the page answers");
        (reply.status().as_u16(), json_of(&mut reply))
    }

    /// Asks as the seed's page does, and gives the id.
    fn ask_well(&self) -> String {
        let (status, reply) = self.ask(&FORM);
        assert_eq!((status, &reply["status"]), (200, &json!("OK")), "{reply}");
        reply["id"].as_str().expect("an id is a text").to_owned()
    }

    /// Polls until the answer is stored.
    fn polled(&self, id: &str) -> Value {
        let path = format!("/flights/delays/predict/classify_realtime/response/{id}");
        let mut reply = Value::Null;
        wait_until("the answer is stored", || {
            reply = json_of(&mut self.get(&path));
            assert!(["OK", "WAIT"].contains(&reply["status"].as_str().unwrap_or_default()), "{reply}");
            reply["status"] == "OK"
        });
        reply["prediction"].take()
    }

    /// The answer that the event stream brings.
    fn streamed(&self, id: &str) -> Value {
        let reply = self.get(&format!("/flights/delays/predict/kafka_event_stream/{id}"));
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        let lines = BufReader::new(reply.into_body().into_reader()).lines();
        let mut data = lines.filter_map(|line| line.expect("it is text").strip_prefix("data:").map(str::to_owned));
        serde_json::from_str(&data.next().expect("an event comes")).expect("an event is JSON")
    }

    /// Waits until `/health` has a status, and gives its body.
    fn wait_for_health(&self, wanted: u16) -> Value {
        let mut health = Value::Null;
        wait_until("the page knows about the job", || {
            let mut reply = self.get("/health");
            health = json_of(&mut reply);
            reply.status().as_u16() == wanted
        });
        health
    }

    fn stop(self) {
        self.running.signal(Signal::TERM);
        self.running.end_within(DEADLINE).expect(Exit::Ok);
    }
}

fn json_of(reply: &mut Response<Body>) -> Value {
    reply.body_mut().read_json().expect("it is JSON")
}

/// While the job is away, a traveller learns that, and nothing about where things are.
fn is_helpless_but_helpful(page: &Page, world: &World) {
    let health = page.wait_for_health(503);
    assert_eq!(health, json!({ "status": "ERROR", "job": "unreachable" }));
    let mut form = page.get("/flights/delays/predict_kafka");
    assert_eq!(form.status(), 200, "the page itself needs no job");
    assert!(form.body_mut().read_to_string().expect("it is text").contains("name=\"DepDelay\""));
    let (status, reply) = page.ask(&FORM);
    assert_eq!(status, 503);
    let address = world.address();
    let told = reply["error"].as_str().expect("a sentence");
    assert!(told.contains("can't be reached; try again"), "{told}");
    assert!(!reply.to_string().contains(address.trim_start_matches("http://")), "{reply}");
}

#[test]
fn the_page_outlives_the_job() {
    let world = World::new();
    let page = Page::start(&world);
    is_helpless_but_helpful(&page, &world);

    let job = world.start(&Shape::of(1, 2));
    assert_eq!(page.wait_for_health(200), json!({ "status": "OK", "job": "reachable" }));
    let id = page.ask_well();
    let (streamed, polled) = (page.streamed(&id), page.polled(&id));
    assert_eq!(streamed, polled);
    assert_eq!((&polled["Status"], &polled["UUID"], &polled["FlightNum"]), (&"OK".into(), &id.into(), &Value::Null));
    assert!(polled.as_object().is_some_and(|answer| answer.contains_key("FlightNum")), "{polled}");
    let before = polled["UUID"].as_str().expect("a text").to_owned();
    job.kill(0);

    is_helpless_but_helpful(&page, &world);
    // Nothing of this page's memory can help it: the answer is in the collection, and nobody can be asked for it yet.
    let other = Page::start(&world);
    let job = thread::scope(|scope| {
        let early = scope.spawn(|| other.streamed(&before));
        let job = world.start(&Shape::of(1, 1));
        assert_eq!(early.join().expect("the stream goes on until the job is there"), polled);
        job
    });
    page.wait_for_health(200);
    assert_eq!(page.polled(&before), polled, "what was answered stays");
    let next = page.ask_well();
    assert_eq!(page.streamed(&next), page.polled(&next));
    page.stop();
    other.stop();
    // The files may lag behind what the page has shown.
    job.wait_until_done();
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}

#[test]
fn a_form_is_told_field_by_field_and_never_repeated() {
    let world = World::new();
    let job = world.start(&Shape::of(1, 1));
    let page = Page::start(&world);
    page.wait_for_health(200);
    let asked =
        [("DepDelay", "NaN"), ("FlightDate", "2023-02-29"), ("Origin", HOSTILE), ("Carrier", ""), ("X", HOSTILE)];
    let (status, reply) = page.ask(&asked);
    assert_eq!((status, &reply["status"]), (400, &json!("ERROR")));
    let errors = reply["errors"].as_object().expect("a sentence for each field");
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["Carrier", "DepDelay", "Dest", "FlightDate", "Origin"]);
    assert_eq!(errors["DepDelay"], "This must be a number of minutes.");
    assert_eq!((&errors["Carrier"], &errors["Dest"]), (&json!("Please fill this in."), &json!("Please fill this in.")));
    assert!(errors["FlightDate"].as_str().is_some_and(|told| told.contains("a day of the calendar")), "{reply}");
    assert!(!reply.to_string().contains("script"), "{reply}");

    // What another client has put into the topic comes back as data, in a form that no browser takes for a page.
    let id = "00000000-0000-4000-8000-00000000beef";
    let (form, mut request) = (FORM.into_iter(), json!({ "UUID": id, "Timestamp": HOSTILE, "FlightNum": "<b>" }));
    form.for_each(|(field, text)| request[field] = text.into());
    job.ask(0, [request.to_string()]);
    assert_eq!(page.polled(id)["Timestamp"], HOSTILE);
    for path in ["classify_realtime/response/", "kafka_event_stream/"].map(|route| format!("{route}{id}")) {
        let reply = page.get(&format!("/flights/delays/predict/{path}"));
        let header = |name| reply.headers()[name].to_str().expect("a header is text").to_owned();
        assert!(["text/plain; charset=utf-8", "text/event-stream"].contains(&&*header("content-type")), "{reply:?}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").contains("script-src 'self'"));
    }
    let mut nowhere = page.get("/flights/delays/predict/classify_realtime/response/%3Cscript%3E");
    assert_eq!(nowhere.status(), 400);
    assert!(!nowhere.body_mut().read_to_string().expect("it is text").contains("script"));
    let too_large = "x".repeat(100_000);
    assert_eq!(
        page.agent
            .post(page.url("/flights/delays/predict/classify_realtime"))
            .send_form([("Dest", &*too_large)])
            .expect("it answers")
            .status(),
        413
    );
    page.stop();
    job.stop();
}

#[test]
fn a_page_that_can_not_start_says_why() {
    let folder = Folder::new();
    let web = |words: &str| folder.run("web").words(words);
    web("--job ftp://x").finish().expect(Exit::Usage).says(&["ftp://x"]);
    web("--listen 127.0.0.1:0").env("FLIGHTLINE_LOG", "a=loud").finish().expect(Exit::Usage).says(&["FLIGHTLINE_LOG"]);
    let json = web("--listen 127.0.0.1:0 --set log.format=json --job 127.0.0.1:9").start();
    let mut json = json;
    let line = json.wait_for_line("that it can't follow", |line| line.contains("can't be followed"));
    let line: Value = serde_json::from_str(&line).expect("a line is an object");
    assert_eq!(line["level"], "WARN");
}
