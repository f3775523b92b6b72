//! A table on its way to a collection of MongoDB.

use std::io::Write;

use flightline_connectors::mongodb::{Brought, MongoError, MongoName, MongoOptions, MongoRows, MongoServer};
use flightline_engine::progress::{Progress, Unit};

use super::server::{Destination, Said};
use crate::commands::terminal::{counted, say};
use crate::failure::{Failure, FailureKind};
use crate::table::DistanceTable;

/// The way to a collection.
#[derive(Debug)]
pub(super) struct Way {
    to: Destination,
    shown: String,
    rows: MongoRows,
}

/// Finds the way. Nobody is asked yet.
pub(super) fn way(said: Said, to: &Destination) -> Result<Way, Failure> {
    let usage = |sentence: String| Failure::new(FailureKind::Usage, sentence);
    let Said { url, user, password } = said;
    let name: MongoName = to.0.parse().map_err(|error| usage(format!("{error}")))?;
    let server = MongoServer::new(MongoOptions { user, password, ..MongoOptions::new(url) });
    let server = server.map_err(|error| usage(error.to_string()))?;
    let shown = server.shown().to_owned();
    Ok(Way { to: to.clone(), shown, rows: MongoRows::new(server, name, ["Origin", "Dest"]) })
}

/// Brings the table, and says what that came to.
pub(super) fn bring(way: Way, table: &DistanceTable, prune: bool, output: &mut dyn Write) -> Result<(), Failure> {
    let Way { to, shown, mut rows } = way;
    for row in table.rows() {
        let line = serde_json::to_vec(&row)
            .map_err(|error| Failure::new(FailureKind::Bug, format!("a row can't be written as JSON: {error}")))?;
        rows.take(&line)?;
    }
    let progress = Progress::to_stderr();
    let stage = progress.stage("import", Unit::Rows, 1);
    stage.start(rows.len() as u64);
    let brought = rows.bring(prune, &mut |rows| stage.add(rows))?;
    stage.end();
    progress.finish();
    say(output, &format!("{}; {to} at {shown}\n", summary(table.len() as u64, brought)))
}

fn summary(routes: u64, brought: Brought) -> String {
    let Brought { new, changed, same, removed, others } = brought;
    let mut told = format!("{}: {new} new, {changed} changed, {same} the same", counted(routes, "route"));
    if removed > 0 {
        told.push_str(&format!("; {} removed", counted(removed, "other document")));
    }
    if others > 0 {
        told.push_str(&format!("; {} left alone (--prune removes them)", counted(others, "other document")));
    }
    told
}

impl From<MongoError> for Failure {
    fn from(error: MongoError) -> Self {
        Self::new(FailureKind::Storage, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_in_a_line() {
        let brought = Brought { new: 1, changed: 2, same: 3, removed: 0, others: 0 };
        assert_eq!(summary(6, brought), "6 routes: 1 new, 2 changed, 3 the same");
        let told = summary(1, Brought { removed: 1, others: 2, ..Brought::default() });
        assert!(
            told.ends_with("; 1 other document removed; 2 other documents left alone (--prune removes them)"),
            "{told}"
        );
    }

    #[test]
    fn a_url_that_makes_no_sense_is_told_without_its_password() {
        let said = Said { url: "mongodb://me:hunter2@a:1".to_owned(), user: None, password: None };
        let failure = way(said, &"mongodb:collection/a.b".parse().unwrap()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}
