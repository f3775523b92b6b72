//! No code: its manifest makes builds with and without servers, and those of tests, switch the same features on in the crates
//! of others that all of them share.
//!
//! Cargo compiles a crate once for each set of its features, and with it all that uses it: one difference far below, and the
//! demo is compiled anew after the tests. The engine names this crate, so that every build of ours has it. It does nothing for
//! crates that only builds with servers have, nor for `object_store`, whose features are the servers themselves.
