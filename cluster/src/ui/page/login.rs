//! `/login`.

use maud::{Markup, html};

use super::Whose;
use crate::ui::words::sentence;

/// The form. `next` is the page to go to then, `fault` what was wrong with the last try.
pub(in crate::ui) fn page(whose: &Whose, next: &str, fault: Option<&str>) -> Markup {
    let of = match whose {
        Whose::Master => "master’s state folder",
        Whose::Worker(_) => "worker’s own folder",
    };
    html! {
        section.card.narrow {
            h1 { "Log in" }
            @if let Some(fault) = fault { p #fault .notice.alarm role="alert" { (sentence(fault)) } }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                div.field {
                    label for="token" { "Token" }
                    input #token name="token" type="password" required autocomplete="current-password" autofocus
                        aria-describedby="token-hint" aria-invalid=[fault.map(|_| "true")];
                    p.hint #token-hint { "It is in the file " code { "token" } " of the " (of) ", unless it was given another." }
                }
                button type="submit" { "Log in" }
            }
        }
    }
}
