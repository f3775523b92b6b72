//! The edge to the operating system: exit codes, panics, signals, memory.

mod ending;
pub mod exit;
pub mod memory;
pub mod panics;
pub mod signals;

pub use exit::Exit;
pub use memory::{memory_bytes, peak_memory_bytes};
pub use panics::{contain, install_panic_policy};
pub use signals::{install_drain_policy, install_drain_policy_saying, install_signal_policy};
