//! The traveller's page: it asks, shows and waits. It predicts nothing itself.
//!
//! ```text
//! form ── POST ──► check ──► request topic ── … the running `predict` … ──► response topic ──► follower ──► SSE card
//!                                                                     └──► collection ◄──────── polling card
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`backend`] | what the page needs of the system behind it: ask, look up, follow |
//! | [`form`] | the form's fields made a request, or a message for each field that is wrong |
//! | [`demo`] | the binary `demo`: train, stream and page in one process, and a check of itself |
//! | [`command`] | the binary `web` as a function of its flags |
//! | [`stamp`] | the id and the time that each request gets |
//! | [`server`] | the routes and their server |
//!
//! Followed answers are kept in [`answers`], within bounds; `follow` is the one consumer that all streams share, `standing`
//! knows what is away, `page` is the HTML. Nothing that a client or a topic sent is ever put into HTML: the page's script
//! shows it as text.

pub mod answers;
pub mod backend;
pub mod command;
pub mod demo;
mod follow;
pub mod form;
mod page;
pub mod server;
pub mod stamp;
mod standing;
mod worker;

pub use page::Example;

#[cfg(test)]
mod memory;
