//! The chain of a partition's files: each is named by the offset at which the one before it ended.
//!
//! Its end is what the last file says of itself. So to open costs one listing, the tail of one file and two notes, however
//! many files there are; that none is missing in between is what [`Chain::verify`] looks for, and reads everything.

use bytes::Bytes;
use flightline_engine::contract::Fault;
use flightline_engine::log::{Offset, Partition, Reached};

use super::format::{End, Kind};
use super::name::{base_of, file_of, folder_of, last_part};
use super::notes::{self, Notes};
use super::owner;
use crate::files::folder::{Folder, Tail};

/// Bytes of a file's end that are asked for first.
const TAIL: u64 = 64 << 10;

/// The files of one format in a folder.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) folder: Folder,
    pub(super) kind: Kind,
}

/// What is in a partition's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Where each file begins, in order.
    pub(super) bases: Vec<Offset>,
    /// All names, those of files and others.
    pub(super) names: Vec<String>,
}

/// How far a sink is in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the last file ends, by what stands in it: the next file's name.
    pub(super) base: Offset,
    /// All below is in files or has no line.
    pub(super) reached: Reached,
}

/// What is in a partition's folder, and what it means.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) listing: Listing,
    /// `None` in a partition that the sink does not have.
    pub(super) place: Option<Place>,
}

/// What a look at all files of a partition found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Where the first file begins, or where the sink will, if there is none.
    pub from: Offset,
    /// Where the last file ends.
    pub end: Offset,
    /// How many files there are.
    pub files: usize,
    /// How many lines are in them.
    pub lines: usize,
}

impl Chain {
    pub(super) fn list(&self, partition: Partition) -> Result<Listing, Fault> {
        let names = self.folder.names(&folder_of(partition))?;
        let ending = self.kind.ending();
        Ok(Listing { bases: names.iter().filter_map(|name| base_of(name, ending)).collect(), names })
    }

    /// Looks how far the sink is: by its last file and its notes, or by where it begins.
    pub(super) fn find(&self, partition: Partition) -> Result<Found, Fault> {
        loop {
            let listing = self.list(partition)?;
            let mut place = match listing.bases.last() {
                Some(base) => Some(self.place_of(partition, *base)?),
                None => {
                    let start = owner::start(&self.folder, partition)?;
                    start.map(|start| Place { base: start, reached: Reached::start(start) })
                }
            };
            if let (Some(place), Some(name)) = (&mut place, notes::furthest(&listing.names)) {
                match self.notes(partition).read(name)? {
                    Some(noted) => place.reached.advance(noted),
                    // Another writer has written a later one since, and deleted this.
                    None => continue,
                }
            }
            return Ok(Found { listing, place });
        }
    }

    /// How far the sink was when a file was put that is there.
    pub(super) fn place_of(&self, partition: Partition, base: Offset) -> Result<Place, Fault> {
        let end = self.end(partition, base)?;
        let noted = if self.kind == Kind::Parquet {
            None
        } else {
            self.notes(partition).read(&notes::of_file(base, end.next))?
        };
        let reached = noted.filter(|noted| noted.next >= end.next).unwrap_or(end);
        Ok(Place { base: end.next, reached })
    }

    pub(super) fn notes(&self, partition: Partition) -> Notes<'_> {
        Notes { folder: &self.folder, partition }
    }

    /// Where a file that is there ends, by what stands in it.
    pub(super) fn end(&self, partition: Partition, base: Offset) -> Result<Reached, Fault> {
        let name = file_of(partition, base, self.kind.ending());
        let mut wanted = TAIL;
        loop {
            let tail: Tail = self.folder.tail(&name, wanted)?.ok_or_else(|| self.gone(&name))?;
            match self.kind.end(partition, &tail).map_err(|cause| self.damaged(&name, &cause))? {
                End::At(reached) if reached.next > base => return Ok(reached),
                End::At(reached) => {
                    return Err(self.damaged(&name, &format!("it ends at offset {}, before it begins", reached.next)));
                }
                End::Needs(_) if tail.is_whole() => return Err(self.damaged(&name, "it has no end")),
                End::Needs(more) => wanted = more,
            }
        }
    }

    /// All lines of a file.
    pub(super) fn lines(&self, partition: Partition, base: Offset) -> Result<Vec<(Offset, Bytes)>, Fault> {
        let name = file_of(partition, base, self.kind.ending());
        let file = self.folder.read(&name)?.ok_or_else(|| self.gone(&name))?;
        self.kind.lines(partition, &file).map_err(|cause| self.damaged(&name, &cause))
    }

    /// Reads all files of a partition and checks that they are a chain: none missing, no line twice, all in order.
    pub(super) fn verify(&self, partition: Partition) -> Result<Verified, Fault> {
        let listing = self.list(partition)?;
        let start = owner::start(&self.folder, partition)?;
        let from = listing.bases.first().copied().or(start).unwrap_or_default();
        let mut found = Verified { from, end: from, files: listing.bases.len(), lines: 0 };
        for base in listing.bases {
            let name = file_of(partition, base, self.kind.ending());
            if base != found.end {
                return Err(self.broken(partition, found.end, base));
            }
            let end = self.end(partition, base)?.next;
            let mut next = base;
            for (offset, _) in self.lines(partition, base)? {
                if offset < next || end <= offset {
                    let cause = format!("a line for offset {offset} stands where offsets from {next} to {end} should");
                    return Err(self.damaged(&name, &cause));
                }
                next = offset.next();
                found.lines += 1;
            }
            found.end = end;
        }
        Ok(found)
    }

    fn broken(&self, partition: Partition, end: Offset, base: Offset) -> Fault {
        let folder = self.folder.shown(&folder_of(partition));
        let (missing, next) = (last_part(end, self.kind.ending()), last_part(base, self.kind.ending()));
        Fault::permanent(if base > end {
            format!("`{folder}/{missing}` is missing, and the next file is `{next}`; bring it back from a copy")
        } else {
            format!(
                "`{folder}/{next}` begins before offset {end}, where the file before it ends; one of the two is not ours"
            )
        })
    }

    fn damaged(&self, name: &str, cause: &str) -> Fault {
        let name = self.folder.shown(name);
        Fault::permanent(format!("`{name}` is no file of this sink: {cause}; bring it back from a copy, or remove it"))
    }

    fn gone(&self, name: &str) -> Fault {
        let name = self.folder.shown(name);
        Fault::permanent(format!("`{name}` is gone, though it was there a moment ago; bring it back from a copy"))
    }
}
