//! What a reader of a folder sees.

use bytes::Bytes;
use flightline_connectors::files::{FileError, resolve};

pub(super) use super::raw::replace;
use super::{Kind, raw};

fn found(kind: Kind, url: &str, pattern: &str) -> Vec<String> {
    let files = match resolve(&kind.stores(), &[format!("{url}/{pattern}")], None) {
        Ok(files) => files,
        Err(FileError::NotFound { .. } | FileError::NoMatch { .. }) => Vec::new(),
        Err(other) => panic!("{pattern}: {other}"),
    };
    files.iter().map(|file| file.location.name().trim_start_matches(url).trim_matches('/').to_owned()).collect()
}

#[test]
fn patterns_find_the_same_in_every_store_whatever_writers_left() {
    for kind in [Kind::Hdfs, Kind::S3] {
        let url = kind.folder();
        let put = |name: &str| replace(kind, &format!("{url}/{name}"), Bytes::from_static(b"{}\n"));
        for name in ["a.jsonl", "b.csv", "_SUCCESS", "2015/c.jsonl", "2015/x/d.jsonl", "2016/c d.jsonl", "_tmp/e.jsonl"]
        {
            put(name);
        }
        match kind {
            Kind::Hdfs => {
                for name in [".a.jsonl.tmp.3", "2015/.c.jsonl.tmp.12", "2015/c.jsonl._COPYING_"] {
                    raw::left_behind(&format!("{url}/{name}"), b"{\"half\":");
                }
            }
            Kind::S3 => put("2015/.c.jsonl.tmp.12"),
        }
        for (pattern, expected) in [
            ("a.jsonl", vec!["a.jsonl"]),
            ("", vec!["a.jsonl", "b.csv"]),
            ("2015", vec!["2015/c.jsonl"]),
            ("2015/*.*", vec!["2015/c.jsonl"]),
            ("201?/*.jsonl", vec!["2015/c.jsonl", "2016/c d.jsonl"]),
            ("**/*.jsonl", vec!["2015/c.jsonl", "2015/x/d.jsonl", "2016/c d.jsonl", "a.jsonl"]),
            ("**", vec!["2015/c.jsonl", "2015/x/d.jsonl", "2016/c d.jsonl", "a.jsonl", "b.csv"]),
            ("2017", vec![]),
            ("no-*", vec![]),
        ] {
            assert_eq!(found(kind, &url, pattern), expected, "{kind:?} {pattern}");
        }
    }
}
