//! Both threads, and what they live on.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::super::board::Board;
use super::super::cord::{is_wanted, socket, tell, wait_until_closed};
use super::super::reader::CordReader;
use super::super::telemetry::Telemetry;
use crate::ledger::Generation;
use crate::process::Exit;

#[test]
fn only_the_word_for_standard_input_makes_a_cord() {
    let wanted = |value: Option<&str>| is_wanted(value.map(OsString::from));
    assert!(wanted(Some("stdin")).unwrap());
    assert!(!wanted(None).unwrap() && !wanted(Some("")).unwrap());
    let error = wanted(Some("3")).unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    assert!(error.to_string().contains(r#"FLIGHTLINE_CORD is "3""#), "{error}");
}

#[test]
fn only_one_end_of_a_socket_pair_is_a_cord() {
    let (one, _other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    socket(one.as_fd()).unwrap();
    let (pipe, _writer) = io::pipe().unwrap();
    let (datagrams, _others) = UnixDatagram::pair().unwrap();
    let file = File::open("/dev/null").unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (what, fd) in
        [("a pipe", pipe.as_fd()), ("datagrams", datagrams.as_fd()), ("a file", file.as_fd()), ("a port", port.as_fd())]
    {
        assert!(socket(fd).is_err(), "{what}");
    }
}

#[test]
fn a_life_ends_with_its_agents_end_of_the_cord() {
    let (agent, process) = UnixStream::pair().unwrap();
    let lifeline = thread::spawn(|| wait_until_closed(process));
    (&agent).write_all(b"what an agent writes is no end").unwrap();
    assert!(!lifeline.is_finished());
    drop(agent);
    lifeline.join().unwrap();
}

#[test]
fn a_connection_that_is_reset_is_an_end_and_an_interruption_is_none() {
    struct Errors(Vec<io::ErrorKind>);
    impl Read for &mut Errors {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(self.0.pop().unwrap().into())
        }
    }
    let mut errors = Errors(vec![io::ErrorKind::ConnectionReset, io::ErrorKind::Interrupted]);
    wait_until_closed(&mut errors);
    assert!(errors.0.is_empty());
    wait_until_closed(Cursor::new(vec![1; 10_000]));
}

#[test]
fn an_agent_reads_what_has_changed_and_the_last_word() {
    let (agent, process) = UnixStream::pair().unwrap();
    let board = Board::default();
    thread::scope(|scope| {
        scope.spawn(|| tell(&board, process));
        let mut told = CordReader::new(BufReader::new(agent));
        board.ledger_holds(Generation(1));
        let holds = |wanted| move |told: &Result<Telemetry, _>| told.as_ref().unwrap().ledger_generation == wanted;
        assert!(told.find(holds(Some(Generation(1)))).is_some());
        board.ledger_holds(Generation(2));
        board.finish();
        assert!(told.find(holds(Some(Generation(2)))).is_some());
        assert!(told.all(|told| told.is_ok()), "then the wire ends");
    });
}

/// A wire that takes a line only when it may, and shows it.
struct Slow {
    lines: SyncSender<Vec<u8>>,
    may: Receiver<()>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |()| io::Error::from(io::ErrorKind::BrokenPipe);
        self.lines.send(bytes.to_vec()).map_err(|_| gone(()))?;
        self.may.recv().map_err(|_| gone(()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_an_agent_that_did_not_read_comes_the_newest_snapshot() {
    let board = Board::default();
    let (lines, written) = sync_channel(0);
    let (allow, may) = sync_channel(0);
    thread::scope(|scope| {
        scope.spawn(|| tell(&board, Slow { lines, may }));
        // Gone when an assertion fails: the thread ends then, and isn't waited for in vain.
        let (written, allow) = (written, allow);
        let next = || Telemetry::of_line(&written.recv().unwrap()).unwrap();
        board.changed();
        next();
        // The wire stands; those who have something to tell don't notice.
        (1..=1_000).for_each(|generation| board.ledger_holds(Generation(generation)));
        allow.send(()).unwrap();
        assert_eq!(next().ledger_generation, Some(Generation(1_000)));
        drop(allow);
    });
    // Nobody listens any more, and so nobody is waited for.
    board.finish();
}
