//! The tests of the cord, but for those of real processes, which are among the end-to-end tests.

mod board;
mod cord;
mod cost;
mod graph;
mod line;
mod recorder;
mod some;
