//! The pages of the master and of a worker's agent, with their JSON twins, live events and metrics.
//!
//! | module | holds |
//! |---|---|
//! | `sight` | what pages see and can ask: implemented by the master and by the agent |
//! | `access` | who may: the token, sessions, and what slows guessing down |
//! | `page`, `charts`, `graph`, `svg`, `words` | pages and pictures: pure functions of views |
//! | `routes` | what is at which path, and the guard before it |
//! | `live` | pages that stand open hear what changed |
//! | `site` | what all requests share, and its bounds |
//!
//! Invariants: nothing but `/health`, `/ready`, the log-in page and the files of the pages is shown without the token; an action by a
//! page needs the secret of its session and the origin of these pages; no call of a [`Sight`] runs on an async task; calls and
//! streams are bounded; a page needs nothing from another host and holds no script or style, and its headers forbid them.
//! It decides nothing about jobs: that is the master's.

mod access;
mod assets;
mod charts;
mod graph;
mod live;
mod metrics;
mod page;
mod routes;
mod sight;
mod site;
mod svg;
#[cfg(test)]
mod tests;
mod words;

pub use access::Access;
pub use routes::{master, worker};
pub use sight::{NotHad, Sight, WorkerSight};
pub use site::{Pages, Settings};
