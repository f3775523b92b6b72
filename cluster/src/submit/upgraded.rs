//! How an upgrade of a job stands, for who waits for it. Pure.

use crate::ids::{Generation, SpecNumber};
use crate::job::state::Phase;
use crate::view::JobView;

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What was before still ends, or what follows is not at work yet.
    OnItsWay,
    /// The job is at work with it, in this life.
    AtWork(Generation),
    /// It could not be started; why, in a sentence. The job goes on as it was before.
    GivenUp(String),
    /// A later upgrade has come.
    Replaced(SpecNumber),
    /// The job is over, and was started with it, or with a later one: its exit code.
    Ended(u8),
    /// The job is over, and was never started with it.
    Over,
}

/// How the upgrade that made this specification stands.
#[must_use]
pub fn standing(view: &JobView, number: SpecNumber) -> Standing {
    let spec = view.specs.iter().find(|spec| spec.number == number);
    if let Some(why) = spec.and_then(|spec| spec.given_up.clone()) {
        return Standing::GivenUp(why);
    }
    let newest = view.generations.first();
    match newest {
        Some(life) if view.line.state.is_over() && life.spec >= number => Standing::Ended(view.line.exit.unwrap_or(0)),
        _ if view.line.state.is_over() => Standing::Over,
        Some(life) if life.spec == number && view.line.state.phase() == Phase::Running => Standing::AtWork(life.number),
        _ => match view.specs.first().filter(|last| last.number > number) {
            Some(later) => Standing::Replaced(later.number),
            None => Standing::OnItsWay,
        },
    }
}
