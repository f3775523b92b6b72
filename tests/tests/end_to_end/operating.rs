//! The operating guide, held against the real programs: what it says of metrics, alarms, exit codes, reasons and backups is so.
//!
//! | module | shows |
//! |---|---|
//! | `metrics` | that the guide names every metric that a real program tells, and no other |
//! | `alarms` | that each alarm asks for metrics that there are, and has its section; what `promtool` says of them |
//! | `codes` | the same of exit codes, and of the reasons of dead letters |
//! | `backup` | that the commands of the guide bring a stream back |

mod alarms;
mod backup;
mod codes;
mod metrics;

use std::fs;

use flightline_tests::project_root;

/// A page of the guide, or any other file of the project.
fn page(name: &str) -> String {
    let path = project_root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of a page's tables below the headings of this level, each with its heading and its cells. A table's head is one.
fn rows(page: &str, level: &str) -> Vec<(String, Vec<String>)> {
    let mut heading = String::new();
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(found) = line.strip_prefix(level).and_then(|rest| rest.strip_prefix(' ')) {
            found.clone_into(&mut heading);
        }
        if let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix('|')) {
            let cells = row.replace("\\|", "\u{0}");
            let cells = cells.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect();
            rows.push((heading.clone(), cells));
        }
    }
    rows
}

/// What stands in backticks at the beginning of a cell.
fn name(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.split_once('`').map(|(name, _)| name)
}
