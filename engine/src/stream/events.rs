//! What threads tell a worker.

use super::delivery::Report;
use super::keeper::News;
use super::reader::Reading;
use crate::ledger::Binding;

/// One event.
#[derive(Debug)]
pub(super) enum Event {
    Reading(Reading),
    Report(Report),
    News(News),
    /// A binding was loaded, or can't be.
    Loaded(Binding, Option<String>),
}

impl From<Reading> for Event {
    fn from(reading: Reading) -> Self {
        Self::Reading(reading)
    }
}

impl From<Report> for Event {
    fn from(report: Report) -> Self {
        Self::Report(report)
    }
}

impl From<News> for Event {
    fn from(news: News) -> Self {
        Self::News(news)
    }
}
