//! What [`Blobs`] must keep: an object is created once, whole and durably, and stays as it is until it is deleted.

use std::sync::Barrier;
use std::thread;

use bytes::Bytes;

use super::Violation;
use super::dice::Dice;
use super::report::Judge;
use crate::contract::{Blobs, Created, Fault};

/// What a store's own tests give to [`check`].
pub trait BlobsHarness {
    /// Makes the folder empty. No handle is alive.
    fn fresh(&mut self);

    /// A handle to the folder.
    fn blobs(&mut self) -> Box<dyn Blobs>;
}

const MISSING: &str = "what is not there reads as none, lists as empty, and is deleted without complaint";
const WHOLE: &str = "an object reads back with its bytes, through every handle";
const CREATED_ONCE: &str = "create leaves what is there as it is";
const LISTED: &str = "list tells the names in a folder, all of them, sorted, without the folder's own part";
const DELETED: &str = "a deleted object is gone, and its name is free";
const ONE_WINS: &str = "of many that create at once exactly one succeeds, and a reader sees none or all of its bytes";
const CREATORS: u8 = 8;

/// Checks all rules of a store of objects.
///
/// # Errors
/// The first rule that is broken.
pub fn check(harness: &mut dyn BlobsHarness) -> Result<(), Violation> {
    let judge = Judge::new(0);
    nothing_there(harness, judge)?;
    created_once(harness, judge)?;
    listing(harness, judge)?;
    sizes(harness, judge)?;
    for round in 0..10 {
        racing(harness, judge, round)?;
    }
    any_calls(harness, 1)
}

fn nothing_there(harness: &mut dyn BlobsHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let blobs = harness.blobs();
    for name in ["ledger/00000000000000000000.json", "nowhere", "a/b/c/d"] {
        let read = judge.works(MISSING, blobs.read(name))?;
        judge.ensure(MISSING, read.is_none(), || format!("{read:?} at {name}"))?;
        judge.works(MISSING, blobs.delete(name))?;
        let listed = judge.works(MISSING, blobs.list(name))?;
        judge.ensure(MISSING, listed.is_empty(), || format!("{listed:?} in {name}"))?;
    }
    Ok(())
}

fn created_once(harness: &mut dyn BlobsHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let name = "ledger/00000000000000000007.json";
    let first = Bytes::from_static(b"{\"first\":true}");
    let blobs = harness.blobs();
    creates(judge, &*blobs, name, &first, Created::Ours)?;
    for again in [&first, &Bytes::from_static(b"another"), &Bytes::new()] {
        creates(judge, &*blobs, name, again, Created::Taken)?;
        reads(judge, &*blobs, name, Some(&first))?;
    }
    drop(blobs);
    let blobs = harness.blobs();
    reads(judge, &*blobs, name, Some(&first))?;
    creates(judge, &*blobs, name, &Bytes::from_static(b"of a restarted process"), Created::Taken)?;
    judge.works(DELETED, blobs.delete(name))?;
    reads(judge, &*blobs, name, None)?;
    creates(judge, &*blobs, name, &Bytes::from_static(b"second"), Created::Ours)?;
    reads(judge, &*blobs, name, Some(&Bytes::from_static(b"second")))
}

fn creates(judge: Judge, blobs: &dyn Blobs, name: &str, bytes: &Bytes, expected: Created) -> Result<(), Violation> {
    let created = judge.works(CREATED_ONCE, blobs.create(name, bytes.clone()))?;
    judge.ensure(CREATED_ONCE, created == expected, || format!("{created:?} at {name}, not {expected:?}"))
}

fn reads(judge: Judge, blobs: &dyn Blobs, name: &str, expected: Option<&Bytes>) -> Result<(), Violation> {
    let read = judge.works(WHOLE, blobs.read(name))?;
    judge.ensure(WHOLE, read.as_ref() == expected, || {
        let length = |bytes: Option<&Bytes>| bytes.map(Bytes::len);
        format!("{name} reads as {:?} bytes, not the {:?} that are there", length(read.as_ref()), length(expected))
    })
}

fn listing(harness: &mut dyn BlobsHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let blobs = harness.blobs();
    let numbers = [3_u64, 11, 2, 10, 1, 100];
    for number in numbers {
        creates(judge, &*blobs, &format!("ledger/{number:020}.json"), &Bytes::from_static(b"{}"), Created::Ours)?;
    }
    // Names that begin like the folder's are not in it.
    for other in ["ledgers/a.json", "ledger-old/b.json", "tables/00000000000000000001.json"] {
        creates(judge, &*blobs, other, &Bytes::from_static(b"{}"), Created::Ours)?;
    }
    let mut expected = numbers.map(|number| format!("{number:020}.json"));
    expected.sort();
    let listed = judge.works(LISTED, blobs.list("ledger"))?;
    judge.ensure(LISTED, listed == expected, || format!("{listed:?}, not {expected:?}"))?;
    judge.works(DELETED, blobs.delete("ledger/00000000000000000010.json"))?;
    let listed = judge.works(LISTED, harness.blobs().list("ledger"))?;
    let left = expected.iter().filter(|name| !name.contains("0010.")).collect::<Vec<_>>();
    judge.ensure(LISTED, listed.iter().eq(left), || format!("{listed:?} after 10 was deleted"))
}

fn sizes(harness: &mut dyn BlobsHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let blobs = harness.blobs();
    let mut dice = Dice::new(1);
    for (index, length) in [0_usize, 1, 4096, 65_537, 20 << 20].into_iter().enumerate() {
        let bytes: Bytes = (0..length.div_ceil(8)).flat_map(|_| dice.any().to_le_bytes()).take(length).collect();
        let name = format!("big/{index}");
        creates(judge, &*blobs, &name, &bytes, Created::Ours)?;
        reads(judge, &*harness.blobs(), &name, Some(&bytes))?;
    }
    Ok(())
}

/// What one of many creators came to, and what it then read.
type Attempt = Result<(Created, Option<Bytes>), Fault>;

fn racing(harness: &mut dyn BlobsHarness, judge: Judge, round: u32) -> Result<(), Violation> {
    harness.fresh();
    let name = format!("ledger/{round:020}.json");
    let handles = (0..CREATORS).map(|_| harness.blobs()).collect::<Vec<_>>();
    let gate = Barrier::new(handles.len());
    let attempts: Vec<Attempt> = thread::scope(|scope| {
        let creators = (0..CREATORS).zip(&handles).map(|(number, blobs)| {
            let (gate, name) = (&gate, &name);
            scope.spawn(move || {
                gate.wait();
                let created = blobs.create(name, payload_of(number))?;
                Ok((created, blobs.read(name)?))
            })
        });
        let creators = creators.collect::<Vec<_>>();
        let died = |_| Err(Fault::permanent("the creating thread panicked"));
        creators.into_iter().map(|creator| creator.join().unwrap_or_else(died)).collect()
    });
    let mut winners = Vec::new();
    let mut seen = Vec::new();
    for (number, attempt) in (0..CREATORS).zip(attempts) {
        let (created, read) = judge.works(ONE_WINS, attempt)?;
        winners.extend((created == Created::Ours).then_some(number));
        seen.push(read);
    }
    let [winner] = winners[..] else {
        return Err(judge.broken(ONE_WINS, format!("the creators {winners:?} of {CREATORS} all succeeded")));
    };
    let whole = Some(payload_of(winner));
    let all_whole = seen.iter().all(|read| *read == whole);
    judge.ensure(ONE_WINS, all_whole, || format!("not all read what creator {winner} wrote"))?;
    reads(judge, &*harness.blobs(), &name, whole.as_ref())
}

/// Long enough that a half-written one would be seen.
fn payload_of(creator: u8) -> Bytes {
    vec![creator; 100_000].into()
}

/// Random calls through two handles, against a plain map.
fn any_calls(harness: &mut dyn BlobsHarness, seed: u64) -> Result<(), Violation> {
    let (judge, mut dice) = (Judge::new(seed), Dice::new(seed));
    harness.fresh();
    let handles = [harness.blobs(), harness.blobs()];
    let mut model = std::collections::BTreeMap::<String, Bytes>::new();
    for number in 0..120_u64 {
        let Some(blobs) = handles.get(usize::try_from(number % 2).unwrap_or(0)) else { break };
        let name = format!("object-{}", dice.below(9));
        let path = format!("folder/{name}");
        match dice.below(4) {
            0 => {
                judge.works(DELETED, blobs.delete(&path))?;
                model.remove(&name);
            }
            1 => reads(judge, &**blobs, &path, model.get(&name))?,
            2 => {
                let listed = judge.works(LISTED, blobs.list("folder"))?;
                judge.ensure(LISTED, listed.iter().eq(model.keys()), || format!("{listed:?}, not {model:?}"))?;
            }
            _ => {
                let bytes = Bytes::from(number.to_string());
                let expected = if model.contains_key(&name) { Created::Taken } else { Created::Ours };
                creates(judge, &**blobs, &path, &bytes, expected)?;
                model.entry(name).or_insert(bytes);
            }
        }
    }
    Ok(())
}
