//! The same question with the disk at hand: links below a root that lead out of it are seen. The only part of the guard that
//! does I/O.

use std::io;
use std::path::{Path, PathBuf};

use super::mistake::Refusal;
use super::roots::{Judged, Roots, normalised, touches};
use super::{Errand, examine};
use crate::agent::LOCK;
use crate::master::store::{STATE_FILES, STORE};

/// Whether the job may run on this computer: as [`check`](super::check) has it, and also when the symbolic links that are on
/// the way to each place now are followed. What can't be looked at is refused. Reads the disk.
///
/// # Errors
/// All mistakes together.
pub fn check_resolved<'a>(errand: impl Into<Errand<'a>>, roots: &Roots) -> Result<(), Refusal> {
    let real = |path: &Path| resolved(path).unwrap_or_else(|_| path.to_owned());
    let real_roots: Vec<PathBuf> = roots.iter().map(real).collect();
    let real_own: Vec<PathBuf> = roots.own().map(real).collect();
    let really = |path: &Path| {
        // The system follows a link before it takes the `..` behind it, so this is asked of the path as it was written.
        let Ok(real) = resolved(&roots.working_directory().join(path)) else { return Judged::Outside };
        if !real_roots.iter().any(|root| real.starts_with(root)) {
            Judged::Outside
        } else if real_own.iter().any(|own| touches(&real, own)) || is_of_the_cluster(&real, &real_roots) {
            Judged::Own
        } else {
            Judged::Usable
        }
    };
    examine(errand.into(), roots, &|path| match roots.judge(path) {
        Judged::Usable => really(path),
        judged => judged,
    })
}

/// Whether a path leads into the folder of some master's state or of some worker, which a file in it shows. In one that holds
/// a root itself it is a master's files only.
fn is_of_the_cluster(path: &Path, roots: &[PathBuf]) -> bool {
    path.ancestors().filter(|folder| [STORE, LOCK].iter().any(|mark| folder.join(mark).is_file())).any(|folder| {
        let holds_a_root = roots.iter().any(|root| root.starts_with(folder));
        !holds_a_root || STATE_FILES.iter().any(|name| path.starts_with(folder.join(name)))
    })
}

/// The path with the links in that part of it followed that is there.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    for there in path.ancestors() {
        match there.canonicalize() {
            Ok(real) => return Ok(normalised(&real.join(path.strip_prefix(there).unwrap_or(path)))),
            // A name that is too long for the system is no file, and whatever isn't a folder has nothing below it.
            Err(error) if is_absent(&error) && there.symlink_metadata().is_err() => {}
            // A link to what isn't there: whoever writes to it makes a file elsewhere.
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
}
