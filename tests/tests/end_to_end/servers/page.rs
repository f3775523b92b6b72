//! Pages over Kafka and MongoDB: several side by side, ones that start late or before everything else, and what they say and do
//! while a server is away.

use bytes::Bytes;
use flightline_engine::contract::Guarantee;
use flightline_tests::job::{Shape, World};
use flightline_tests::page::{FORM, Page};
use flightline_tests::servers::Servers;
use serde_json::json;

/// Questions to each page.
const EACH: usize = 12;

#[test]
fn pages_side_by_side_bring_each_answer_to_who_asked() {
    let world = World::on(Servers::shared(), Guarantee::ExactlyOnce);
    // Many more than the requests have.
    drop(world.responses_on_server(12).follow().expect("the topic can be made"));
    // What they need is there before the job.
    let pages = [Page::start(&world), Page::start(&world)];
    pages.iter().for_each(|page| page.wait_until_healthy());
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();

    let asked: Vec<(usize, String)> = (0..2 * EACH).map(|turn| (turn % 2, pages[turn % 2].ask_well())).collect();
    let answers: Vec<_> = asked.iter().map(|(page, id)| (*page, id, pages[*page].streamed(id))).collect();
    for (page, id, answer) in &answers {
        assert_eq!((&answer["UUID"], &answer["Status"]), (&json!(id), &json!("OK")), "{answer}");
        assert_eq!(pages[1 - page].polled(id), *answer, "from the collection, by the other page");
    }
    let (page, id, answer) = &answers[0];
    assert_eq!(pages[1 - page].streamed(id), *answer, "whoever is asked follows all answers");
    let late = Page::start(&world);
    assert_eq!((late.streamed(id), late.polled(id)), (answer.clone(), answer.clone()), "from before it began");
    late.stop();

    // Nobody answers now, and nobody is asked whether a job runs.
    job.stop();
    let waiting = pages[0].ask_well();
    assert_eq!(pages[1].look(&waiting), (200, json!({ "status": "WAIT", "id": waiting })));
    let job = world.start(&Shape::of(1, 1));
    let answer = pages[0].streamed(&waiting);
    assert_eq!((&answer["UUID"], &answer["Status"]), (&json!(waiting), &json!("OK")));
    assert_eq!(pages[1].polled(&waiting), answer);
    for page in pages {
        page.stop();
    }
    job.wait_until_done();
    job.stop();
    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    assert_eq!((holdings.requests(), holdings.answers().len()), (2 * EACH + 1, 2 * EACH + 1));
}

#[test]
fn without_stored_answers_streams_go_on() {
    let own = Servers::own(&["ferretdb"]);
    let world = World::on(&Servers::shared().but("MONGODB_URL", &own), Guarantee::AtLeastOnce);
    let page = Page::start(&world);
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    page.wait_until_healthy();
    let before = page.ask_well();
    let answer = page.polled(&before);

    own.stop("ferretdb");
    page.wait_for_health(200, &json!({ "status": "OK", "waits_for": ["answers"] }));
    let away = json!({ "status": "ERROR", "error": "stored answers can't be reached; try again in a moment" });
    assert_eq!(page.look(&before), (503, away));
    let meanwhile: Vec<String> = (0..EACH).map(|_| page.ask_well()).collect();
    let answers: Vec<_> = meanwhile.iter().map(|id| page.streamed(id)).collect();
    for (id, answer) in meanwhile.iter().zip(&answers) {
        assert_eq!((&answer["UUID"], &answer["Status"]), (&json!(id), &json!("OK")), "{answer}");
    }

    own.start("ferretdb");
    page.wait_until_healthy();
    assert_eq!(page.polled(&before), answer);
    for (id, answer) in meanwhile.iter().zip(&answers) {
        assert_eq!(page.polled(id), *answer, "it was stored when that went again");
    }
    page.stop();
    job.wait_until_done();
    job.stop();
    assert_eq!(world.holdings().check_as(Guarantee::AtLeastOnce), Ok(()));
}

#[test]
fn a_page_outlives_the_brokers() {
    let own = Servers::own(&["kafka"]);
    let world = World::on(&Servers::shared().but("KAFKA_BROKERS", &own), Guarantee::AtLeastOnce);
    own.stop("kafka");
    let page = Page::start(&world);
    let helpless = || {
        page.wait_for_health(503, &json!({ "status": "ERROR", "waits_for": ["requests", "responses"] }));
        let (status, told) = page.ask(&FORM);
        assert_eq!(
            (status, &told["error"]),
            (503, &json!("the prediction service can't be reached; try again in a moment"))
        );
        assert_eq!(
            page.look("00000000-0000-4000-8000-000000000001").1["status"],
            "WAIT",
            "what is stored can be asked for"
        );
    };
    // No job runs: somebody answers by hand.
    let responses = world.responses_on_server(2);
    let answered = |id: &str| {
        let line = json!({ "UUID": id, "Status": "OK", "Prediction": 1 });
        responses.append(id.as_bytes(), Bytes::from(line.to_string())).expect("the brokers take an answer");
        assert_eq!(page.streamed(id), line);
    };
    helpless();
    own.start("kafka");
    page.wait_until_healthy();
    answered(&page.ask_well());
    own.kill("kafka");
    helpless();
    own.start("kafka");
    page.wait_until_healthy();
    answered(&page.ask_well());

    let log = page.stop().stderr;
    let told = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    for what in ["the response topic can't be followed, trying again", "requests can't be asked, trying again"] {
        assert!((1..10).contains(&told(what)), "{what} is told {} times:\n{log}", told(what));
    }
    assert!(told("the response topic is followed again") > 0 && told("requests can be asked again") > 0, "{log}");
}
