//! Configuration in TOML, in layers, with all mistakes told at once.
//!
//! A later [`Layer`] goes over the earlier ones, key by key; the first holds the defaults, and so every key there is. The
//! merged tree is read by hand through a [`Section`], which knows each value's file, line and column: a wrong value is
//! noted and reading goes on, so that one start tells everything that has to be mended. Whatever a section was not asked
//! for is a mistake, too. What was read is kept as [`InForce`], which prints TOML that loads to the same again.
//!
//! ```
//! use flightline_engine::config::{Layer, load};
//!
//! let defaults = Layer::defaults("[server]\nport = 80\npoll = \"1s\"\n");
//! let layers = [Layer::text("my.toml", "[server]\nprot = 81\n"), Layer::flag("server.poll=soon")];
//! let mistakes = load(&defaults, &layers, |root| {
//!     root.section("server", |server| {
//!         let port = server.read_within("port", 1..=65_535_u32);
//!         let poll = server.read::<std::time::Duration>("poll");
//!         Ok((port?, poll?))
//!     })
//! })
//! .unwrap_err()
//! .to_string();
//! assert!(mistakes.contains("my.toml:2:1: `server.prot` is no key; did you mean `server.port`?"));
//! assert!(mistakes.contains("--set server.poll: `server.poll` is \"soon\", which is no duration"));
//! ```
//!
//! Invariants: nothing here panics, whatever the text; a mistake in a line is reported with the number of that line; a
//! value is handed out only if its mistakes are none, which the type [`Reported`] sees to.
//!
//! It reads no environment and knows no key.

mod choice;
mod foreign_code;
mod in_force;
mod layer;
mod mistake;
mod nearest;
mod report;
mod said;
mod section;
mod setting;
mod syntax;
mod tree;
mod value;

pub use choice::Choice;
pub use foreign_code::{FOREIGN_CODE, brings_foreign_code};
pub use in_force::InForce;
pub use layer::Layer;
pub use mistake::{Mistake, Mistakes, Place};
pub use nearest::nearest;
pub use report::Reported;
pub use said::Said;
pub use section::{Each, Section};
pub use setting::{Rejection, Setting, plain_name};
pub use value::Value;

use report::Report;
use tree::Branch;

/// Reads a configuration from its layers: `defaults`, and over them `over`, the last the strongest.
///
/// # Errors
/// All mistakes of all layers, and of how they go together.
pub fn load<T>(
    defaults: &Layer,
    over: &[Layer],
    read: impl FnOnce(&mut Section<'_, '_>) -> Result<T, Reported>,
) -> Result<(T, InForce), Mistakes> {
    let mut found = Vec::new();
    let mut unfinished = Vec::new();
    let mut merged = Branch::default();
    for (rank, layer) in std::iter::once(defaults).chain(over).enumerate() {
        let (branch, mistakes) = layer.parse(rank);
        if !mistakes.is_empty() {
            unfinished.push(rank);
        }
        found.extend(mistakes);
        merged.overlay(branch);
    }
    let (shipped, _) = defaults.parse(0);
    let mut report = Report::new(&merged, &shipped, found, unfinished);
    let value = Section::root(&mut report, |root| read(root));
    report.finish(value)
}

#[cfg(test)]
mod tests;
