//! The same question with the disk at hand: links below a root that lead out of it are seen. The only part of the guard that
//! does I/O.

use std::io;
use std::path::{Path, PathBuf};

use super::mistake::Refusal;
use super::roots::{Roots, normalised};
use super::{Errand, examine};

/// Whether the job may run on this computer: as [`check`](super::check) has it, and also when the symbolic links that are on
/// the way to each place now are followed. What can't be looked at is refused. Reads the disk.
///
/// # Errors
/// All mistakes together.
pub fn check_resolved<'a>(errand: impl Into<Errand<'a>>, roots: &Roots) -> Result<(), Refusal> {
    let real_roots: Vec<PathBuf> =
        roots.iter().map(|root| resolved(root).unwrap_or_else(|_| root.to_owned())).collect();
    let is_really_inside = |path: &Path| {
        // The system follows a link before it takes the `..` behind it, so this is asked of the path as it was written.
        resolved(&roots.working_directory().join(path))
            .is_ok_and(|real| real_roots.iter().any(|root| real.starts_with(root)))
    };
    examine(errand.into(), roots, &|path| roots.hold(path) && is_really_inside(path))
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
