//! What a server can do, read from what it says of itself.
//!
//! Servers that speak MongoDB's protocol differ in what an update is. MongoDB finds a document and changes it in one step.
//! FerretDB looks first and writes afterwards, so two writers can both find what only one of them may change, and it
//! stops a batch of updates at the first key that is taken. It keeps a connection to its store for each update of a
//! command until the command ends, and has a hundred: with more updates it waits for itself for ever. What all of them do
//! in one step is to insert a document if there is none with its `_id`.

use std::fmt;

use mongodb::bson::{Bson, Document};

/// How a batch of answers is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// The command `bulkWrite`, which MongoDB has from version 8.0 on.
    BulkWrite,
    /// The command `update`, with many updates.
    Updates,
    /// The command `insert`; what must take another's place does so by a claim.
    Inserts,
}

/// Whether an answer is acknowledged when a majority of the servers has it on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Majority {
    /// It is, or the write fails.
    Waits,
    /// The server passes over what is asked for: an answer is as durable as its one store makes it.
    PassedOver,
}

/// What a server can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Its name and version, for people.
    pub product: String,
    /// How a batch is written.
    pub writing: Writing,
    /// Whether it tells of changes as they come: members of a replica set and routers of a sharded cluster do.
    pub change_streams: bool,
    /// What becomes of a write concern.
    pub majority: Majority,
    /// The most documents in one command.
    pub batch: usize,
    /// The most updates in one command.
    pub updates: usize,
}

/// The most documents in one command, whatever the server would take.
const MOST_AT_ONCE: i64 = 10_000;
/// The most updates in one command to FerretDB: of the hundred connections that a database has, other clients need some.
const FERRETDB_UPDATES: usize = 8;

impl Abilities {
    /// Reads the answers to `hello` (or `isMaster`) and `buildInfo`.
    #[must_use]
    pub fn of(hello: &Document, build: &Document) -> Self {
        let version = build.get_str("version").unwrap_or("of no known version");
        let batch = number(hello.get("maxWriteBatchSize")).unwrap_or(1_000).clamp(1, MOST_AT_ONCE);
        // Within the bounds above it fits.
        let batch = usize::try_from(batch).unwrap_or(1_000);
        if let Ok(ferret) = build.get_str("ferretdbVersion") {
            return Self {
                product: format!("FerretDB {ferret} (as MongoDB {version})"),
                writing: Writing::Inserts,
                change_streams: false,
                majority: Majority::PassedOver,
                batch,
                updates: FERRETDB_UPDATES,
            };
        }
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(0);
        let is_member = hello.get_str("setName").is_ok();
        let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        Self {
            product: format!("MongoDB {version}"),
            writing: if major >= 8 { Writing::BulkWrite } else { Writing::Updates },
            change_streams: is_member || is_router,
            majority: Majority::Waits,
            batch,
            updates: batch,
        }
    }
}

impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writing = match self.writing {
            Writing::BulkWrite => "bulk writes",
            Writing::Updates => "batches of updates",
            Writing::Inserts => "batches of inserts",
        };
        let changes = if self.change_streams { "change streams" } else { "no change streams" };
        let majority = match self.majority {
            Majority::Waits => "waits for a majority",
            Majority::PassedOver => "knows no majority",
        };
        write!(f, "{}: {writing}, {changes}, {majority}", self.product)
    }
}

/// A whole number of whatever type.
pub(super) fn number(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        // The cast saturates; whole numbers come as doubles from some servers.
        Bson::Double(number) if number.fract() == 0.0 => Some(*number as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn the_version_decides_how_a_batch_is_written() {
        for (version, writing) in [
            ("8.0.4", Writing::BulkWrite),
            ("8.2.0-rc1", Writing::BulkWrite),
            ("10.0.0", Writing::BulkWrite),
            ("7.0.14", Writing::Updates),
            ("4.4.0", Writing::Updates),
            ("?", Writing::Updates),
        ] {
            let abilities = Abilities::of(&doc! {"maxWriteBatchSize": 100_000}, &doc! {"version": version});
            assert_eq!((abilities.writing, abilities.batch), (writing, 10_000), "{version}");
            assert_eq!(abilities.updates, abilities.batch);
            assert_eq!(abilities.majority, Majority::Waits);
        }
    }

    #[test]
    fn only_a_replica_set_or_a_cluster_tells_of_changes() {
        let build = doc! {"version": "7.0.0"};
        for (hello, change_streams) in [
            (doc! {"isWritablePrimary": true}, false),
            (doc! {"isWritablePrimary": true, "setName": "rs0"}, true),
            (doc! {"isWritablePrimary": true, "msg": "isdbgrid"}, true),
            (doc! {"msg": "something"}, false),
        ] {
            assert_eq!(Abilities::of(&hello, &build).change_streams, change_streams, "{hello}");
        }
    }

    #[test]
    fn ferretdb_is_known_by_what_it_adds() {
        let build = doc! {"version": "7.0.42", "ferretdbVersion": "v1.24.0"};
        let abilities = Abilities::of(&doc! {"setName": "rs0", "maxWriteBatchSize": 1000.0}, &build);
        assert_eq!(
            abilities.to_string(),
            "FerretDB v1.24.0 (as MongoDB 7.0.42): batches of inserts, no change streams, knows no majority"
        );
        assert_eq!((abilities.batch, abilities.updates), (1000, FERRETDB_UPDATES));
    }

    #[test]
    fn a_server_that_says_nothing_is_asked_for_the_least() {
        let abilities = Abilities::of(&doc! {}, &doc! {});
        assert_eq!((abilities.writing, abilities.change_streams, abilities.batch), (Writing::Updates, false, 1_000));
    }
}
