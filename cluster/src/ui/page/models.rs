//! `/models`: the registry, with quality as each model's report tells it.

use maud::{Markup, html};
use serde_json::Value;

use super::{Part, cell, in_query, since};
use crate::ids::Moment;
use crate::ui::words::{clean, clip, count};
use crate::view::ModelView;

/// What the sight gives: the models, or why they can't be shown.
pub(in crate::ui) fn parts(models: Result<&[ModelView], &str>, now: Moment) -> Vec<Part> {
    let body = html! {
        h1 { "Models" }
        section.card {
            @match models {
                Err(why) => p.empty { (why) },
                Ok([]) => p.empty { "The registry is empty: submit " code { "train" } " to make a model." },
                Ok(models) => (table(models, now)),
            }
        }
    };
    vec![Part::new("models", &body)]
}

fn table(models: &[ModelView], now: Moment) -> Markup {
    html! {
        div.scroll { table.cards {
            thead { tr {
                th scope="col" { "Model" } th scope="col" { "Saved" } th.number scope="col" { "Accuracy" }
                th.number scope="col" { "Always the same" } th.number scope="col" { "Log loss" }
                th scope="col" { "Judged on" } th.number scope="col" { "Rows" } th.number scope="col" { "Trees" }
            } }
            tbody { @for model in models { tr.current[model.current] {
                @let quality = Quality::of(model.report.as_ref());
                (cell("Model", "name", &name(model)))
                (cell("Saved", "", &since(now, model.saved)))
                (cell("Accuracy", "number", &html! { (figure(quality.accuracy, as_percent)) }))
                (cell("Always the same", "number", &html! { (figure(quality.base_rate, as_percent)) }))
                (cell("Log loss", "number", &html! { (figure(quality.log_loss, |loss| format!("{loss:.3}"))) }))
                (cell("Judged on", "", &html! { (quality.judged_on) }))
                (cell("Rows", "number", &html! { (quality.rows.map_or_else(unknown, count)) }))
                (cell("Trees", "number", &html! { (quality.trees.map_or_else(unknown, count)) }))
            } } }
        } }
    }
}

fn name(model: &ModelView) -> Markup {
    let short = clip(&clean(&model.id), 13);
    html! {
        @if model.has_page { a href=(format!("/models/{}/report", in_query(&model.id).replace('/', "%2F"))) title=(clean(&model.id)) { code { (short) } } }
        @else { code title=(clean(&model.id)) { (short) } }
        @if model.current { " " span.badge.good { "current" } }
    }
}

/// What a report says, as far as it says it.
struct Quality {
    accuracy: Option<f64>,
    base_rate: Option<f64>,
    log_loss: Option<f64>,
    judged_on: String,
    rows: Option<u64>,
    trees: Option<u64>,
}

impl Quality {
    /// The test's figures; without one the companion's, or those of the training rows themselves.
    fn of(report: Option<&Value>) -> Self {
        let none = Value::Null;
        let report = report.unwrap_or(&none);
        let judged = ["test", "companion"].into_iter().find(|name| report[name].is_object());
        let (quality, judged_on) = match judged {
            Some(name) => (&report[name]["quality"], clean(report[name]["name"].as_str().unwrap_or(name))),
            None if report["train"].is_object() => (&report["train"], "its own training rows".to_owned()),
            None => (&none, unknown()),
        };
        let number = |name: &str| quality[name].as_f64();
        Self {
            accuracy: number("accuracy"),
            base_rate: number("base_rate"),
            log_loss: number("log_loss"),
            judged_on,
            rows: report["rows"]["training"].as_u64(),
            trees: report["trees"].as_u64(),
        }
    }
}

fn figure(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(unknown, show)
}

fn as_percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn unknown() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(report: Option<Value>) -> String {
        let model =
            ModelView { id: "a/b\"><script>".to_owned(), current: true, saved: Moment(0), report, has_page: true };
        parts(Ok(&[model]), Moment(0))[0].body.clone()
    }

    #[test]
    fn the_tests_figures_come_before_all_others() {
        let quality = |accuracy: f64| json!({"accuracy": accuracy, "base_rate": 0.31, "log_loss": 1.2});
        let report = json!({
            "train": quality(0.9), "companion": {"name": "random", "quality": quality(0.5)},
            "test": {"name": "last days", "quality": quality(0.4)}, "rows": {"training": 4000}, "trees": 100,
        });
        let shown = page(Some(report));
        for figure in ["40.0%", "31.0%", "1.200", "last days", "4,000", ">100<", "current"] {
            assert!(shown.contains(figure), "{figure} in {shown}");
        }
    }

    #[test]
    fn why_models_cant_be_shown_is_said() {
        let told = &parts(Err("they are in gs://bucket/<b>"), Moment(0))[0].body;
        assert!(told.contains("they are in gs://bucket/&lt;b&gt;") && !told.contains("empty:"), "{told}");
    }

    #[test]
    fn a_report_that_says_nothing_known_is_no_fault() {
        for report in [None, Some(Value::Null), Some(json!([1])), Some(json!({"test": 5, "rows": "x"}))] {
            let shown = page(report);
            assert!(shown.contains("–") && !shown.contains("<script"), "{shown}");
        }
        assert!(page(None).contains("/models/a%2Fb%22%3E%3Cscript%3E/report"));
    }
}
