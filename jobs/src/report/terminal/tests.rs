//! What must hold of the terminal's report whatever was trained.

use flightline_operators::evaluate::Quality;

use super::*;
use crate::report::text::columns;
use crate::report::{BadRows, ShuffledReport, sample};

fn assert_fits(report: &TrainingReport, width: usize) -> String {
    let text = render(report, width, false);
    for line in text.lines() {
        assert!(columns(line) <= width, "{} columns of {width}: {line}", columns(line));
    }
    text
}

#[test]
fn eighty_columns_and_a_screen_are_kept() {
    let report = sample::report();
    let text = assert_fits(&report, 80);
    assert!(text.lines().count() <= 62, "{} lines\n{text}", text.lines().count());
    for shown in ["9f2c61d07ab3", "last days", "random rows", "companion", "→3", "ArrDelay is null", "312 MB"] {
        assert!(text.contains(shown), "{shown} is missing\n{text}");
    }
}

/// Once the figure beside a bar had room for a share alone, and what shuffling costs was an ellipsis.
#[test]
fn what_shuffling_a_feature_costs_can_be_read() {
    let mut report = sample::report();
    report.features[0].shuffled = Some(ShuffledReport { rows: 100, accuracy_lost: 0.2, log_loss_added: 0.731 });
    let text = assert_fits(&report, 80);
    assert!(text.contains("+0.731"), "{text}");
}

#[test]
fn candidates_are_shown_best_first_at_every_width() {
    let mut report = sample::report();
    report.search = Some(sample::search());
    for width in 40..=200 {
        let text = assert_fits(&report, width);
        assert!(text.contains("16 others: see the report's page."), "{text}");
    }
    let text = render(&report, 80, false);
    assert!(text.contains("depth 16, min-rows 20     0.980     59.0%  0.965 to 0.995"), "{text}");
}

#[test]
fn every_width_is_kept_and_a_wide_one_is_shorter() {
    let report = sample::report();
    for width in 40..=200 {
        assert_fits(&report, width);
    }
    assert!(render(&report, 130, false).lines().count() + 10 < render(&report, 80, false).lines().count());
}

#[test]
fn colours_change_no_character_and_come_only_when_asked_for() {
    let report = sample::report();
    let (plain, mut coloured) = (render(&report, 80, false), render(&report, 80, true));
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[1;33m"));
    while let Some(start) = coloured.find('\u{1b}') {
        let end = start + coloured[start..].find('m').unwrap();
        coloured.replace_range(start..=end, "");
    }
    let trimmed: Vec<&str> = coloured.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn the_current_model_stands_beside_the_new_one_when_they_were_compared() {
    let mut report = sample::report();
    for width in [40, 80, 130] {
        let text = assert_fits(&report, width);
        let loss = |quality: &Quality| format!("{:.3}", quality.log_loss);
        let [new, current] =
            [&report.test.as_ref().unwrap().quality, report.promotion.current.as_ref().unwrap().test.as_ref().unwrap()];
        let line = text.lines().find(|line| line.starts_with("Log loss")).unwrap();
        let beside = format!("{}\0{}", loss(new), loss(current));
        let cells = line.split_whitespace().collect::<Vec<_>>().join("\0");
        assert!(cells.contains(&beside), "{width}: {line}");
        assert!(text.contains("current"), "{text}");
    }
    report.promotion.current = None;
    assert!(!render(&report, 80, false).contains("current"));
}

#[test]
fn what_is_missing_is_left_out() {
    let mut report = sample::report();
    (report.test, report.companion) = (None, None);
    (report.rows.held_out, report.rows.companion) = (0, 0);
    (report.rows.bad, report.rows.nulls, report.rows.per_worker) = (vec![], vec![], vec![]);
    (report.features, report.stages, report.rows.day_disagreements) = (vec![], vec![], 0);
    let text = assert_fits(&report, 80);
    assert!(!text.contains("companion") && !text.contains("could not be used") && !text.contains("Nulls"), "{text}");
    assert!(text.contains("judged by nothing") && text.contains("On training rows"), "{text}");
}

#[test]
fn what_a_file_says_can_not_steer_the_terminal_nor_flood_it() {
    let mut report = sample::report();
    report.features[0].name = "日本語".repeat(40);
    let bad = BadRows { reason: "\u{1b}[2Jgone\r".to_owned(), rows: 1, example: Some("x".repeat(5_000)) };
    report.rows.bad = vec![bad; 50];
    report.rows.per_worker = vec![5_000; 64];
    let text = assert_fits(&report, 80);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(text.contains("46 other reasons") && text.contains("64 workers read 5,000 to 5,000"), "{text}");
    assert!(text.lines().count() < 70);
}
