//! How far a sink has come where its files can't say it: small hidden objects beside them.
//!
//! - `_end-BASE-END.json` says more of the text file `BASE` whose last line ends at `END`: how far its writer had come without
//!   a further line, and the witness. It is written *before* the file, so that no file is ever without it, and means nothing
//!   until just that file is there; a file that another writer cut elsewhere has another note. (Parquet files hold this.)
//! - `_reached-NEXT.json` says that all below `NEXT` is in files or has no line. It is written when nothing is buffered.
//!
//! Whoever has written a later note, or a later file, may delete the earlier ones: they say less.

use flightline_engine::contract::{Created, Fault};
use flightline_engine::log::{Offset, Partition, Reached};

use super::chain::Listing;
use super::name::folder_of;
use super::owner::{json, parse, vanished};
use crate::files::folder::Folder;

const END: &str = "_end-";
const REACHED: &str = "_reached-";
const JSON: &str = ".json";

/// The notes of a partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notes<'a> {
    pub(super) folder: &'a Folder,
    pub(super) partition: Partition,
}

/// The note of the file that begins at `base` and ends, as it says itself, at `end`.
pub(super) fn of_file(base: Offset, end: Offset) -> String {
    format!("{END}{:020}-{:020}{JSON}", base.0, end.0)
}

/// The note that all below `next` is done.
pub(super) fn of_place(next: Offset) -> String {
    format!("{REACHED}{:020}{JSON}", next.0)
}

/// The furthest note of a place among some names.
pub(super) fn furthest(names: &[String]) -> Option<&str> {
    names.iter().map(String::as_str).filter(|name| place_of(name).is_some()).max()
}

/// The notes that say less than `reached`, when the last file begins at `base`. Those of files that are yet to come are
/// not among them, for somebody may be about to put such a file.
pub(super) fn stale(listing: &Listing, base: Offset, reached: Offset) -> Vec<String> {
    listing.names.iter().filter(|name| says_less(name, base, reached)).cloned().collect()
}

/// Whether this is the name of a note that is of no use when all below `reached` is durable and the last file begins at
/// `base`.
pub(super) fn says_less(name: &str, base: Offset, reached: Offset) -> bool {
    place_of(name).is_some_and(|next| next < reached) || file_of(name).is_some_and(|file| file < base)
}

fn place_of(name: &str) -> Option<Offset> {
    name.strip_prefix(REACHED)?.strip_suffix(JSON)?.parse().ok().map(Offset)
}

fn file_of(name: &str) -> Option<Offset> {
    let (base, _) = name.strip_prefix(END)?.strip_suffix(JSON)?.split_once('-')?;
    base.parse().ok().map(Offset)
}

impl Notes<'_> {
    /// What a note says, if it is there.
    pub(super) fn read(self, name: &str) -> Result<Option<Reached>, Fault> {
        let name = self.at(name);
        self.folder.read(&name)?.map(|bytes| parse(self.folder, &name, &bytes)).transpose()
    }

    /// Writes a note. Gives what it says: if it was there already, what somebody else wrote.
    pub(super) fn write(self, name: &str, reached: Reached) -> Result<Reached, Fault> {
        match self.folder.create(&self.at(name), json(&reached)?.into())? {
            Created::Ours => Ok(reached),
            Created::Taken => self.read(name)?.ok_or_else(|| vanished(self.folder, &self.at(name))),
        }
    }

    /// Deletes notes. One that stays does no harm, and is tried again by the next life.
    pub(super) fn delete(self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if let Err(error) = self.folder.delete(&self.at(&name)) {
                tracing::debug!(name = %self.folder.shown(&self.at(&name)), %error, "an old note of progress stays");
            }
        }
    }

    fn at(self, name: &str) -> String {
        format!("{}/{name}", folder_of(self.partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_that_say_less_are_stale_and_those_of_coming_files_are_not() {
        let base = Offset(20);
        let names = [
            of_file(Offset(7), Offset(20)),
            of_file(base, Offset(31)),
            of_place(Offset(32)),
            of_place(Offset(40)),
            "00000000000000000020.jsonl".to_owned(),
            "_start.json".to_owned(),
        ];
        let listing = Listing { bases: vec![base], names: names.to_vec() };
        assert_eq!(stale(&listing, base, Offset(40)), [names[0].clone(), names[2].clone()]);
        assert_eq!(furthest(&listing.names), Some(&*names[3]));
        assert_eq!(furthest(&names[4..]), None);
    }
}
