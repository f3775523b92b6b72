//! What the folders and files of a file sink are called.
//!
//! ```text
//! predictions/_flightline.json                              whose folder it is
//! predictions/log_partition=3/_start.json                   where the sink began in partition 3
//! predictions/log_partition=3/00000000000000000000.jsonl    its first file: begins at offset 0
//! predictions/log_partition=3/00000000000000017312.jsonl    the next: the one before ended at 17312
//! predictions/log_partition=3/_reached-….json, _end-….json  how far it is, see `notes`
//! ```
//!
//! Spark, pandas and pyarrow read `predictions` as one data set with a column `log_partition`; they leave out names that
//! begin with `_` or `.`. (`partition` would collide with the lines' own field `Partition`, for Spark knows no case.)

use flightline_engine::log::{Offset, Partition};

use crate::files::error::FileError;
use crate::files::folder::Folder;
use crate::files::stores::Stores;

/// The object that says whose folder it is.
pub(super) const OWNER: &str = "_flightline.json";

/// The folder of answers in HDFS, unless a URL names another.
const IN_HDFS: &str = "user/flight_predictions";
const FOLDER: &str = "log_partition=";
const START: &str = "_start.json";
/// As many as the largest offset has.
const DIGITS: usize = 20;

/// The folder of answers that a path or URL names.
pub(super) fn folder_at(stores: &Stores, url: &str) -> Result<Folder, FileError> {
    Folder::at(stores, &with_folder(url))
}

/// The URL with the folder that it leaves out: answers in HDFS are under `/user/flight_predictions` unless it names another.
#[must_use]
pub fn with_folder(url: &str) -> String {
    let is_bare = |rest: &str| rest.split_once('/').is_none_or(|(_, path)| path.trim_matches('/').is_empty());
    match url.strip_prefix("hdfs://").filter(|rest| is_bare(rest)) {
        Some(rest) => format!("hdfs://{}/{IN_HDFS}", rest.trim_end_matches('/')),
        None => url.to_owned(),
    }
}

/// The folder of a partition.
pub(super) fn folder_of(partition: Partition) -> String {
    format!("{FOLDER}{partition}")
}

/// The partition of a folder; `None` for any other name.
pub(super) fn partition_of(folder: &str) -> Option<Partition> {
    let partition = Partition(folder.strip_prefix(FOLDER)?.parse().ok()?);
    (folder_of(partition) == folder).then_some(partition)
}

/// The object that says where the sink began in a partition.
pub(super) fn start_of(partition: Partition) -> String {
    format!("{}/{START}", folder_of(partition))
}

/// The file that begins where the one before it ended.
pub(super) fn file_of(partition: Partition, base: Offset, ending: &str) -> String {
    format!("{}/{}", folder_of(partition), last_part(base, ending))
}

/// A file's name without its folder.
pub(super) fn last_part(base: Offset, ending: &str) -> String {
    format!("{:0DIGITS$}.{ending}", base.0)
}

/// Where a file begins; `None` for a name that is no file's.
pub(super) fn base_of(last_part: &str, ending: &str) -> Option<Offset> {
    let digits = last_part.strip_suffix(ending)?.strip_suffix('.')?;
    let is_plain = digits.len() == DIGITS && digits.bytes().all(|sign| sign.is_ascii_digit());
    is_plain.then(|| digits.parse().ok().map(Offset))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_read_back_and_sort_as_offsets_do(one: u64, other: u64) {
            let (one, other) = (Offset(one), Offset(other));
            let (first, second) = (last_part(one, "jsonl"), last_part(other, "jsonl"));
            prop_assert_eq!(base_of(&first, "jsonl"), Some(one));
            prop_assert_eq!(first.cmp(&second), one.cmp(&other));
            prop_assert_eq!(base_of(&first, "txt"), None);
        }
    }

    #[test]
    fn answers_have_a_folder_of_their_own_in_hdfs() {
        for (url, expected) in [
            ("hdfs://nn:8020", "hdfs://nn:8020/user/flight_predictions"),
            ("hdfs://nn/", "hdfs://nn/user/flight_predictions"),
            ("hdfs:///", "hdfs:///user/flight_predictions"),
            ("hdfs://nn/x", "hdfs://nn/x"),
            ("s3://bucket", "s3://bucket"),
            ("/", "/"),
        ] {
            assert_eq!(with_folder(url), expected);
        }
    }

    #[test]
    fn only_names_of_ours_are_taken() {
        for name in [
            "_start.json",
            "00000000000000000042.jsonl#1",
            ".00000000000000000042.jsonl.tmp.1",
            "42.jsonl",
            "+0000000000000000042.jsonl",
            "99999999999999999999.jsonl",
            "00000000000000000042jsonl",
            ".jsonl",
        ] {
            assert_eq!(base_of(name, "jsonl"), None, "{name}");
        }
        assert_eq!(partition_of("log_partition=12"), Some(Partition(12)));
        for folder in ["log_partition=", "log_partition=+1", "log_partition=01", "x=1", "log_partition=1x"] {
            assert_eq!(partition_of(folder), None, "{folder}");
        }
    }
}
