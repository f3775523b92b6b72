//! Names under which stores keep what is not whole yet, in the very folder of the object, and clearing them away.
//!
//! The local store writes `NAME#1` and links it to `NAME`; HDFS writes `.NAME.tmp.1` and renames it. A writer that is
//! killed leaves such a name behind, and Spark and others would read `NAME#1` as data. It may be cleared away as soon as
//! `NAME` is there: nobody's link or rename to it can succeed any more, so no living writer loses anything but a try. In HDFS
//! that is so even earlier: a writer whose staging file is gone fails, and tries again. What can't be cleared is logged and
//! stays.

use std::{fs, io};

use flightline_engine::contract::Fault;

use super::folder::Folder;

/// The name that a staging name is for; `None` for any other name.
pub(crate) fn final_name(name: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit());
    if let Some((stem, number)) = name.rsplit_once('#') {
        return (is_number(number) && !stem.is_empty()).then_some(stem);
    }
    let (stem, number) = name.strip_prefix('.')?.rsplit_once(".tmp.")?;
    (is_number(number) && !stem.is_empty()).then_some(stem)
}

/// The staging names among what is right in a folder below `folder`; `names` is what its store lists there.
pub(crate) fn staged(folder: &Folder, below: &str, names: &[String]) -> Vec<String> {
    // The local store hides its staging names, so the disk is asked.
    let of_disk = folder.on_disk(below).map(|path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    });
    let mut found = of_disk.unwrap_or_else(|| names.to_vec());
    found.retain(|name| final_name(name).is_some());
    found
}

/// Clears a staging name away: a path below `folder`.
pub(crate) fn clear(folder: &Folder, name: &str) {
    let cleared = match folder.on_disk(name) {
        Some(path) => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::transient(error.to_string())),
            _ => Ok(()),
        },
        None => folder.delete(name),
    };
    let name = folder.shown(name);
    match cleared {
        Ok(()) => tracing::info!(%name, "cleared away what a killed writer left"),
        Err(error) => tracing::warn!(%name, %error, "can't clear away what a killed writer left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_names_tell_what_they_are_for() {
        assert_eq!(final_name("0042.jsonl#1"), Some("0042.jsonl"));
        assert_eq!(final_name(".0042.jsonl.tmp.12"), Some("0042.jsonl"));
        for name in
            ["0042.jsonl", "_flightline.json", "a#", "a#b", "#1", ".tmp.1", ".a.tmp.", "a.tmp.1", ".a.tmp.x", ""]
        {
            assert_eq!(final_name(name), None, "{name}");
        }
    }
}
