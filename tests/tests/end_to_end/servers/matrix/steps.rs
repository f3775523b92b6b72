//! What happens to a server, or to the wire to it, just when a job has come to a step of a commit. The job is stopped there
//! first, so nothing of it is left to chance.

use std::thread;

use flightline_engine::contract::Guarantee;

use super::TRANSACTION;
use super::stage::Stage;
use super::troubles::Meanwhile::Says;
use super::troubles::Trouble;

/// A step of a commit, as a failpoint names it and the times that it is passed before.
pub(super) struct Step {
    exactly_once: &'static str,
    at_least_once: &'static str,
}

impl Step {
    const fn same(step: &'static str) -> Self {
        Self { exactly_once: step, at_least_once: step }
    }

    pub(super) const fn of(&self, guarantee: Guarantee) -> &'static str {
        match guarantee {
            Guarantee::ExactlyOnce => self.exactly_once,
            Guarantee::AtLeastOnce => self.at_least_once,
        }
    }
}

/// Of the broker.
pub(super) const OF_KAFKA: &[(Step, Trouble)] = &[
    (
        Step { exactly_once: "kafka-sink/before-commit:20", at_least_once: "kafka-sink/before-send:20" },
        Trouble {
            name: "nobody knows whether the broker has heard a commit",
            begin: lose_answers,
            meanwhile: Says(&["Kafka at", "trying again"]),
            end: hear_again,
        },
    ),
    (
        Step { exactly_once: "kafka-sink/before-commit:20", at_least_once: "kafka-sink/before-progress:20" },
        Trouble {
            name: "the broker sleeps for longer than the transaction lasts that is open",
            begin: |stage| stage.own.pause("kafka"),
            meanwhile: Says(&["Kafka at", "trying again"]),
            end: |stage| {
                thread::sleep(2 * TRANSACTION);
                stage.own.resume("kafka");
            },
        },
    ),
];

/// Of MongoDB.
pub(super) const OF_MONGODB: &[(Step, Trouble)] = &[
    (
        Step::same("mongodb-sink/before-answers:20"),
        Trouble {
            name: "nobody knows whether MongoDB has heard of answers",
            begin: lose_answers,
            meanwhile: Says(&["sink collection", "trying again"]),
            end: hear_again,
        },
    ),
    (
        Step::same("mongodb-sink/before-progress:20"),
        Trouble {
            name: "nobody knows whether MongoDB has heard of progress",
            begin: lose_answers,
            meanwhile: Says(&["sink collection", "trying again"]),
            end: hear_again,
        },
    ),
];

/// Of HDFS.
pub(super) const OF_HDFS: &[(Step, Trouble)] = &[(
    Step::same("file-sink/before-put:9"),
    Trouble {
        name: "nobody knows whether the NameNode has heard of a file",
        begin: lose_answers,
        meanwhile: Says(&["hdfs://", "trying again"]),
        end: hear_again,
    },
)];

/// The server hears what it is told, and nobody hears the server.
fn lose_answers(stage: &Stage) {
    stage.wire.deafen();
}

fn hear_again(stage: &Stage) {
    stage.wire.cut();
    stage.wire.heal();
}
