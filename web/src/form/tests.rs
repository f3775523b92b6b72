use flightline_jobs::flight::instant::Instant;
use flightline_jobs::request::RequestId;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn stamp() -> Stamp {
    Stamp { id: RequestId::from(Uuid::from_u128(7)), asked_at: Instant::from_micros(1_482_624_000_000_000) }
}

fn form(fields: &[(&str, &str)]) -> FlightForm {
    FlightForm(fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
}

fn good_but(field: &str, text: &str) -> FlightForm {
    form(&GOOD.map(|(name, good)| (name, if name == field { text } else { good })))
}

#[test]
fn a_good_form_is_the_request_that_the_stream_reads() {
    let request = form(&GOOD).check(&stamp()).unwrap();
    let line = serde_json::to_string(&request).unwrap();
    assert_eq!(
        line,
        "{\"Carrier\":\"AA\",\"DepDelay\":5.0,\"Dest\":\"SFO\",\"FlightDate\":\"2016-12-25\",\"FlightNum\":\"1519\",\
         \"Origin\":\"ATL\",\"Timestamp\":\"2016-12-25T00:00:00.000Z\",\
         \"UUID\":\"00000000-0000-0000-0000-000000000007\"}"
    );
    assert_eq!(Request::parse(line.as_bytes()), Ok(request));
}

#[test]
fn all_wrong_fields_are_told_at_once() {
    let errors = form(&[("DepDelay", "soon"), ("FlightDate", "2023-02-29"), ("Origin", "A-B"), ("Carrier", " ")])
        .check(&stamp())
        .unwrap_err();
    let told = |field| errors.of(field).unwrap_or_else(|| panic!("nothing is said of {field}: {errors:?}"));
    assert_eq!(told("DepDelay"), "This must be a number of minutes.");
    assert!(told("FlightDate").contains("a day of the calendar"));
    assert!(told("Origin").contains("without a hyphen"));
    assert_eq!(told("Carrier"), "Please fill this in.");
    assert_eq!(told("Dest"), "Please fill this in.");
    assert!(!errors.fields().any(|field| field == "UUID" || field == "Timestamp"));
}

/// The seed's page has five fields.
#[test]
fn a_flight_number_may_be_left_out_or_empty() {
    let five = GOOD.into_iter().filter(|(name, _)| *name != "FlightNum").collect::<Vec<_>>();
    for form in [form(&five), good_but("FlightNum", ""), good_but("FlightNum", "  ")] {
        assert_eq!(form.check(&stamp()).unwrap().flight_number, None);
    }
}

#[test]
fn a_field_that_is_there_twice_is_told() {
    let mut twice = form(&GOOD);
    twice.0.push(("Dest".to_owned(), "JFK".to_owned()));
    let errors = twice.check(&stamp()).unwrap_err();
    assert_eq!(errors.of("Dest"), Some("This is there twice; send it once."));
    assert_eq!(errors.fields().count(), 1);
}

#[test]
fn fields_that_are_ours_or_nobodys_are_ignored() {
    let mut more = form(&GOOD);
    for name in ["UUID", "Timestamp", "Distance", "DayOfWeek", "x"] {
        more.0.push((name.to_owned(), "<b>".to_owned()));
    }
    assert_eq!(more.check(&stamp()), form(&GOOD).check(&stamp()));
}

#[test]
fn no_message_repeats_what_was_sent() {
    for field in FIELDS {
        let errors = good_but(field, "<script>alert(1)</script>").check(&stamp()).unwrap_err();
        assert_eq!(errors.fields().collect::<Vec<_>>(), [field]);
        assert!(!errors.of(field).unwrap().contains('<'), "{errors:?}");
    }
}

/// Texts that are good, nearly good, or nothing at all, for any field.
fn text() -> impl Strategy<Value = String> {
    let good = prop::sample::select(GOOD.map(|(_, text)| text.to_owned()).to_vec());
    let near = prop::sample::select(
        [
            "",
            " ",
            " 7 ",
            "-10080",
            "10080.5",
            "NaN",
            "inf",
            "1e3",
            "+.5",
            "null",
            "a-b",
            "é",
            "ABCDEFGH",
            "ABCDEFGHI",
            "2023-02-29",
            "2024-02-29",
            "12/31/2015",
            "2015-12-30T16:00:00.000-08:00",
            "1899-12-31",
            "\u{0}",
            "\"",
            "\\",
            "\u{2028}",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    prop_oneof![4 => good, 2 => near, 1 => "\\PC{0,12}"]
}

/// Names of fields, and of others that the form should ignore.
fn name() -> impl Strategy<Value = String> {
    let names = FIELDS.into_iter().chain(["UUID", "Timestamp", "depdelay", ""]).map(str::to_owned).collect::<Vec<_>>();
    prop::sample::select(names)
}

/// The oracle: mends the first wrong field that the parser names until nothing is wrong.
fn wrong_by_mending(mut given: Vec<(&'static str, String)>) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    loop {
        let Err(reason) = parse(given.iter().map(|(name, text)| (*name, text.as_str())), &stamp()) else {
            wrong.sort_unstable();
            return wrong;
        };
        let field = field_of(reason);
        assert!(!wrong.contains(&field), "{field} was mended and is still wrong");
        wrong.push(field);
        let (_, good) = GOOD.into_iter().find(|(name, _)| *name == field).expect("a field of the form");
        given.retain(|(name, _)| *name != field);
        given.push((field, good.to_owned()));
    }
}

proptest! {
    #[test]
    fn a_form_is_right_exactly_when_the_parser_says_so(
        texts in prop::collection::vec(text(), FIELDS.len()),
        left_out in prop::collection::vec(prop::bool::weighted(0.1), FIELDS.len()),
        more in prop::collection::vec((name(), text()), 0..2),
    ) {
        let kept = FIELDS.iter().zip(texts).zip(left_out).filter(|(_, left_out)| !left_out);
        let mut fields: Vec<_> = kept.map(|((name, text), _)| ((*name).to_owned(), text)).collect();
        fields.extend(more);
        let ours = |name: &str| FIELDS.into_iter().find(|field| *field == name);
        let given: Vec<_> = fields.iter().filter_map(|(name, text)| Some((ours(name)?, text.clone()))).collect();
        let wrong = wrong_by_mending(given.clone());
        match FlightForm(fields).check(&stamp()) {
            Err(errors) => prop_assert_eq!(errors.fields().collect::<Vec<_>>(), wrong),
            Ok(request) => {
                prop_assert!(wrong.is_empty(), "the parser refuses {:?}", wrong);
                prop_assert_eq!(&request.id, &stamp().id);
                // What is sent is the request written anew: the stream must read the same out of it.
                let sent = serde_json::to_vec(&request).unwrap();
                prop_assert_eq!(Request::parse(&sent), Ok(request));
            }
        }
    }

    #[test]
    fn any_form_at_all_is_answered(fields in prop::collection::vec(("\\PC{0,10}", any::<String>()), 0..8)) {
        let _ = FlightForm(fields).check(&stamp());
    }
}
