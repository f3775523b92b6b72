//! The routes as a stranger with `curl` sees them.

use serde_json::{Value, json};
use ureq::Agent;

use super::serving::Served;
use super::*;
use crate::embedded::TopicShape;

pub(super) struct Port {
    pub(super) served: Served,
    pub(super) store: Arc<EmbeddedStore>,
    agent: Agent,
    _folder: tempfile::TempDir,
}

pub(super) const LINES: &str = "application/x-ndjson";

impl Port {
    fn new() -> Self {
        Self::within(BODIES)
    }

    pub(super) fn within(bodies: BodyLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        store.topic("requests", &TopicShape::shared(4, [2, 0].map(flightline_engine::log::Partition))).unwrap();
        store.collection("distances").unwrap();
        let config = Agent::config_builder().http_status_as_error(false).build();
        let served = Served::serve(routes_within(bodies, Arc::clone(&store)));
        Self { served, store, agent: config.new_agent(), _folder: folder }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.served.address)
    }

    pub(super) fn get(&self, path: &str) -> (u16, Value) {
        answer(self.agent.get(self.url(path)).call())
    }

    pub(super) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> (u16, Value) {
        answer(self.agent.post(self.url(path)).content_type(content_type).send(body))
    }

    fn put(&self, path: &str, content_type: &str, body: &str) -> (u16, Value) {
        answer(self.agent.put(self.url(path)).content_type(content_type).send(body))
    }
}

fn answer(answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut answered = answered.unwrap();
    let json = answered.body_mut().with_config().read_json().unwrap();
    (answered.status().as_u16(), json)
}

/// The status, and the sentence that must hold these words.
#[track_caller]
pub(super) fn refuses((status, body): (u16, Value), expected: u16, words: &str) {
    assert_eq!(status, expected, "{body}");
    assert!(body["error"].as_str().unwrap().contains(words), "{body}");
    assert!(body["kind"].is_string(), "{body}");
}

#[test]
fn records_go_in_as_lines_and_come_out_as_they_were() {
    let port = Port::new();
    let path = "/topics/requests/2/records";
    assert_eq!(port.post(path, LINES, b"{\"a\":1}\n\n{\"a\": 2 }\r\n"), (200, json!({"from": 0, "to": 2})));
    assert_eq!(port.post(path, "application/octet-stream", b"\xff\n\n"), (200, json!({"from": 2, "to": 3})));
    let listed = br#"{"records":[{"text":"x\ny"},{"base64":""}]}"#;
    assert_eq!(port.post(path, "application/json; charset=utf-8", listed), (200, json!({"from": 3, "to": 5})));
    let expected = json!({"next": 5, "records": [
        {"offset": 0, "text": "{\"a\":1}"},
        {"offset": 1, "text": "{\"a\": 2 }\r"},
        {"offset": 2, "base64": "/woK"},
        {"offset": 3, "text": "x\ny"},
        {"offset": 4, "text": ""},
    ]});
    assert_eq!(port.get(path), (200, expected));
    let (_, some) = port.get(&format!("{path}?from=1&limit_bytes=1"));
    assert_eq!((some["next"].clone(), some["records"].as_array().unwrap().len()), (json!(2), 1));
    assert_eq!(port.get(&format!("{path}?from=5")), (200, json!({"next": 5, "records": []})));
    let here = json!([{"partition": 0, "from": 0, "to": 0}, {"partition": 2, "from": 0, "to": 5}]);
    assert_eq!(port.get("/topics"), (200, json!({"topics": [{"name": "requests", "partitions": 4, "here": here}]})));
}

#[test]
fn a_read_that_waits_is_answered_when_something_comes() {
    let port = Port::new();
    let path = "/topics/requests/0/records";
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| port.get(&format!("{path}?from=0&wait_ms=20000")));
        assert_eq!(port.post(path, LINES, b"{}").0, 200);
        assert_eq!(waiting.join().unwrap(), (200, json!({"next": 1, "records": [{"offset": 0, "text": "{}"}]})));
    });
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    let port = Port::new();
    let path = "/topics/requests/0/records";
    refuses(port.get("/topics/answers/0/records"), 404, "no topic `answers`; it has: requests");
    refuses(port.get("/topics/requests/1/records"), 421, "open here: 0, 2");
    refuses(port.get("/topics/requests/4/records"), 404, "no partition 4: it has 4");
    refuses(port.get("/topics/requests/x/records"), 400, "`x` is no partition");
    refuses(port.get(&format!("{path}?from=1")), 416, "offset 1 is not in partition 0");
    refuses(port.get(&format!("{path}?from=-1")), 400, "from");
    refuses(port.get(&format!("{path}?form=1")), 400, "unknown field");
    refuses(port.post(path, "text/plain", b"{}"), 415, "send `application/x-ndjson`");
    refuses(port.post(path, LINES, b"\n \n"), 400, "no record");
    refuses(port.post(path, "application/json", b"[]"), 400, "expected is");
    let bad = br#"{"records":[{"text":""},{"base64":"?"}]}"#;
    refuses(port.post(path, "application/json", bad), 400, "record 1 (from 0)");
    assert_eq!(port.get(path).1["next"], 0, "nothing was written");
}

#[test]
fn a_body_beyond_the_limit_is_refused_and_one_within_is_taken() {
    let port = Port::new();
    let path = "/topics/requests/0/records";
    let body = vec![b'x'; BODY_LIMIT + 1];
    // The server may stop listening before all is sent.
    if let Ok(answered) = port.agent.post(port.url(path)).content_type("application/octet-stream").send(&body) {
        assert_eq!(answered.status().as_u16(), 413);
    }
    let (status, body) = port.post(path, "application/octet-stream", &body[..10 << 20]);
    assert_eq!((status, body), (200, json!({"from": 0, "to": 1})));
}

#[test]
fn documents_are_put_as_lines_and_found_by_their_id() {
    let port = Port::new();
    let path = "/collections/distances/documents";
    let rows = r#"{"_id":"ATL-SFO","Origin":"ATL","Distance":2139.50,"Dest":"SFO"}
{"_id":"a/b ?","Distance":1}
"#;
    assert_eq!(port.put(path, LINES, rows), (200, json!({"stored": 2})));
    let stored = port.store.opened_collection("distances").unwrap().get("ATL-SFO").unwrap().unwrap();
    assert_eq!(stored, r#"{"Dest":"SFO","Distance":2139.50,"Origin":"ATL"}"#, "numbers keep their text");
    assert_eq!(port.get(&format!("{path}/a%2Fb%20%3F")), (200, json!({"Distance": 1})));
    refuses(port.get(&format!("{path}/nowhere")), 404, "no document `nowhere`");
    refuses(port.get("/collections/other/documents/a"), 404, "it has: distances");
    let listed = json!({"collections": [{"name": "distances", "documents": 2}]});
    assert_eq!(port.get("/collections"), (200, listed));

    let (_, page) = port.get(&format!("{path}?limit=1"));
    assert_eq!((&page["documents"][0]["_id"], &page["next"]), (&json!("ATL-SFO"), &json!("ATL-SFO")));
    let (_, page) = port.get(&format!("{path}?limit=1&after=ATL-SFO"));
    assert_eq!(page, json!({"documents": [{"_id": "a/b ?", "document": {"Distance": 1}}], "next": null}));

    assert_eq!(port.put(&format!("{path}?replace=true"), LINES, "{\"_id\":\"x\"}").0, 200);
    assert_eq!(port.get(path).1["documents"], json!([{"_id": "x", "document": {}}]));
}

#[test]
fn a_bad_line_is_named_and_nothing_is_stored() {
    let port = Port::new();
    let path = "/collections/distances/documents";
    for (line, words) in [
        (r#"{"Distance":1}"#, "line 2 of the body: it has no `_id`"),
        (r#"{"_id":7}"#, "line 2 of the body: its `_id` is not a string"),
        (r#"{"_id":""}"#, "line 2 of the body: its `_id` is empty"),
        ("[]", "line 2 of the body"),
        ("{", "line 2 of the body"),
    ] {
        refuses(port.put(path, LINES, &format!("{{\"_id\":\"a\"}}\n{line}")), 400, words);
    }
    refuses(port.put(path, "application/json", "{}"), 415, "JSON lines");
    assert_eq!(port.get(path).1["documents"], json!([]));
}
