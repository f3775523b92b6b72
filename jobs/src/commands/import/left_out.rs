//! In a build that leaves MongoDB out there is no way to it.

use std::convert::Infallible;
use std::io::Write;

use super::server::{Destination, Said};
use crate::failure::{Failure, FailureKind};
use crate::table::DistanceTable;

/// Says so.
pub(super) fn way(said: Said, to: &Destination) -> Result<Infallible, Failure> {
    // The server is named, and not asked.
    let Said { url: _, user: _, password: _ } = said;
    let sentence = format!("this build leaves MongoDB out, and {to} is there: build it with --features mongodb");
    Err(Failure::new(FailureKind::Usage, sentence))
}

/// Never called.
pub(super) fn bring(way: Infallible, _: &DistanceTable, _: bool, _: &mut dyn Write) -> Result<(), Failure> {
    match way {}
}
