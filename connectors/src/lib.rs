//! Where rows come from and answers go.
//!
//! Each connector is a module of its own and knows no job: it moves bytes and columns, and leaves their meaning to
//! the crates above. Today that is [`files`]: batch input and output on the local disk and, behind the features
//! `hdfs`, `s3` and `gs`, on the stores of those names.

// A failed expectation of a test is told best by a panic right there.
#![cfg_attr(test, allow(clippy::expect_used, clippy::panic, clippy::unwrap_used))]

pub mod files;
