//! Requests to one process: timeouts on all of them, and errors that tell whether something may have been done.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::ClientError;
use crate::embedded::wire::ProblemBody;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take, beside the waiting that it asks for.
const REQUEST: Duration = Duration::from_secs(30);
/// The largest answer that is read, in bytes: the largest record of a job, in the worst spelling that JSON has.
const LARGEST_ANSWER: u64 = 512 << 20;

/// A client with its connections.
#[derive(Debug)]
pub(super) struct Http(Agent);

/// An answer that is a yes.
#[derive(Debug)]
pub(super) struct Answer {
    address: String,
    action: String,
    body: Bytes,
}

impl Http {
    pub(super) fn new() -> Self {
        let config = Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(REQUEST))
            .http_status_as_error(false)
            // A job is asked directly.
            .proxy(None)
            .max_redirects(0)
            .build();
        Self(config.new_agent())
    }

    /// Asks for something that changes nothing. `wait` is how long the other side was asked to wait.
    pub(super) fn get(&self, address: &str, path: &str, action: &str, wait: Duration) -> Result<Answer, ClientError> {
        let ask = || {
            let request = self.0.get(format!("{address}{path}"));
            request.config().timeout_global(Some(REQUEST.saturating_add(wait))).build().call()
        };
        let answered = match ask() {
            // A connection of an earlier request, which the other side has closed since: a new one may do.
            Err(ureq::Error::Io(error)) if is_broken(&error) => ask(),
            answered => answered,
        };
        settle(address, action, answered, &no_answer)
    }

    /// Asks for a change.
    pub(super) fn post(
        &self,
        address: &str,
        path: &str,
        action: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Answer, ClientError> {
        let request = self.0.post(format!("{address}{path}")).content_type(content_type);
        settle(address, action, request.send(body), &uncertain)
    }
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unusable(error.to_string()))
    }

    /// The error that the answer makes no sense.
    pub(super) fn unusable(&self, cause: String) -> ClientError {
        no_answer(&self.address, &self.action, cause)
    }

    pub(super) fn into_body(self) -> Bytes {
        self.body
    }
}

/// `http://host:port` of what somebody typed.
pub(super) fn base(address: &str) -> Result<String, ClientError> {
    let bad = |cause: &str| ClientError::BadAddress { address: address.to_owned(), cause: cause.to_owned() };
    let place = address.trim().trim_end_matches('/');
    let place = place.strip_prefix("http://").unwrap_or(place);
    if place.contains("://") {
        return Err(bad("only http:// is spoken"));
    }
    let Some((host, port)) = place.rsplit_once(':') else { return Err(bad("it has no port")) };
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err(bad("it has no host name"));
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(format!("http://{place}")),
        _ => Err(bad("its port is no number from 1 to 65535")),
    }
}

/// A name as a part of a path: all but letters, digits and a few signs as `%XX`.
pub(super) fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

type Complaint<'a> = &'a dyn Fn(&str, &str, String) -> ClientError;

/// Reads an answer. `broken` is the error if something was sent and no whole answer came.
fn settle(
    address: &str,
    action: &str,
    answered: Result<Response<Body>, ureq::Error>,
    broken: Complaint<'_>,
) -> Result<Answer, ClientError> {
    let mut answer = answered.map_err(|error| {
        let cause = error.to_string();
        if never_sent(&error) {
            ClientError::Unreachable { address: address.to_owned(), cause }
        } else {
            broken(address, action, cause)
        }
    })?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
    let body = body.map_err(|error| broken(address, action, error.to_string()))?;
    if status.is_success() {
        return Ok(Answer { address: address.to_owned(), action: action.to_owned(), body: body.into() });
    }
    let said = serde_json::from_slice(&body).unwrap_or_else(|_| ProblemBody {
        error: format!("{}; is a job of Flightline listening there?", String::from_utf8_lossy(&body).trim()),
        kind: String::new(),
    });
    if status.is_server_error() && said.kind == "storage" {
        // A commit that failed may be there.
        return Err(broken(address, action, said.error));
    }
    Err(ClientError::Refused {
        address: address.to_owned(),
        action: action.to_owned(),
        status: status.as_u16(),
        kind: said.kind,
        sentence: said.error,
    })
}

/// Whether an error came before anything was sent.
fn never_sent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => true,
        ureq::Error::Timeout(timeout) => matches!(timeout, ureq::Timeout::Connect | ureq::Timeout::Resolve),
        _ => false,
    }
}

/// Whether a connection broke that had stood.
fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn uncertain(address: &str, action: &str, cause: String) -> ClientError {
    ClientError::Uncertain { address: address.to_owned(), action: action.to_owned(), cause }
}

fn no_answer(address: &str, action: &str, cause: String) -> ClientError {
    ClientError::NoAnswer { address: address.to_owned(), action: action.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (typed, meant) in [
            ("localhost:8090", "http://localhost:8090"),
            (" http://10.0.0.1:80/ ", "http://10.0.0.1:80"),
            ("[::1]:8090", "http://[::1]:8090"),
        ] {
            assert_eq!(base(typed).unwrap(), meant);
        }
        for typed in ["", "localhost", ":80", "a:0", "a:65536", "a:b", "https://a:1", "a/b:1", "user@a:1"] {
            let error = base(typed).unwrap_err();
            assert!(error.to_string().contains("write `host:port`"), "{typed}: {error}");
        }
    }

    #[test]
    fn a_name_with_signs_is_one_part_of_a_path() {
        assert_eq!(encoded("ATL-SFO"), "ATL-SFO");
        assert_eq!(encoded("a/b?c=ä %"), "a%2Fb%3Fc%3D%C3%A4%20%25");
    }
}
