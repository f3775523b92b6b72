//! What a job is: what was asked for, where it stands, and its lives. Pure: no clock, no network, no store.
//!
//! | module | holds |
//! |---|---|
//! | [`check`] | what may be asked for |
//! | [`spec`] | what was submitted |
//! | [`state`] | the life cycle, and each legal step of it |
//! | [`life`] | the processes of one life, and what became of them |
//! | [`record`] | all that is known of one job |
//! | [`verdict`] | what follows from the end of a life |
//! | [`restart`] | how often and how soon there is another one |

pub mod check;
pub mod life;
pub mod record;
pub mod restart;
pub mod spec;
pub mod state;
pub mod verdict;
