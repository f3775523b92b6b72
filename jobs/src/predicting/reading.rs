//! From blocks of files to requests, flights and bad lines.
//!
//! Parquet and CSV hold flights. A line of JSON is a request or a flight: told by a flag, or by the line itself, so that
//! neither the split nor the order of a file matters. A bad flight is counted, as in training; a line that is no request
//! is kept, with its reason.

use std::ops::ControlFlow;
use std::sync::Arc;

use clap::ValueEnum;
use flightline_connectors::files::{LineBlock, Payload};
use flightline_engine::bridge;
use flightline_engine::bridge::BridgeSender;
use flightline_engine::ids::WorkerIndex;
use flightline_engine::progress::Stage;
use timely::dataflow::{Scope, StreamVec};
use timely::progress::Timestamp;

use crate::failure::{Failure, FailureKind};
use crate::flight::batch::{FlightBatch, FlightBatchBuilder};
use crate::flight::column::Column;
use crate::flight::decode::Decoder;
use crate::input::{Input, ReadItem};
use crate::request::{BadRequest, Request, RequestError, RequestId};

/// Rows of a batch, about.
const BATCH_ROWS: usize = 8 << 10;

/// Batches that may wait for a worker.
const BATCHES_AHEAD: usize = 2;

/// The mark that some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the lines of a JSON file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RowKind {
    /// A line that has an ArrDelay and no UUID is a flight, any other a request
    #[default]
    Auto,
    /// Requests, good or bad
    Requests,
    /// Training rows, good or bad
    Flights,
}

/// A line that is no request.
#[derive(Clone, Debug)]
pub(super) struct BadLine {
    /// Who asked, if that could be read.
    pub(super) id: Option<RequestId>,
    /// Why it is no request.
    pub(super) reason: RequestError,
    /// The file it stands in.
    pub(super) file: Arc<str>,
    /// Where it begins in the decompressed file, in bytes from 0.
    pub(super) offset: u64,
    /// The line as it came, without its line end.
    pub(super) bytes: Vec<u8>,
}

/// What was read, of one kind.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// Requests.
    Requests(Vec<Request>),
    /// Training rows, with the counts of the bad ones.
    Flights(Box<FlightBatch>),
    /// Lines that are neither.
    Bad(Vec<BadLine>),
}

/// This worker's share of the input as a stream, read and parsed on a thread of its own.
pub(super) fn rows<'scope, T: Timestamp>(
    scope: Scope<'scope, T>,
    input: &Input,
    stage: &Stage,
    kind: RowKind,
) -> StreamVec<'scope, T, ReadItem<Rows>> {
    let worker = WorkerIndex::new(scope.index());
    let (input, stage) = (input.clone(), stage.clone());
    bridge(scope, "read", BATCHES_AHEAD, move |sender| {
        if let Err(failure) = send_rows(&input, worker, &stage, kind, &sender) {
            // Without a dataflow there is nobody to tell.
            let _ = sender.send(ReadItem::Failed(failure));
        }
    })
}

fn send_rows(
    input: &Input,
    worker: WorkerIndex,
    stage: &Stage,
    kind: RowKind,
    sender: &BridgeSender<ReadItem<Rows>>,
) -> Result<(), Failure> {
    let mut reader = RowReader::new(kind);
    input.read_payloads(worker, stage, &Column::OF_A_FLIGHT, |payload| {
        reader.take(payload)?;
        Ok(if reader.len() < BATCH_ROWS { ControlFlow::Continue(()) } else { reader.send(sender) })
    })?;
    let _ = reader.send(sender);
    Ok(())
}

/// Sorts the rows of blocks by what they are.
pub(super) struct RowReader {
    kind: RowKind,
    decoder: Decoder,
    requests: Vec<Request>,
    bad: Vec<BadLine>,
    flights: FlightBatchBuilder,
}

impl RowReader {
    pub(super) fn new(kind: RowKind) -> Self {
        Self {
            kind,
            decoder: Decoder::new(),
            requests: Vec::new(),
            bad: Vec::new(),
            flights: FlightBatchBuilder::default(),
        }
    }

    /// Takes the rows of a block.
    ///
    /// # Errors
    /// A file that holds no such rows.
    pub(super) fn take(&mut self, payload: &Payload) -> Result<(), Failure> {
        match payload {
            Payload::Lines(block) if block.header.is_none() => self.take_lines(block),
            Payload::Lines(LineBlock { file, .. }) if self.kind == RowKind::Requests => Err(no_requests(file, "CSV")),
            Payload::Columns(block) if self.kind == RowKind::Requests => Err(no_requests(&block.file, "Parquet")),
            flights => Ok(self.decoder.decode(flights, &mut self.flights)?),
        }
    }

    fn take_lines(&mut self, block: &LineBlock) -> Result<(), Failure> {
        let mut start = 0;
        // Flights are decoded in runs of lines that follow each other.
        let mut first_flight = None;
        for line in block.bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.is_flight(line) {
                first_flight = first_flight.or(Some(start));
            } else {
                self.take_flights(block, first_flight.take(), start)?;
                self.take_request(block, start, line);
            }
            start += line.len();
        }
        self.take_flights(block, first_flight, start)
    }

    fn is_flight(&self, line: &[u8]) -> bool {
        let has = |name: &[u8]| line.windows(name.len()).any(|part| part == name);
        match self.kind {
            RowKind::Auto => has(b"\"ArrDelay\"") && !has(b"\"UUID\""),
            RowKind::Requests => false,
            RowKind::Flights => true,
        }
    }

    fn take_flights(&mut self, block: &LineBlock, start: Option<usize>, end: usize) -> Result<(), Failure> {
        let Some(start) = start else { return Ok(()) };
        let bytes = block.bytes.slice(start..end);
        let run = LineBlock { bytes, offset: block.offset + start as u64, ..block.clone() };
        Ok(self.decoder.decode(&Payload::Lines(run), &mut self.flights)?)
    }

    fn take_request(&mut self, block: &LineBlock, start: usize, line: &[u8]) {
        let text = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
        if text.is_empty() {
            return;
        }
        match Request::parse(text) {
            Ok(request) => self.requests.push(request),
            Err(BadRequest { id, reason }) => {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let bytes = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                let (file, offset) = (Arc::clone(&block.file), block.offset + start as u64);
                self.bad.push(BadLine { id, reason, file, offset, bytes });
            }
        }
    }

    fn len(&self) -> usize {
        self.requests.len() + self.bad.len() + self.flights.len()
    }

    /// What was taken since the last time, by kind; counts of bad flights come even if there is no good one.
    pub(super) fn finish(&mut self) -> [Rows; 3] {
        [
            Rows::Requests(std::mem::take(&mut self.requests)),
            Rows::Flights(Box::new(std::mem::take(&mut self.flights).finish())),
            Rows::Bad(std::mem::take(&mut self.bad)),
        ]
    }

    fn send(&mut self, sender: &BridgeSender<ReadItem<Rows>>) -> ControlFlow<()> {
        for rows in self.finish() {
            // A closed bridge means that the dataflow is gone: there is nobody to read for.
            if sender.send(ReadItem::Batch(rows)).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

fn no_requests(file: &str, format: &str) -> Failure {
    let message = format!("{file} is {format}, but requests are lines of JSON; leave --rows requests out for flights");
    Failure::new(FailureKind::BadInput, message)
}
