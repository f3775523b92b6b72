//! What an agent says of its processes, in one call however many they are and whatever they have said. Pure.
//!
//! That a process is there, or how it ended, is always told. Last words and figures are told as far as there is room: the
//! room for words is shared out equally, that for figures is first come, first served.

use serde::Serialize;

use crate::protocol::{HowEnded, ProcessReport, ProcessState};

/// Room for the last lines of all processes that have ended, and for why some were not started, in bytes of JSON.
const WORDS: usize = 512 << 10;

/// Room for what processes count, likewise.
const FIGURES: usize = 512 << 10;

/// The same reports, with no more in them than a call holds.
#[must_use]
pub(super) fn within_a_call(mut reports: Vec<ProcessReport>) -> Vec<ProcessReport> {
    let ended = reports.iter().filter(|report| matches!(report.state, ProcessState::Ended { .. })).count();
    let share = WORDS / ended.max(1);
    let mut figures = FIGURES;
    for report in &mut reports {
        if let ProcessState::Ended { how, last_lines, .. } = &mut report.state {
            let mut left = share;
            if let HowEnded::NotStarted { why, .. } = how {
                shorten(why, share);
                left -= written(why).min(left);
            }
            let kept = last_lines.iter().rev().take_while(|line| take(&mut left, written(line))).count();
            last_lines.drain(..last_lines.len() - kept);
        }
        let bytes = written(&report.stream) + written(&report.stages);
        if !take(&mut figures, bytes) {
            (report.stream, report.stages) = (None, Vec::new());
        }
    }
    reports
}

/// Takes so much of what is left, if it is there.
fn take(left: &mut usize, bytes: usize) -> bool {
    let rest = left.checked_sub(bytes);
    *left = rest.unwrap_or(*left);
    rest.is_some()
}

/// Leaves the beginning of a text.
fn shorten(text: &mut String, most: usize) {
    while written(text) > most {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
}

/// How long it is as JSON, with a comma.
fn written(value: &(impl Serialize + ?Sized)) -> usize {
    serde_json::to_string(value).map_or(usize::MAX / 4, |text| text.len() + 1)
}

#[cfg(test)]
mod tests {
    use flightline_engine::ids::ProcessIndex;

    use super::*;
    use crate::ids::{Generation, JobId, Memory, ProcessRef};
    use crate::protocol::messages::FromAgent;
    use crate::protocol::tests::{agent, called, largest_id};
    use crate::protocol::{MOST_OF_A_WORKER, StageLine};
    use crate::rpc::LONGEST_CALL;

    fn ended(process: usize, how: HowEnded, lines: usize) -> ProcessReport {
        let line = |number: usize| format!("{number:03}{}", "\"".repeat(1_000));
        ProcessReport {
            id: ProcessRef { job: JobId(1), generation: Generation(1), process: ProcessIndex::new(process) },
            state: ProcessState::Ended { how, last_lines: (0..lines).map(line).collect(), ledger: None, model: None },
            memory: Memory(0),
            stream: None,
            stages: vec![StageLine { name: "x".to_owned(), unit: "y".repeat(9_000), total: 1, done: 1, ended: true }],
        }
    }

    fn lines(report: &ProcessReport) -> &[String] {
        let ProcessState::Ended { last_lines, .. } = &report.state else { panic!("{report:?}") };
        last_lines
    }

    #[test]
    fn few_are_told_of_whole() {
        let reports: Vec<ProcessReport> = (0..6).map(|process| ended(process, HowEnded::Code(1), 40)).collect();
        assert_eq!(within_a_call(reports.clone()), reports);
    }

    #[test]
    fn of_many_the_end_is_always_told_and_their_very_last_lines() {
        let mut reports: Vec<ProcessReport> = (0..100).map(|process| ended(process, HowEnded::Code(7), 40)).collect();
        let why = "\u{1}é".repeat(1 << 20);
        reports.push(ended(100, HowEnded::NotStarted { why, permanent: true }, 0));
        let told = within_a_call(reports.clone());
        assert_eq!(told.len(), reports.len());
        for (told, whole) in told.iter().zip(&reports).take(100) {
            assert!((1..40).contains(&lines(told).len()) && lines(whole).ends_with(lines(told)), "{told:?}");
        }
        let ProcessState::Ended { how: HowEnded::NotStarted { why, .. }, .. } = &told[100].state else { panic!() };
        assert!(why.starts_with('\u{1}') && why.len() > 500, "{}", why.len());
        let with_figures = told.iter().filter(|report| !report.stages.is_empty()).count();
        assert!((50..60).contains(&with_figures), "{with_figures}");
    }

    /// A worker whose processes all ended at once had more to say than a call holds, and was never heard again.
    #[test]
    fn the_most_processes_of_a_worker_and_as_many_from_before_fit_into_a_call() {
        let not_started = HowEnded::NotStarted { why: "\"".repeat(9_000), permanent: false };
        for how in [HowEnded::Code(101), not_started] {
            let report = |process| ProcessReport {
                id: largest_id(process),
                memory: Memory(u64::MAX),
                stages: Vec::new(),
                ..ended(process, how.clone(), 1)
            };
            let mut processes: Vec<ProcessReport> = (0..2 * MOST_OF_A_WORKER).map(report).collect();
            for report in &mut processes {
                let ProcessState::Ended { last_lines, ledger, model, .. } = &mut report.state else { panic!() };
                (*last_lines, *ledger) = (vec!["\"\"".to_owned(); 40], Some(u64::MAX));
                *model = Some("m".repeat(64).into());
                report.stages =
                    vec![StageLine { name: "\"".repeat(10), unit: "\"".repeat(30), total: 1, done: 1, ended: true }; 2];
            }
            let bytes =
                called(&FromAgent::Report { agent: agent(), processes: within_a_call(processes), ending: true });
            assert!(bytes <= LONGEST_CALL, "{bytes}");
        }
    }
}
