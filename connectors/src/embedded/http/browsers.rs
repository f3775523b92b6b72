//! Keeps pages of other sites out, which a browser on a trusted machine may have open.
//!
//! A browser asks from where its user sits, so an address that only friends reach is no protection against the pages that
//! a friend visits. Three ways lead from such a page to a job, and what stands in them:
//!
//! - A page asks us directly. The browser doesn't show it the answer, and sends no body of the types that we take without
//!   asking first, which nobody answers with a yes. Beyond that, what says of itself that another site asks is refused.
//! - A page lets its own name point to our address (DNS rebinding), and so is of our site to the browser. The name still stands
//!   in `Host`. So a browser is only answered when it asks by an IP address or as `localhost`, which can't be rebound.
//! - A page leads the user here with a link. That shows our answer to the user, not to the page.
//!
//! A program is no browser and may use any name: jobs are asked by the names of hosts files. A request is a browser's if it
//! has a header that all browsers send and a page can't take away; a program that sends such a header, as fetch in Node
//! does, is taken for one, and asks by an address. This protects the routes of records and documents;
//! `/status`, `/metrics` and `/health` tell names and numbers to whoever asks.

use axum::extract::Request;
use axum::http::header::{ACCEPT_LANGUAGE, HOST, HeaderName, ORIGIN, REFERER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Any of them shows a browser. Over plain HTTP to a name only `Accept-Language` is always there.
const OF_BROWSERS: [HeaderName; 5] = [ACCEPT_LANGUAGE, ORIGIN, REFERER, SEC_FETCH_SITE, SEC_FETCH_MODE];

/// Lets a request pass, or says why not.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(headers: &HeaderMap) -> Result<(), Problem> {
    if !OF_BROWSERS.iter().any(|name| headers.contains_key(name)) {
        return Ok(());
    }
    let host = text(headers, &HOST).unwrap_or_default();
    if !cannot_be_rebound(host) {
        return Err(refused(format!(
            "a browser asks for `{host}`, a name that any page may have made its own: open this by its IP address, or as \
             localhost; programs may use names if they send no header of browsers, such as Accept-Language"
        )));
    }
    let of_another_site = text(headers, &SEC_FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"))
        || text(headers, &ORIGIN).is_some_and(|origin| origin.strip_prefix("http://") != Some(host));
    if of_another_site {
        return Err(refused("a page of another site asks, and pages have no business here".to_owned()));
    }
    Ok(())
}

fn refused(sentence: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "browser", sentence)
}

/// A header's value; one that is no text is none that we could trust, and reads as empty.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether a `Host` is an IP address or `localhost`, with a port or without.
fn cannot_be_rebound(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<std::net::Ipv6Addr>().is_ok() && (port.is_empty() || port.starts_with(':'));
    }
    let name = host.split(':').next().unwrap_or_default();
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn may(headers: &[(&'static str, &'static str)]) -> bool {
        let named = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        check(&headers.iter().map(named).collect()).is_ok()
    }

    #[test]
    fn programs_may_use_any_name() {
        for host in ["127.0.0.1:9464", "host2:9464", "flightline.example.org", "a:1:2", ""] {
            assert!(may(&[("host", host), ("user-agent", "curl/8")]), "{host}");
        }
        assert!(may(&[]), "HTTP/1.0 has no Host");
    }

    #[test]
    fn browsers_are_answered_where_no_name_can_be_rebound() {
        let language = ("accept-language", "en");
        for host in ["127.0.0.1:9464", "10.0.0.7", "[::1]:9464", "[2001:db8::1]", "localhost:9464", "LocalHost"] {
            assert!(may(&[("host", host), language]), "{host}");
        }
        for host in
            ["evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]", "[::1", "", "::1"]
        {
            assert!(!may(&[("host", host), language]), "{host}");
        }
        // As a page may try to hide: a header can be made empty, not taken away.
        assert!(!may(&[("host", "evil.example"), ("accept-language", "")]));
        assert!(!may(&[("host", "evil.example"), ("origin", "http://evil.example")]));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let host = ("host", "127.0.0.1:9464");
        for (name, value, expected) in [
            ("origin", "http://127.0.0.1:9464", true),
            ("origin", "http://127.0.0.1:5000", false),
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
            ("referer", "http://127.0.0.1:9464/topics", true),
        ] {
            assert_eq!(may(&[host, (name, value)]), expected, "{name}: {value}");
        }
    }
}
