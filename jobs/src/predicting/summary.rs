//! What a run of batch prediction came to, summed over workers.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::reading::BadLine;
use crate::failure::Failure;
use crate::flight::counts::ReadCounts;
use crate::flight::label::DelayClass;
use crate::response::{Outcome, Response};

/// Counts of what was read and answered. Sums do not depend on how the rows were shared out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Training rows that were read, good and bad.
    pub flights: ReadCounts,
    /// Predictions by class.
    pub classes: [u64; DelayClass::COUNT],
    /// Predictions with a value that the model has never seen, by feature.
    pub unseen: BTreeMap<String, u64>,
    /// Answers that are errors, by reason.
    pub errors: BTreeMap<String, u64>,
    /// Lines that are no request, by reason; those with a UUID count among the errors, too.
    pub dead_letters: BTreeMap<String, u64>,
    /// Lines without a UUID that could be read: nobody gets an answer to these.
    pub without_uuid: u64,
}

impl Summary {
    /// Predictions.
    #[must_use]
    pub fn predicted(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Answers that are errors.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// All answers.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.predicted() + self.failed()
    }

    /// Whether the run may stand: flights are held against the limit, requests are answered whatever they are.
    ///
    /// # Errors
    /// Too many flights are bad, or nothing was answered.
    pub fn check(&self, max_bad_rows: f64) -> Result<(), Failure> {
        if self.flights.rows() > 0 || self.answers() + self.without_uuid == 0 {
            self.flights.check(max_bad_rows)?;
        }
        Ok(())
    }

    /// Counts an answer.
    pub(super) fn add_answer(&mut self, response: &Response) {
        match &response.outcome {
            Outcome::Predicted(_, prediction) => {
                self.classes[prediction.class.index()] += 1;
                prediction.unseen.iter().for_each(|feature| add(&mut self.unseen, feature.name()));
            }
            // After the colon an error tells the case.
            Outcome::Unanswerable(_, error) => add(&mut self.errors, error.split(':').next().unwrap_or(error)),
            Outcome::Unreadable(_, error) => add(&mut self.errors, error),
        }
    }

    /// Counts a line that is no request.
    pub(super) fn add_bad(&mut self, line: &BadLine) {
        add(&mut self.dead_letters, &line.reason.to_string());
        self.without_uuid += u64::from(line.id.is_none());
    }

    /// Adds another worker's counts.
    pub(super) fn merge(&mut self, other: &Self) {
        self.flights.merge(&other.flights);
        self.classes.iter_mut().zip(other.classes).for_each(|(sum, more)| *sum += more);
        self.without_uuid += other.without_uuid;
        let sums = [&mut self.unseen, &mut self.errors, &mut self.dead_letters];
        for (sum, more) in sums.into_iter().zip([&other.unseen, &other.errors, &other.dead_letters]) {
            more.iter().for_each(|(reason, count)| *sum.entry(reason.clone()).or_default() += count);
        }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, reason: &str) {
    match counts.get_mut(reason) {
        Some(count) => *count += 1,
        None => _ = counts.insert(reason.to_owned(), 1),
    }
}

impl fmt::Display for Summary {
    /// One line for the totals, and one for each class and each kind of trouble.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} predictions, {} errors", self.predicted(), self.failed())?;
        for (class, count) in DelayClass::all().zip(self.classes) {
            write!(f, "\n  {count} {}", class.name())?;
        }
        for (feature, count) in &self.unseen {
            write!(f, "\n  {count} predictions with a {feature} that the model never saw")?;
        }
        for (reason, count) in &self.errors {
            write!(f, "\n  {count} errors: {reason}")?;
        }
        for (reason, count) in &self.dead_letters {
            write!(f, "\n  {count} dead letters: {reason}")?;
        }
        if self.without_uuid > 0 {
            write!(f, "\n  {} lines have no UUID that can be read, and so no answer", self.without_uuid)?;
        }
        if self.flights.rows() > 0 {
            write!(f, "\nflights: {}", self.flights)?;
        }
        Ok(())
    }
}
