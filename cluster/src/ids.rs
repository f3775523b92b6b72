//! Newtypes of the control plane: which job, which worker, how much of a machine, and when.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytesize::ByteSize;
use flightline_engine::ids::ProcessIndex;
use flightline_engine::memory_size::{MemorySize, NoSize};
use serde::{Deserialize, Serialize};

use crate::entropy::{Entropy, from_hex, hex, random};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A submitted job, from 1 in the order of submission. Never used again.
    JobId(u64)
}
number! {
    /// A life of a job: its processes are started together and end together. From 1; a job's ledger knows it, too.
    Generation(u64)
}
number! {
    /// One of a job's specifications: 1 is what was submitted, and each upgrade makes another one.
    SpecNumber(u64)
}
number! {
    /// One life of a worker agent: a random number that it draws at its start.
    Incarnation(u64)
}
number! {
    /// A number of processor cores, which is a number of worker threads.
    Cores(u32)
}

impl Default for SpecNumber {
    fn default() -> Self {
        Self(1)
    }
}

/// What a command draws for each job that it submits, so that a job that is submitted again, since no answer came, is known to
/// be there already: 128 random bits, 32 hexadecimal digits in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubmissionId([u8; 16]);

impl SubmissionId {
    /// Draws one.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, String> {
        random(entropy).map(Self)
    }
}

impl TryFrom<String> for SubmissionId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        from_hex(&text).map(Self).ok_or("a submission's id is 32 hexadecimal digits")
    }
}

impl From<SubmissionId> for String {
    fn from(id: SubmissionId) -> Self {
        hex(&id.0)
    }
}

impl Cores {
    /// More than any computer has: so many of a worker, or of a process, are a mistake.
    pub const MOST: Self = Self(4096);
}

/// A worker of the cluster: a name that stays the same when its agent is started again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerName(pub Box<str>);

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One process of one life of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Which job.
    pub job: JobId,
    /// Which life of it.
    pub generation: Generation,
    /// Which process of that.
    pub process: ProcessIndex,
}

impl fmt::Display for ProcessRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} of job {}, generation {}", self.process, self.job, self.generation)
    }
}

/// An amount of memory in bytes. Read and written as people do: `512M`, `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memory(pub u64);

impl Memory {
    /// More than any computer has, 1 PiB: so much of a worker, or of a process, is a mistake.
    pub const MOST: Self = Self(1 << 50);
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize::b(self.0).display().iec().fmt(f)
    }
}

impl FromStr for Memory {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        text.parse().map(|MemorySize(bytes)| Self(bytes))
    }
}

/// A moment by the wall clock, in milliseconds since 1970. Only shown to people and compared within one process's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment so much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(millis(time)))
    }

    /// How much later this is than `earlier`; nothing if it isn't.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, millis))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_in_a_unit_that_says_what_it_is() {
        assert_eq!("512M".parse(), Ok(Memory(512 << 20)));
        assert_eq!(Memory(512 << 20).to_string(), "512.0 MiB");
    }
}
