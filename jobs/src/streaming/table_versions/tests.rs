//! Versions against a list of maps, with other writers, collecting, faults and damage in between.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

/// Objects in memory. A create may be told as failed although it happened.
#[derive(Debug, Default)]
struct MemoryBlobs {
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// The next create happens, and fails.
    lose_answer: Mutex<bool>,
}

impl Blobs for MemoryBlobs {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let own = |name: &String| Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
        Ok(self.objects.lock().unwrap().keys().filter_map(own).collect())
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        Ok(self.objects.lock().unwrap().get(name).cloned())
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(name) {
            return Ok(Created::Taken);
        }
        objects.insert(name.to_owned(), bytes);
        match std::mem::take(&mut *self.lose_answer.lock().unwrap()) {
            true => Err(Fault::transient("the answer was lost")),
            false => Ok(Created::Ours),
        }
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.objects.lock().unwrap().remove(name);
        Ok(())
    }
}

fn store() -> (Arc<MemoryBlobs>, TableVersions) {
    let blobs = Arc::new(MemoryBlobs::default());
    (Arc::clone(&blobs), TableVersions::new(blobs))
}

fn rows(rows: impl IntoIterator<Item = (u8, u16)>) -> TableRows {
    rows.into_iter().map(|(key, value)| (format!("key {key}"), format!("value \"{value}\""))).collect()
}

/// What happens to the versions.
#[derive(Clone, Debug)]
enum Event {
    /// Some rows get other values, or go, and the table is published.
    Change(Vec<(u8, Option<u16>)>),
    /// The table is replaced.
    Replace(Vec<(u8, u16)>),
    /// Another writer, which has seen an older version, publishes on that.
    Other(Vec<(u8, u16)>),
    /// The store does not answer to the next create, so that it is tried again.
    LoseAnswer,
    /// Versions below one of the known are not needed any more.
    Collect(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let row = (0_u8..30, 0_u16..9);
    let event = prop_oneof![
        6 => prop::collection::vec((0_u8..30, prop::option::of(0_u16..9)), 0..4).prop_map(Event::Change),
        1 => prop::collection::vec(row.clone(), 0..30).prop_map(Event::Replace),
        1 => prop::collection::vec(row, 0..30).prop_map(Event::Other),
        1 => Just(Event::LoseAnswer),
        1 => (0_usize..60).prop_map(Event::Collect),
    ];
    prop::collection::vec(event, 0..60)
}

/// The versions that were published, whose rows are known.
struct Played {
    blobs: Arc<MemoryBlobs>,
    versions: TableVersions,
    known: BTreeMap<TableVersion, TableRows>,
}

impl Played {
    fn publish(&mut self, base: Option<TableVersion>, rows: TableRows) -> TableVersion {
        let base = base.map(|version| (version, &self.known[&version]));
        let publish = || self.versions.publish(base, &rows);
        let version = publish().or_else(|_lost| publish()).unwrap();
        let before = self.known.insert(version, rows.clone());
        assert!(before.is_none_or(|before| before == rows), "version {version} has changed");
        version
    }

    fn play(&mut self, events: Vec<Event>) -> Result<(), TestCaseError> {
        let (mut latest, mut oldest) = (None, TableVersion(0));
        for event in events {
            let now = latest.map(|latest| self.known[&latest].clone()).unwrap_or_default();
            match event {
                Event::Change(changes) => {
                    let mut now = now;
                    for (key, value) in changes {
                        now.remove(&format!("key {key}"));
                        now.extend(value.map(|value| rows([(key, value)])).unwrap_or_default());
                    }
                    latest = Some(self.publish(latest, now));
                }
                Event::Replace(new) => latest = Some(self.publish(latest, rows(new))),
                Event::Other(new) => {
                    let seen = self.known.keys().next().copied();
                    self.publish(seen, rows(new));
                }
                Event::LoseAnswer => *self.blobs.lose_answer.lock().unwrap() = true,
                Event::Collect(choice) => {
                    let Some(version) = self.known.keys().nth(choice % self.known.len().max(1)).copied() else {
                        continue;
                    };
                    oldest = oldest.max(version.min(latest.unwrap_or(version)));
                    self.versions.collect(oldest).unwrap();
                    self.known.retain(|version, _| *version >= oldest);
                }
            }
            for (version, rows) in &self.known {
                prop_assert_eq!(&self.versions.load(*version).unwrap(), rows, "version {}", version);
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_version_that_is_needed_reads_back(events in events()) {
        let (blobs, versions) = store();
        let mut played = Played { blobs, versions, known: BTreeMap::new() };
        played.play(events)?;
        let highest = played.known.keys().max();
        prop_assert!(highest <= played.versions.latest().unwrap().as_ref());
    }
}

#[test]
fn a_small_change_is_a_small_object_and_every_block_begins_whole() {
    let (blobs, versions) = store();
    let mut table = rows((0..100).map(|key| (key, 0)));
    let mut version = versions.publish(None, &table).unwrap();
    for change in 1..40 {
        let old = std::mem::replace(&mut table, rows((0..100).map(|key| (key, if key == 7 { change } else { 0 }))));
        version = versions.publish(Some((version, &old)), &table).unwrap();
    }
    assert_eq!(version, TableVersion(40));
    let whole: Vec<u64> =
        (1..=40).filter(|number| blobs.objects.lock().unwrap()[&name(TableVersion(*number))].len() > 1000).collect();
    assert_eq!(whole, [1, 17, 33]);
    assert_eq!(versions.publish(Some((version, &table)), &table).unwrap(), version, "the same rows are no new version");
    assert_eq!(versions.collect(TableVersion(32)).unwrap(), 16);
    assert_eq!(versions.load(TableVersion(32)).unwrap().len(), 100);
    assert_eq!(versions.latest().unwrap(), Some(version));
}

#[test]
fn what_is_written_is_canonical_and_told_in_full() {
    let (blobs, versions) = store();
    let old = rows([(1, 1), (2, 2), (3, 3)]);
    versions.publish(None, &old).unwrap();
    versions.publish(Some((TableVersion(1), &old)), &rows([(1, 1), (2, 9)])).unwrap();
    let objects = blobs.objects.lock().unwrap();
    let text = std::str::from_utf8(&objects["tables/00000000000000000002.json"]).unwrap();
    let hash = hash_of(&rows([(1, 1), (2, 9)]));
    let expected = format!(
        "{{\"Base\":1,\"Hash\":\"{hash}\",\"Removed\":[\"key 3\"],\"Rows\":{{\"key 2\":\"value \\\"9\\\"\"}}}}"
    );
    assert_eq!(text, expected);
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let (blobs, versions) = store();
    let old = rows([(1, 1), (2, 2), (3, 3)]);
    versions.publish(None, &old).unwrap();
    versions.publish(Some((TableVersion(1), &old)), &rows([(1, 1), (2, 2)])).unwrap();
    let (one, two) = (name(TableVersion(1)), name(TableVersion(2)));
    let whole = blobs.objects.lock().unwrap().clone();
    let text = |name: &str| std::str::from_utf8(&whole[name]).unwrap().to_owned();
    let refused = |name: &str, bytes: Option<String>| {
        let mut objects = whole.clone();
        match bytes {
            Some(bytes) => objects.insert(name.to_owned(), bytes.into()),
            None => objects.remove(name),
        };
        *blobs.objects.lock().unwrap() = objects;
        match versions.load(TableVersion(2)).unwrap_err() {
            Fault::Permanent(sentence) => sentence.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refused(&one, None),
        format!(
            "version 1 of the table, on which version 2 is built, is missing: there is no `{one}` in the job's state; \
             bring it back from a copy"
        )
    );
    assert!(refused(&two, None).starts_with("version 2 of the table is missing: there is no `tables/0"));
    for (name, bytes) in [
        (&one, text(&one)[..20].to_owned()),
        (&one, text(&one).replace("\"Hash\"", "\"Harsh\"")),
        (&two, text(&two).replace("\"Base\":1", "\"Base\":2")),
        (&two, String::new()),
    ] {
        let sentence = refused(name, Some(bytes));
        assert!(sentence.starts_with(&format!("`{name}` in the job's state is damaged: ")), "{sentence}");
    }
    let sentence = refused(&one, Some(text(&one).replace("value \\\"1", "value \\\"7")));
    assert!(sentence.starts_with(&format!("`{two}` in the job's state is damaged: its rows, or those")), "{sentence}");
}

#[test]
fn other_files_in_the_folder_are_passed_over() {
    let (blobs, versions) = store();
    assert_eq!(versions.latest().unwrap(), None);
    for name in ["7.json", "00000000000000000009.tmp", "+0000000000000000009.json", "readme"] {
        blobs.create(&format!("tables/{name}"), Bytes::new()).unwrap();
    }
    blobs.create("ledger/00000000000000000009.json", Bytes::new()).unwrap();
    assert_eq!(versions.latest().unwrap(), None);
    assert_eq!(versions.publish(None, &rows([])).unwrap(), TableVersion(1));
    assert_eq!(versions.load(TableVersion(1)).unwrap(), rows([]));
}
