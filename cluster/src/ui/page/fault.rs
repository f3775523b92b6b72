//! What could not be shown or done, and why.

use axum::http::StatusCode;
use maud::{Markup, html};

use crate::ui::words::sentence;

pub(in crate::ui) fn page(code: StatusCode, why: &str) -> Markup {
    let title = match code {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::UNAUTHORIZED => "You are not logged in",
        StatusCode::FORBIDDEN => "That was refused",
        StatusCode::BAD_GATEWAY => "That can’t be had now",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "Too much at once",
        StatusCode::CONFLICT => "That can’t be done now",
        _ => "That did not work",
    };
    html! {
        section.card.narrow {
            p.eyebrow { (code.as_u16()) }
            h1 { (title) }
            p { (sentence(why)) }
            p { @if code == StatusCode::UNAUTHORIZED { a.button href="/login" { "Log in" } } @else { a.button.plain href="/" { "To the first page" } } }
        }
    }
}
