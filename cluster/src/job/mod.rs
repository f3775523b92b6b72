//! What a job is: what was asked for, where it stands, and its lives. Pure: no clock, no network, no store.
//!
//! | module | holds |
//! |---|---|
//! | [`check`] | what may be asked for |
//! | [`spec`] | what was submitted |
//! | [`shared`] | the same, held in many places at once |
//! | [`state`] | the life cycle, and each legal step of it |
//! | [`life`] | the processes of one life, and what became of them |
//! | [`record`] | all that is known of one job |
//! | [`verdict`] | what follows from the end of a life |
//! | `last_words` | what a program said of its failure |
//! | [`restart`] | how often and how soon there is another one |

pub mod check;
pub(crate) mod last_words;
pub mod life;
pub mod record;
pub mod restart;
pub mod shared;
pub mod spec;
pub mod state;
pub mod upgrade;
pub mod verdict;
