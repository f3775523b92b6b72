//! Dataflow operators of Flightline: each a pure core, tested alone, in a thin timely shell.
//!
//! Nothing here does I/O, blocks, reads a clock or knows what a flight is.

pub mod columns;
pub mod evaluate;
pub mod flow;
pub mod folds;
pub mod forest;
pub mod grow;
pub mod holdout;
pub mod identity;
pub mod linfa;
pub mod lookup;
pub mod search;
pub mod settle;
pub mod space;
pub mod table;
