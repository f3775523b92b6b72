//! May this job run here? The same answer on the master, in submit and on each agent.
//!
//! A job is somebody's words: arguments and small files. Whatever in them names a place on the disk must lie below one of
//! the [`Roots`], and not be the cluster's own; where the job runs is for the agent to say, so its flags are refused; and no
//! setting may bring foreign code into a process. What a job sets is read by the parser that its programs have, so that no
//! quotes and no escapes make it another thing here than there. [`check`] is pure. An agent uses [`check_resolved`], which also
//! follows the symbolic links that stand on its disk now: somebody who can make links below a root at the same time is not held
//! back by it, nor are links that only a pattern leads to.
//!
//! What a place is:
//!
//! | in a word or a setting, after a `=` or `,` in it, after the letter of a short flag | is |
//! |---|---|
//! | `/a/b`, `file:/a/b`, `file:///a/b`, with `%2F` and the like also as what that stands for | a path |
//! | `a/../b`, `file:a`, `a/b` | a path from the working directory, which is the first root |
//! | `~/a` | a home directory, and so never below a root |
//! | `file://a/b` | read in different ways, and so refused |
//! | `hdfs://`, `s3://`, `mongodb://`, ... | no path |

mod carried;
mod flags;
mod mistake;
mod places;
mod resolved;
mod roots;
mod settings;
mod words;

pub use carried::{MOST_BYTES, MOST_FILES, carried_name};
pub use mistake::{Mistake, Refusal, Whereabouts};
pub use resolved::check_resolved;
pub use roots::{RootMistake, Roots};

use std::path::Path;

use flightline_engine::config::brings_foreign_code;

use self::roots::Judged;
use self::settings::Found;
use crate::job::spec::{CarriedFile, JobSpec};

/// The word that stands for the folder of the carried files.
pub const CARRIED: &str = "{carried}/";

/// What of a job is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Errand<'a> {
    /// Its arguments.
    pub args: &'a [String],
    /// The files that travel with it.
    pub files: &'a [CarriedFile],
}

impl<'a> From<&'a JobSpec> for Errand<'a> {
    fn from(spec: &'a JobSpec) -> Self {
        Self { args: &spec.args, files: &spec.files }
    }
}

/// Whether the job may run below these roots, by its words alone.
///
/// # Errors
/// All mistakes together.
pub fn check<'a>(errand: impl Into<Errand<'a>>, roots: &Roots) -> Result<(), Refusal> {
    examine(errand.into(), roots, &|path| roots.judge(path))
}

/// Looks at everything. `judge` is asked for every place, absolute or from the first root, as it was written.
fn examine(errand: Errand<'_>, roots: &Roots, judge: &dyn Fn(&Path) -> Judged) -> Result<(), Refusal> {
    let mut mistakes = flags::mistakes(errand.args);
    mistakes.extend(carried::mistakes(errand));
    mistakes.extend(settings::mistakes(errand.args));
    for Found { whereabouts, said } in settings::all(errand) {
        if brings_foreign_code(&said.key) {
            mistakes.push(Mistake::ForeignCode { whereabouts: whereabouts.clone(), setting: said.key });
        }
        mistakes.extend(places::mistake(&whereabouts, &said.text, roots, judge));
    }
    for (number, word) in errand.args.iter().enumerate().map(|(at, word)| (at + 1, word)) {
        // What an argument sets is told with its key already.
        if !mistakes.iter().any(|mistake| mistake.is_of_value(number)) {
            mistakes.extend(places::mistake(&Whereabouts::Argument(number), word, roots, judge));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(Refusal(mistakes)) }
}

#[cfg(test)]
mod spelling_tests;
#[cfg(test)]
mod tests;
