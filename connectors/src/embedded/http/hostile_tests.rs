//! What clients do who mean harm, or are just slow.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::tests::{LINES, Port, refuses};
use super::*;

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(60);
const PATH: &str = "/topics/requests/0/records";

impl Port {
    /// A connection on which an append is begun: of so many bytes, of which only so many come.
    fn begins(&self, announced: usize, sent: usize) -> TcpStream {
        let mut stream = TcpStream::connect(&self.served.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let head =
            format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: {LINES}\r\ncontent-length: {announced}\r\n");
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; sent]).unwrap();
        stream
    }

    fn end(&self) -> u64 {
        let topic = self.store.opened_topic("requests").unwrap();
        topic.bounds(flightline_engine::log::Partition(0)).unwrap().to.0
    }
}

fn all_of(mut stream: TcpStream) -> String {
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("it is closed, and in time");
    all
}

/// With a patience that never ends here, so that nothing but the places decides.
const ENDLESS: BodyLimits = BodyLimits { pace: LONG, ..BODIES };

#[test]
fn slow_clients_do_not_stop_small_appends() {
    let port = Port::within(ENDLESS);
    // Small ones that never end, and more large ones that stand still than there are places.
    let _slow: Vec<_> = (0..100).map(|_| port.begins(1000, 1)).collect();
    let _large: Vec<_> = (0..2 * BODIES.places).map(|_| port.begins(1 << 20, BODIES.small + 1)).collect();
    for _ in 0..20 {
        assert_eq!(port.post(PATH, LINES, b"{}").0, 200);
    }
    let small = vec![b'x'; BODIES.small];
    assert_eq!(port.post(PATH, LINES, &small).0, 200, "the largest of the small ones");
    assert_eq!(port.end(), 21, "what did not come whole is not there");
}

#[test]
fn a_body_that_stops_in_the_middle_is_ended_and_gives_its_place_back() {
    let port = Port::within(BodyLimits { pace: Duration::from_millis(300), places: 1, ..BODIES });
    let stands = [port.begins(1000, 1), port.begins(1 << 20, BODIES.small + 1)];
    for stands in stands {
        let answer = all_of(stands);
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("too slowly"), "{answer}");
    }
    let (status, body) = port.post(PATH, "application/octet-stream", &vec![b'x'; 10 << 20]);
    assert_eq!((status, port.end()), (200, 1), "{body}");
}

#[test]
fn a_large_body_waits_for_a_place_and_is_told_when_there_is_none() {
    let port = Port::within(BodyLimits { pace: Duration::from_millis(300), places: 0, ..BODIES });
    let answer = all_of(port.begins(1 << 20, BODIES.small + 1));
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("nothing was done"), "{answer}");
    assert_eq!(port.end(), 0);
}

#[test]
fn too_many_records_are_refused_and_none_is_written() {
    let port = Port::within(ENDLESS);
    refuses(port.post(PATH, LINES, &b"x\n".repeat(MOST_RECORDS + 1)), 413, "more than 100000 records");
    let listed = format!("{{\"records\":[{}{{\"text\":\"\"}}]}}", "{\"text\":\"\"},".repeat(2 * MOST_RECORDS));
    refuses(port.post(PATH, "application/json", listed.as_bytes()), 413, "more than 100000 records");
    assert_eq!(port.end(), 0);
    assert_eq!(port.post(PATH, LINES, &b"x\n".repeat(MOST_RECORDS)).0, 200);
    assert_eq!(port.end(), 100_000);
}

/// What a browser sends over plain HTTP to a name that a page has made its own.
#[test]
fn a_rebound_name_brings_nothing() {
    let port = Port::within(BODIES);
    let ask = |method: &str, host: &str, more: &str| {
        let mut stream = TcpStream::connect(&port.served.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let head =
            format!("{method} {PATH} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: {LINES}\r\n");
        let body = if method == "POST" { "content-length: 2\r\n\r\n{}" } else { "\r\n" };
        stream.write_all(format!("{head}{more}{body}").as_bytes()).unwrap();
        all_of(stream)
    };
    let of_browsers = "accept-language: en\r\n";
    let address = port.served.address.clone();
    for method in ["GET", "POST"] {
        let refused = ask(method, "evil.example:9464", of_browsers);
        assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("open this by its IP address"), "{refused}");
    }
    assert_eq!(port.end(), 0, "nothing was written");
    assert!(ask("GET", &address, of_browsers).starts_with("HTTP/1.1 200 "));
    let other_site = ask("POST", &address, "origin: http://evil.example\r\n");
    assert!(other_site.starts_with("HTTP/1.1 403 "), "{other_site}");
    assert!(
        ask("POST", "host2:9464", "").starts_with("HTTP/1.1 200 "),
        "another process, by its name in the hosts file"
    );
}
