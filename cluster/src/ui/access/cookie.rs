//! The cookie that holds a session's id.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use super::SessionId;

/// How the cookie is called and guarded.
#[derive(Clone, Debug)]
pub(in crate::ui) struct Jar {
    name: String,
    guards: &'static str,
}

impl Jar {
    /// `name` tells this server from others of the same host. Under TLS a browser takes the cookie from this host alone.
    pub(super) fn new(name: &str, tls: bool) -> Self {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
        let prefix = if tls { "__Host-" } else { "" };
        let guards =
            if tls { "; Path=/; HttpOnly; SameSite=Strict; Secure" } else { "; Path=/; HttpOnly; SameSite=Strict" };
        Self { name: format!("{prefix}flightline-{name}"), guards }
    }

    /// The session that a request brings.
    pub(in crate::ui) fn read(&self, headers: &HeaderMap) -> Option<SessionId> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(name, value)| if name == self.name { SessionId::parse(value) } else { None })
    }

    /// What gives a browser the session.
    pub(in crate::ui) fn give(&self, id: &SessionId) -> HeaderValue {
        self.header(&id.text(), "")
    }

    /// What takes it away.
    pub(in crate::ui) fn take_away(&self) -> HeaderValue {
        self.header("", "; Max-Age=0")
    }

    fn header(&self, value: &str, more: &str) -> HeaderValue {
        // The name, the id and the guards are ASCII without control characters.
        HeaderValue::try_from(format!("{}={value}{}{more}", self.name, self.guards))
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_guarded_and_found_among_others() {
        let id = SessionId::new([7; 32]);
        let jar = Jar::new("master:8080", false);
        let given = jar.give(&id).to_str().unwrap().to_owned();
        let (pair, guards) = given.split_once(';').unwrap();
        assert_eq!(guards, " Path=/; HttpOnly; SameSite=Strict");
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; flightline-worker-8081=zzz"));
        assert_eq!(jar.read(&headers), None);
        headers.append(COOKIE, HeaderValue::try_from(format!("c=d;{pair}; e")).unwrap());
        assert_eq!(jar.read(&headers), Some(id));
        assert!(jar.take_away().to_str().unwrap().ends_with("Max-Age=0"));
    }

    #[test]
    fn under_tls_it_is_for_this_host_and_encrypted_connections_alone() {
        let given = Jar::new("master-8080", true).give(&SessionId::new([7; 32]));
        let given = given.to_str().unwrap();
        assert!(given.starts_with("__Host-flightline-master-8080=") && given.ends_with("; Secure"), "{given}");
    }
}
