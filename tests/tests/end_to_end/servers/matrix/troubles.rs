//! What can happen to a server or to the wire to it. `docs/guarantees.md` has a row for each.

use std::thread;
use std::time::Duration;

use super::TRANSACTION;
use super::stage::Stage;

pub(super) struct Trouble {
    pub(super) name: &'static str,
    pub(super) begin: fn(&Stage),
    pub(super) meanwhile: Meanwhile,
    pub(super) end: fn(&Stage),
}

/// What is seen of the job until the trouble ends.
pub(super) enum Meanwhile {
    /// A line of the log with all these words.
    Says(&'static [&'static str]),
    /// Nothing: it takes and answers requests.
    Works,
}

use Meanwhile::{Says, Works};

/// Of the broker.
pub(super) const OF_THE_BROKER: &[Trouble] = &[
    Trouble {
        name: "the broker is stopped and started",
        begin: |stage| stage.own.stop("kafka"),
        meanwhile: Says(&["Kafka at", "trying again"]),
        end: |stage| stage.own.start("kafka"),
    },
    Trouble {
        name: "the broker is killed and started",
        begin: |stage| stage.own.kill("kafka"),
        meanwhile: Says(&["Kafka at", "trying again"]),
        end: |stage| stage.own.start("kafka"),
    },
    Trouble {
        name: "the broker sleeps for longer than a transaction may last",
        begin: |stage| stage.own.pause("kafka"),
        meanwhile: Says(&["Kafka at", "trying again"]),
        end: |stage| {
            thread::sleep(2 * TRANSACTION);
            stage.own.resume("kafka");
        },
    },
    Trouble {
        name: "the wire to the broker is cut",
        begin: |stage| stage.wire.cut(),
        meanwhile: Says(&["Kafka at", "trying again"]),
        end: |stage| stage.wire.heal(),
    },
    Trouble {
        name: "connections to the broker go silent and stay open",
        begin: |stage| stage.wire.hush(),
        meanwhile: Works,
        end: |_| {},
    },
    Trouble {
        name: "the wire to the broker delays",
        begin: |stage| stage.wire.delay(Duration::from_millis(100)),
        meanwhile: Works,
        end: |stage| stage.wire.heal(),
    },
    Trouble {
        name: "the wire to the broker is slow",
        begin: |stage| stage.wire.slow(10_000),
        meanwhile: Works,
        end: |stage| stage.wire.heal(),
    },
];

/// Of MongoDB.
pub(super) const OF_MONGODB: &[Trouble] = &[
    Trouble {
        name: "MongoDB is stopped and started",
        begin: |stage| stage.own.stop("ferretdb"),
        meanwhile: Says(&["sink collection", "trying again"]),
        end: |stage| stage.own.start("ferretdb"),
    },
    Trouble {
        name: "MongoDB sleeps",
        begin: |stage| stage.own.pause("ferretdb"),
        meanwhile: Says(&["sink collection", "trying again"]),
        end: |stage| stage.own.resume("ferretdb"),
    },
    Trouble {
        name: "the wire to MongoDB is cut",
        begin: |stage| stage.wire.cut(),
        meanwhile: Says(&["sink collection", "trying again"]),
        end: |stage| stage.wire.heal(),
    },
    Trouble {
        name: "connections to MongoDB go silent and stay open",
        begin: |stage| stage.wire.hush(),
        meanwhile: Works,
        end: |_| {},
    },
    Trouble {
        name: "the wire to MongoDB delays",
        begin: |stage| stage.wire.delay(Duration::from_millis(50)),
        meanwhile: Works,
        end: |stage| stage.wire.heal(),
    },
    Trouble {
        name: "the wire to MongoDB is slow",
        begin: |stage| stage.wire.slow(20_000),
        meanwhile: Works,
        end: |stage| stage.wire.heal(),
    },
];

/// Of HDFS.
pub(super) const OF_HDFS: &[Trouble] = &[
    Trouble {
        name: "the NameNode is stopped and started",
        begin: |stage| stage.own.stop("namenode"),
        meanwhile: Says(&["hdfs://", "trying again"]),
        end: |stage| stage.own.start("namenode"),
    },
    Trouble {
        name: "the NameNode sleeps",
        begin: |stage| stage.own.pause("namenode"),
        meanwhile: Says(&["hdfs://", "trying again"]),
        end: |stage| stage.own.resume("namenode"),
    },
    Trouble {
        name: "the DataNode is stopped and started",
        begin: |stage| stage.own.stop("datanode"),
        meanwhile: Says(&["hdfs://", "trying again"]),
        end: |stage| stage.own.start("datanode"),
    },
    Trouble {
        name: "the wire to the NameNode is cut",
        begin: |stage| stage.wire.cut(),
        meanwhile: Says(&["hdfs://", "trying again"]),
        end: |stage| stage.wire.heal(),
    },
    Trouble {
        name: "connections to the NameNode go silent and stay open",
        begin: |stage| stage.wire.hush(),
        meanwhile: Works,
        end: |_| {},
    },
    Trouble {
        name: "the wire to the NameNode delays",
        begin: |stage| stage.wire.delay(Duration::from_millis(50)),
        meanwhile: Works,
        end: |stage| stage.wire.heal(),
    },
    Trouble {
        name: "the wire to the NameNode is slow",
        begin: |stage| stage.wire.slow(10_000),
        meanwhile: Works,
        end: |stage| stage.wire.heal(),
    },
];
