//! The demo: trains if there is no model, runs the stream and the page in one process, and can check itself.
//!
//! Everything that it keeps is below one folder, `flightline-demo` unless told otherwise: models, ledger, topics and
//! collections, and the answers as JSON lines. Killed at any moment and started again, it goes on where it was. `demo`
//! is made of the same parts as `train`, `predict` and `web`, and of nothing else.

mod check;
mod flags;
mod life;
mod prepare;

pub use flags::{DemoFlags, run};
