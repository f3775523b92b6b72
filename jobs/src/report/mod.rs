//! The training report: what `train` says about a model that it made.
//!
//! [`TrainingReport`] is plain data; the terminal's text, `report.html` and `report.json` are pure functions of it, so
//! that each can be made again from the JSON alone. Nothing here measures, opens a file or knows a dataflow. Names,
//! reasons and examples may come from anybody's files: every place that shows them escapes or cleans them.

mod feature;
mod figures;
mod html;
mod memory;
mod pictures;
mod promotion;
mod quality;
mod reading;
#[cfg(test)]
mod sample;
mod search;
mod svg;
mod terminal;
mod text;
mod traffic;
mod words;

use flightline_operators::evaluate::Quality;
use serde::{Deserialize, Serialize};

pub use feature::{FeatureReport, ShuffledReport};
pub(crate) use figures::count;
pub use memory::MemoryReport;
pub use promotion::{CurrentModelReport, Promotion, PromotionReason};
pub use reading::Reading;
pub use search::{CandidateReport, FoldReport, SearchReport};
pub use traffic::LevelReport;

/// Everything that a report shows about one training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// The model's id, in full.
    pub model: String,
    /// The preset that the parameters started from, if one was named.
    pub preset: Option<String>,
    /// What grew the forest: `histogram` or `linfa`.
    pub grower: String,
    /// Parameters in the order in which they are shown.
    pub parameters: Vec<Parameter>,
    /// Where all chance came from.
    pub seed: u64,
    /// What folds of the training rows said before; `None` without folds.
    #[serde(default)]
    pub search: Option<SearchReport>,
    /// The features, in schema order.
    pub features: Vec<FeatureReport>,
    /// The classes, in label order.
    pub classes: Vec<ClassReport>,
    /// Where the rows came from and went.
    pub rows: RowsReport,
    /// Quality on the rows that the forest was grown from.
    pub train: Quality,
    /// Quality on training rows, each judged by the trees whose sample does not have it; `None` without bagging.
    #[serde(default)]
    pub out_of_bag: Option<Quality>,
    /// Quality on the held-out or given rows; `None` when there are none.
    pub test: Option<Judged>,
    /// Quality on the companion: the other kind of hold-out, for comparison.
    pub companion: Option<Judged>,
    /// Whether the model was made the current one.
    pub promotion: Promotion,
    /// Time by stage, in the order of the stages.
    pub stages: Vec<StageTime>,
    /// How fast the files were read; not in reports of older builds.
    #[serde(default)]
    pub reading: Option<Reading>,
    /// From the start to the saved model, in seconds.
    pub wall_seconds: f64,
    /// Peak resident memory, in bytes.
    pub peak_memory_bytes: u64,
    /// What was allowed of it; `None` where nothing was stated.
    #[serde(default)]
    pub memory: Option<MemoryReport>,
    /// Workers over all processes.
    pub workers: u64,
    /// Operating system processes.
    pub processes: u64,
    /// Nodes of all trees, leaves included.
    pub nodes: u64,
    /// Depth of the deepest tree as it was grown; a lone root has depth 0.
    pub depth: u64,
    /// Number of trees.
    pub trees: u64,
    /// What workers sent to each other, by level of the trees; none where nobody says.
    #[serde(default)]
    pub levels: Vec<LevelReport>,
}

/// A parameter of the training, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// As on the command line.
    pub name: String,
    /// As on the command line.
    pub value: String,
}

/// A class of the label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// What it says to a reader.
    pub name: String,
    /// Its share of the training rows, from 0 to 1.
    pub training_share: f64,
}

/// Where the rows came from and went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsReport {
    /// Rows that were read and could be used, held-out ones included.
    pub good: u64,
    /// Rows that could not be used, by reason.
    pub bad: Vec<BadRows>,
    /// Nulls by column.
    pub nulls: Vec<NullCount>,
    /// Rows whose own day fields disagree with their date; the date was believed.
    pub day_disagreements: u64,
    /// Good rows that each worker read.
    pub per_worker: Vec<u64>,
    /// Rows that the forest was grown from.
    pub training: u64,
    /// Rows that were held out to judge it.
    pub held_out: u64,
    /// Rows that were held out for comparison.
    pub companion: u64,
    /// The earliest day of the good rows.
    pub first_day: String,
    /// The latest day of the good rows.
    pub last_day: String,
}

/// Rows that could not be used, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRows {
    /// What was wrong with them.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// The first of them: where it stands and what it says.
    pub example: Option<String>,
}

/// Nulls in one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NullCount {
    /// The column's name.
    pub column: String,
    /// Rows without a value in it.
    pub rows: u64,
}

/// How the judged rows relate to the rows that the forest was grown from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgedKind {
    /// They are of days after all days of training: what a service meets.
    Future,
    /// They are random rows of days that the forest was grown from.
    Familiar,
    /// They are of whole days that were left out, between days of training.
    UnseenDays,
    /// They came from other files; nobody knows.
    Given,
}

/// Quality on one set of judged rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What the rows are, such as `last days (from 2013-10-20)`.
    pub name: String,
    /// How they relate to the training rows.
    pub kind: JudgedKind,
    /// How the forest did on them.
    pub quality: Quality,
}

/// Time that one stage took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// The stage's name.
    pub name: String,
    /// Wall time of the slowest worker, in seconds.
    pub seconds: f64,
}

impl TrainingReport {
    /// The report for a terminal of `width` columns, with a line feed after each line.
    ///
    /// Lines are at most `width` columns wide, from 40 on. ANSI colours are used only with `colour`.
    #[must_use]
    pub fn terminal(&self, width: usize, colour: bool) -> String {
        terminal::render(self, width, colour)
    }

    /// The report as one HTML file that needs no other.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self).into_string()
    }

    /// The report as indented JSON.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "only maps with other keys than strings and failing writers fail: none is here"
    )]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data becomes JSON")
    }

    /// Whether the model was made the current one, and why, in a sentence.
    #[must_use]
    pub fn promotion_sentence(&self) -> String {
        words::promotion(self)
    }

    /// The rows that best show the quality: the test rows, else the companion, else the training rows.
    fn shown(&self) -> (&str, &Quality) {
        let judged = self.test.as_ref().or(self.companion.as_ref());
        judged.map_or(("training rows", &self.train), |judged| (judged.name.as_str(), &judged.quality))
    }

    /// The features by falling importance, ties by name.
    fn features_by_importance(&self) -> Vec<&FeatureReport> {
        let mut features: Vec<&FeatureReport> = self.features.iter().collect();
        features.sort_by(|a, b| b.importance.total_cmp(&a.importance).then_with(|| a.name.cmp(&b.name)));
        features
    }

    /// The stages, and what the wall clock saw beside them when that is worth a line.
    fn time_spent(&self) -> Vec<StageTime> {
        const WORTH_A_LINE: f64 = 0.02;
        let rest = self.wall_seconds - self.stages.iter().map(|stage| stage.seconds).sum::<f64>();
        let rest = StageTime { name: "other".to_owned(), seconds: rest };
        let shown = !self.stages.is_empty() && rest.seconds > self.wall_seconds * WORTH_A_LINE;
        self.stages.iter().cloned().chain(shown.then_some(rest)).collect()
    }

    /// The name of a class, or its number where it has none.
    fn class_name(&self, class: usize) -> String {
        self.classes.get(class).map_or_else(|| format!("class {class}"), |class| class.name.clone())
    }
}

/// The class with the most rows: what "always the same" would say.
fn most_frequent_class(quality: &Quality) -> usize {
    let rows = |class: &usize| quality.classes[*class].rows;
    (0..quality.classes.len()).rev().max_by_key(rows).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_can_be_made_again_from_its_json() {
        let report = sample::report();
        let again: TrainingReport = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(again.html(), report.html());
        assert!(report.json().contains("\"kind\": \"future\""));
    }

    #[test]
    fn what_the_stages_leave_is_shown_only_when_it_matters() {
        let mut report = sample::report();
        let sum: f64 = report.stages.iter().map(|stage| stage.seconds).sum();
        report.wall_seconds = sum * 1.01;
        assert_eq!(report.time_spent().len(), report.stages.len());
        report.wall_seconds = sum * 1.5;
        let spent: f64 = report.time_spent().iter().map(|stage| stage.seconds).sum();
        assert!((spent - report.wall_seconds).abs() < 1e-9);
    }

    #[test]
    fn features_are_shown_by_importance_and_the_most_frequent_class_is_the_first_of_equals() {
        let report = sample::report();
        assert!(report.features_by_importance().is_sorted_by(|a, b| a.importance >= b.importance));
        let mut quality = report.train;
        quality.classes.iter_mut().for_each(|class| class.rows = 5);
        assert_eq!(most_frequent_class(&quality), 0);
    }
}
