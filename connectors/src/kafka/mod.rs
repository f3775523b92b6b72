//! Kafka: requests come from a topic, answers and dead letters go to topics.
//!
//! ```text
//! KafkaCluster ─┬─ KafkaSource ── one consumer for each partition that is read   (a job's requests)
//!               ├─ KafkaSink ──┬─ plain producer, or one in transactions for each partition   (its answers, or dead letters)
//!               │              └─ topic of progress: whose the answers are, and how far
//!               └─ KafkaTopic ─── for who asks, answers or follows from outside
//! ```
//!
//! librdkafka does the talking, on threads of its own. All calls here block, each for a bounded time; a client is closed in
//! the background. Settings of librdkafka pass through by name, except those that a promise depends on.
//!
//! Invariants:
//! - only committed requests are read, and what was read stays where it is;
//! - what was reported as durable was acknowledged by all replicas that are in sync;
//! - exactly once: a line and its progress are in one transaction, and nothing is sent by a producer before progress was read
//!   after its fence;
//! - nothing is dropped because a queue is full.
//!
//! What a user has to do is a permanent fault that says so: a wrong password, a missing topic, a message that is too large.
//! All else is tried again.

mod asker;
mod class;
mod client;
mod closing;
mod cluster;
mod follower;
mod headers;
#[cfg(test)]
mod injected_tests;
mod lag;
mod options;
mod producer;
mod progress;
mod progress_topic;
mod reader;
mod sink;
mod source;
mod standstill;
mod topics;
mod watch;

pub use client::KafkaTopic;
pub use cluster::KafkaCluster;
pub use follower::KafkaFollower;
pub use headers::AnswerHeaders;
pub use options::{KafkaOptions, KafkaOptionsError, NewTopics};
pub use sink::{KafkaSink, KafkaSinkOptions};
pub use source::KafkaSource;
