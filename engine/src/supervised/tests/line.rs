//! Lines, and an agent that reads them.

use std::io::{self, BufReader, Read};

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq};
use proptest::proptest;

use super::super::graph::{Address, Channel, Endpoint, Graph, Operator, Port};
use super::super::line::{LineError, MOST_LINE_BYTES, MOST_OPERATORS};
use super::super::reader::CordReader;
use super::super::telemetry::Telemetry;
use super::some;
use crate::http::Health;
use crate::metrics::{AnswerStatus, StreamMetrics, StreamStatus};

fn read(bytes: &[u8]) -> Vec<Result<Telemetry, LineError>> {
    CordReader::new(bytes).collect()
}

proptest! {
    #[test]
    fn what_is_sent_is_what_is_read(sent in vec(some::telemetry(), 0..4), in_pieces_of in 1_usize..100) {
        let bytes: Vec<u8> = sent.iter().cloned().flat_map(|telemetry| telemetry.into_line().unwrap()).collect();
        let read: Result<Vec<_>, _> = CordReader::new(BufReader::with_capacity(in_pieces_of, &*bytes)).collect();
        // A cut drops channels without an operator at their ends, and those of chance have many.
        let cut = |telemetry: Telemetry| Telemetry {
            graph: telemetry.graph.map(|graph| graph.cut(MOST_OPERATORS)),
            ..telemetry
        };
        prop_assert_eq!(read.unwrap(), sent.into_iter().map(cut).collect::<Vec<_>>());
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        for read in read(&bytes) {
            assert!(read.is_err());
        }
    }

    #[test]
    fn a_damaged_message_never_panics(sent in some::telemetry(), at in any::<usize>(), byte in any::<u8>()) {
        let mut line = sent.into_line().unwrap();
        let at = at % line.len();
        line[at] = byte;
        drop(read(&line));
        drop(read(&line[..at]));
    }
}

#[test]
fn health_and_figures_of_a_stream_travel() {
    let (health, metrics) = (Health::new(), StreamMetrics::new());
    health.failed("disk full");
    metrics.answered(AnswerStatus::Ok, 7);
    metrics.read(crate::log::Partition(3), 8, 900);
    let sent = Telemetry { stream: Some(metrics.status()), health: Some(health.report()), ..Telemetry::default() };
    let line = sent.clone().into_line().unwrap();
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(read(&line).pop().unwrap().unwrap(), sent);
}

#[test]
fn a_line_of_garbage_is_not_the_end() {
    let good = Telemetry { memory_bytes: Some(5), ..Telemetry::default() };
    let mut bytes = good.clone().into_line().unwrap();
    bytes.extend_from_slice(b"hello\n");
    bytes.extend(good.clone().into_line().unwrap());
    bytes.extend_from_slice(br#"{"stages":[]"#);
    let [first, garbage, second, half] = read(&bytes).try_into().unwrap();
    assert_eq!((first.unwrap(), second.unwrap()), (good.clone(), good));
    assert!(matches!(garbage, Err(LineError::NotTelemetry(_))));
    assert!(matches!(half, Err(LineError::CutOff)));
}

#[test]
fn a_line_without_end_is_not_held() {
    let mut reader = CordReader::new(BufReader::new(io::repeat(b' ')));
    assert!(matches!(reader.next(), Some(Err(LineError::TooLong))));
    assert!(reader.next().is_none());
    assert!(matches!(Telemetry::of_line(&vec![b' '; MOST_LINE_BYTES + 1]), Err(LineError::TooLong)));
}

#[test]
fn an_error_of_reading_is_the_end() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("reset"))
        }
    }
    let mut reader = CordReader::new(BufReader::new(Broken));
    assert!(matches!(reader.next(), Some(Err(LineError::Read(_)))));
    assert!(reader.next().is_none());
}

/// So many operators in a row, with names of the greatest length that a recorder leaves them.
fn row(operators: usize) -> Graph {
    let scope = Address(vec![0]);
    let operator = |index: usize| Operator {
        address: scope.child(index + 1),
        name: "\u{1}".repeat(120),
        is_scope: false,
        active_nanos: u64::MAX,
        activations: u64::MAX,
        running: 1,
    };
    let end = |index: usize| Endpoint { operator: scope.child(index), port: Port(0) };
    let channel = |index: usize| Channel {
        scope: scope.clone(),
        source: end(index),
        target: end(index + 1),
        records_sent: u64::MAX,
        records_received: u64::MAX,
        batches: u64::MAX,
    };
    Graph::merge([Graph {
        operators: (0..operators).map(operator).collect(),
        channels: (1..operators).map(channel).collect(),
        truncated: false,
    }])
}

#[test]
fn the_largest_graph_fits_into_a_line() {
    let sent = Telemetry { graph: Some(row(100_000)), ..Telemetry::default() };
    let line = sent.into_line().unwrap();
    assert!(line.len() < MOST_LINE_BYTES / 4 * 3, "{} bytes", line.len());
    let graph = read(&line).pop().unwrap().unwrap().graph.unwrap();
    assert_eq!((graph.operators.len(), graph.channels.len()), (MOST_OPERATORS, MOST_OPERATORS - 1));
    assert!(graph.truncated);
}

#[test]
fn what_would_not_fit_is_left_out_part_by_part() {
    let (health, metrics) = (Health::new(), StreamMetrics::new());
    let telemetry = |health: &Health| Telemetry {
        graph: Some(row(10)),
        // The peak of memory may rise from one look to the next.
        stream: Some(StreamStatus { peak_memory_bytes: None, ..metrics.status() }),
        health: Some(health.report()),
        memory_bytes: Some(1),
        ..Telemetry::default()
    };
    let whole = read(&telemetry(&health).into_line().unwrap()).pop().unwrap().unwrap();
    assert_eq!(whole, telemetry(&health));
    health.failed("x".repeat(MOST_LINE_BYTES));
    let lean = read(&telemetry(&health).into_line().unwrap()).pop().unwrap().unwrap();
    let nothing = Graph { truncated: true, ..Graph::default() };
    assert_eq!(lean, Telemetry { graph: Some(nothing), memory_bytes: Some(1), ..Telemetry::default() });
}
