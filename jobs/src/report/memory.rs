//! What a training was allowed of memory, beside what it took.

use flightline_engine::memory_size::MemorySize;
use serde::{Deserialize, Serialize};

use super::TrainingReport;

/// The memory of each process, where it was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// What it was allowed, in bytes.
    pub allowed_bytes: u64,
    /// What it was reckoned to take at most before it began, in bytes.
    pub estimated_bytes: u64,
}

/// The peak beside what was allowed, in the units of `--memory`; `None` when nothing was stated.
pub(super) fn words(report: &TrainingReport) -> Option<String> {
    let MemoryReport { allowed_bytes, estimated_bytes } = report.memory?;
    let [peak, allowed, estimated] = [report.peak_memory_bytes, allowed_bytes, estimated_bytes].map(MemorySize);
    Some(format!("peak {peak} of {allowed} allowed (estimated {estimated})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_peak_stands_beside_what_was_allowed_in_every_report() {
        let mut report = TrainingReport { peak_memory_bytes: 431 << 20, ..sample::report() };
        assert!(words(&report).is_none() && !report.terminal(80, false).contains("allowed"));
        report.memory = Some(MemoryReport { allowed_bytes: 2 << 30, estimated_bytes: 450 << 20 });
        let sentence = "peak 431M of 2G allowed (estimated 450M)";
        assert_eq!(words(&report).unwrap(), sentence);
        let terminal = report.terminal(100, false).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(terminal.contains(&format!("Memory: {sentence}.")), "{terminal}");
        assert!(report.html().contains(sentence));
    }
}
