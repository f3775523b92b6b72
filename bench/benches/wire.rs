//! Histograms as bytes between two workers: timely's default (`bincode`), `columnar`, our words as bytes, and with
//! feature `abomonation` that one, too.
//!
//! What is written and read is what one of two workers, each with every second of the bundled flights, sends the other
//! while a forest grows. One byte is a byte of the histograms in memory, whatever an encoding makes of it. To encode is
//! to measure and to write into memory that is there, as timely does; to decode is to read what came and to add up all
//! words, so that whoever reads in place does read.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::ensure;
use columnar::bytes::stash::Stash;
use columnar::{Columnar, ContainerOf};
use criterion::{Bencher, Criterion, Throughput};
use flightline_bench::{FLIGHTS, OneFile, Table, every_nth};
use flightline_jobs::training::Preset;
use flightline_operators::forest::ForestParams;
use flightline_operators::grow::wire::{Encoding, HistogramBatches, WordBytes};
use flightline_operators::grow::{Crew, GrowInput, HistogramBatch, LocalGrower, NodeOwner, Tasks};
use timely::bytes::arc::{Bytes, BytesMut};
use timely::container::{PushInto, SizableContainer};
use timely::dataflow::channels::ContainerBytes;

/// Trees of the deep forest: enough for all its levels, and few enough for the memory.
const DEEP_TREES: u32 = 2;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let flights = OneFile::open(FLIGHTS)?.flights()?;
    for (name, preset, trees) in [("depth_5", Preset::Seed, None), ("depth_16", Preset::Accurate, Some(DEEP_TREES))] {
        let table = Table::of(&flights, preset)?;
        let params = ForestParams { trees: trees.unwrap_or(table.params.trees), ..ForestParams::clone(&table.params) };
        let sent = containers(traffic(&table, &params));
        ensure!(!sent.is_empty(), "no worker told the other anything: there is nothing to measure");
        compare(&mut criterion, name, &sent);
    }
    criterion.final_summary();
    Ok(())
}

// ---- what is sent ----

/// What the first of two workers sends the second, from the roots to the deepest level.
fn traffic(table: &Table, params: &ForestParams) -> Vec<HistogramBatch> {
    let GrowInput { rows, layout, rows_everywhere, limits, .. } = table.grow_input();
    let tasks = Rc::new(Tasks::one(params.clone()));
    let grower = |worker: u32| {
        let crew = Crew { worker, workers: 2, rows: rows_everywhere, limits };
        let rows = Rc::new(every_nth(&rows, worker as usize, 2));
        LocalGrower::new(rows, Rc::clone(&layout), Rc::clone(&tasks), crew)
    };
    let (mut first, mut second) = (grower(0), grower(1));
    let mut owner = NodeOwner::new(Rc::clone(&layout), Rc::clone(&tasks));
    let mut sent = Vec::new();
    loop {
        let mut round = Vec::new();
        let growing = first.count(|batch| round.push(batch));
        sent.extend(round.iter().filter(|batch| batch.owner == 1).cloned());
        second.count(|batch| round.push(batch));
        if !growing {
            return sent;
        }
        let decisions = owner.decide(&round);
        first.decide(decisions.clone());
        second.decide(decisions);
    }
}

/// The batches as the exchange puts them together.
fn containers(batches: Vec<HistogramBatch>) -> Vec<Vec<HistogramBatch>> {
    let mut container = HistogramBatches::<WordBytes>::default();
    let mut full = Vec::new();
    for batch in batches {
        container.push_into(batch);
        if container.at_capacity() {
            full.push(container.take());
        }
    }
    full.push(container.take());
    full.retain(|batches| !batches.is_empty());
    full
}

// ---- the encodings ----

/// A container of histograms that can be written and read.
trait Message: ContainerBytes {
    /// The batches in the memory from which it writes.
    fn of(batches: &[HistogramBatch]) -> Self;

    /// Adds up all words.
    fn read_all(&mut self) -> u64;
}

fn sum(words: &[u32]) -> u64 {
    words.iter().map(|word| u64::from(*word)).sum()
}

/// A batch as numbers and lists: its owner; trees, indices and ends of its nodes; its words.
type Plain = (u32, Vec<(u32, u64, u32)>, Vec<u32>);

fn plain(batch: &HistogramBatch) -> Plain {
    let nodes = batch.nodes.iter().map(|node| (node.tree.0, node.node.0, node.end));
    (batch.owner, nodes.collect(), batch.words.clone())
}

/// What timely does with any vector: `bincode`, number by number.
impl Message for Vec<Plain> {
    fn of(batches: &[HistogramBatch]) -> Self {
        batches.iter().map(plain).collect()
    }

    fn read_all(&mut self) -> u64 {
        self.iter().map(|(_, _, words)| sum(words)).sum()
    }
}

impl<E: Encoding> Message for HistogramBatches<E> {
    fn of(batches: &[HistogramBatch]) -> Self {
        batches.iter().cloned().collect()
    }

    fn read_all(&mut self) -> u64 {
        self.take().iter().map(|batch| sum(&batch.words)).sum()
    }
}

/// By `columnar`: read in place. That filling the columns is a copy more is not counted, as histograms could be counted
/// into columns.
struct Columns(Stash<ContainerOf<Plain>, Bytes>);

impl Message for Columns {
    fn of(batches: &[HistogramBatch]) -> Self {
        Self(Stash::Typed(Plain::into_columns(batches.iter().map(plain))))
    }

    fn read_all(&mut self) -> u64 {
        let (_, _, words) = self.0.borrow();
        sum(words.values)
    }
}

impl ContainerBytes for Columns {
    #[expect(clippy::expect_used, reason = "it has written these bytes itself")]
    fn from_bytes(bytes: Bytes) -> Self {
        Self(Stash::try_from_bytes(bytes).expect("columns that were just written"))
    }

    fn length_in_bytes(&self) -> usize {
        self.0.length_in_bytes()
    }

    #[expect(clippy::expect_used, reason = "it writes to memory that was measured")]
    fn into_bytes<W: std::io::Write>(&self, writer: &mut W) {
        self.0.write_bytes(writer).expect("room for the columns");
    }
}

/// By `abomonation`, read in place like columns; the encoding of the build copies its words out.
#[cfg(feature = "abomonation")]
mod in_place {
    use flightline_abomonated::AlignedCopy;
    use flightline_operators::grow::wire::Abomonated;

    use super::{Bytes, ContainerBytes, HistogramBatch, HistogramBatches, Message, sum};

    pub(super) enum InPlace {
        Written(HistogramBatches<Abomonated>),
        Read(AlignedCopy),
    }

    impl Message for InPlace {
        fn of(batches: &[HistogramBatch]) -> Self {
            Self::Written(Message::of(batches))
        }

        fn read_all(&mut self) -> u64 {
            let mut total = 0;
            if let Self::Read(copy) = self {
                while copy.read::<(u64, Vec<(u64, u32, u32)>)>().is_some() {
                    total += copy.read::<Vec<u32>>().map_or(0, |words| sum(words));
                }
            }
            total
        }
    }

    impl ContainerBytes for InPlace {
        fn from_bytes(bytes: Bytes) -> Self {
            Self::Read(AlignedCopy::of(&bytes))
        }

        fn length_in_bytes(&self) -> usize {
            if let Self::Written(batches) = self { batches.length_in_bytes() } else { 0 }
        }

        fn into_bytes<W: std::io::Write>(&self, writer: &mut W) {
            if let Self::Written(batches) = self {
                batches.into_bytes(writer);
            }
        }
    }
}

// ---- the comparison ----

fn compare(criterion: &mut Criterion, forest: &str, sent: &[Vec<HistogramBatch>]) {
    measure::<Vec<Plain>>(criterion, forest, "bincode", sent);
    measure::<Columns>(criterion, forest, "columnar", sent);
    measure::<HistogramBatches<WordBytes>>(criterion, forest, "words", sent);
    #[cfg(feature = "abomonation")]
    {
        use flightline_operators::grow::wire::Abomonated;
        measure::<HistogramBatches<Abomonated>>(criterion, forest, "abomonation", sent);
        measure::<in_place::InPlace>(criterion, forest, "abomonation_in_place", sent);
    }
}

fn measure<M: Message>(criterion: &mut Criterion, forest: &str, name: &str, sent: &[Vec<HistogramBatch>]) {
    let messages: Vec<M> = sent.iter().map(|batches| M::of(batches)).collect();
    let written: Vec<Bytes> = messages.iter().map(|message| BytesMut::from(bytes_of(message)).freeze()).collect();
    let bytes: usize = written.iter().map(|bytes| bytes.len()).sum();
    eprintln!("wire/{forest}/{name}: {bytes} bytes in {} messages", written.len());
    let in_memory = sent.iter().flatten().map(|batch| size_of_val(&*batch.words) + size_of_val(&*batch.nodes));
    let mut group = criterion.benchmark_group(format!("wire/{forest}"));
    group.sample_size(20).throughput(Throughput::Bytes(in_memory.sum::<usize>() as u64));
    let mut room = vec![0; written.iter().map(|bytes| bytes.len()).max().unwrap_or(0)];
    group.bench_function(format!("encode/{name}"), |bencher: &mut Bencher<'_>| {
        bencher.iter(|| {
            for message in &messages {
                let (mut room, _) = room.split_at_mut(message.length_in_bytes());
                message.into_bytes(&mut room);
                black_box(room);
            }
        });
    });
    group.bench_function(format!("decode/{name}"), |bencher: &mut Bencher<'_>| {
        bencher.iter(|| written.iter().map(|bytes| M::from_bytes(bytes.clone()).read_all()).fold(0, u64::wrapping_add));
    });
    group.finish();
}

fn bytes_of<M: Message>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.length_in_bytes());
    message.into_bytes(&mut bytes);
    bytes
}
