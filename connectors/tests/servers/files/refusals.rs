//! What stays a no until somebody mends it, and who doesn't answer.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::files::{HdfsOptions, StoreBlobs, StoreOptions, Stores};
use flightline_engine::contract::{Blobs, Created, Fault};

use super::{Kind, raw};
use crate::addresses::address;

fn create(stores: &Stores, url: &str, name: &str) -> Result<Created, Fault> {
    StoreBlobs::open(stores, url).unwrap().create(name, Bytes::from_static(b"{}"))
}

#[track_caller]
fn is_permanent(outcome: Result<Created, Fault>, told: &[&str]) {
    let Err(Fault::Permanent(why)) = outcome else { panic!("{outcome:?} is not permanent") };
    for part in told {
        assert!(why.0.contains(part), "{part:?} is not in: {why}");
    }
    assert!(!why.0.contains('\n') && !why.0.contains(".java:"), "a stack is nothing for a user: {why}");
}

#[test]
fn somebody_without_the_right_is_refused_by_his_name() {
    let url = Kind::Hdfs.folder();
    raw::replace(Kind::Hdfs, &format!("{url}/mine"), Bytes::from_static(b"1"));
    let hdfs = HdfsOptions { user: Some("stranger".to_owned()), ..HdfsOptions::default() };
    let stranger = Stores::with_options(StoreOptions { hdfs, ..StoreOptions::default() }).unwrap();
    is_permanent(create(&stranger, &url, "x"), &["user=stranger", &format!("{url}/x"), "give the job's account"]);
    let url = url.replace("hdfs://", "hdfs://guest@");
    is_permanent(create(&Kind::Hdfs.stores(), &url, "x"), &["user=guest"]);
}

#[test]
fn what_is_in_the_way_is_named() {
    let (url, stores) = (Kind::Hdfs.folder(), Kind::Hdfs.stores());
    raw::replace(Kind::Hdfs, &format!("{url}/file"), Bytes::from_static(b"1"));
    is_permanent(create(&stores, &url, "file/x"), &["is a file, not a folder", "file/x"]);
    raw::replace(Kind::Hdfs, &format!("{url}/folder/x"), Bytes::from_static(b"1"));
    is_permanent(create(&stores, &url, "folder"), &["a folder has this name"]);
}

#[test]
fn a_bucket_that_is_not_there_is_permanent() {
    let (stores, url) = (Kind::S3.stores(), "s3://there-is-no-such-bucket/a");
    is_permanent(create(&stores, url, "x"), &["no such bucket", "there-is-no-such-bucket"]);
    let listed = StoreBlobs::open(&stores, url).unwrap().list("");
    assert!(matches!(listed, Err(Fault::Permanent(_))), "{listed:?}");
}

#[test]
fn a_server_that_is_not_there_is_transient_and_named() {
    // Nobody listens at port 1; one that was just given back may be another test's by now.
    for url in ["hdfs://127.0.0.1:1/a", "s3://bucket/a"] {
        let mut options = Kind::S3.options();
        options.s3.endpoint = Some("http://127.0.0.1:1".to_owned());
        options.call_timeout = Duration::from_secs(2);
        let outcome = create(&Stores::with_options(options).unwrap(), url, "x");
        let Err(Fault::Transient(why)) = outcome else { panic!("{outcome:?} is not transient") };
        assert!(why.0.contains(url), "{why}");
    }
}

/// A NameNode that takes calls and never answers, as one that is stopped or cut off: its name service has another.
#[test]
fn a_silent_name_node_is_left_for_the_other_one() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let living = address("HDFS_URL").trim_start_matches("hdfs://").to_owned();
    let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let settings = [
        setting("dfs.ha.namenodes.pair", "one,two"),
        setting("dfs.namenode.rpc-address.pair.one", &silent.local_addr().unwrap().to_string()),
        setting("dfs.namenode.rpc-address.pair.two", &living),
    ];
    let hdfs = HdfsOptions { settings: settings.into(), ..HdfsOptions::default() };
    let options = StoreOptions { call_timeout: Duration::from_secs(3), hdfs, ..StoreOptions::default() };
    let stores = Stores::with_options(options).unwrap();
    let url = format!("hdfs://pair{}", raw::path_of(&Kind::Hdfs.folder()));
    let first = create(&stores, &url, "x");
    let Err(Fault::Transient(why)) = &first else { panic!("{first:?} is not transient") };
    assert!(why.0.contains("no answer"), "{why}");
    // Each client asks the nodes in an order of its own.
    let mut last = first;
    for _ in 0..25 {
        last = create(&stores, &url, "x");
        if last.is_ok() {
            return;
        }
    }
    panic!("the living one is never asked: {last:?}");
}
