//! Flights as what files hold: the lines and columns that `extract` and `generate` write, and that [`decode`] reads back.
//!
//! Day fields are always those of the date, and times are in UTC. Files, row groups and compression are for others.
//!
//! [`decode`]: super::decode

use std::path::Path;

use flightline_connectors::files::{Compression, Format, InputFormat};

pub mod json;
pub mod parquet;

/// Splits `rows.jsonl.gz` into `rows` and `.jsonl.gz`, and tells the format; `None` if it is none that is written.
#[must_use]
pub fn name_and_format(path: &Path) -> Option<(String, String, InputFormat)> {
    let name = path.file_name()?.to_str()?;
    let dots = name.match_indices('.').map(|(at, _)| at).filter(|at| *at > 0);
    let (at, format) = dots.filter_map(|at| Some((at, name[at + 1..].parse::<InputFormat>().ok()?))).next()?;
    let writable = format.format != Format::Csv && format.compression != Compression::Zip;
    writable.then(|| (name[..at].to_owned(), name[at..].to_owned(), format))
}
