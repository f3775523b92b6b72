//! A `web` process in front of the jobs of a world, and what a traveller's browser does with it.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use flightline_engine::process::Exit;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::job::World;
use crate::{DEADLINE, Ended, Running, Signal, free_ports, wait_until};

/// The five fields of the seed's page; its server sends no flight number.
pub const FORM: [(&str, &str); 5] =
    [("DepDelay", "5"), ("Carrier", "AA"), ("FlightDate", "2016-12-25"), ("Origin", "JFK"), ("Dest", "SFO")];

const ASK: &str = "/flights/delays/predict/classify_realtime";
const RESPONSE: &str = "/flights/delays/predict/classify_realtime/response/";
const STREAM: &str = "/flights/delays/predict/kafka_event_stream/";

/// A page that is served.
#[derive(Debug)]
pub struct Page {
    running: Running,
    traveller: Traveller,
}

/// Somebody in front of a page, whoever serves it.
#[derive(Debug)]
pub struct Traveller {
    authority: String,
    agent: Agent,
}

impl Page {
    /// Starts one with the configuration of a world, whether its job runs or not.
    #[must_use]
    pub fn start(world: &World) -> Self {
        let port = free_ports(1)[0];
        let listen = format!("127.0.0.1:{port}");
        let mut running = world.command("web").args(["--listen", &listen, "--job", &world.address()]).start();
        running.wait_for_line("where the page is", |line| line.contains("the page is at http://"));
        Self { running, traveller: Traveller::at(&listen) }
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.running.signal(Signal::TERM);
        let ended = self.running.end_within(DEADLINE);
        ended.expect(Exit::Ok);
        ended
    }
}

impl std::ops::Deref for Page {
    type Target = Traveller;

    fn deref(&self) -> &Traveller {
        &self.traveller
    }
}

impl Traveller {
    /// In front of the page at a host and port.
    #[must_use]
    pub fn at(authority: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).http_status_as_error(false);
        Self { authority: authority.to_owned(), agent: config.build().into() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    /// Gets a path.
    ///
    /// # Panics
    /// If nobody answers.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Response<Body> {
        self.agent.get(self.url(path)).call().expect("the page answers")
    }

    /// Sends a form, and gives status and body.
    ///
    /// # Panics
    /// If nobody answers, or the answer is no JSON.
    #[track_caller]
    pub fn ask(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let asked = self.agent.post(self.url(ASK)).send_form(form.iter().copied());
        let mut reply = asked.expect("the page answers");
        (reply.status().as_u16(), json_of(&mut reply))
    }

    /// Asks as the seed's page does, and gives the id.
    ///
    /// # Panics
    /// If it is not taken.
    #[track_caller]
    #[must_use]
    pub fn ask_well(&self) -> String {
        let (status, reply) = self.ask(&FORM);
        assert_eq!((status, &reply["status"]), (200, &json!("OK")), "{reply}");
        reply["id"].as_str().expect("an id is a text").to_owned()
    }

    /// Looks once whether an answer is stored: status and body.
    ///
    /// # Panics
    /// If nobody answers, or the answer is no JSON.
    #[track_caller]
    #[must_use]
    pub fn look(&self, id: &str) -> (u16, Value) {
        let mut reply = self.get(&format!("{RESPONSE}{id}"));
        (reply.status().as_u16(), json_of(&mut reply))
    }

    /// Polls until the answer is stored, and gives it.
    ///
    /// # Panics
    /// If it is told otherwise than to wait.
    #[track_caller]
    #[must_use]
    pub fn polled(&self, id: &str) -> Value {
        let mut reply = Value::Null;
        wait_until("the answer is stored", || {
            reply = self.look(id).1;
            assert!(["OK", "WAIT"].contains(&reply["status"].as_str().unwrap_or_default()), "{reply}");
            reply["status"] == "OK"
        });
        reply["prediction"].take()
    }

    /// The one answer that the event stream brings before it ends.
    ///
    /// # Panics
    /// If it brings another number of answers.
    #[track_caller]
    #[must_use]
    pub fn streamed(&self, id: &str) -> Value {
        let reply = self.get(&format!("{STREAM}{id}"));
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        let lines = BufReader::new(reply.into_body().into_reader()).lines();
        let data = lines.filter_map(|line| line.expect("it is text").strip_prefix("data:").map(str::to_owned));
        let data: Vec<String> = data.collect();
        let [event] = data.as_slice() else { panic!("{} events came for {id}: {data:?}", data.len()) };
        serde_json::from_str(event).expect("an event is JSON")
    }

    /// Waits until `/health` says this.
    #[track_caller]
    pub fn wait_for_health(&self, status: u16, body: &Value) {
        wait_until(&format!("the health is {status} {body}"), || {
            let mut reply = self.get("/health");
            (reply.status().as_u16(), &json_of(&mut reply)) == (status, body)
        });
    }

    /// Waits until it says that nothing is away.
    #[track_caller]
    pub fn wait_until_healthy(&self) {
        self.wait_for_health(200, &json!({ "status": "OK" }));
    }
}

fn json_of(reply: &mut Response<Body>) -> Value {
    reply.body_mut().read_json().expect("it is JSON")
}
