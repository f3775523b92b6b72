//! The entries of the ledger: who wrote them and what they say. [`line`](super::line) writes them down.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::SinkName;
use crate::ids::JobName;
use crate::log::{OffsetRange, Offsets, Partition};

/// The number of an entry, from 0 and without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The number of a life of the job, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// The number of a version of the table, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableVersion(pub u64);

/// The number of a way to write answers down, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnswerFormat(pub u32);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TableVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AnswerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All that an answer depends on beside the bytes of its request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Binding {
    /// Id of the model.
    pub model: Box<str>,
    /// Version of the table.
    pub table: TableVersion,
    /// How answers are written down.
    pub format: AnswerFormat,
    /// The configuration that can change an answer, itself and not its hash.
    pub settings: BTreeMap<Box<str>, Box<str>>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who wrote it.
    pub generation: Generation,
    /// What it says.
    pub body: EntryBody,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum EntryBody {
    /// The job begins. The first entry, and claims generation 1.
    Open {
        /// The job.
        job: JobName,
        /// Partitions of its request log.
        partitions: u32,
        /// Tells two writers of the same claim apart, and this ledger from every other one.
        nonce: u64,
    },
    /// A later life begins; all older ones have lost.
    Claim {
        /// Tells two writers of the same claim apart.
        nonce: u64,
        /// How many partitions the request log has by now, if they have become more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partitions: Option<u32>,
    },
    /// A sink belongs to the job from now on, or gets these partitions too, which the log has got meanwhile.
    Register {
        /// Its name.
        sink: SinkName,
        /// Where it begins.
        starts: Offsets,
    },
    /// Offsets that had no binding get this one.
    Bind {
        /// The binding.
        binding: Binding,
        /// Which offsets.
        ranges: BTreeMap<Partition, OffsetRange>,
    },
    /// From `at` on, up to `upto`, this binding takes the place of the writer's own earlier one.
    Cut {
        /// The binding.
        binding: Binding,
        /// Where it begins.
        at: Offsets,
        /// Where what was bound before it ends.
        upto: Offsets,
    },
    /// A clean end: the writer's own ranges end here, and what lies beyond has no binding any more.
    Close {
        /// Where they end.
        at: Offsets,
    },
}
