//! A file as a table: watched by what the store says of it, read whole when that changes.
//!
//! A change is noticed by size, times, inode or entity tag. Times are coarse, so a file that was changed twice at once may
//! look as it did after the first: whenever a new look of it was read, an alarm follows two seconds later, and what is read
//! then is final. A file that changes while it is read is read again. Readers see what stands in the file: who writes it in
//! place and slowly may be read half way; a new file that is renamed to the old one's name never is.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::clock::{Clock, SystemClock};
use flightline_engine::contract::{Fault, TableRows, TableSource};
use object_store::Error as StoreError;

use self::watch::{SETTLING, Stamp, Watch};
use super::error::FileError;
use super::fault::{READ, fault};
use super::folder::Folder;
use super::stores::Stores;

mod watch;

/// Times that a file may change under a reader before he gives up for now.
const TRIES: usize = 5;

/// The shortest interval between two looks.
const SHORTEST_POLL: Duration = Duration::from_millis(5);

/// Makes rows of a file's bytes. An error is a sentence that names the line and what is wrong with it.
pub type ParseRows = Arc<dyn Fn(&[u8]) -> Result<TableRows, String> + Send + Sync>;

/// What a watched file is told.
#[derive(Clone)]
pub struct FileTableOptions {
    /// Path or URL of the file.
    pub url: String,
    /// The time between two looks at it.
    pub poll: Duration,
    /// Makes rows of its bytes.
    pub parse: ParseRows,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

impl FileTableOptions {
    /// A look every second.
    pub fn new(url: impl Into<String>, parse: ParseRows) -> Self {
        Self { url: url.into(), poll: Duration::from_secs(1), parse, clock: Arc::new(SystemClock::new()) }
    }
}

impl fmt::Debug for FileTableOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FileTableOptions").field("url", &self.url).field("poll", &self.poll).finish_non_exhaustive()
    }
}

/// A table in a file.
#[derive(Debug)]
pub struct FileTable {
    options: FileTableOptions,
    file: Folder,
    watch: Watch,
    /// When to look again.
    next_poll: Duration,
    /// How it looked when it was last read well, and how many rows it had: a job is at work with them.
    known: Option<(Stamp, usize)>,
    /// Whether it was said that it can't be looked at.
    warned: bool,
}

impl FileTable {
    /// The table in the file that the options name. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, or a store that this build leaves out.
    pub fn new(stores: &Stores, options: FileTableOptions) -> Result<Self, FileError> {
        let file = Folder::at(stores, &options.url)?;
        let watch = Watch::default();
        Ok(Self { options, file, watch, next_poll: Duration::ZERO, known: None, warned: false })
    }

    /// What the file looks like now; `None` if it is not there.
    fn stamp(&self) -> Result<Option<Stamp>, Fault> {
        let Some(path) = self.file.on_disk("") else {
            let stamp = if self.file.is_in_hdfs() { Stamp::Hdfs } else { Stamp::Object };
            return Ok(self.file.about("")?.map(stamp));
        };
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(Stamp::local(&metadata))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let error = StoreError::Generic { store: "local", source: Box::new(error) };
                Err(fault(READ, &self.file.shown(""), &error))
            }
        }
    }

    /// The bytes while the file held still, how it looked, and whether they are final. `None` if it is not there.
    fn bytes(&mut self) -> Result<Option<(Bytes, Stamp, bool)>, Fault> {
        for _ in 0..TRIES {
            let Some(before) = self.stamp()? else { return Ok(None) };
            let seen_at = self.options.clock.now();
            let Some(bytes) = self.file.read("")? else { return Ok(None) };
            if self.stamp()?.as_ref() == Some(&before) {
                let is_final = self.watch.read(before.clone(), seen_at);
                if before.may_be_open() && self.known.is_some() && !is_final {
                    thread::sleep(SETTLING);
                    continue;
                }
                return Ok(Some((bytes, before, is_final)));
            }
        }
        let name = self.file.shown("");
        Err(Fault::transient(format!(
            "`{name}` changes all the time while it is read; replace it in one step, by a rename"
        )))
    }

    fn rows(&self, bytes: &[u8], stamp: &Stamp, is_final: bool) -> Result<TableRows, Fault> {
        let rows = (self.options.parse)(bytes).map_err(|cause| {
            let name = self.file.shown("");
            if self.known.is_some() && !is_final {
                Fault::transient(format!("`{name}` is no table now, and may be half written: {cause}"))
            } else {
                Fault::permanent(format!("`{name}` is no table: {cause}; correct it"))
            }
        })?;
        // A file that is being written anew in its place is a table after each line.
        let is_part = |(seen, known): &(Stamp, usize)| rows.len() < *known && stamp.is_in_place_of(seen);
        if !is_final && self.known.as_ref().is_some_and(is_part) {
            let name = self.file.shown("");
            return Err(Fault::transient(format!("`{name}` has fewer rows than before, and may be half written")));
        }
        Ok(rows)
    }

    fn missing(&mut self) -> Fault {
        // Whatever comes in its place is news.
        self.watch.forget();
        let name = self.file.shown("");
        if self.known.is_some() {
            Fault::transient(format!("the table `{name}` is gone; put it back"))
        } else {
            Fault::permanent(format!("there is no table `{name}`; check the path, or make the file"))
        }
    }

    fn look(&mut self) -> bool {
        let (alarm, trouble) = match self.stamp() {
            Ok(Some(stamp)) => (self.watch.alarm(&stamp, self.options.clock.now()), None),
            Ok(None) => (false, Some("it is gone".to_owned())),
            Err(fault) => (false, Some(fault.to_string())),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| !self.warned) {
            tracing::warn!(table = %self.file.shown(""), %trouble, "can't look at the table; its rows stay as they are");
        }
        self.warned = trouble.is_some();
        alarm
    }
}

impl TableSource for FileTable {
    fn read(&mut self) -> Result<TableRows, Fault> {
        let outcome = match self.bytes() {
            Ok(Some((bytes, stamp, is_final))) => self.rows(&bytes, &stamp, is_final).map(|rows| (rows, stamp)),
            Ok(None) => return Err(self.missing()),
            Err(fault) => {
                self.watch.forget();
                Err(fault)
            }
        };
        let (rows, stamp) = outcome?;
        self.known = Some((stamp, rows.len()));
        Ok(rows)
    }

    fn changed(&mut self, patience: Duration) -> bool {
        let mut left = patience;
        loop {
            let wait = self.next_poll.saturating_sub(self.options.clock.now());
            if wait > left {
                thread::sleep(left);
                return false;
            }
            thread::sleep(wait);
            left -= wait;
            self.next_poll = self.options.clock.now() + self.options.poll.max(SHORTEST_POLL);
            if self.look() {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
