//! Newtypes for workers, processes and jobs, so that an index is never taken for a count, nor a worker for a process.
//!
//! Indices are from 0. Workers are numbered over the whole cluster: with `w` workers in each process, process `p` holds
//! the workers `p * w` up to, not including, `(p + 1) * w`. That is timely's numbering.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(usize);

        impl $name {
            /// Takes the plain number as what this type says it is.
            pub const fn new(number: usize) -> Self {
                Self(number)
            }

            /// The plain number.
            pub const fn get(self) -> usize {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A worker thread's place among all workers of the cluster, from 0.
    WorkerIndex
}
number! {
    /// A number of worker threads: of one process or of the whole cluster, as the place of use says.
    WorkerCount
}
number! {
    /// A process's place in the cluster, from 0: its line of the hostfile. Process 0 leads.
    ProcessIndex
}
number! {
    /// A number of processes.
    ProcessCount
}

/// A job's name in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobName(pub Box<str>);

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ProcessCount {
    /// All indices of a cluster of this many processes, in order.
    pub fn indices(self) -> impl Iterator<Item = ProcessIndex> {
        (0..self.0).map(ProcessIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_numbers() {
        assert_eq!(format!("{:>3}", WorkerIndex::new(7)), "  7");
        assert_eq!(ProcessCount::new(3).indices().map(ProcessIndex::get).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
