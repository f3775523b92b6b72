//! Whatever a record holds: it is settled once, by an answer, a dead letter or both, and nothing of it is lost.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flightline_engine::contract::{Fault, Standing};
use flightline_engine::ledger::TableVersion;
use flightline_engine::log::{LogRecord, Offset, Partition};
use flightline_engine::stream::Settled;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, binding, serving};
use crate::dead_letter::DeadLetter;
use crate::request::Request;
use crate::streaming::{Recompute, table_rows};

const UUID: &str = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";

fn request() -> Value {
    json!({
        "UUID": UUID, "Origin": "EWR", "Dest": "ALB", "Carrier": "AA", "FlightDate": "2016-12-25", "DepDelay": 5.0,
        "FlightNum": "1519", "Timestamp": "2016-12-25T10:00:00.123456",
    })
}

/// A model, and a table of one route.
fn recompute() -> (Recompute, Box<str>) {
    let serving = serving(3);
    let model = serving.id().to_string().into();
    let line = b"{\"Origin\":\"EWR\",\"Dest\":\"ALB\",\"Distance\":143.0}";
    let rows = table_rows::rows_from_json_lines(line).unwrap();
    (Recompute::new(move |_| Ok(Arc::clone(&serving)), move |_| Ok(rows.clone())), model)
}

/// What becomes of these payloads, at offsets 0, 1, and so on of partition 1.
fn settle(payloads: Vec<Bytes>) -> Vec<Settled> {
    let (recompute, model) = recompute();
    let record = |(offset, payload)| (Partition(1), LogRecord { offset: Offset(offset), payload });
    recompute.settle((0..).zip(payloads).map(record).collect(), &binding(&model, TableVersion(4))).unwrap()
}

/// What every settled record must be.
fn check(settled: &Settled, offset: u64, payload: &Bytes) {
    assert_eq!((settled.partition, settled.offset), (Partition(1), Offset(offset)));
    let letter = settled.dead_letter.as_ref().map(|line| {
        let letter = DeadLetter::parse(&line.body).unwrap();
        assert_eq!(letter.bytes, payload, "the original bytes");
        assert_eq!((letter.partition, letter.offset), (settled.partition, settled.offset));
        assert_eq!((&*line.key, line.standing), (&*format!("1-{offset}"), Standing::Final));
        letter
    });
    let unknown_route = letter.as_ref().map(|letter| letter.reason.starts_with("unknown route"));
    let counted_as = unknown_route.map(|unknown| if unknown { "unknown-route" } else { "bad-request" });
    assert_eq!(settled.error.as_deref(), counted_as);
    let Some(answer) = &settled.answer else {
        assert_eq!(letter.expect("an answer or a dead letter").id, None, "who can be told is told");
        return;
    };
    assert!(!answer.body.contains(&b'\n'));
    let line: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&line["Partition"], &line["Offset"], &line["Table"]), (&json!(1), &json!(offset), &json!(4)));
    assert_eq!(serde_json::to_string(&line).unwrap().as_bytes(), answer.body, "canonical");
    match letter {
        None => {
            assert_eq!((&line["Status"], answer.standing), (&json!("OK"), Standing::Final));
            let shares: f64 =
                line["Probabilities"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{line}");
        }
        Some(letter) => {
            assert_eq!((&line["Status"], answer.standing), (&json!("ERROR"), Standing::Provisional));
            assert_eq!(line["Error"], *letter.reason);
            assert_eq!(line["UUID"], letter.id.unwrap().as_str());
        }
    }
}

fn settle_one(payload: impl Into<Bytes>) -> Settled {
    let payload = payload.into();
    let settled = settle(vec![payload.clone()]).pop().unwrap();
    check(&settled, 0, &payload);
    settled
}

fn error(settled: &Settled) -> String {
    let line: Value = serde_json::from_slice(&settled.answer.as_ref().unwrap().body).unwrap();
    line["Error"].as_str().unwrap_or_default().to_owned()
}

/// Any JSON, as deep as a few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!(UUID)),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        let field = prop_oneof![
            prop::sample::select(vec!["UUID", "Origin", "Dest", "DepDelay", "FlightDate"]).prop_map(str::to_owned),
            "\\PC{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((field, inner), 0..5).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// A record's bytes: random, JSON of some shape, or a request with a mistake.
fn payload() -> impl Strategy<Value = Bytes> {
    let field = prop::sample::select(vec!["UUID", "Origin", "Dest", "Carrier", "FlightDate", "DepDelay", "FlightNum"]);
    let mistaken = (field, any_json()).prop_map(|(field, value)| {
        let mut request = request();
        request[field] = value;
        request.to_string().into()
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from),
        any_json().prop_map(|json| json.to_string().into()),
        mistaken,
        (0_usize..200, any::<u8>()).prop_map(|(at, byte)| {
            let mut line = request().to_string().into_bytes();
            let at = at % line.len();
            line[at] = byte;
            line.into()
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_is_settled_once(payloads in prop::collection::vec(payload(), 0..12)) {
        let settled = settle(payloads.clone());
        prop_assert_eq!(settled.len(), payloads.len());
        (0..).zip(settled.iter().zip(&payloads)).for_each(|(offset, (settled, payload))| check(settled, offset, payload));
        // Nothing depends on what else was asked.
        for (at, payload) in payloads.into_iter().enumerate() {
            let alone = settle_one(payload);
            prop_assert_eq!(alone.answer.is_some(), settled[at].answer.is_some());
        }
    }
}

#[test]
fn the_usual_mistakes_are_told() {
    let with = |field: &str, value: Value| {
        let mut request = request();
        request[field] = value;
        request.to_string()
    };
    assert_eq!(error(&settle_one(request().to_string())), "");
    for (payload, reason) in [
        (with("Origin", json!("XXX")), "unknown route: the table of distances has no XXX-ALB"),
        (with("FlightDate", json!("2023-02-29")), "FlightDate of the request is not a day of the calendar"),
        (with("DepDelay", json!("NaN")), "DepDelay of the request is not a number of minutes"),
        (with("DepDelay", Value::Null), "the request has no DepDelay"),
        (with("DepDelay", json!(1e300)), "DepDelay of the request is not within 10080 minutes"),
        (request().to_string().replace("5.0", "NaN"), ""),
        (request().to_string().replace('}', ""), "the request is no whole JSON object"),
    ] {
        let settled = settle_one(payload.clone());
        match settled.answer {
            Some(_) => assert!(error(&settled).starts_with(reason), "{payload}: {}", error(&settled)),
            None => assert!(reason.is_empty(), "{payload}"),
        }
        assert!(settled.dead_letter.is_some(), "{payload}");
    }
}

#[test]
fn a_huge_line_is_a_dead_letter_with_all_its_bytes() {
    let mut huge = request().to_string().into_bytes();
    huge.resize(10 << 20, b' ');
    let settled = settle_one(huge);
    let letter = DeadLetter::parse(&settled.dead_letter.unwrap().body).unwrap();
    assert_eq!(&*letter.reason, "the request is longer than 1048576 bytes");
    // Within the limit any depth is refused, not followed.
    for deep in ["[".repeat(Request::LIMIT), "{\"a\":".repeat(Request::LIMIT / 5)] {
        assert!(settle_one(deep).answer.is_none());
    }
}

#[test]
fn a_uuid_that_comes_again_is_answered_again_under_one_key() {
    let upper = request().to_string().replace(UUID, &UUID.to_uppercase());
    let settled = settle(vec![request().to_string().into(), upper.into(), request().to_string().into()]);
    assert!(settled.iter().all(|settled| &*settled.answer.as_ref().unwrap().key == UUID));
    let told = |at: usize| String::from_utf8(settled[at].answer.as_ref().unwrap().body.to_vec()).unwrap();
    assert!(told(1).contains(&UUID.to_uppercase()), "a client gets its own spelling back");
    assert_eq!(told(2), told(0).replace("\"Offset\":0", "\"Offset\":2"));
}

#[test]
fn models_and_tables_are_loaded_once_and_faults_are_handed_on() {
    let world = World::new(5, 40);
    let loads = Arc::new(Mutex::new(Vec::new()));
    let (models, seen) = (world.models.clone(), Arc::clone(&loads));
    let recompute = Recompute::new(
        move |binding| models.get(&binding.model).cloned().ok_or(Fault::permanent("there is no such model")),
        move |version: TableVersion| {
            seen.lock().unwrap().push(version.0);
            if version == TableVersion(9) { Err(Fault::transient("the store is away")) } else { Ok([].into()) }
        },
    );
    let model = world.models.keys().next().unwrap();
    for version in [1, 2, 1, 2, 9, 9, 1] {
        let settled = recompute.settle(Vec::new(), &binding(model, TableVersion(version)));
        let expected = if version == 9 { Err(Fault::transient("the store is away")) } else { Ok(Vec::new()) };
        assert_eq!(settled, expected);
    }
    assert_eq!(*loads.lock().unwrap(), [1, 2, 9, 9]);
    let unknown = recompute.settle(Vec::new(), &binding("m", TableVersion(1)));
    assert_eq!(unknown, Err(Fault::permanent("there is no such model")));
}
