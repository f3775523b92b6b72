//! What the workers know of the rows together, gathered on worker 0.

use flightline_operators::columns::Coded;
use flightline_operators::holdout::day_counts;
use flightline_operators::identity::RowIdentity;
use flightline_operators::table::{Day, Role, RoledRows};
use serde::{Deserialize, Serialize};

use crate::flight::label::DelayClass;

/// Rows by role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleCounts {
    /// Rows that the forest is grown from.
    pub train: u64,
    /// Rows that it is judged by.
    pub held_out: u64,
    /// Rows of the companion hold-out.
    pub companion: u64,
}

/// Sums over rows, mergeable in any order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Good rows of the input.
    pub rows: u64,
    /// Sum of all their identities modulo 2^128: equal for equal rows in any order.
    pub identity_sum: u128,
    /// The earliest and the latest day.
    pub days: Option<(Day, Day)>,
    /// The earliest day of a held-out row.
    pub first_held_out: Option<Day>,
    /// The earliest day of a row of the companion hold-out.
    pub first_companion: Option<Day>,
    /// Rows by role.
    pub roles: RoleCounts,
    /// Training rows by class.
    pub classes: Vec<u64>,
}

impl Facts {
    /// The facts of one worker's rows, whose identities are those.
    #[must_use]
    pub fn of(table: &RoledRows, identities: &[RowIdentity]) -> Self {
        let rows = &table.rows;
        let mut facts = Self {
            rows: rows.len() as u64,
            identity_sum: identities.iter().fold(0, |sum: u128, RowIdentity(id)| sum.wrapping_add(*id)),
            days: days(&rows.days),
            first_held_out: None,
            first_companion: None,
            roles: RoleCounts::default(),
            classes: vec![0; DelayClass::COUNT],
        };
        rows.days.codes().for_each(|row, code| {
            let day = Some(rows.days.values()[code.index()]);
            match table.roles[row] {
                Role::Train => {
                    facts.roles.train += 1;
                    facts.classes[rows.classes[row].index()] += 1;
                }
                Role::HeldOut => {
                    facts.roles.held_out += 1;
                    facts.first_held_out = earlier(facts.first_held_out, day);
                }
                Role::Companion => {
                    facts.roles.companion += 1;
                    facts.first_companion = earlier(facts.first_companion, day);
                }
            }
        });
        facts
    }

    /// Adds the facts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.identity_sum = self.identity_sum.wrapping_add(other.identity_sum);
        self.days = match (self.days, other.days) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.first_held_out = earlier(self.first_held_out, other.first_held_out);
        self.first_companion = earlier(self.first_companion, other.first_companion);
        self.roles.train += other.roles.train;
        self.roles.held_out += other.roles.held_out;
        self.roles.companion += other.roles.companion;
        self.classes.iter_mut().zip(&other.classes).for_each(|(rows, more)| *rows += more);
    }
}

fn earlier(a: Option<Day>, b: Option<Day>) -> Option<Day> {
    a.into_iter().chain(b).min()
}

fn days(days: &Coded<Day>) -> Option<(Day, Day)> {
    let days = day_counts(days);
    Some((days.iter().map(|(day, _)| *day).min()?, days.iter().map(|(day, _)| *day).max()?))
}
