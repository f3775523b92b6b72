//! Which places on the disk a word names, and whether they are where they may be.

use std::path::Path;

use super::mistake::{Mistake, Whereabouts};
use super::roots::{Judged, Roots};
use super::words::values;

/// What is reached over the network by a client of ours; all else that looks like a URL is taken as a path.
const REMOTE: [&str; 14] = [
    "abfs",
    "abfss",
    "az",
    "gs",
    "hdfs",
    "http",
    "https",
    "kafka",
    "mongodb",
    "mongodb+srv",
    "s3",
    "s3a",
    "swebhdfs",
    "viewfs",
];

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'a> {
    /// A path of this computer.
    Path(&'a str),
    /// A path from somebody's home directory.
    Home,
    /// Something on another computer.
    Remote,
    /// A path that each program reads otherwise.
    Ambiguous,
}

/// What is wrong with the places in a word, if something is. `judge` is asked for each path as it was written.
pub(super) fn mistake(
    whereabouts: &Whereabouts,
    word: &str,
    roots: &Roots,
    judge: &dyn Fn(&Path) -> Judged,
) -> Option<Mistake> {
    if word.contains('\0') {
        return Some(Mistake::Zero(whereabouts.clone()));
    }
    // One word may show the same mistake in several of its values; the last is the shortest.
    let outside = |value: &str| {
        Some(Mistake::Outside { whereabouts: whereabouts.clone(), path: value.to_owned(), roots: roots.to_string() })
    };
    values(word).iter().rev().find_map(|value| match value_of(value) {
        Value::Home => Some(Mistake::Home { whereabouts: whereabouts.clone(), path: value.clone().into_owned() }),
        Value::Ambiguous => outside(value),
        Value::Path("") | Value::Remote => None,
        Value::Path(path) => match judge(Path::new(path)) {
            Judged::Usable => None,
            Judged::Outside => outside(value),
            Judged::Own => Some(Mistake::Own { whereabouts: whereabouts.clone(), path: value.clone().into_owned() }),
        },
    })
}

fn value_of(value: &str) -> Value<'_> {
    if value.starts_with('~') {
        return Value::Home;
    }
    let scheme = value.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match scheme {
        Some((scheme, rest)) if scheme == "file" => match rest.strip_prefix("//") {
            // Some programs take away `file:`, some `file://`, and some the host as well: three paths.
            Some(rest) if !rest.starts_with('/') => Value::Ambiguous,
            _ => Value::Path(rest),
        },
        Some((scheme, rest)) if rest.starts_with("//") && REMOTE.contains(&scheme.as_str()) => Value::Remote,
        _ => Value::Path(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_programs_take_it_for() {
        for (value, what) in [
            ("/a", Value::Path("/a")),
            ("a/../b", Value::Path("a/../b")),
            ("file:///a", Value::Path("///a")),
            ("FILE:/a", Value::Path("/a")),
            ("file://localhost/a", Value::Ambiguous),
            ("file://a", Value::Ambiguous),
            ("file://", Value::Ambiguous),
            ("file:a", Value::Path("a")),
            ("~", Value::Home),
            ("~root/.ssh", Value::Home),
            ("hdfs://name/a/../b", Value::Remote),
            ("S3://bucket", Value::Remote),
            ("mongodb+srv://h", Value::Remote),
            // No client of ours reads these, so whoever does reads a path.
            ("s3:../a", Value::Path("s3:../a")),
            ("weird://../a", Value::Path("weird://../a")),
            ("broker:9092", Value::Path("broker:9092")),
        ] {
            assert_eq!(value_of(value), what, "{value}");
        }
    }
}
