//! A process's log: its end, followed as it grows, or a piece from further up.

use maud::{Markup, html};

use crate::ids::ProcessRef;
use crate::ui::words::{count, counted, log_text};
use crate::view::LogPiece;

/// The page. `from` is what was asked for: without it the end is shown and followed.
pub(in crate::ui) fn page(process: ProcessRef, piece: &LogPiece, from: Option<u64>, back: &str) -> Markup {
    let path = path(process);
    html! {
        div.heading {
            div {
                p.eyebrow { a href=(back) { "Job " (process.job) } " · generation " (process.generation) }
                h1 { "Log of process " (process.process) }
            }
            div.actions {
                @if from.is_some() || piece.from > 0 { a.button.plain href=(format!("{path}?from=0")) { "Its beginning" } }
                @if from.is_some() { a.button.plain href=(path) { "Its end, as it grows" } }
            }
        }
        p.facts {
            "Bytes " (count(piece.from)) " to " (count(piece.next))
            @if from.is_none() { @if piece.more { ", followed as it grows" } @else { "; the process has ended" } }
            " · " a href=(format!("/api{path}")) { "JSON" }
        }
        @if piece.from > 0 { p.note { (counted(piece.from, "byte")) " before this are not shown." } }
        // The script takes what it adds from here on.
        pre.log.whole #log tabindex="0" aria-label="Log" data-next=[from.is_none().then_some(piece.next)] { (text(piece)) }
        @if piece.text.is_empty() && from.is_none() { p.empty #nothing { "Nothing is in it yet." } }
        @if from.is_some() && piece.more && piece.next > piece.from {
            p { a.button href=(format!("{path}?from={}", piece.next)) { "Go on" } }
        }
    }
}

/// A piece, as it is added to what is shown already.
pub(in crate::ui) fn text(piece: &LogPiece) -> Markup {
    html! { @if !piece.text.is_empty() { span { (log_text(&piece.text)) } } }
}

/// Where a process's log is.
pub(in crate::ui) fn path(process: ProcessRef) -> String {
    format!("/jobs/{}/logs/{}/{}", process.job, process.generation, process.process)
}
