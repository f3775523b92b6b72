//! Servers that are stopped, killed, paused, full or closed, under a sink and a ledger that go on with the same handles.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::files::{StoreBlobs, StoreOptions, Stores};
use flightline_engine::contract::{Blobs, Fault, FlushReason, OpenSink};

use super::crashes::{batch, expected, offsets, open};
use super::raw;
use crate::services::Services;

/// A job's two kinds of writers.
struct Writers {
    stores: Stores,
    url: String,
    blobs: StoreBlobs,
    life: Box<dyn OpenSink>,
    batches: u64,
}

impl Writers {
    fn new(root: &str, name: &str) -> Self {
        let options = StoreOptions { call_timeout: Duration::from_secs(3), ..StoreOptions::default() };
        let (stores, url) = (Stores::with_options(options).unwrap(), format!("{root}/{name}"));
        let blobs = StoreBlobs::open(&stores, &url).unwrap();
        let life = open(&stores, &url, 1);
        Self { stores, url, blobs, life, batches: 0 }
    }

    /// Offers the next batch until it is taken, and gives the first fault on the way.
    fn write(&mut self) -> Option<Fault> {
        let (number, mut first) = (self.batches, None);
        self.batches += 1;
        retry(&mut first, || self.life.write(&batch(number * 11)));
        retry(&mut first, || self.life.flush(FlushReason::Closing));
        let (name, bytes) = (format!("ledger/{number}"), Bytes::from(number.to_string()));
        retry(&mut first, || self.blobs.create(&name, bytes.clone()));
        assert_eq!(self.blobs.read(&name).unwrap(), Some(bytes));
        first
    }

    /// Asks for what can't be had now: each call comes back, and says that it may be had later.
    fn is_out_of_reach(&mut self) {
        let number = self.batches * 11;
        let outcomes = [
            self.blobs.read("ledger/0").map(drop),
            self.blobs.create(&format!("ledger/{}", self.batches), Bytes::from(self.batches.to_string())).map(drop),
            self.life.write(&batch(number)).and_then(|()| self.life.flush(FlushReason::Closing)),
        ];
        for outcome in &outcomes[1..] {
            assert!(matches!(outcome, Err(Fault::Transient(_))), "{outcomes:?}");
        }
    }
}

/// Tries the same again after transient faults, for minutes if need be.
fn retry<T>(first: &mut Option<Fault>, mut what: impl FnMut() -> Result<T, Fault>) {
    for _ in 0..200 {
        match what() {
            Ok(_) => return,
            Err(fault @ Fault::Transient(_)) => {
                first.get_or_insert(fault);
                thread::sleep(Duration::from_millis(250));
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("it never works again: {first:?}");
}

#[test]
fn hdfs_may_be_stopped_killed_and_paused() {
    let services = Services::up(&["hdfs"]);
    let mut writers = Writers::new(&services.address("HDFS_URL"), "job");
    writers.write();
    for (away, part, back) in [
        ("pause", "namenode", "resume"),
        ("pause", "datanode", "resume"),
        ("kill", "datanode", "start"),
        ("kill", "namenode", "start"),
        ("stop", "namenode", "start"),
    ] {
        services.run(away, &[part]);
        writers.is_out_of_reach();
        services.run(back, &[part]);
        let fault = writers.write();
        println!("after {away} {part}: {fault:?}");
        assert_eq!(offsets(&writers.stores, &writers.url), expected(writers.batches), "after {away} {part}");
    }
    services.run("hdfs", &["dfsadmin", "-safemode", "enter"]);
    writers.is_out_of_reach();
    services.run("hdfs", &["dfsadmin", "-safemode", "leave"]);
    writers.write();

    // As others read them: whole, in order, none empty and none left over.
    let folder = format!("{}/log_partition=0", raw::path_of(&writers.url));
    drop(open(&writers.stores, &writers.url, 2));
    let cat = services.run("hdfs", &["dfs", "-cat", &format!("{folder}/*.jsonl")]);
    let lines =
        expected(writers.batches).into_iter().map(|offset| format!("{{\"Offset\":{offset},\"Partition\":0}}\n"));
    assert_eq!(String::from_utf8_lossy(&cat.stdout), lines.collect::<String>());
    let names = raw::names(super::Kind::Hdfs, &format!("{}/log_partition=0", writers.url));
    assert!(names.iter().all(|name| !name.starts_with('.') && !name.contains("tmp")), "{names:?}");
}

#[test]
fn a_quota_that_is_used_up_is_permanent_and_says_what_to_do() {
    let services = Services::up(&["hdfs"]);
    let root = services.address("HDFS_URL");
    for (number, (set, clear)) in
        [(["-setQuota", "3"], "-clrQuota"), (["-setSpaceQuota", "1m"], "-clrSpaceQuota")].into_iter().enumerate()
    {
        let url = format!("{root}/quota-{number}");
        let folder = raw::path_of(&url);
        services.run("hdfs", &["dfs", "-mkdir", &folder]);
        services.run("hdfs", &["dfsadmin", set[0], set[1], &folder]);
        let blobs = StoreBlobs::open(&Stores::new().unwrap(), &url).unwrap();
        let create = |name: &str| blobs.create(name, Bytes::from_static(b"{}"));
        let refused = ["a", "b", "c", "d"].iter().find_map(|name| create(name).err());
        let Some(Fault::Permanent(why)) = refused else { panic!("{refused:?} is not permanent") };
        assert!(why.0.contains("quota") && why.0.contains("dfsadmin") && why.0.contains(&url), "{why}");
        assert!(!why.0.contains('\n'), "{why}");
        services.run("hdfs", &["dfsadmin", clear, &folder]);
        create("e").unwrap();
    }
}
