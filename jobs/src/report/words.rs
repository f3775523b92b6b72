//! What the figures mean, in sentences: pure functions, the same words in the terminal and on the page.
//!
//! A service predicts days to come. Whether the figures of a report say anything about those days depends on which
//! rows were judged; [`outlook`] decides that from the kinds of the judged rows and their figures alone.

use flightline_operators::evaluate::Quality;

use super::figures::{count, counted, decimal, percent, points, short_id};
use super::{Judged, JudgedKind, PromotionReason, TrainingReport, most_frequent_class};

/// How loud the outlook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The figures can be taken as they are.
    Calm,
    /// They can be misread.
    Caution,
    /// The model should not serve, or nobody can know.
    Alarm,
}

/// What the figures say about days to come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outlook {
    pub(super) tone: Tone,
    pub(super) title: String,
    pub(super) sentences: Vec<String>,
    /// Accuracy on days to come beside that on other rows, when both were judged.
    pub(super) compared: Option<Compared>,
}

/// Two accuracies, side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compared {
    /// Which rows stand beside the last days.
    pub(super) beside: JudgedKind,
    /// Accuracy on the last days.
    pub(super) future: f64,
    /// Accuracy on the other rows.
    pub(super) known: f64,
}

impl Compared {
    /// How much accuracy is lost on days to come; negative when some is won.
    pub(super) fn fall(self) -> f64 {
        self.known - self.future
    }
}

/// A short heading for judged rows of a kind.
pub(super) fn heading(kind: JudgedKind) -> &'static str {
    match kind {
        JudgedKind::Future => "last days",
        JudgedKind::Familiar => "random rows",
        JudgedKind::UnseenDays => "unseen days",
        JudgedKind::Given => "test rows",
    }
}

/// Which rows those of a kind are.
fn which(kind: JudgedKind) -> &'static str {
    match kind {
        JudgedKind::Future => "days after all that it learnt from",
        JudgedKind::Familiar => "random rows of days that it knows",
        JudgedKind::UnseenDays => "days left out between days that it knows",
        JudgedKind::Given => "the test rows that were given",
    }
}

/// What the figures say about days to come.
pub(super) fn outlook(report: &TrainingReport) -> Outlook {
    let judged = [&report.test, &report.companion].map(Option::as_ref);
    let of_future =
        |future: bool| judged.into_iter().flatten().find(move |judged| (judged.kind == JudgedKind::Future) == future);
    let mut outlook = match (of_future(true), of_future(false)) {
        (Some(future), Some(known)) => side_by_side(future, known, report.test.as_ref() == Some(known)),
        (Some(future), None) => future_alone(future),
        (None, Some(known)) => without_future(known),
        (None, None) => nothing_judged(),
    };
    if let Some(future) = of_future(true).or(report.test.as_ref()) {
        beside_always_the_same(&mut outlook, report, future);
    }
    outlook
}

fn side_by_side(future: &Judged, known: &Judged, known_is_headline: bool) -> Outlook {
    let (ahead, behind) = (future.quality.accuracy, known.quality.accuracy);
    let compared = Compared { beside: known.kind, future: ahead, known: behind };
    let fall = compared.fall();
    let chance = margin(&future.quality, &known.quality);
    let (tone, title) = if fall > chance {
        (Tone::Caution, format!("A service predicts the future, and there this model falls by {}", points(fall)))
    } else if fall < -chance {
        (Tone::Calm, format!("A service predicts the future, and there this model does better by {}", points(fall)))
    } else {
        (Tone::Calm, "A service predicts the future, and there this model holds".to_owned())
    };
    let mut sentences = vec![format!(
        "Of flights on {}, it puts {} into the right class; of flights on the last days, all after those that it \
         learnt from, {}.",
        which(known.kind),
        percent(behind),
        percent(ahead)
    )];
    if fall > chance {
        sentences.push(format!(
            "New days differ from known ones, and what was learnt by heart about single days is no use there: expect {}, \
             not {}.",
            percent(ahead),
            percent(behind)
        ));
    } else if fall < -chance {
        sentences.push("Those last days may simply be easier; other days to come may not be.".to_owned());
    } else {
        sentences.push(format!("The difference is within chance (about {} either way).", points(chance)));
    }
    if known_is_headline {
        sentences.push(flattery(known.kind).to_owned());
    }
    Outlook { tone, title, sentences, compared: Some(compared) }
}

fn future_alone(future: &Judged) -> Outlook {
    Outlook {
        tone: Tone::Calm,
        title: "A service predicts the future, and so was this model judged".to_owned(),
        sentences: vec![format!(
            "Of flights on days after all that it learnt from, it puts {} into the right class. No rows of days that it \
             knows were held out, so how far it falls from those can't be said.",
            percent(future.quality.accuracy)
        )],
        compared: None,
    }
}

fn without_future(known: &Judged) -> Outlook {
    Outlook {
        tone: Tone::Caution,
        title: "A service predicts the future, and this model was not judged by it".to_owned(),
        sentences: vec![
            format!("It puts {} of {} into the right class.", percent(known.quality.accuracy), which(known.kind)),
            flattery(known.kind).to_owned(),
            "No last days were held out: train with `--holdout last:0.2` to see how far it falls on days to come."
                .to_owned(),
        ],
        compared: None,
    }
}

fn nothing_judged() -> Outlook {
    Outlook {
        tone: Tone::Alarm,
        title: "A service predicts the future, and this model was judged by nothing".to_owned(),
        sentences: vec![
            "No rows were held out. The figures on training rows tell how well it remembers, not how well it predicts: \
             train with `--holdout last:0.2` to see that."
                .to_owned(),
        ],
        compared: None,
    }
}

/// Why figures on rows of a kind may be too good.
fn flattery(kind: JudgedKind) -> &'static str {
    match kind {
        JudgedKind::Future => "",
        JudgedKind::Familiar => {
            "Figures on random rows flatter a model that has learnt single days by heart: it has seen other flights of \
             the same days."
        }
        JudgedKind::UnseenDays => {
            "Figures on days in between still flatter a model that has learnt single days by heart: it has seen the days \
             before and after."
        }
        JudgedKind::Given => {
            "This report can't know where given rows come from: if they are of days that it learnt from, their figures \
             flatter a model that has learnt single days by heart."
        }
    }
}

/// Says what always naming the most frequent class gets on the same rows, and raises the alarm when that is no worse.
fn beside_always_the_same(outlook: &mut Outlook, report: &TrainingReport, judged: &Judged) {
    let quality = &judged.quality;
    if quality.accuracy > quality.base_rate {
        return;
    }
    outlook.tone = Tone::Alarm;
    outlook.sentences.push(format!(
        "Always saying “{}” gets {} on the same rows: this model should not serve.",
        report.class_name(most_frequent_class(quality)),
        percent(quality.base_rate),
    ));
}

/// The difference between two accuracies that chance alone stays under 19 times in 20, were all rows independent.
fn margin(a: &Quality, b: &Quality) -> f64 {
    const NORMAL_95: f64 = 1.96;
    let variance = |quality: &Quality| quality.accuracy * (1.0 - quality.accuracy) / quality.rows.max(1) as f64;
    NORMAL_95 * (variance(a) + variance(b)).sqrt()
}

/// The headline: accuracy on the rows that count, beside that of always saying the same.
pub(super) fn headline(report: &TrainingReport) -> (String, String) {
    let (name, quality) = report.shown();
    let most = report.class_name(most_frequent_class(quality));
    (
        percent(quality.accuracy),
        format!(
            "of {} in the right class: {name}. Always saying “{most}” would get {}.",
            counted(quality.rows, "row"),
            percent(quality.base_rate)
        ),
    )
}

/// What the forest is, in one line.
pub(super) fn forest(report: &TrainingReport) -> String {
    let (trees, nodes) = (counted(report.trees, "tree"), counted(report.nodes, "node"));
    format!("{trees}, depth {}, {nodes}, from {}", report.depth, counted(report.rows.training, "training row"))
}

/// How the model was made, in one line.
pub(super) fn making(report: &TrainingReport) -> String {
    let preset = report.preset.as_ref().map_or_else(|| "no preset".to_owned(), |preset| format!("preset {preset}"));
    format!("{preset}, {} grower, seed {}", report.grower, report.seed)
}

/// Where the good rows went, in one sentence.
pub(super) fn rows(report: &TrainingReport) -> String {
    let rows = &report.rows;
    let mut parts = vec![format!("{} to train", count(rows.training))];
    for (number, purpose) in [(rows.held_out, "held out"), (rows.companion, "companion")] {
        if number > 0 {
            parts.push(format!("{} {purpose}", count(number)));
        }
    }
    let days = format!("{} to {}", rows.first_day, rows.last_day);
    format!("{} from {days}: {}.", counted(rows.good, "good row"), parts.join(", "))
}

/// Whether the model was made the current one, and why, in one sentence.
pub(super) fn promotion(report: &TrainingReport) -> String {
    let promotion = &report.promotion;
    let (current, is_same) = match &promotion.current {
        Some(current) => (short_id(&current.model), current.model == report.model),
        None => (String::new(), false),
    };
    match promotion.reason {
        PromotionReason::Always => "Promoted, whatever it is worth: --promote always.".to_owned(),
        PromotionReason::NoneWasCurrent => "Promoted: there was no current model to be better than.".to_owned(),
        PromotionReason::Better => format!("Promoted: better than {current}, which was current. {}", losses(report)),
        PromotionReason::Never => "Not promoted: --promote never.".to_owned(),
        PromotionReason::Equal if is_same => "Not promoted: it is the current model, made again.".to_owned(),
        PromotionReason::Equal => {
            format!("Not promoted: {current} stays current, and is no worse. {}", losses(report))
        }
        PromotionReason::Worse => format!("Not promoted: {current} stays current, and is better. {}", losses(report)),
        PromotionReason::NothingHeldOut => {
            format!("Not promoted: {current} stays current, since no row was held out to compare them by.")
        }
        PromotionReason::CurrentChanged => {
            let before = if current.is_empty() { "none was current".to_owned() } else { format!("it was {current}") };
            format!("Not promoted: the current model changed while this one was trained; {before} before.")
        }
    }
}

/// The log losses of the new and of the current model, and how far apart they are.
fn losses(report: &TrainingReport) -> String {
    let (Some(new), Some(current)) = (&report.test, current_quality(report)) else { return String::new() };
    let (new, before, name) = (new.quality.log_loss, current.log_loss, &new.name);
    let figures = format!("Log loss on {}, {name}", counted(current.rows, "row"));
    if decimal(new) == decimal(before) && new != before {
        // Tallies tell millionths of a nat apart, which three decimals do not.
        return format!("{figures}: {new:.9} against {before:.9}.");
    }
    format!("{figures}: {} against {}.", decimal(new), decimal(before))
}

/// The quality of the model that was current before, when it was judged.
pub(super) fn current_quality(report: &TrainingReport) -> Option<&Quality> {
    report.promotion.current.as_ref()?.test.as_ref()
}

/// Day fields that were not believed, if there are any.
pub(super) fn day_disagreements(report: &TrainingReport) -> Option<String> {
    let rows = report.rows.day_disagreements;
    let disagree = if rows == 1 { "has day fields that disagree" } else { "have day fields that disagree" };
    (rows > 0).then(|| format!("{} {disagree} with their date; the date was believed.", counted(rows, "row")))
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
