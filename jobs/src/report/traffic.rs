//! What workers sent to each other while the forest grew.

use serde::{Deserialize, Serialize};

use super::TrainingReport;
use super::figures::bytes;

/// What workers sent to each other for one level of all trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReport {
    /// The level; the root's is 0.
    pub level: u64,
    /// Nodes that were split or became leaves on it by decision.
    pub nodes: u64,
    /// Bytes of histograms.
    pub histogram_bytes: u64,
    /// Bytes of splits.
    pub decision_bytes: u64,
}

/// What workers sent to each other, and for which level most of it; nothing when there was one, or when nobody says.
pub(super) fn in_short(report: &TrainingReport) -> Option<String> {
    let sent = |level: &LevelReport| level.histogram_bytes + level.decision_bytes;
    let most = report.levels.iter().max_by_key(|level| sent(level)).filter(|level| sent(level) > 0)?;
    let all = bytes(report.levels.iter().map(sent).sum());
    Some(format!("Sent {all}, {} for level {}.", bytes(sent(most)), most.level))
}

/// The same, level by level.
pub(super) fn sentence(report: &TrainingReport) -> Option<String> {
    let sum = |of: fn(&LevelReport) -> u64| report.levels.iter().map(of).sum::<u64>();
    let (histograms, splits) = (sum(|level| level.histogram_bytes), sum(|level| level.decision_bytes));
    if histograms + splits == 0 {
        return None;
    }
    let of_level = |level: &LevelReport| bytes(level.histogram_bytes + level.decision_bytes);
    let levels: Vec<String> = report.levels.iter().map(of_level).collect();
    Some(format!(
        "Workers sent each other {} of histograms and {} of splits; from the root down: {}.",
        bytes(histograms),
        bytes(splits),
        levels.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_crossed_the_wire_is_said_level_by_level_and_nothing_when_nothing_did() {
        let mut report = sample::report();
        report.levels.truncate(2);
        assert_eq!(
            sentence(&report).unwrap(),
            "Workers sent each other 1 MB of histograms and 27 kB of splits; from the root down: 419 kB, 838 kB."
        );
        assert_eq!(in_short(&report).unwrap(), "Sent 1 MB, 838 kB for level 1.");
        report.levels.iter_mut().for_each(|level| (level.histogram_bytes, level.decision_bytes) = (0, 0));
        assert_eq!((sentence(&report), in_short(&report)), (None, None));
    }
}
