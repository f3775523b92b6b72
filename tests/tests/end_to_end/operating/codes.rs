//! Exit codes and reasons of dead letters: the guide has all of them, with what each program ends with.

use std::collections::{BTreeMap, BTreeSet};

use flightline_jobs::request::{Request, RequestError};
use flightline_tests::Folder;

use super::{name, page, rows};

const GUIDE: &str = "docs/operating/exit-codes.md";
const PROGRAMS: [&str; 14] = [
    "dead-letters",
    "demo",
    "distances",
    "extract",
    "generate",
    "import",
    "master",
    "model",
    "predict",
    "replay",
    "submit",
    "train",
    "web",
    "worker",
];

fn numbers(text: &str) -> BTreeSet<u8> {
    text.split(|other: char| !other.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[test]
fn every_exit_code_is_in_the_guide() {
    let source = page("engine/src/process/exit.rs");
    let body = source.split_once("pub enum Exit {").and_then(|(_, rest)| rest.split_once('}')).expect("the enum").0;
    let variant = |line: &str| {
        let (name, code) = line.trim().strip_suffix(',')?.split_once(" = ")?;
        Some((code.parse::<u8>().ok()?, name.to_owned()))
    };
    let codes: BTreeMap<u8, String> = body.lines().filter_map(variant).collect();
    assert!(codes.len() > 10, "{codes:?}");
    let guide: BTreeMap<u8, String> = rows(&page(GUIDE), "##")
        .iter()
        .filter(|(heading, _)| heading == "The codes")
        .filter_map(|(_, cells)| Some((cells[0].parse().ok()?, name(&cells[1])?.to_owned())))
        .collect();
    assert_eq!(guide, codes, "the table of {GUIDE} beside the codes of the engine");
}

/// A program says with which codes it ends, and the guide says the same.
#[test]
fn each_program_ends_as_the_guide_says() {
    let text = page(GUIDE);
    let guide: BTreeMap<String, BTreeSet<u8>> = rows(&text, "##")
        .iter()
        .filter(|(heading, _)| heading == "Which program ends with which")
        .filter_map(|(_, cells)| Some((name(&cells[0])?.to_owned(), numbers(&cells[1]))))
        .collect();
    let folder = Folder::new();
    for program in PROGRAMS {
        let told = folder.run(program).arg("--help").succeed().stdout;
        let (_, codes) = told.split_once("Exit codes:").unwrap_or_else(|| panic!("{program} names no exit codes"));
        assert_eq!(guide.get(program), Some(&numbers(codes)), "{program}: {codes}");
    }
    assert_eq!(guide.len(), PROGRAMS.len(), "{:?}", guide.keys());
}

/// Every reason that a dead letter can have begins like one of the guide's.
#[test]
fn every_reason_of_a_dead_letter_is_in_the_guide() {
    let text = page(GUIDE);
    let guide: Vec<String> = rows(&text, "##")
        .iter()
        .filter(|(heading, _)| heading == "Why a request became a dead letter")
        .filter_map(|(_, cells)| name(&cells[0]).map(str::to_owned))
        .collect();
    let long = " ".repeat(Request::LIMIT + 1);
    let mut found = BTreeSet::new();
    for (line, wanted) in [
        (long.as_str(), RequestError::TooLong),
        ("{\"UUID\":", RequestError::Malformed),
        ("{}", RequestError::Missing("UUID")),
        ("{\"Dest\":\"SFO\",\"Dest\":\"SFO\"}", RequestError::Twice("Dest")),
        ("{\"UUID\":\"me\"}", RequestError::Wrong { field: "UUID", wanted: "a UUID" }),
    ] {
        let reason = Request::parse(line.as_bytes()).expect_err("it is no request").reason;
        assert_eq!(reason, wanted);
        // Whoever adds a reason adds it here, and to the guide.
        let number = match reason {
            RequestError::TooLong => 0,
            RequestError::Malformed => 1,
            RequestError::Missing(_) => 2,
            RequestError::Twice(_) => 3,
            RequestError::Wrong { .. } => 4,
        };
        found.insert(number);
        let told = reason.to_string();
        let matches = |pattern: &String| {
            let parts: Vec<&str> = pattern.split("...").collect();
            told.starts_with(parts[0]) && parts.iter().all(|part| told.contains(part))
        };
        assert!(guide.iter().any(matches), "{told:?} is in no row of {GUIDE}: {guide:?}");
    }
    assert_eq!(found.len(), 5);
    assert!(guide.iter().any(|pattern| pattern.starts_with("unknown route")), "{guide:?}");
}
