//! Reading a file sink's folder: for commands that compare or count what is there.

use std::collections::VecDeque;
use std::vec;

use bytes::Bytes;
use flightline_engine::contract::Fault;
use flightline_engine::log::{Offset, OffsetRange, Partition};

use super::chain::{Chain, Verified};
use super::{name, owner};
use crate::files::error::FileError;
use crate::files::folder::Folder;
use crate::files::stores::Stores;

/// A folder of answer files, whatever their format. Files that come later are seen by later calls.
#[derive(Clone, Debug)]
pub struct FileReader {
    folder: Folder,
}

impl FileReader {
    /// A reader of the folder that a path or URL names. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, or a store that this build leaves out.
    pub fn new(stores: &Stores, url: &str) -> Result<Self, FileError> {
        Ok(Self { folder: name::folder_at(stores, url)? })
    }

    /// The partitions that have a folder, in order.
    ///
    /// # Errors
    /// The store can't be asked.
    pub fn partitions(&self) -> Result<Vec<Partition>, Fault> {
        let mut partitions: Vec<_> =
            self.folder.folders()?.iter().filter_map(|folder| name::partition_of(folder)).collect();
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The line for a request, if there is one in a file.
    ///
    /// # Errors
    /// The store can't be asked (transient); the folder is no file sink's, or a file is damaged (permanent).
    pub fn find_line(&self, partition: Partition, offset: Offset) -> Result<Option<Bytes>, Fault> {
        let mut lines = self.lines(partition, OffsetRange::new(offset, offset.next()))?;
        lines.next().transpose().map(|found| found.map(|(_, line)| line))
    }

    /// The lines for a range of requests, in order. One file at a time is in memory.
    ///
    /// # Errors
    /// As [`FileReader::find_line`], here or from the iterator.
    pub fn lines(&self, partition: Partition, range: OffsetRange) -> Result<Lines, Fault> {
        let chain = self.chain()?;
        let bases = chain.list(partition)?.bases;
        // The file before the first that begins above the range's start may hold its start.
        let first = bases.partition_point(|base| *base <= range.from).saturating_sub(1);
        let files = bases.into_iter().skip(first).take_while(|base| *base < range.to).collect();
        Ok(Lines { chain, partition, range, files, current: Vec::new().into_iter() })
    }

    /// Reads all files of a partition and checks that none is missing, and that no line is there twice.
    ///
    /// # Errors
    /// As [`FileReader::find_line`]; a gap is permanent, and names the missing file.
    pub fn verify(&self, partition: Partition) -> Result<Verified, Fault> {
        self.chain()?.verify(partition)
    }

    fn chain(&self) -> Result<Chain, Fault> {
        let Some(owner) = owner::owner(&self.folder)? else {
            let folder = self.folder.shown("");
            return Err(Fault::permanent(format!("`{folder}` is no folder of a file sink: check the name")));
        };
        Ok(Chain { folder: self.folder.clone(), kind: owner.kind(&self.folder)? })
    }
}

/// Lines of a partition, in order, with the offsets of their requests. See [`FileReader::lines`].
#[derive(Debug)]
pub struct Lines {
    chain: Chain,
    partition: Partition,
    range: OffsetRange,
    /// Where the files begin that are still to be read.
    files: VecDeque<Offset>,
    current: vec::IntoIter<(Offset, Bytes)>,
}

impl Iterator for Lines {
    type Item = Result<(Offset, Bytes), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let range = self.range;
            if let Some(line) = self.current.find(|(offset, _)| range.contains(*offset)) {
                return Some(Ok(line));
            }
            match self.chain.lines(self.partition, self.files.pop_front()?) {
                Ok(lines) => self.current = lines.into_iter(),
                Err(fault) => {
                    self.files.clear();
                    return Some(Err(fault));
                }
            }
        }
    }
}
