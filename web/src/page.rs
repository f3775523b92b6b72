//! The page: a form, and the answer twice, as it comes by the topic and as the collection holds it.
//!
//! What stands in it is ours alone: words, the example, and empty places that the script fills with texts. So the same bytes
//! are served to everybody.

use flightline_jobs::flight::label::DelayClass;
use maud::{DOCTYPE, Markup, html};

use crate::server;
use crate::server::shell::{ICON, SCRIPT, STYLE};

/// The flight that the form shows at first, as texts of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Minutes.
    pub departure_delay: String,
    /// Carrier code.
    pub carrier: String,
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Airport of departure.
    pub origin: String,
    /// Airport of arrival.
    pub dest: String,
    /// Flight number.
    pub flight_number: String,
}

impl Default for Example {
    /// The flight of the seed's page.
    fn default() -> Self {
        let [carrier, origin, dest] = ["AA", "JFK", "SFO"].map(str::to_owned);
        let [departure_delay, date, flight_number] = ["5", "2016-12-25", "1519"].map(str::to_owned);
        Self { departure_delay, carrier, date, origin, dest, flight_number }
    }
}

/// One field of the form.
struct Field<'a> {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: &'a str,
    kind: Kind,
    required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A carrier, an airport or a flight number; the script writes it in capitals.
    Code,
    Date,
    Minutes,
}

/// One of the two places where the answer is shown.
struct Card {
    source: &'static str,
    title: &'static str,
    how: &'static str,
}

const CARDS: [Card; 2] = [
    Card { source: "topic", title: "From the topic", how: "pushed as a server-sent event" },
    Card { source: "collection", title: "From the collection", how: "found by polling" },
];

/// The whole page.
pub(crate) fn render(example: &Example) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Flight delays · Flightline" }
                link rel="icon" type="image/svg+xml" href=(ICON);
                link rel="stylesheet" href=(STYLE);
                script src=(SCRIPT) defer {}
            }
            body {
                header {
                    p.eyebrow { "Flightline" }
                    h1 { "Will the flight be late?" }
                    p.lead {
                        "Say what is known when the plane leaves. The question goes to the request topic; the running "
                        "job predicts the delay at arrival, and its answer comes back in two ways."
                    }
                    noscript { p.notice { "This page needs JavaScript to ask and to show the answer." } }
                }
                main {
                    (form(example))
                    div #result .answers {
                        @for card in &CARDS { (answer(card)) }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn form(example: &Example) -> Markup {
    let field = |name, label, hint, value, kind| Field { name, label, hint, value, kind, required: true };
    let fields = [
        field("Origin", "From", "airport code", example.origin.as_str(), Kind::Code),
        field("Dest", "To", "airport code", &example.dest, Kind::Code),
        field("Carrier", "Carrier", "two letters, as AA", &example.carrier, Kind::Code),
        Field {
            required: false,
            ..field("FlightNum", "Flight number", "may be left out", &example.flight_number, Kind::Code)
        },
        field("FlightDate", "Date", "day of departure", &example.date, Kind::Date),
        field("DepDelay", "Departure delay", "minutes, -5 is early", &example.departure_delay, Kind::Minutes),
    ];
    html! {
        // Names and ids as in the seed, so that its script finds them. Messages come from the server, not the browser.
        form #flight_delay_classification .card action=(server::ASK) method="post" novalidate autocomplete="off"
            data-response=(server::RESPONSE) data-stream=(server::STREAM) {
            h2 { "The flight" }
            div.fields { @for field in &fields { (input(field)) } }
            button #ask type="submit" { "Predict the delay" }
            p #notice .notice role="alert" hidden {}
        }
    }
}

fn input(field: &Field<'_>) -> Markup {
    let Field { name, label, hint, value, kind, required } = field;
    let (type_, capitals) = match kind {
        Kind::Code => ("text", Some("characters")),
        Kind::Date => ("date", None),
        Kind::Minutes => ("number", None),
    };
    html! {
        // A date is too wide for half of a narrow screen.
        div.field.wide[*kind != Kind::Code] {
            label for=(name) { (label) }
            input id=(name) name=(name) type=(type_) value=(value) required[*required]
                maxlength=[capitals.map(|_| 8)] autocapitalize=[capitals] spellcheck=[capitals.map(|_| "false")]
                step=[(*kind == Kind::Minutes).then_some("any")]
                aria-describedby={ (name) "-hint " (name) "-error" };
            p.hint id={ (name) "-hint" } { (hint) }
            p.error id={ (name) "-error" } hidden {}
        }
    }
}

fn answer(card: &Card) -> Markup {
    html! {
        section.card.answer id=(card.source) aria-labelledby={ (card.source) "-title" } {
            div.heading {
                h2 id={ (card.source) "-title" } { (card.title) }
                p.took {}
                p.how { (card.how) }
            }
            p.verdict role="status" { "Nothing asked yet." }
            ol.classes {
                @for class in DelayClass::all() {
                    li {
                        span.name { (class.name()) }
                        span.share {}
                        span.bar aria-hidden="true" { span {} }
                    }
                }
            }
            p.unseen hidden {}
            dl.facts hidden {
                div { dt { "Model" } dd.model {} }
                div { dt { "Table version" } dd.table {} }
                div { dt { "Distance" } dd.distance {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::FIELDS;

    #[test]
    fn the_form_has_the_fields_that_the_server_reads_each_with_its_label() {
        let page = render(&Example::default());
        for field in FIELDS {
            assert!(page.contains(&format!("name=\"{field}\"")), "{field}");
            assert!(page.contains(&format!("<label for=\"{field}\">")), "{field}");
            assert!(page.contains(&format!("id=\"{field}-error\"")), "{field}");
        }
        assert!(page.contains(&format!("action=\"{}\"", server::ASK)));
        for class in DelayClass::all() {
            assert_eq!(page.matches(class.name()).count(), CARDS.len(), "{class}");
        }
    }

    #[test]
    fn the_example_is_escaped() {
        let example = Example { carrier: "\"><script>".to_owned(), ..Example::default() };
        let page = render(&example);
        assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;\""));
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let page = render(&Example::default());
        let handlers = page.split_whitespace().filter(|word| word.starts_with("on") && word.contains('='));
        assert_eq!(handlers.count(), 0);
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("javascript:"));
        assert_eq!(page.matches("<script").count(), 1);
        let files = [page.as_str(), include_str!("../assets/page.css"), include_str!("../assets/page.js")];
        for file in files {
            for elsewhere in ["http:", "https:", "src=\"//", "href=\"//", "url(//", "@import"] {
                assert!(!file.contains(elsewhere), "{elsewhere}");
            }
        }
    }

    #[test]
    fn the_script_writes_texts_only() {
        let script = include_str!("../assets/page.js");
        assert!(script.lines().count() < 250);
        for dangerous in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
            assert!(!script.contains(dangerous), "{dangerous}");
        }
    }
}
