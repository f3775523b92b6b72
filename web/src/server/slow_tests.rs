//! Clients that take their time, on the real server: raw bytes, and what becomes of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::tests::{PATIENCE, Running, run};
use super::*;

impl Running {
    /// A connection on which these bytes were sent.
    fn sends(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    }
}

/// All that comes until the server closes the connection.
fn all_of(mut stream: TcpStream) -> String {
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("it is closed, and in time");
    all
}

#[test]
fn silent_connections_are_closed_and_keep_nobody_out() {
    let server = Limits { connections: 2, head: Duration::from_millis(200), ..SERVER };
    let site = run(Settings { server, ..Settings::default() });
    // More than there are places for: those who wait are let in when the silent ones are closed.
    let silent: Vec<_> = (0..5).map(|_| site.sends("")).collect();
    let half = site.sends("GET / HTTP/1.1\r\nhost:");
    assert_eq!(site.get(PAGE).status(), 200);
    for silent in silent {
        assert_eq!(all_of(silent), "");
    }
    assert!(!all_of(half).starts_with("HTTP/1.1 2"));
}

#[test]
fn a_form_that_trickles_in_is_ended_and_asks_nothing() {
    let site = run(Settings { form_time: Duration::from_millis(200), ..Settings::default() });
    let head = "host: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 90\r\n\r\nOrig";
    let answer = all_of(site.sends(&format!("POST {ASK} HTTP/1.1\r\n{head}")));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not come in time"), "{answer}");
    assert!(site.backend.requests().is_empty());
    // A body that nobody asked for holds nothing up either.
    let answer = all_of(site.sends(&format!("GET {PAGE} HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\nOrig")));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn streams_leave_connections_for_others() {
    let server = Limits { connections: 4, ..SERVER };
    let site = run(Settings { server, ..Settings::default() });
    assert_eq!(site.site.0.streams.available_permits(), 3);
}
