//! Whatever clients send to a live job is settled once: random bytes, JSON of the wrong shape, lines of 10 MB, dates and
//! numbers that are none, repeated UUIDs. Nothing is lost, and nothing ends the job.

use std::io::Write;
use std::net::TcpStream;

use flightline_tests::Chance;
use flightline_tests::job::{PARTITIONS, Shape, World, request};
use flightline_tests::rows::{FlightRow, bundled};
use serde_json::Value;

/// Requests that are sent together, and how often.
const TOGETHER: usize = 50;
const ROUNDS: usize = 40;

/// JSON, and what looks like it, to be put in the place of a field's value.
const VALUES: [&str; 32] = [
    "NaN",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e308",
    "-0.0",
    "10080.1",
    "99999999999999999999",
    "0x10",
    "+5",
    ".5",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[]]]]]",
    "{\"UUID\":1}",
    "\"\"",
    "\" \"",
    "\"NaN\"",
    "\"1e999\"",
    "\"-5\"",
    "\"2023-02-29\"",
    "\"2100-02-29\"",
    "\"0000-00-00\"",
    "\"2016-12-25T00:00:00+99:00\"",
    "\"A-B\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"<script>\"",
    "\"\u{202e}\u{2028}\"",
];
const FIELDS: [&str; 9] =
    ["UUID", "Origin", "Dest", "Carrier", "FlightDate", "DepDelay", "FlightNum", "Timestamp", "Distance"];
/// JSON that is no object of fields.
const SHAPES: [&str; 10] = [
    "",
    " ",
    "null",
    "7",
    "\"text\"",
    "[]",
    "[{}]",
    "{}",
    "{\"UUID\"}",
    "{\"UUID\":\"00000000-0000-4000-8000-000000000001\"}",
];

/// Fields in an order, which may be there twice, with values that need be no JSON.
fn line(fields: &[(String, String)]) -> Vec<u8> {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(",")).into_bytes()
}

fn one(chance: &mut Chance) -> Vec<u8> {
    let flight = &bundled()[chance.below(bundled().len())];
    // A few UUIDs come again and again, for other flights.
    let number = if chance.below(4) == 0 { chance.below(20) as u64 } else { chance.next_number() };
    let good = request(flight, number);
    let mut fields: Vec<(String, String)> = serde_json::from_str::<serde_json::Map<String, Value>>(&good)
        .expect("a request is an object")
        .into_iter()
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    match chance.below(9) {
        0 => (0..chance.below(300)).map(|_| chance.next_number() as u8).collect(),
        1 => SHAPES[chance.below(SHAPES.len())].into(),
        2 | 3 => {
            let (field, value) = (FIELDS[chance.below(FIELDS.len())], VALUES[chance.below(VALUES.len())]);
            fields.retain(|(name, _)| name != field);
            fields.insert(chance.below(fields.len()), (field.to_owned(), value.to_owned()));
            line(&fields)
        }
        4 => {
            fields.push(fields[chance.below(fields.len())].clone());
            chance.shuffle(&mut fields);
            line(&fields)
        }
        5 => good.as_bytes()[..chance.below(good.len())].to_vec(),
        6 => {
            let mut bytes = good.into_bytes();
            let at = chance.below(bytes.len());
            bytes[at] = chance.next_number() as u8;
            bytes
        }
        7 => {
            let origin = ["XXX", "jfk", "A\u{e9}", "EWR", "12345678"][chance.below(5)].to_owned();
            request(&FlightRow { origin, dest: "NOWHERE".to_owned(), ..flight.clone() }, number).into()
        }
        _ => good.into(),
    }
}

/// Lines of 10 MB: a request with blanks behind it, brackets without end, one long text, and bytes.
fn huge(chance: &mut Chance) -> Vec<Vec<u8>> {
    const SIZE: usize = 10 << 20;
    let mut blanks = request(&bundled()[0], 1 << 40).into_bytes();
    blanks.resize(SIZE, b' ');
    let text = format!("{{\"UUID\":\"00000000-0000-4000-8000-0000000000aa\",\"Origin\":\"{}\"}}", "x".repeat(SIZE));
    let bytes = (0..SIZE / 8).flat_map(|_| chance.next_number().to_le_bytes()).collect();
    vec![blanks, vec![b'['; SIZE], text.into_bytes(), bytes]
}

/// Sends what no client should to the port itself, and goes away in the middle.
fn disturb(world: &World, chance: &mut Chance) {
    let address = world.address();
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).expect("the job listens");
    let beginning =
        ["POST /topics/flight-delay-ml-request/0/records HTTP/1.1\r\nContent-Length: 1000\r\n", "\x16\x03\x01"];
    let junk: Vec<u8> = (0..200).map(|_| chance.next_number() as u8).collect();
    // It may hang up before all is sent.
    let _ = connection.write_all(beginning[chance.below(2)].as_bytes()).and_then(|()| connection.write_all(&junk));
}

fn survives(shape: &Shape) {
    let (world, mut chance) = (World::new(), Chance::new());
    let job = world.start(shape);
    job.wait_until_running();
    let mut sent = 0;
    for round in 0..ROUNDS {
        let lines: Vec<Vec<u8>> = (0..TOGETHER).map(|_| one(&mut chance)).collect();
        sent += lines.len();
        job.ask((round as u32) % PARTITIONS, lines);
        disturb(&world, &mut chance);
    }
    for (partition, line) in (0..PARTITIONS).cycle().zip(huge(&mut chance)) {
        sent += 1;
        job.ask(partition, [line]);
    }
    // Whoever comes after all that is answered as ever.
    let last = job.ask(0, [request(&bundled()[1], 1 << 41)]);
    job.wait_until_done();
    let answered = (0..shape.processes).filter_map(|process| job.status(process)).map(|status| status.answers);
    let (ok, error) = answered.fold((0, 0), |(ok, error), answers| (ok + answers.ok, error + answers.error));
    job.stop();

    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    assert_eq!(holdings.requests(), sent + 1);
    assert_eq!(holdings.answers().len() as u64, ok + error);
    assert!(ok > 300 && error > 300, "{ok} answers and {error} errors are no test");
    let silent = holdings.requests() - holdings.answers().len();
    assert!(silent > 100, "{silent} requests without a UUID are no test");
    assert_eq!(holdings.dead_letters().len(), error as usize + silent);
    let (_, line) = holdings.answers().iter().find(|(at, _)| *at == (0, last.from.0)).expect("it is answered");
    assert_eq!(serde_json::from_slice::<Value>(line).expect("JSON")["Status"], "OK");
}

#[test]
fn nothing_that_clients_send_is_lost_or_ends_a_job() {
    survives(&Shape::of(1, 2));
}

#[test]
fn nothing_that_clients_send_is_lost_or_ends_a_job_of_two_processes() {
    survives(&Shape::of(2, 1));
}
