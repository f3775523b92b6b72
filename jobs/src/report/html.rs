//! The report as a page: one file with its style and pictures inside, which loads nothing and runs nothing.

mod choices;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{bytes, count, decimal, percent, points, seconds, short_id, signed_points};
use super::pictures::{self, Figure, Table};
use super::text::clean;
use super::words::{self, Compared, Tone, heading};
use super::{JudgedKind, TrainingReport, memory, traffic};

const STYLE: &str = include_str!("style.css");

/// Whatever the file says, nothing is loaded or run but the style in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn page(report: &TrainingReport) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Training report of model " (short_id(&report.model)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report))
                main {
                    (outlook(report))
                    (quality(report))
                    (choices::promotion(report))
                    @if let Some(search) = &report.search { (choices::folds(search)) }
                    section.figures aria-label="Pictures" {
                        @for figure in pictures::all(report) { (card(&figure)) }
                    }
                    (rows(report))
                    (parameters(report))
                }
                footer { "Made by Flightline’s train. The same figures stand in report.json beside this page." }
            }
        }
    }
}

fn head(report: &TrainingReport) -> Markup {
    let (accuracy, rest) = words::headline(report);
    let (_, quality) = report.shown();
    let tiles = [
        ("points above always the same", signed_points(quality.accuracy - quality.base_rate)),
        ("log loss", decimal(quality.log_loss)),
        ("macro F1", decimal(quality.macro_f1)),
        ("wall time", seconds(report.wall_seconds)),
        ("peak memory", bytes(report.peak_memory_bytes)),
    ];
    html! {
        header {
            p.eyebrow { "Flightline training report" }
            h1 { strong { (accuracy) } " " span { (clean(&rest)) } }
            p.facts {
                (clean(&title_case(&words::making(report)))) ". " (words::forest(report)) "."
                br;
                "Model " code { (clean(&report.model)) }
            }
            dl.tiles {
                @for (name, figure) in tiles {
                    div { dt { (name) } dd { (figure) } }
                }
            }
        }
    }
}

fn outlook(report: &TrainingReport) -> Markup {
    let outlook = words::outlook(report);
    let tone = match outlook.tone {
        Tone::Calm => "calm",
        Tone::Caution => "caution",
        Tone::Alarm => "alarm",
    };
    html! {
        section class=(format!("outlook {tone}")) aria-labelledby="outlook" {
            h2 id="outlook" { (outlook.title) }
            @if let Some(compared) = outlook.compared { (comparison(compared)) }
            @for sentence in &outlook.sentences { p { (clean(sentence)) } }
        }
    }
}

/// The two accuracies and what lies between them.
fn comparison(compared: Compared) -> Markup {
    let change = if compared.fall() > 0.0 { "lower" } else { "higher" };
    html! {
        dl.compared {
            div { dt { (heading(compared.beside)) } dd { (percent(compared.known)) } }
            div { dt { (heading(JudgedKind::Future)) } dd { (percent(compared.future)) } }
            div.difference { dt { (change) " on the last days by" } dd { (points(compared.fall())) } }
        }
    }
}

fn quality(report: &TrainingReport) -> Markup {
    let judged = [("Test", &report.test), ("Companion", &report.companion)];
    let judged = judged.into_iter().filter_map(|(role, judged)| Some((role, judged.as_ref()?)));
    html! {
        section aria-labelledby="quality" {
            h2 id="quality" { "Quality" }
            (table(&pictures::quality_table(report)))
            p.note {
                @for (role, judged) in judged { (role) ": " (clean(&judged.name)) ". " }
                "“Always the same” is the accuracy of always saying the most frequent class. Log loss is in nats, lower is "
                "better. Calibration error is the mean distance of predicted from observed shares."
            }
        }
    }
}

fn card(figure: &Figure) -> Markup {
    html! {
        figure.card {
            h2 { (figure.title) }
            (figure.drawing)
            figcaption { (clean(&figure.caption)) }
            details {
                summary { "Figures" span.hidden { " of " (figure.title) } }
                (table(&figure.table))
            }
        }
    }
}

fn rows(report: &TrainingReport) -> Markup {
    let rows = &report.rows;
    let bad = rows.bad.iter().map(|bad| {
        let example = bad.example.as_deref().unwrap_or("");
        vec![bad.reason.clone(), count(bad.rows), example.to_owned()]
    });
    let bad =
        Table { header: ["Could not be used", "rows", "first of them"].map(str::to_owned).into(), rows: bad.collect() };
    let nulls = rows.nulls.iter().map(|null| vec![null.column.clone(), count(null.rows)]);
    let nulls = Table { header: ["Nulls in", "rows"].map(str::to_owned).into(), rows: nulls.collect() };
    html! {
        section aria-labelledby="rows" {
            h2 id="rows" { "Rows" }
            p { (clean(&words::rows(report))) }
            @if let Some(sentence) = words::day_disagreements(report) { p { (sentence) } }
            @if bad.rows.is_empty() { p { "Every row could be used." } } @else { (table_of(&bad, "listing texts")) }
            @if nulls.rows.is_empty() { p { "There was no null." } } @else { (table_of(&nulls, "listing")) }
            @if let Some(sentence) = traffic::sentence(report) { p { (sentence) } }
        }
    }
}

fn parameters(report: &TrainingReport) -> Markup {
    let mut shown: Vec<(&str, String)> = report.parameters.iter().map(|p| (p.name.as_str(), clean(&p.value))).collect();
    shown.extend([("workers", count(report.workers)), ("processes", count(report.processes))]);
    shown.extend(memory::words(report).map(|memory| ("memory", memory)));
    html! {
        section aria-labelledby="parameters" {
            h2 id="parameters" { "Parameters" }
            dl.parameters {
                @for (name, value) in &shown {
                    div { dt { (clean(name)) } dd { (value) } }
                }
            }
        }
    }
}

fn table(table: &Table) -> Markup {
    table_of(table, "")
}

/// A table whose first column names its rows.
fn table_of(table: &Table, class: &str) -> Markup {
    html! {
        table class=[Some(class).filter(|class| !class.is_empty())] {
            thead { tr { @for heading in &table.header { th scope="col" { (clean(heading)) } } } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 { th scope="row" { (clean(cell)) } } @else { td { (clean(cell)) } }
                        }
                    }
                }
            }
        }
    }
}

fn title_case(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::{CurrentModelReport, Promotion, PromotionReason, sample};

    #[test]
    fn no_text_of_others_becomes_markup() {
        const EVIL: &str = "<script>alert('\"&')</script>";
        let mut report = sample::report();
        for text in [&mut report.model, &mut report.grower, &mut report.rows.first_day, &mut report.rows.last_day] {
            *text = EVIL.to_owned();
        }
        report.preset = Some(EVIL.to_owned());
        report
            .features
            .iter_mut()
            .for_each(|feature| (feature.name, feature.kind) = (EVIL.to_owned(), EVIL.to_owned()));
        report.classes.iter_mut().for_each(|class| class.name = EVIL.to_owned());
        report.parameters.iter_mut().for_each(|p| (p.name, p.value) = (EVIL.to_owned(), EVIL.to_owned()));
        report.stages.iter_mut().for_each(|stage| stage.name = EVIL.to_owned());
        report.rows.bad.iter_mut().for_each(|bad| (bad.reason, bad.example) = (EVIL.to_owned(), Some(EVIL.to_owned())));
        report.rows.nulls.iter_mut().for_each(|null| null.column = EVIL.to_owned());
        report.test.iter_mut().chain(&mut report.companion).for_each(|judged| judged.name = EVIL.to_owned());
        report.promotion.current.iter_mut().for_each(|current| current.model = EVIL.to_owned());
        let page = page(&report).into_string();
        assert!(!page.contains("<script") && !page.contains("</script"));
        assert!(page.matches("&lt;script&gt;").count() > 40);
    }

    #[test]
    fn the_page_needs_no_other_file_and_its_ids_are_unique() {
        let page = page(&sample::report()).into_string();
        for loading in ["src=", "href=", "url(", "@import", "<link", "<script", "<img"] {
            assert!(!page.contains(loading), "{loading}");
        }
        let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        let named =
            page.split("aria-labelledby=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split(' '));
        assert!(named.clone().count() > 10 && named.into_iter().all(|id| ids.contains(&id)));
        assert_eq!(page.matches("<svg").count(), page.matches("<desc").count());
    }

    #[test]
    fn the_two_numbers_and_their_difference_stand_in_the_box() {
        let report = sample::report();
        let page = page(&report).into_string();
        let (test, companion) = (report.test.unwrap().quality.accuracy, report.companion.unwrap().quality.accuracy);
        let start = page.find("class=\"compared\"").unwrap();
        let shown = &page[start..start + page[start..].find("</dl>").unwrap()];
        for figure in [percent(test), percent(companion), points(companion - test)] {
            assert!(shown.contains(&figure), "{figure} in {shown}");
        }
    }

    #[test]
    fn the_page_says_whether_the_model_was_promoted_and_beside_which() {
        let mut report = sample::report();
        let with_current = page(&report).into_string();
        let current = report.promotion.current.take().unwrap();
        let figures = [current.model, decimal(current.test.unwrap().log_loss), "Promoted: better than".to_owned()];
        assert!(figures.iter().all(|figure| with_current.contains(figure)), "{figures:?}");
        report.promotion.current = Some(CurrentModelReport { model: "03ab".to_owned(), test: None });
        assert!(!page(&report).into_string().contains("stand above"), "nothing stands there");
        report.promotion = Promotion::new(PromotionReason::Never, None);
        let alone = page(&report).into_string();
        assert!(alone.contains("Not promoted: --promote never.") && !alone.contains("that was current"));
    }

    #[test]
    fn what_is_missing_is_left_out_or_said() {
        let mut report = sample::report();
        (report.test, report.companion) = (None, None);
        (report.rows.bad, report.rows.nulls, report.rows.per_worker) = (vec![], vec![], vec![]);
        (report.features, report.stages, report.parameters) = (vec![], vec![], vec![]);
        let page = page(&report).into_string();
        assert!(page.contains("Every row could be used.") && page.contains("There was no null."));
        assert!(page.contains("class=\"outlook alarm\"") && !page.contains("class=\"compared\""));
        assert!(!page.contains("Rows read per worker") && !page.contains("Importance"));
        assert!(!page.contains("NaN") && !page.contains("inf\""));
    }
}
