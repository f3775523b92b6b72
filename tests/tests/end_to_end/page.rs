//! `web` as a process of its own in front of a `predict` that comes, dies and comes again: the seed's curl of the form, the
//! answer by polling and by the event stream, and what a traveller is told while the job is away.

use std::thread;

use flightline_engine::process::Exit;
use flightline_tests::Folder;
use flightline_tests::job::{Shape, World};
use flightline_tests::page::{FORM, Page};
use serde_json::{Value, json};

const HOSTILE: &str = "\"><script>alert(1)</script>\u{1b}[2J";

/// While the job is away, a traveller learns that, and nothing about where things are.
fn is_helpless_but_helpful(page: &Page, world: &World) {
    page.wait_for_health(503, &json!({ "status": "ERROR", "waits_for": ["requests", "responses", "answers"] }));
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
    page.wait_until_healthy();
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
    page.wait_until_healthy();
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
    page.wait_until_healthy();
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
    assert_eq!(page.ask(&[("Dest", &*too_large)]).0, 413);
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
