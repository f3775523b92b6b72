//! What a [`TableSource`] must keep: it reads all rows as they are, and no change stays unnoticed.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::Violation;
use super::dice::Dice;
use super::report::Judge;
use crate::contract::{TableRows, TableSource};

/// Rows as the suite knows them: the number of a row, and that of its value.
pub type RowNumbers = BTreeMap<u64, u64>;

/// What a table's own tests give to [`check`].
pub trait TableHarness {
    /// Makes the table empty. No handle is alive.
    fn fresh(&mut self);

    /// A handle to the table.
    fn table(&mut self) -> Box<dyn TableSource>;

    /// Changes the table to have just these rows, as its users would.
    fn put(&mut self, rows: &RowNumbers);

    /// What a handle is to read of these rows.
    fn expected(&self, rows: &RowNumbers) -> TableRows;

    /// How long a change may stay unnoticed.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}

const READS: &str = "read gives all rows as they are now";
const NOTICES: &str = "changed is true soon after a change, until it was read";
const NEVER_LOST: &str = "no change is lost, whenever it comes between read and changed";
const WAITS: &str = "a change that comes while changed waits is noticed";

/// Checks all rules of a table.
///
/// # Errors
/// The first rule that is broken.
pub fn check(harness: &mut dyn TableHarness) -> Result<(), Violation> {
    for seed in 0..3 {
        let (judge, mut dice) = (Judge::new(seed), Dice::new(seed));
        reads_and_notices(harness, judge, &mut dice)?;
        in_any_order(harness, judge, &mut dice)?;
        while_it_waits(harness, judge, &mut dice)?;
    }
    Ok(())
}

/// Rows that differ from these: one is added, changed or removed.
fn changed_rows(dice: &mut Dice, rows: &RowNumbers) -> RowNumbers {
    let mut changed = rows.clone();
    let numbers = rows.keys().copied().collect::<Vec<_>>();
    match (dice.below(3), dice.pick(&numbers)) {
        (0, Some(number)) => {
            changed.remove(&number);
        }
        (1, Some(number)) => {
            changed.entry(number).and_modify(|value| *value += 1 + dice.below(50));
        }
        _ => {
            let number = numbers.last().map_or(0, |last| last + 1);
            changed.insert(number, dice.below(50));
        }
    }
    changed
}

fn reads(
    harness: &dyn TableHarness,
    judge: Judge,
    table: &mut dyn TableSource,
    rows: &RowNumbers,
) -> Result<(), Violation> {
    let (read, expected) = (judge.works(READS, table.read())?, harness.expected(rows));
    judge.ensure(READS, read == expected, || format!("{read:?} where {expected:?} is"))
}

/// Asks in short turns, as the engine does.
fn notices(judge: Judge, rule: &'static str, table: &mut dyn TableSource, patience: Duration) -> Result<(), Violation> {
    let begun = Instant::now();
    while !table.changed(Duration::from_millis(20)) {
        judge.ensure(rule, begun.elapsed() < patience, || format!("no sign in {patience:?}"))?;
    }
    Ok(())
}

fn reads_and_notices(harness: &mut dyn TableHarness, judge: Judge, dice: &mut Dice) -> Result<(), Violation> {
    harness.fresh();
    let mut rows = RowNumbers::new();
    let mut table = harness.table();
    for _ in 0..2 {
        reads(harness, judge, &mut *table, &rows)?;
    }
    for _ in 0..6 {
        rows = changed_rows(dice, &rows);
        harness.put(&rows);
        notices(judge, NOTICES, &mut *table, harness.patience())?;
        // Nobody has read it yet.
        notices(judge, NOTICES, &mut *table, harness.patience())?;
        reads(harness, judge, &mut *table, &rows)?;
    }
    drop(table);
    let mut table = harness.table();
    reads(harness, judge, &mut *table, &rows)
}

/// Changes, reads and questions in any order: what was not read is noticed in the end.
fn in_any_order(harness: &mut dyn TableHarness, judge: Judge, dice: &mut Dice) -> Result<(), Violation> {
    harness.fresh();
    let mut rows = RowNumbers::new();
    let mut table = harness.table();
    reads(harness, judge, &mut *table, &rows)?;
    let mut last_read = rows.clone();
    for _ in 0..40 {
        match dice.below(5) {
            0 | 1 => {
                rows = changed_rows(dice, &rows);
                harness.put(&rows);
            }
            2 => {
                reads(harness, judge, &mut *table, &rows)?;
                last_read.clone_from(&rows);
            }
            3 => {
                table.changed(Duration::ZERO);
            }
            _ if rows != last_read => notices(judge, NEVER_LOST, &mut *table, harness.patience())?,
            _ => {}
        }
    }
    if rows != last_read {
        notices(judge, NEVER_LOST, &mut *table, harness.patience())?;
    }
    reads(harness, judge, &mut *table, &rows)
}

fn while_it_waits(harness: &mut dyn TableHarness, judge: Judge, dice: &mut Dice) -> Result<(), Violation> {
    harness.fresh();
    let mut rows = RowNumbers::new();
    let mut table = harness.table();
    reads(harness, judge, &mut *table, &rows)?;
    for _ in 0..4 {
        rows = changed_rows(dice, &rows);
        let patience = harness.patience();
        let noticed = thread::scope(|scope| {
            let table = &mut table;
            let waiter = scope.spawn(move || {
                let begun = Instant::now();
                while !table.changed(patience) {
                    if begun.elapsed() >= patience {
                        return false;
                    }
                }
                true
            });
            harness.put(&rows);
            waiter.join()
        });
        judge.ensure(WAITS, matches!(noticed, Ok(true)), || format!("{noticed:?} after {patience:?}"))?;
        // A false alarm may have come before the change did.
        notices(judge, WAITS, &mut *table, patience)?;
        reads(harness, judge, &mut *table, &rows)?;
    }
    Ok(())
}
