//! The warning's decision table: which rows were judged, how well, and what is said of it.

use super::*;
use crate::report::{Promotion, sample};

/// Kind and accuracy of the test rows and of the companion.
type Case = (Option<(JudgedKind, f64)>, Option<(JudgedKind, f64)>);

fn told((test, companion): Case) -> Outlook {
    let mut report = sample::report();
    let judged = |(kind, accuracy): (JudgedKind, f64)| {
        let mut quality = report.train.clone();
        (quality.accuracy, quality.base_rate, quality.rows) = (accuracy, 0.42, 60_000);
        Judged { name: "named".to_owned(), kind, quality }
    };
    let (test, companion) = (test.map(judged), companion.map(judged));
    (report.test, report.companion) = (test, companion);
    outlook(&report)
}

#[test]
fn each_way_of_judging_has_its_words() {
    use JudgedKind::{Familiar, Future, Given, UnseenDays};
    use Tone::{Alarm, Calm, Caution};
    let table: [(Case, Tone, &str, &str); 11] = [
        ((Some((Future, 0.489)), Some((Familiar, 0.587))), Caution, "falls by 9.8 points", "expect 48.9%, not 58.7%"),
        ((Some((Familiar, 0.587)), Some((Future, 0.489))), Caution, "falls by 9.8 points", "random rows flatter"),
        ((Some((UnseenDays, 0.52)), Some((Future, 0.49))), Caution, "falls by 3.0 points", "in between still flatter"),
        ((Some((Future, 0.495)), Some((Familiar, 0.496))), Calm, "holds", "within chance"),
        ((Some((Future, 0.52)), Some((Familiar, 0.49))), Calm, "better by 3.0 points", "may simply be easier"),
        ((Some((Future, 0.495)), None), Calm, "so was this model judged", "49.5%"),
        ((Some((Familiar, 0.587)), None), Caution, "not judged by it", "--holdout last:0.2"),
        ((Some((UnseenDays, 0.52)), None), Caution, "not judged by it", "in between"),
        ((Some((Given, 0.55)), None), Caution, "not judged by it", "can't know where given rows come from"),
        ((None, None), Alarm, "judged by nothing", "how well it remembers"),
        ((Some((Future, 0.41)), Some((Familiar, 0.58))), Alarm, "falls by 17.0 points", "should not serve"),
    ];
    for (case, tone, title, sentence) in table {
        let outlook = told(case);
        let text = outlook.sentences.join(" ");
        assert_eq!(outlook.tone, tone, "{case:?}: {}", outlook.title);
        assert!(outlook.title.contains(title), "{case:?}: {}", outlook.title);
        assert!(text.contains(sentence), "{case:?}: {text}");
    }
}

#[test]
fn only_rows_of_known_days_as_headline_are_said_to_flatter() {
    let future_first = told((Some((JudgedKind::Future, 0.489)), Some((JudgedKind::Familiar, 0.587))));
    assert!(!future_first.sentences.join(" ").contains("flatter"));
    let compared = future_first.compared.unwrap();
    assert_eq!((compared.future, compared.known, compared.beside), (0.489, 0.587, JudgedKind::Familiar));
    let future_second = told((Some((JudgedKind::Familiar, 0.587)), Some((JudgedKind::Future, 0.489))));
    assert_eq!(future_second.compared, Some(compared), "the same two numbers, whichever is the headline");
    assert_eq!(told((Some((JudgedKind::Given, 0.5)), None)).compared, None);
}

#[test]
fn few_rows_leave_more_to_chance() {
    let mut quality = sample::report().train;
    quality.accuracy = 0.5;
    let of = |rows: u64| Quality { rows, ..quality.clone() };
    assert!(margin(&of(100), &of(100)) > 0.13);
    assert!(margin(&of(60_000), &of(60_000)) < 0.006);
    assert!(margin(&of(0), &of(0)).is_finite());
}

#[test]
fn the_headline_names_its_rows_and_what_it_must_beat() {
    let mut report = sample::report();
    let (accuracy, rest) = headline(&report);
    assert!(accuracy.ends_with('%') && rest.contains("last days (from 2013-10-20)") && rest.contains("Always saying"));
    (report.test, report.companion) = (None, None);
    assert!(headline(&report).1.contains("training rows"));
}

#[test]
fn rows_are_accounted_for_and_day_fields_only_when_they_disagree() {
    let mut report = sample::report();
    let text = rows(&report);
    assert!(text.contains("327,346 good rows from 2013-01-01 to 2013-12-31"), "{text}");
    assert!(day_disagreements(&report).is_some_and(|text| text.contains("date was believed")));
    report.rows.day_disagreements = 0;
    assert_eq!(day_disagreements(&report), None);
    (report.rows.companion, report.rows.held_out) = (0, 0);
    assert!(!rows(&report).contains("companion"));
}

#[test]
fn each_reason_to_promote_or_not_has_its_words() {
    use PromotionReason::{Always, Better, CurrentChanged, Equal, Never, NoneWasCurrent, NothingHeldOut, Worse};
    let table = [
        (Always, "Promoted, whatever it is worth"),
        (NoneWasCurrent, "Promoted: there was no current model"),
        (Better, "Promoted: better than 03ab5e91c2d7"),
        (Never, "Not promoted: --promote never"),
        (Equal, "Not promoted: 03ab5e91c2d7 stays current, and is no worse"),
        (Worse, "Not promoted: 03ab5e91c2d7 stays current, and is better"),
        (NothingHeldOut, "03ab5e91c2d7 stays current, since no row was held out"),
        (CurrentChanged, "the current model changed while this one was trained; it was 03ab5e91c2d7 before"),
    ];
    let mut report = sample::report();
    for (reason, words) in table {
        report.promotion = Promotion::new(reason, report.promotion.current.clone());
        let text = promotion(&report);
        assert!(text.contains(words), "{reason:?}: {text}");
        assert_eq!(text.starts_with("Promoted"), report.promotion.promoted, "{text}");
        let compares = [Better, Equal, Worse].contains(&reason);
        assert_eq!(text.contains("Log loss on 6,547 rows, last days (from 2013-10-20)"), compares, "{text}");
    }
    report.promotion = Promotion::new(Equal, report.promotion.current);
    report.promotion.current.as_mut().unwrap().model = report.model.clone();
    assert_eq!(promotion(&report), "Not promoted: it is the current model, made again.");
    report.promotion = Promotion::new(CurrentChanged, None);
    assert!(promotion(&report).contains("none was current before"));
}

#[test]
fn log_losses_that_look_alike_get_more_digits() {
    let mut report = sample::report();
    let current = report.test.as_ref().unwrap().quality.log_loss + 0.000_02;
    report.promotion.current.as_mut().unwrap().test.as_mut().unwrap().log_loss = current;
    assert!(promotion(&report).contains(&format!("against {current:.9}.")), "{}", promotion(&report));
}
