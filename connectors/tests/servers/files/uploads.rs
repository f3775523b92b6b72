//! Output of batch jobs: files of any length.

use std::fs;

use flightline_connectors::files::{OutputFolder, StoreBlobs};
use flightline_engine::contract::Blobs;

use super::{Kind, raw};

#[test]
fn a_file_of_any_length_arrives_whole_and_replaces_what_was_there() {
    let disk = tempfile::tempdir().unwrap();
    let file = disk.path().join("file");
    for kind in [Kind::Hdfs, Kind::S3] {
        let (url, stores) = (kind.folder(), kind.stores());
        let output = OutputFolder::at(&stores, &url).unwrap();
        for length in [40 << 20, 0, 7_usize] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(&file, &bytes).unwrap();
            output.upload("part-00000.jsonl", &file).unwrap();
            let read = StoreBlobs::open(&stores, &url).unwrap().read("part-00000.jsonl").unwrap().unwrap();
            assert!(read == bytes, "{kind:?} {length}");
        }
        assert_eq!(output.names().unwrap(), ["part-00000.jsonl"]);
        assert_eq!(raw::names(kind, &url), ["part-00000.jsonl"], "nothing is left over");
    }
}
