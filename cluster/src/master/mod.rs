//! The master: places jobs on workers, watches them, starts them again, and remembers all of it.
//!
//! | module | holds |
//! |---|---|
//! | [`state`] | what is known, and what each event makes of it; pure |
//! | `advance` | the steps that jobs take by themselves; pure |
//! | `silence` | which workers are lost; pure |
//! | `submission` | jobs that are submitted again since no answer came; pure |
//! | [`placing`] | which workers a job goes to; pure |
//! | [`orders`] | what a worker shall have; pure |
//! | [`worker`] | what is known of a worker |
//! | [`store`] | what survives the master's end |
//! | `history` | the last minutes of streaming jobs; pure |
//! | `views` | what pages show of all this; pure |
//! | `follow` | from one copy of it to another one; pure |
//! | [`desk`] | the same where many ask and tell at once |
//! | `graphs` | the dataflows of jobs, asked for once for all who look |
//! | [`serve`] | the answers to calls |
//! | [`sight`], [`models`] | what pages see |

mod advance;
pub mod desk;
mod follow;
mod graphs;
mod history;
pub mod models;
pub mod orders;
pub mod placing;
pub mod serve;
pub mod sight;
mod silence;
pub mod state;
pub mod store;
mod submission;
#[cfg(test)]
mod tests;
pub mod upgrade;
mod views;
pub mod worker;
