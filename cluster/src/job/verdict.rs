//! What follows from the end of a life: the job is done, is tried again, or has failed. Pure.
//!
//! When one process ends, the others lose a peer and end, too. So the cause is what is no mere consequence of that, and
//! what the cause was decides: a mistake of the user's would come again, a lost host wouldn't.

use flightline_engine::ids::ProcessIndex;
use flightline_engine::process::Exit;

use super::last_words;
use super::life::{End, Life};
use super::restart::Blame;
use super::spec::JobSpec;
use super::state::JobState;
use crate::ids::Generation;
use crate::protocol::HowEnded;

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is done.
    Completed,
    /// Another life may do better.
    Again {
        /// Why this one ended, in a sentence.
        why: String,
        /// Whose fault that was.
        blame: Blame,
        /// The next life's number is above this.
        above: Generation,
    },
    /// Another life would end the same way.
    Failed {
        /// Why, in a sentence.
        why: String,
    },
}

/// How much a reason explains: more than another one that only follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It ended well.
    Good,
    /// It was ended since others had, or lost a peer that had.
    Consequence,
    /// It is reason enough.
    Cause,
}

/// What follows from the end of this life, all of whose processes have ended.
#[must_use]
pub fn verdict(spec: &JobSpec, life: &Life) -> Verdict {
    let ends = life.places.iter().enumerate().filter_map(|(at, place)| Some((at, place.end.as_ref()?)));
    let Some((at, end)) = foremost(ends) else {
        return Verdict::Failed { why: "it had no process (bug)".to_owned() };
    };
    let why = sentence(spec, life, ProcessIndex::new(at), end);
    let again = |blame, ledger: Option<u64>| Verdict::Again {
        why: why.clone(),
        blame,
        above: life.number.max(Generation(ledger.unwrap_or(0))),
    };
    match end {
        _ if end.is_good() && !spec.supervise => Verdict::Completed,
        End::Lost { .. } => again(Blame::Nobody, None),
        End::Seen { how, ledger, .. } if may_do_better(spec, how, *ledger) => again(blame(spec, how), *ledger),
        End::Seen { .. } => Verdict::Failed { why },
    }
}

/// The sentence for a life of which something has ended while something else may still run.
#[must_use]
pub fn why_ending(spec: &JobSpec, life: &Life) -> Option<String> {
    let ends = life.places.iter().enumerate().filter_map(|(at, place)| Some((at, place.end.as_ref()?)));
    let (at, end) = foremost(ends.filter(|(_, end)| !end.is_good()))?;
    Some(sentence(spec, life, ProcessIndex::new(at), end))
}

/// The code with which a command ends that has waited for a job that is over now, after this last life of it.
#[must_use]
pub fn exit_code(state: &JobState, life: Option<&Life>) -> u8 {
    const KILLED: i32 = 9;
    let of_signal = |signal: i32| u8::try_from(128 + signal).unwrap_or(u8::MAX);
    let ends = life.into_iter().flat_map(|life| life.places.iter().enumerate());
    let foremost = foremost(ends.filter_map(|(at, place)| Some((at, place.end.as_ref()?))));
    match (state, foremost.map(|(_, end)| end)) {
        (JobState::Completed, _) => Exit::Ok.code(),
        (JobState::Killed, _) => of_signal(KILLED),
        (_, None) => Exit::Terminated.code(),
        (_, Some(End::Lost { .. })) => Exit::PeerLost.code(),
        (_, Some(End::Seen { how, .. })) => match how {
            HowEnded::Code(code) => *code,
            HowEnded::Signal(signal) => of_signal(*signal),
            HowEnded::Ordered | HowEnded::TooMuchMemory { .. } => of_signal(KILLED),
            HowEnded::NotStarted { .. } => Exit::ClusterStart.code(),
        },
    }
}

/// Of all ends the one that explains most; of several causes the first process's, which leads.
fn foremost<'a>(ends: impl Iterator<Item = (usize, &'a End)>) -> Option<(usize, &'a End)> {
    ends.max_by_key(|(at, end)| (weight(end), usize::MAX - at))
}

fn weight(end: &End) -> Weight {
    const PEER_LOST: u8 = Exit::PeerLost.code();
    match end {
        End::Lost { .. } => Weight::Cause,
        End::Seen { how: HowEnded::Code(0), .. } => Weight::Good,
        End::Seen { how: HowEnded::Ordered | HowEnded::Code(PEER_LOST), .. } => Weight::Consequence,
        End::Seen { .. } => Weight::Cause,
    }
}

fn may_do_better(spec: &JobSpec, how: &HowEnded, ledger: Option<u64>) -> bool {
    const BUG: u8 = Exit::Bug.code();
    const USAGE: u8 = Exit::Usage.code();
    const BAD_INPUT: u8 = Exit::BadInput.code();
    const DAMAGED: u8 = Exit::DamagedModel.code();
    const SUPERSEDED: u8 = Exit::Superseded.code();
    const DIFFERS: u8 = Exit::Differs.code();
    match how {
        HowEnded::NotStarted { permanent, .. } => !permanent,
        HowEnded::Code(USAGE | BAD_INPUT | DAMAGED | DIFFERS) => false,
        // Above the ledger's number there may be room; if a later start is at work that we know nothing of, there isn't.
        HowEnded::Code(SUPERSEDED) => ledger.is_some(),
        HowEnded::Code(BUG) => spec.supervise,
        // A tool that says no says it again; a lost peer or a full disk is something else for who works long.
        HowEnded::Code(_) => spec.supervise || spec.program.spreads(),
        HowEnded::Signal(_) | HowEnded::Ordered | HowEnded::TooMuchMemory { .. } => true,
    }
}

/// Of an end after which another life begins. What shall run for ever waits for ever for what it needs; what shall be done once
/// says soon that it can't be.
fn blame(spec: &JobSpec, how: &HowEnded) -> Blame {
    const STORAGE: u8 = Exit::Storage.code();
    const CLUSTER_START: u8 = Exit::ClusterStart.code();
    const PEER_LOST: u8 = Exit::PeerLost.code();
    const SUPERSEDED: u8 = Exit::Superseded.code();
    match how {
        HowEnded::Ordered => Blame::Nobody,
        // Alone it has nobody to come together with: a port of its own is taken.
        HowEnded::Code(CLUSTER_START) if spec.processes.get() == 1 => Blame::Itself,
        HowEnded::Code(0 | STORAGE | CLUSTER_START | PEER_LOST | SUPERSEDED) | HowEnded::NotStarted { .. }
            if spec.supervise =>
        {
            Blame::Elsewhere
        }
        _ => Blame::Itself,
    }
}

fn sentence(spec: &JobSpec, life: &Life, process: ProcessIndex, end: &End) -> String {
    let worker = life.places.get(process.get()).map_or_else(String::new, |place| format!(" on {}", place.worker));
    let who =
        if life.places.len() > 1 { format!("process {process}{worker}") } else { format!("{}{worker}", spec.program) };
    match end {
        End::Lost { why } => format!("{who} was lost: {why}"),
        End::Seen { how: HowEnded::Code(code), last_lines, .. } if *code != 0 => {
            let said = last_words::failure(last_lines).map(|words| format!(": {words}"));
            format!("{who} {} ({}){}", HowEnded::Code(*code), meaning(*code), said.unwrap_or_default())
        }
        End::Seen { how, .. } => format!("{who} {how}"),
    }
}

/// What an exit code of ours says, in a few words.
fn meaning(code: u8) -> &'static str {
    const MEANINGS: [(Exit, &str); 11] = [
        (Exit::Bug, "an internal error"),
        (Exit::Usage, "its arguments or its configuration are wrong"),
        (Exit::BadInput, "its input is missing or bad"),
        (Exit::Storage, "a file or a store could not be written or read"),
        (Exit::ClusterStart, "its processes did not come together"),
        (Exit::PeerLost, "it lost another process"),
        (Exit::DamagedModel, "the model is damaged"),
        (Exit::Superseded, "a later start of the job is at work"),
        (Exit::Differs, "answers differ"),
        (Exit::Interrupted, "interrupted"),
        (Exit::Terminated, "somebody ended it"),
    ];
    MEANINGS.iter().find(|(exit, _)| exit.code() == code).map_or("no code of ours", |(_, meaning)| meaning)
}

#[cfg(test)]
mod tests;
