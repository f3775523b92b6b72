//! Who may work with whom, once both have proven that they know the secret. Pure: what both say of themselves in, a decision
//! out.

use super::hello::{Hello, Refusal, Ruling};
use super::proof::Nonce;
use crate::ids::{ProcessCount, ProcessIndex, WorkerCount};
use crate::ledger::Generation;

/// What we say of ourselves to everyone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) processes: ProcessCount,
    pub(super) workers: WorkerCount,
    pub(super) process: ProcessIndex,
    pub(super) fingerprint: u64,
    pub(super) generation: Option<Generation>,
    /// Whether we were given a secret.
    pub(super) secured: bool,
}

/// What who listens decides about a caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is in.
    Welcome,
    /// It is not, for the reason in the sentence.
    Refuse(Refusal, String),
    /// It is of this later generation: we end.
    Yield(Generation),
}

/// What a caller makes of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// We are in.
    In,
    /// Not now, or not the right one: worth another try.
    Again(String),
    /// Never, whatever we try.
    Never(String),
    /// A later generation is at work: we end.
    Yield(Generation),
}

impl Decision {
    /// What the caller is told.
    pub(super) const fn ruling(&self) -> Ruling {
        match self {
            Self::Welcome => Ruling::Welcome,
            Self::Refuse(refusal, _) => Ruling::Refusal(*refusal),
            Self::Yield(_) => Ruling::Refusal(Refusal::Generation),
        }
    }
}

impl Identity {
    /// What we say to process `to`.
    pub(super) const fn hello(&self, to: ProcessIndex, nonce: Nonce) -> Hello {
        Hello {
            processes: self.processes,
            workers: self.workers,
            sender: self.process,
            receiver: to,
            fingerprint: self.fingerprint,
            generation: self.generation,
            secured: self.secured,
            nonce,
        }
    }

    /// What we who listen decide about a caller that has proven itself. `taken` says whether a process is connected under
    /// that index and alive.
    pub(super) fn judge_caller(&self, caller: &Hello, taken: bool) -> Decision {
        if let Some(later) = self.later(caller) {
            return Decision::Yield(later);
        }
        if caller.generation < self.generation {
            return Decision::Refuse(Refusal::Generation, self.older(caller));
        }
        if let Some(difference) = self.difference(caller, caller.sender) {
            return Decision::Refuse(Refusal::Differs, difference);
        }
        if caller.sender <= self.process || caller.sender.get() >= self.processes.get() {
            let why = format!("process {} has no business to call this one", caller.sender);
            return Decision::Refuse(Refusal::Differs, why);
        }
        if taken {
            let why = "a process with this index is connected already".to_owned();
            return Decision::Refuse(Refusal::Taken, why);
        }
        Decision::Welcome
    }

    /// What it means that `listener`, which has proven itself and should be process `peer`, ruled so.
    pub(super) fn judge_ruling(&self, listener: &Hello, ruling: Ruling, peer: ProcessIndex) -> Verdict {
        if let Some(later) = self.later(listener) {
            return Verdict::Yield(later);
        }
        if listener.generation < self.generation {
            // It has heard of us and ends; the one that belongs to us will come to its place.
            return Verdict::Again(self.older(listener));
        }
        if let Some(difference) = self.difference(listener, peer) {
            return Verdict::Never(difference);
        }
        match ruling {
            Ruling::Welcome => Verdict::In,
            Ruling::Refusal(Refusal::Taken) => Verdict::Never(format!(
                "another process {} is connected to it already; start each -p once",
                self.process
            )),
            Ruling::Refusal(Refusal::Differs | Refusal::Generation) => {
                Verdict::Never("it refused this process; its log says why".to_owned())
            }
        }
    }

    /// The other's generation, if it is above ours. Without one is below all.
    fn later(&self, other: &Hello) -> Option<Generation> {
        other.generation.filter(|theirs| Some(*theirs) > self.generation)
    }

    fn older(&self, other: &Hello) -> String {
        let (theirs, ours) = (Named(other.generation), Named(self.generation));
        format!("it is of {theirs} of this job, and this one of {ours}, which is later")
    }

    /// What keeps us from working with `other`, if we take it for process `peer`; `None` if all agrees.
    fn difference(&self, other: &Hello, peer: ProcessIndex) -> Option<String> {
        if other.processes != self.processes {
            return Some(format!(
                "it was started with -n {}, this one with -n {}; start all with the same -n",
                other.processes, self.processes
            ));
        }
        if other.workers != self.workers {
            return Some(format!(
                "it was started with -w {}, this one with -w {}; start all with the same -w",
                other.workers, self.workers
            ));
        }
        if other.receiver != self.process || other.sender != peer {
            return Some(format!(
                "it is process {} and takes this one for process {}, but here they are processes {} and {}; \
                 use the same hostfile everywhere, and each -p once",
                other.sender, other.receiver, peer, self.process
            ));
        }
        (other.fingerprint != self.fingerprint).then(|| {
            "it was started with other arguments or another version of the program; start all with the same".to_owned()
        })
    }
}

/// A generation in a sentence.
pub(super) struct Named(pub(super) Option<Generation>);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(generation) => write!(f, "generation {generation}"),
            None => f.write_str("no generation"),
        }
    }
}

#[cfg(test)]
mod tests;
