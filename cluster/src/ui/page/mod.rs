//! The pages: pure functions of what is to be seen. Each is a frame and some [`Part`]s in it, which are sent again one by one
//! when they change.
//!
//! Names, reasons, arguments and logs may come from anybody: templates escape all of it, and
//! [`clean`](super::words::clean) spells out what could steer or mislead.

pub(super) mod cluster;
pub(super) mod dataflow;
pub(super) mod fault;
pub(super) mod history;
pub(super) mod job;
pub(super) mod ledger;
pub(super) mod log;
pub(super) mod login;
pub(super) mod models;
pub(super) mod stream;
pub(super) mod submit;
pub(super) mod worker;

use maud::{DOCTYPE, Markup, Render, html};
use sha2::{Digest, Sha256};

use super::assets::{ICON, SCRIPT, STYLE};
use super::words::{ago, clean, date, machine_date};
use crate::ids::Moment;
use crate::job::state::{JobState, Phase};

/// A piece of a page that is sent again when it changes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) body: String,
}

impl Part {
    pub(super) fn new(name: &'static str, body: &Markup) -> Self {
        Self { name, body: body.0.clone() }
    }

    /// Differs when the body does.
    pub(super) fn mark(&self) -> String {
        let hash = Sha256::digest(self.body.as_bytes());
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Render for Part {
    fn render(&self) -> Markup {
        html! {
            div data-live=(self.name) data-mark=(self.mark()) { (maud::PreEscaped(&self.body)) }
        }
    }
}

/// Whose pages these are, and what leads where.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    /// The master's.
    Master,
    /// This worker's.
    Worker(String),
}

/// What is around every page.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) whose: &'a Whose,
    pub(super) title: &'a str,
    /// Where this page is in the master's menu.
    pub(super) menu: &'a str,
    /// What the page hears of: the path of its own, if it changes.
    pub(super) events: Option<&'a str>,
    /// What forms carry; `None` if nobody is logged in.
    pub(super) seal: Option<&'a str>,
}

const MENU: [(&str, &str); 3] = [("/", "Cluster"), ("/models", "Models"), ("/submit", "Submit")];

/// A whole page.
pub(super) fn frame(frame: &Frame<'_>, class: &str, body: &Markup) -> String {
    let events = frame.events.map(|path| format!("/events?of={}", in_query(path)));
    let whose = match frame.whose {
        Whose::Master => "Flightline".to_owned(),
        Whose::Worker(name) => format!("Flightline · {}", clean(name)),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (clean(frame.title)) " · " (whose) }
                link rel="icon" type="image/svg+xml" href=(ICON.path);
                link rel="stylesheet" href=(STYLE.path);
                script src=(SCRIPT.path) defer {}
            }
            body data-events=[events] {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.brand href="/" { img src=(ICON.path) alt="" width="22" height="22"; span { (whose) } }
                    @if let Some(seal) = frame.seal {
                        @if let Whose::Master = frame.whose {
                            nav aria-label="Pages" {
                                @for (path, name) in MENU {
                                    a href=(path) aria-current=[(frame.menu == path).then_some("page")] { (name) }
                                }
                            }
                        }
                        form.logout method="post" action="/logout" { (sealed(seal)) button.plain type="submit" { "Log out" } }
                    }
                }
                p #offline .notice.alarm role="status" hidden {}
                main #main class=(class) { (body) }
            }
        }
    };
    page.into_string()
}

/// The parts of a page, one below the other.
pub(super) fn stack(parts: &[Part]) -> Markup {
    html! { @for part in parts { (part) } }
}

/// What makes a form one of ours.
pub(super) fn sealed(seal: &str) -> Markup {
    html! { input type="hidden" name="seal" value=(seal); }
}

/// A text as it may stand in a query.
pub(super) fn in_query(text: &str) -> String {
    let mut query = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => query.push(char::from(byte)),
            other => query.push_str(&format!("%{other:02X}")),
        }
    }
    query
}

/// Where a job stands, in a word with its colour.
pub(super) fn badge(phase: Phase) -> Markup {
    let tone = match phase {
        Phase::Running => "good",
        Phase::Completed | Phase::Stopped => "calm",
        Phase::Queued | Phase::Starting | Phase::Upgrading | Phase::Stopping => "busy",
        Phase::Ending | Phase::BackingOff => "caution",
        Phase::Failed | Phase::Killed => "alarm",
    };
    html! { span class=(format!("badge {tone}")) { (phase) } }
}

/// Why a job stands where it does, if there is a reason.
pub(super) fn why(state: &JobState, now: Moment) -> Option<String> {
    match state {
        JobState::Queued { why } | JobState::Ending { why } | JobState::Failed { why } => Some(clean(why)),
        JobState::BackingOff { until, why } => {
            Some(format!("{}; it is started again {}", clean(why), super::words::until(now, *until)))
        }
        JobState::Upgrading { .. } => Some("it ends, and goes on at once as its next specification says".to_owned()),
        JobState::Stopping { how: crate::job::state::StopHow::Stop } => {
            Some("it finishes what it has begun".to_owned())
        }
        JobState::Stopping { how: crate::job::state::StopHow::Kill } => Some("it is being killed".to_owned()),
        _ => None,
    }
}

/// A moment, as a distance from now; the date shows when it is pointed at.
pub(super) fn since(now: Moment, then: Moment) -> Markup {
    html! { time datetime=(machine_date(then)) title=(date(then)) { (ago(now, then)) } }
}

/// A row of large figures.
pub(super) fn tiles(tiles: &[(&str, String, String)]) -> Markup {
    html! {
        dl.tiles {
            @for (name, figure, more) in tiles {
                div { dt { (name) } dd { (figure) } @if !more.is_empty() { dd.more { (more) } } }
            }
        }
    }
}

/// What is beside a table's name on a narrow screen.
pub(super) fn cell(label: &str, class: &str, body: &Markup) -> Markup {
    html! { td data-label=(label) class=[Some(class).filter(|class| !class.is_empty())] { (body) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_another_mark_when_it_has_another_body() {
        let part = |text: &str| Part::new("jobs", &html! { p { (text) } });
        assert_eq!(part("a").mark(), part("a").mark());
        assert_ne!(part("a").mark(), part("b").mark());
        assert!(part("<a>").render().into_string().contains("<p>&lt;a&gt;</p>"));
    }

    #[test]
    fn a_path_in_a_query_is_one_value() {
        assert_eq!(in_query("/jobs/3?scope=0.1&x=\"é"), "/jobs/3%3Fscope%3D0.1%26x%3D%22%C3%A9");
    }
}
