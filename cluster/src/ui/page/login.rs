//! `/login`.

use maud::{Markup, html};

/// The form. `next` is the page to go to then, `fault` what was wrong with the last try.
pub(in crate::ui) fn page(next: &str, fault: Option<&str>) -> Markup {
    html! {
        section.card.narrow {
            h1 { "Log in" }
            @if let Some(fault) = fault { p #fault .notice.alarm role="alert" { (fault) } }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                div.field {
                    label for="token" { "Token" }
                    input #token name="token" type="password" required autocomplete="current-password" autofocus
                        aria-describedby="token-hint" aria-invalid=[fault.map(|_| "true")];
                    p.hint #token-hint { "The token that the cluster’s pages were started with." }
                }
                button type="submit" { "Log in" }
            }
        }
    }
}
