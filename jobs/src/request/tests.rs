//! Requests as clients send them, with mistakes, and cut off.

use proptest::prelude::*;

use super::fields::FIELDS;
use super::*;

const UUID: &str = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";

fn line() -> serde_json::Value {
    serde_json::json!({
        "UUID": UUID, "Origin": "ATL", "Dest": "SFO", "Carrier": "AA", "FlightDate": "2016-12-25", "DepDelay": 5.0,
        "FlightNum": "1519", "Timestamp": "2016-12-25T10:00:00.123456",
        "DayOfWeek": 6, "DayOfMonth": 24, "DayOfYear": 359, "Distance": 1.0, "Whatever": [{"a": null}],
    })
}

fn with(field: &str, value: serde_json::Value) -> Vec<u8> {
    let mut line = line();
    line[field] = value;
    line.to_string().into_bytes()
}

#[test]
fn an_older_clients_derived_fields_are_ignored() {
    let request = Request::parse(line().to_string().as_bytes()).unwrap();
    assert_eq!(
        serde_json::to_string(&request).unwrap(),
        format!(
            "{{\"Carrier\":\"AA\",\"DepDelay\":5.0,\"Dest\":\"SFO\",\"FlightDate\":\"2016-12-25\",\"FlightNum\":\"1519\",\
             \"Origin\":\"ATL\",\"Timestamp\":\"2016-12-25T10:00:00.123456\",\"UUID\":\"{UUID}\"}}"
        )
    );
    assert_eq!(request.date.day_of_week(), 7, "Christmas 2016 was a Sunday, whatever the client says");
    assert_eq!(request.route(), "ATL-SFO");
}

#[test]
fn near_forms_are_the_same_request() {
    let plain = Request::parse(line().to_string().as_bytes()).unwrap();
    for (field, value) in [
        ("FlightNum", serde_json::json!(1519)),
        ("FlightNum", serde_json::json!(1519.0)),
        ("DepDelay", serde_json::json!(5)),
        ("DepDelay", serde_json::json!("5.00")),
        ("Origin", serde_json::json!(" ATL ")),
        ("FlightDate", serde_json::json!("2016-12-24T16:00:00.000-08:00")),
    ] {
        assert_eq!(Request::parse(&with(field, value.clone())).as_ref(), Ok(&plain), "{field} {value}");
    }
}

/// The first page asks for five fields only, and its server sends `null` for the sixth.
#[test]
fn a_flight_number_may_be_missing() {
    let without = |change: fn(&mut serde_json::Value)| {
        let mut line = line();
        change(&mut line);
        Request::parse(line.to_string().as_bytes()).unwrap()
    };
    let none = without(|line| line["FlightNum"] = serde_json::Value::Null);
    assert_eq!(none.flight_number, None);
    assert!(serde_json::to_string(&none).unwrap().contains("\"FlightNum\":null,"), "{none:?}");
    assert_eq!(without(|line| line["FlightNum"] = "".into()), none);
    assert_eq!(without(|line| line["FlightNum"] = " ".into()), none);
    assert_eq!(without(|line| _ = line.as_object_mut().unwrap().remove("FlightNum")), none);
    assert_eq!(none.facts(Number::from(1)).flight_number, "");
}

#[test]
fn each_failure_has_its_reason_and_the_uuid() {
    for (field, value, reason) in [
        ("Origin", serde_json::Value::Null, "the request has no Origin"),
        ("Dest", serde_json::json!(""), "the request has no Dest"),
        ("Dest", serde_json::json!(7), "Dest of the request is not an airport"),
        ("Dest", serde_json::json!("A-B"), "without a hyphen"),
        ("Carrier", serde_json::json!("É"), "Carrier of the request is not a text of 1 to 8"),
        ("FlightDate", serde_json::json!("25.12.2016"), "not a date as YYYY-MM-DD"),
        ("FlightDate", serde_json::json!("2023-02-29"), "not a day of the calendar"),
        ("DepDelay", serde_json::json!("soon"), "not a number of minutes"),
        ("DepDelay", serde_json::json!(1e5), "not within 10080 minutes"),
        ("DepDelay", serde_json::json!({"min": 5}), "not a number of minutes"),
        ("FlightNum", serde_json::json!("123456789"), "FlightNum of the request is not"),
        ("FlightNum", serde_json::json!(123_456_789), "FlightNum of the request is not"),
        ("FlightNum", serde_json::json!(15.5), "FlightNum of the request is not"),
        ("FlightNum", serde_json::json!([1519]), "FlightNum of the request is not"),
        ("Timestamp", serde_json::json!("x".repeat(65)), "Timestamp of the request is not"),
    ] {
        let bad = Request::parse(&with(field, value.clone())).unwrap_err();
        assert!(bad.to_string().contains(reason), "{field} {value}: {bad}");
        assert_eq!(bad.id, RequestId::parse(UUID), "{field} {value}");
    }
    let bad = Request::parse(&with("UUID", serde_json::json!("me"))).unwrap_err();
    assert_eq!((bad.id, bad.reason), (None, RequestError::Wrong { field: "UUID", wanted: "a UUID" }));
}

#[test]
fn a_cut_line_still_tells_its_uuid_when_it_stands_before_the_cut() {
    let cut = format!("{{\"UUID\":\"{UUID}\",\"Origin\":\"AT");
    let bad = Request::parse(cut.as_bytes()).unwrap_err();
    assert_eq!((bad.id, bad.reason), (RequestId::parse(UUID), RequestError::Malformed));
    let twice = format!("{{\"UUID\":\"{UUID}\",\"Dest\":\"A\",\"Dest\":\"B\"}}");
    assert_eq!(Request::parse(twice.as_bytes()).unwrap_err().reason, RequestError::Twice("Dest"));
    let two = format!("{} {}", line(), line());
    assert_eq!(Request::parse(two.as_bytes()).unwrap_err().reason, RequestError::Malformed);
}

#[test]
fn the_uuid_keeps_the_clients_spelling() {
    let upper = UUID.to_uppercase();
    let request = Request::parse(&with("UUID", serde_json::json!(upper))).unwrap();
    assert_eq!(request.id.as_str(), upper);
}

#[test]
fn all_spellings_of_a_uuid_are_one_key() {
    let spellings = [
        UUID.to_owned(),
        UUID.to_uppercase(),
        UUID.replace('-', ""),
        format!("{{{UUID}}}"),
        format!("urn:uuid:{UUID}"),
    ];
    for spelling in spellings {
        assert_eq!(&*key(&RequestId::parse(&spelling).unwrap()), UUID, "{spelling}");
    }
    let unchecked: RequestId = serde_json::from_str("\"me\"").unwrap();
    assert_eq!(&*key(&unchecked), "me");
}

#[test]
fn a_line_beyond_the_limit_is_not_looked_into() {
    let mut line = line().to_string().into_bytes();
    line.resize(Request::LIMIT, b' ');
    assert!(Request::parse(&line).is_ok());
    line.push(b' ');
    assert_eq!(Request::parse(&line), Err(BadRequest { id: None, reason: RequestError::TooLong }));
    assert_eq!(RequestError::TooLong.to_string(), "the request is longer than 1048576 bytes");
}

#[test]
fn a_training_row_becomes_a_request_that_parses_back() {
    let facts = FlightFacts {
        date: FlightDate::from_ymd(2013, 1, 1).unwrap(),
        carrier: "9E",
        flight_number: "3459",
        origin: "JFK",
        dest: "BNA",
        departure_delay: Number::from(-8),
        distance: Number::from(765),
    };
    let request = |identity, copy| Request::from_training_row(&facts, RowIdentity(identity), CopyNumber(copy));
    let first = request(7, 0);
    let line = serde_json::to_vec(&first).unwrap();
    assert_eq!(Request::parse(&line).as_ref(), Ok(&first));
    assert_eq!(Uuid::try_parse(first.id.as_str()).unwrap().get_version_num(), 8);
    assert_eq!(first, request(7, 0));
    assert_ne!(first.id, request(7, 1).id);
    assert_ne!(first.id, request(8, 0).id);
    assert_eq!(first.facts(Number::from(765)), facts);
}

/// What may stand in the place of a value, be it JSON or not.
fn fragment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e-999",
        "-0.0",
        "-0",
        "99999999999999999999",
        "+5",
        ".5",
        "0x1",
        "null",
        "true",
        "[]",
        "{}",
        "[null]",
        "{\"UUID\":1}",
        "\"NaN\"",
        "\"1e999\"",
        "\" -5 \"",
        "\"\"",
        "\" \"",
        "\"2023-02-29\"",
        "\"2024-02-29\"",
        "\"2016-12-24T16:00:00.000-08:00\"",
        "\"A-B\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
    ]);
    prop_oneof![
        4 => known.prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| format!("{number:?}")),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => "\\PC{0,10}".prop_map(|text| serde_json::json!(text).to_string()),
    ]
}

proptest! {
    #[test]
    fn a_request_reads_back_from_its_own_line_and_who_asked_is_told_else(
        changes in prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), fragment(), 0..4), turn in 0_usize..8,
    ) {
        let good = line();
        let mut fields: Vec<String> = FIELDS
            .into_iter()
            .map(|field| format!("\"{field}\":{}", changes.get(field).cloned().unwrap_or(good[field].to_string())))
            .collect();
        fields.rotate_left(turn);
        let text = format!("{{{}}}", fields.join(","));
        match Request::parse(text.as_bytes()) {
            Ok(request) => {
                prop_assert!(request.departure_delay.get().abs() <= 10_080.0, "{}", text);
                let again = serde_json::to_vec(&request).unwrap();
                prop_assert_eq!(Request::parse(&again), Ok(request));
            }
            Err(bad) => {
                let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
                if is_json && !changes.contains_key("UUID") {
                    prop_assert_eq!(bad.id, RequestId::parse(UUID), "{}", text);
                }
            }
        }
    }

    #[test]
    fn junk_is_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Request::parse(&bytes).is_err());
    }

    #[test]
    fn a_line_cut_anywhere_is_malformed(cut in 0_usize..200) {
        let line = line().to_string();
        let cut = cut.min(line.len() - 1);
        prop_assert_eq!(Request::parse(&line.as_bytes()[..cut]).unwrap_err().reason, RequestError::Malformed);
    }

    #[test]
    fn any_value_in_any_field_is_a_request_or_one_reason(
        field in prop::sample::select(FIELDS.to_vec()), value in "\\PC{0,12}",
    ) {
        if let Err(bad) = Request::parse(&with(field, serde_json::json!(value))) {
            prop_assert!(bad.to_string().contains(field), "{}", bad);
        }
    }
}
