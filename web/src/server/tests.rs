use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use flightline_jobs::flight::instant;
use flightline_jobs::request::Request;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};
use uuid::Uuid;

use super::*;
use crate::memory::Memory;
use crate::stamp::Stamp;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const UUID: &str = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";
const GOOD: [(&str, &str); 6] = [
    ("DepDelay", "5"),
    ("Carrier", "AA"),
    ("FlightDate", "2016-12-25"),
    ("Origin", "ATL"),
    ("Dest", "SFO"),
    ("FlightNum", "1519"),
];

/// Ids 1, 2, 3 …, and a clock that stands still.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Stamper for Counting {
    fn stamp(&self) -> Stamp {
        let id = Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1));
        Stamp { id: id.into(), asked_at: instant::Instant::from_micros(1_482_624_000_000_000) }
    }
}

/// A site on a port of its own; ends with the value.
pub(super) struct Running {
    pub(super) backend: Arc<Memory>,
    pub(super) site: Site,
    pub(super) address: SocketAddr,
    agent: Agent,
    serving: Option<Serving>,
}

pub(super) fn run(settings: Settings) -> Running {
    let backend = Arc::new(Memory::new(2));
    let look_every = Duration::from_millis(10);
    let settings = Settings { stamper: Arc::new(Counting::default()), look_every, ..settings };
    let site = Site::open(Arc::clone(&backend) as Arc<dyn Backend>, settings).unwrap();
    let serving = Serving::start(TcpListener::bind("127.0.0.1:0").unwrap(), site.clone()).unwrap();
    let address = serving.local_addr();
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(PATIENCE));
    // The server closes idle connections, and one that is just being closed can't be told from one that is open.
    let agent = config.max_idle_connections(0).build().new_agent();
    let running = Running { backend, site, address, agent, serving: Some(serving) };
    running.until_followed();
    running
}

impl Running {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn get(&self, path: &str) -> Response<Body> {
        self.agent.get(self.url(path)).call().unwrap()
    }

    fn ask(&self, fields: &[(&str, &str)]) -> Response<Body> {
        self.agent.post(self.url(ASK)).send_form(fields.iter().copied()).unwrap()
    }

    fn stream(&self, id: &str) -> Events {
        let response = self.get(&format!("{STREAM}{id}"));
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "content-type"), "text/event-stream");
        let mut events = Events(BufReader::new(Box::new(response.into_body().into_reader())));
        assert_eq!(events.event().unwrap(), ["retry: 1000"], "the stream says at once that it is open");
        events
    }

    fn poll(&self, id: &str) -> Value {
        json(self.get(&format!("{RESPONSE}{id}")))
    }

    fn until_followed(&self) {
        self.until_health(200, "{\"status\":\"OK\"}");
    }

    fn until_health(&self, status: u16, body: &str) {
        let start = Instant::now();
        loop {
            let mut health = self.get("/health");
            let told = (health.status().as_u16(), health.body_mut().read_to_string().unwrap());
            if told == (status, body.to_owned()) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "it is told as {told:?}");
        }
    }

    /// Ends the server, and says how long that took.
    fn end(&mut self) -> Duration {
        let start = Instant::now();
        self.serving.take().expect("it is served once").shutdown();
        start.elapsed()
    }
}

/// What comes on a stream, event by event.
struct Events(BufReader<Box<dyn Read>>);

impl Events {
    /// The lines of the next event; `None` at the end of the stream.
    fn event(&mut self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let end = self.0.read_line(&mut line).unwrap() == 0;
            match line.trim_end() {
                "" if end && lines.is_empty() => return None,
                "" if !lines.is_empty() => return Some(lines),
                "" => {}
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// The next event that is no sign of life.
    fn message(&mut self) -> Option<Vec<String>> {
        loop {
            let event = self.event()?;
            if event != [": waiting"] {
                return Some(event);
            }
        }
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name} in {response:?}")).to_str().unwrap()
}

fn json(mut response: Response<Body>) -> Value {
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

fn answer(id: &str, status: &str) -> String {
    format!("{{\"Prediction\":2,\"Status\":\"{status}\",\"UUID\":\"{id}\"}}")
}

fn told(id: &str, json: &str) -> Option<Vec<String>> {
    Some(vec![format!("id: {id}"), format!("data: {json}")])
}

#[test]
fn a_good_form_is_a_request_in_the_topic() {
    let site = run(Settings::default());
    let id = Uuid::from_u128(1).to_string();
    let mut reply = site.ask(&GOOD);
    assert_eq!(reply.status(), 200);
    // The seed's script parses the answer itself, and only gets it as a text if it is labelled as one.
    assert_eq!(header(&reply, "content-type"), "text/plain; charset=utf-8");
    let text = reply.body_mut().read_to_string().unwrap();
    assert_eq!(text, format!("{{\"status\":\"OK\",\"id\":\"{id}\"}}"));
    let requests = site.backend.requests();
    let [(asked, line)] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(asked.as_str(), id);
    let request = Request::parse(line).unwrap();
    assert_eq!((request.id.as_str(), &*request.origin, &*request.dest), (id.as_str(), "ATL", "SFO"));
    assert_eq!(request.timestamp.as_deref(), Some("2016-12-25T00:00:00.000Z"));
    let sent: Value = serde_json::from_slice(line).unwrap();
    assert_eq!(sent["DepDelay"], json!(5.0), "a number, as the seed sent it");
}

#[test]
fn a_wrong_form_is_told_field_by_field_and_asks_nothing() {
    let site = run(Settings::default());
    let mut form = GOOD;
    form[0].1 = "NaN";
    form[2].1 = "2023-02-29";
    let reply = site.agent.post(site.url(ASK)).header("accept", "application/json").send_form(form).unwrap();
    assert_eq!(reply.status(), 400);
    assert_eq!(header(&reply, "content-type"), "application/json");
    let reply = json(reply);
    assert_eq!(reply["status"], "ERROR");
    assert_eq!(reply["errors"].as_object().unwrap().len(), 2, "{reply}");
    assert!(reply["errors"]["FlightDate"].as_str().unwrap().contains("calendar"));

    let bytes = site.agent.post(site.url(ASK)).content_type("application/octet-stream").send(&[0xff_u8; 100][..]);
    assert_eq!(bytes.unwrap().status(), 415);
    let long = "x".repeat(FORM_LIMIT + 1);
    assert_eq!(site.ask(&[("Origin", &long)]).status(), 413);
    assert!(site.backend.requests().is_empty());
}

#[test]
fn polling_waits_and_then_tells_what_is_stored() {
    let site = run(Settings::default());
    assert_eq!(site.poll(UUID), json!({"status": "WAIT", "id": UUID}));
    site.backend.store(UUID, &answer(UUID, "ERROR"));
    let prediction = json!({"Prediction": 2, "Status": "ERROR", "UUID": UUID});
    assert_eq!(site.poll(UUID), json!({"status": "OK", "id": UUID, "prediction": prediction}), "nobody waits for ever");
    let shouted = UUID.to_uppercase();
    assert_eq!(site.poll(&shouted)["id"], shouted, "an id is handed back as it was spelt");
    assert_eq!(site.poll(&shouted)["status"], "OK");
    for path in [format!("{RESPONSE}7"), format!("{STREAM}7"), format!("{RESPONSE}%3Cb%3E")] {
        let mut reply = site.get(&path);
        assert_eq!(reply.status(), 400, "{path}");
        let text = reply.body_mut().read_to_string().unwrap();
        assert!(text.contains("no UUID") && !text.contains('<'), "{text}");
    }
}

#[test]
fn a_stream_tells_an_answer_that_comes_later_and_ends() {
    let site = run(Settings::default());
    let mut streams: Vec<_> = (0..3).map(|_| site.stream(UUID)).collect();
    let other = Uuid::from_u128(99).to_string();
    site.backend.respond(0, &answer(&other, "OK"));
    site.backend.respond(1, &answer(UUID, "OK"));
    for stream in &mut streams {
        assert_eq!(stream.message(), told(UUID, &answer(UUID, "OK")));
        assert_eq!(stream.message(), None);
    }
    assert_eq!(site.site.0.answers.waiting(), 0);
}

#[test]
fn a_stream_tells_at_once_what_was_answered_before_it() {
    let site = run(Settings::default());
    // From the topic, as long as it is held ...
    let mut first = site.stream(UUID);
    site.backend.respond(0, &answer(UUID, "OK"));
    assert_eq!(first.message(), told(UUID, &answer(UUID, "OK")));
    assert_eq!(site.stream(UUID).message(), told(UUID, &answer(UUID, "OK")));
    // ... and what was answered before the topic was followed, from the collection.
    let earlier = Uuid::from_u128(7).to_string();
    site.backend.store(&earlier, " {\"Prediction\": 0,\r\n\"UUID\": 7} ");
    let mut stream = site.stream(&earlier);
    assert_eq!(stream.message(), told(&earlier, "{\"Prediction\": 0,  \"UUID\": 7}"), "in one line");
    assert_eq!(stream.message(), None);
}

#[test]
fn who_was_told_and_connects_again_is_told_to_stay_away() {
    let site = run(Settings::default());
    let path = site.url(&format!("{STREAM}{UUID}"));
    assert_eq!(site.agent.get(path).header("last-event-id", UUID).call().unwrap().status(), 204);
}

#[test]
fn a_stream_shows_that_it_lives_and_says_when_it_gives_up() {
    let keep_alive = Duration::from_millis(20);
    let site = run(Settings { keep_alive, stream_time: Duration::from_millis(300), ..Settings::default() });
    let mut stream = site.stream(UUID);
    assert_eq!(stream.event().unwrap(), [": waiting"]);
    let gave_up = format!("data: {{\"status\":\"TIMEOUT\",\"id\":\"{UUID}\"}}");
    assert_eq!(stream.message().unwrap(), ["event: timeout".to_owned(), gave_up]);
    assert_eq!(stream.message(), None);
}

#[test]
fn too_many_streams_are_refused_and_a_place_comes_back() {
    let site = run(Settings { streams: 2, ..Settings::default() });
    let path = format!("{STREAM}{UUID}");
    let _open = site.stream(UUID);
    let mut second = site.stream(&Uuid::from_u128(8).to_string());
    let refused = site.get(&path);
    assert_eq!(refused.status(), 503);
    assert_eq!(header(&refused, "retry-after"), "1");
    site.backend.respond(0, &answer(&Uuid::from_u128(8).to_string(), "OK"));
    second.message().unwrap();
    assert_eq!(second.message(), None);
    site.stream(UUID);
}

#[test]
fn who_hangs_up_leaves_nothing_behind() {
    let site = run(Settings { keep_alive: Duration::from_millis(20), ..Settings::default() });
    let all = site.site.0.streams.available_permits();
    for _ in 0..20 {
        drop(site.stream(UUID));
    }
    let start = Instant::now();
    let open = || all - site.site.0.streams.available_permits();
    while site.site.0.answers.waiting() + open() > 0 {
        assert!(start.elapsed() < PATIENCE, "{} still wait on {} streams", site.site.0.answers.waiting(), open());
    }
}

#[test]
fn a_failing_backend_is_told_without_its_secrets() {
    let site = run(Settings::default());
    site.backend.set_down(true);
    for mut reply in [site.ask(&GOOD), site.get(&format!("{RESPONSE}{UUID}"))] {
        assert_eq!(reply.status(), 503);
        let text = reply.body_mut().read_to_string().unwrap();
        assert!(text.contains("can't be reached") && !text.contains("<it is down>"), "{text}");
    }
    let mut stream = site.stream(UUID);
    site.until_health(503, "{\"status\":\"ERROR\",\"waits_for\":[\"requests\",\"responses\",\"answers\"]}");
    site.backend.set_down(false);
    site.backend.respond(0, &answer(UUID, "OK"));
    assert_eq!(stream.message(), told(UUID, &answer(UUID, "OK")), "a stream outlives the failure");
    site.until_followed();
}

#[test]
fn without_stored_answers_streams_go_on_and_asking_too() {
    let site = run(Settings { calls: 1, patience: Duration::from_millis(50), ..Settings::default() });
    site.backend.lose_answers(true);
    site.until_health(200, "{\"status\":\"OK\",\"waits_for\":[\"answers\"]}");
    let mut reply = site.get(&format!("{RESPONSE}{UUID}"));
    assert_eq!((reply.status().as_u16(), header(&reply, "retry-after")), (503, "1"));
    let told_to_come_again = reply.body_mut().read_to_string().unwrap();
    assert!(told_to_come_again.contains("stored answers can't be reached; try again"), "{told_to_come_again}");
    let mut stream = site.stream(UUID);
    assert_eq!(site.ask(&GOOD).status(), 200);
    site.backend.respond(1, &answer(UUID, "OK"));
    assert_eq!(stream.message(), told(UUID, &answer(UUID, "OK")));
    site.backend.lose_answers(false);
    site.until_followed();
}

#[test]
fn the_end_of_the_server_ends_the_streams_and_the_followers() {
    let mut site = run(Settings { server: Limits { grace: PATIENCE, ..SERVER }, ..Settings::default() });
    let mut streams: Vec<_> = (0..10).map(|_| site.stream(UUID)).collect();
    let took = site.end();
    assert!(took < PATIENCE / 2, "it took {took:?}");
    for stream in &mut streams {
        assert_eq!(stream.message(), None);
    }
    assert!(TcpStream::connect(site.address).is_err(), "the port is still open");
}

#[test]
fn a_client_that_never_finishes_its_request_does_not_hold_the_end_up() {
    let server = Limits { grace: Duration::from_millis(100), ..SERVER };
    let mut site = run(Settings { server, ..Settings::default() });
    let mut lazy = TcpStream::connect(site.address).unwrap();
    write!(lazy, "POST {ASK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n").unwrap();
    let took = site.end();
    assert!(took < PATIENCE / 2, "it took {took:?}");
}

#[test]
fn every_answer_has_the_headers_that_keep_the_page_safe() {
    let site = run(Settings::default());
    let to_page = site.get("/");
    assert_eq!((to_page.status().as_u16(), header(&to_page, "location")), (307, PAGE));
    let poll = format!("{RESPONSE}{UUID}");
    for (path, status, kind) in [
        (PAGE, 200, "text/html; charset=utf-8"),
        (shell::STYLE, 200, "text/css; charset=utf-8"),
        (shell::SCRIPT, 200, "text/javascript; charset=utf-8"),
        (shell::ICON, 200, "image/svg+xml"),
        ("/health", 200, "text/plain; charset=utf-8"),
        ("/metrics", 200, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (&poll, 200, "text/plain; charset=utf-8"),
        ("/nowhere", 404, "text/plain; charset=utf-8"),
    ] {
        let response = site.get(path);
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(header(&response, "content-type"), kind, "{path}");
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    }
    let wrong_way = site.get(ASK);
    assert_eq!(wrong_way.status(), 405);
    assert_eq!(header(&wrong_way, "x-content-type-options"), "nosniff");
}

#[test]
fn junk_on_the_port_does_not_disturb() {
    let site = run(Settings::default());
    for junk in [&b"\x16\x03\x01\x00\xff"[..], b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\0\0\0", &[0xaa; 70_000]] {
        let mut connection = TcpStream::connect(site.address).unwrap();
        // It may be cut off before all is sent.
        let _ = connection.write_all(junk);
    }
    assert_eq!(site.get(PAGE).status(), 200);
}
