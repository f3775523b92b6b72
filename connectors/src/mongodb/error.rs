//! What a server's refusal means: try again, or stop and mend something. One pure function decides.

use flightline_engine::contract::Fault;
use mongodb::bson::Document;
use mongodb::error::{Error, ErrorKind, WriteFailure};
use thiserror::Error as ThisError;

use super::abilities::number;

/// An error of a server of MongoDB's protocol. The sentence says what was tried, where, why not, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{sentence}")]
pub struct MongoError {
    sentence: String,
    kind: Kind,
}

/// What follows of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It may pass by itself, or by what somebody does while the job waits. What was asked for may be done.
    Passing,
    /// Somebody must mend something, and then ask again.
    Lasting,
}

impl MongoError {
    fn new(kind: Kind, sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), kind }
    }

    pub(super) fn transient(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Passing, sentence)
    }

    pub(super) fn permanent(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Lasting, sentence)
    }

    /// Whether the same may work when it is tried again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        !matches!(self.kind, Kind::Lasting)
    }
}

impl From<MongoError> for Fault {
    fn from(error: MongoError) -> Self {
        if error.is_transient() { Self::transient(error.sentence) } else { Self::permanent(error.sentence) }
    }
}

/// What was tried, and where; begins the sentence of an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing<'a> {
    /// The hosts.
    pub(super) server: &'a str,
    /// What, with its object: "read collection `d.c`".
    pub(super) action: &'a str,
}

impl Doing<'_> {
    /// The error that a problem is.
    pub(super) fn failed(self, problem: &Problem) -> MongoError {
        let Verdict { kind, advice } = judge(problem);
        let Self { server, action } = self;
        let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
        MongoError::new(kind, format!("can't {action} at {server}: {cause}{advice}", cause = problem.cause))
    }

    /// No answer came in time.
    pub(super) fn too_late(self, seconds: u64) -> MongoError {
        let Self { server, action } = self;
        MongoError::transient(format!(
            "can't {action} at {server}: no answer within {seconds} s; check that the server is well and can be reached"
        ))
    }

    /// The answer is none that this command gives.
    pub(super) fn unusable(self, cause: &str) -> MongoError {
        let Self { server, action } = self;
        MongoError::permanent(format!("can't {action} at {server}: its answer can't be used: {cause}; is it MongoDB?"))
    }
}

/// What went wrong, without the driver's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) what: What,
    /// In the words of the server or the driver.
    pub(super) cause: String,
}

/// Where a problem lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// No server was found that takes the command.
    NoServer,
    /// A connection broke.
    Connection,
    /// Who asks is not who he says, or so the server thinks.
    Credentials,
    /// The server speaks of an error of this number.
    Code(i32),
    /// The write is done on the server that took it, and not on as many as were asked for. A number tells why.
    Concern(i32),
    /// The driver refuses: an option, a server that is too old.
    Refused,
    /// Anything else.
    Unknown,
}

impl Problem {
    /// What the driver says.
    pub(super) fn of(error: &Error) -> Self {
        let (what, cause) = match &*error.kind {
            ErrorKind::Authentication { message, .. } => (What::Credentials, message.clone()),
            ErrorKind::ServerSelection { message, .. } => (What::NoServer, in_short(message)),
            ErrorKind::DnsResolve { message, .. } => (What::NoServer, message.clone()),
            ErrorKind::Io(error) => (What::Connection, error.to_string()),
            ErrorKind::ConnectionPoolCleared { message, .. } => (What::Connection, message.clone()),
            ErrorKind::Command(error) => (What::Code(error.code), named(error.code, &error.code_name, &error.message)),
            ErrorKind::Write(WriteFailure::WriteError(error)) => {
                (What::Code(error.code), named(error.code, error.code_name.as_deref().unwrap_or(""), &error.message))
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
                (What::Concern(error.code), named(error.code, &error.code_name, &error.message))
            }
            ErrorKind::InvalidArgument { message, .. }
            | ErrorKind::InvalidTlsConfig { message, .. }
            | ErrorKind::IncompatibleServer { message, .. } => (What::Refused, message.clone()),
            other => (What::Unknown, other.to_string()),
        };
        Self { what, cause }
    }

    /// A write error or write concern error in the answer to a command.
    pub(super) fn told(error: &Document, what: impl Fn(i32) -> What) -> Self {
        let code = number(error.get("code")).and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
        let name = error.get_str("codeName").unwrap_or("");
        Self { what: what(code), cause: named(code, name, error.get_str("errmsg").unwrap_or("no reason given")) }
    }

    /// Whether a document of the same `_id` was there.
    pub(super) const fn is_duplicate(&self) -> bool {
        matches!(self.what, What::Code(11_000 | 11_001 | 12_582))
    }

    /// Whether the server has no such command.
    pub(super) const fn is_unknown_command(&self) -> bool {
        matches!(self.what, What::Code(59 | 115 | 238))
    }
}

/// Why no server was found, without all that the driver knows of the servers: `no server answers: Connection refused`.
fn in_short(message: &str) -> String {
    let causes = message.split("Error: Kind: ").skip(1).filter_map(|rest| rest.split(", labels: ").next());
    let mut causes: Vec<&str> = causes.collect();
    causes.dedup();
    if causes.is_empty() { message.to_owned() } else { format!("no server answers: {}", causes.join("; ")) }
}

fn named(code: i32, name: &str, message: &str) -> String {
    if name.is_empty() { format!("{message} (code {code})") } else { format!("{message} (code {code}, {name})") }
}

/// What follows, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    kind: Kind,
    advice: &'static str,
}

/// What follows of a problem. A number that is not known here may pass: the log repeats it until somebody looks.
fn judge(problem: &Problem) -> Verdict {
    let lasting = |advice| Verdict { kind: Kind::Lasting, advice };
    let passing = |advice| Verdict { kind: Kind::Passing, advice };
    match problem.what {
        What::NoServer if is_about_certificates(&problem.cause) => {
            lasting("give the certificate authority that signed the server's certificate (tlsCAFile in the URL)")
        }
        What::NoServer => passing("check the address, and that the server runs and has a primary"),
        What::Connection => passing("check that the server is up"),
        What::Credentials if problem.cause.contains("expected SCRAM authentication to have completed") => lasting(
            "the server takes the password and does not end the exchange as this client expects (FerretDB 1 does so): use \
             a server that does, or keep others from this one and let it ask for no password",
        ),
        What::Credentials | What::Code(18) => lasting("check the user, the password, and the database in authSource"),
        What::Refused => lasting("correct the options, or use another server"),
        What::Code(13 | 8000) => lasting("give the user the right to it"),
        What::Code(11_000 | 11_001 | 12_582) => lasting("another document has the same key"),
        What::Code(59 | 115 | 238) => lasting("this server has no such command: use MongoDB 4.2 or later, or FerretDB"),
        What::Code(73 | 20 | 2 | 9 | 14 | 52 | 57 | 121 | 166 | 10_334 | 17_280) => {
            lasting("what was sent does not fit the server or the collection; look at its validation rules and names")
        }
        What::Code(85 | 86) => lasting(
            "an index on the same fields has another name or other options: drop it, and the one that is needed is made",
        ),
        What::Code(148) => lasting("let the server serve reads of what a majority has (enableMajorityReadConcern)"),
        What::Code(14_031) => passing("the server's disk is full; free some space there"),
        What::Code(10_107 | 13_435 | 13_436 | 10_058 | 189 | 91 | 11_600 | 11_602) => {
            passing("it is no primary now; another one is elected, or this one comes back")
        }
        What::Code(_) | What::Unknown => passing("look into the server's log if it does not pass"),
        What::Concern(79 | 100 | 2 | 9 | 72) => lasting(
            "the servers can't acknowledge a write by a majority and on disk (w: majority, j: true), and without that an \
             answer could be lost: give the set enough members that hold data, with journals",
        ),
        What::Concern(_) => passing("no majority of the servers took the write in time; bring the others back"),
    }
}

/// The driver has one error for all reasons that a server can't be used, with their text.
fn is_about_certificates(cause: &str) -> bool {
    ["invalid peer certificate", "UnknownIssuer", "NotValidForName", "certificate verify failed"]
        .iter()
        .any(|sign| cause.contains(sign))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;
    use mongodb::error::CommandError;

    use super::*;

    const DOING: Doing<'_> = Doing { server: "a:1,b:2", action: "write collection `d.c`" };

    fn failed(what: What, cause: &str) -> MongoError {
        DOING.failed(&Problem { what, cause: cause.to_owned() })
    }

    #[test]
    fn an_error_says_what_where_why_and_what_to_do() {
        let error = failed(What::Code(13), "not authorized on d");
        let sentence = "can't write collection `d.c` at a:1,b:2: not authorized on d; give the user the right to it";
        assert_eq!(error.to_string(), sentence);
        assert_eq!(Fault::from(error), Fault::permanent(sentence));
    }

    #[test]
    fn what_passes_is_told_from_what_somebody_must_mend() {
        for (what, kind) in [
            (What::NoServer, Kind::Passing),
            (What::Connection, Kind::Passing),
            (What::Code(10_107), Kind::Passing),
            (What::Code(189), Kind::Passing),
            (What::Code(14_031), Kind::Passing),
            (What::Code(64), Kind::Passing),
            (What::Code(1), Kind::Passing),
            (What::Unknown, Kind::Passing),
            (What::Concern(64), Kind::Passing),
            (What::Concern(91), Kind::Passing),
            (What::Credentials, Kind::Lasting),
            (What::Code(18), Kind::Lasting),
            (What::Code(13), Kind::Lasting),
            (What::Code(85), Kind::Lasting),
            (What::Code(121), Kind::Lasting),
            (What::Code(148), Kind::Lasting),
            (What::Code(238), Kind::Lasting),
            (What::Concern(100), Kind::Lasting),
            (What::Concern(79), Kind::Lasting),
            (What::Refused, Kind::Lasting),
        ] {
            assert_eq!(failed(what, "x").kind, kind, "{what:?}");
        }
    }

    #[test]
    fn a_wrong_certificate_is_not_tried_again_and_again() {
        let cause =
            "Server selection timeout: No available servers. Topology: { … invalid peer certificate: UnknownIssuer }";
        let error = failed(What::NoServer, cause);
        assert!(!error.is_transient() && error.to_string().contains("tlsCAFile"), "{error}");
    }

    #[test]
    fn what_the_driver_knows_of_the_servers_is_told_in_short() {
        let said = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: a:1, \
                    Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {\"X\"}, source: None, \
                    server response: None } ] }";
        assert_eq!(in_short(said), "no server answers: I/O error: Connection refused (os error 111)");
        assert_eq!(in_short("No primary"), "No primary");
    }

    #[test]
    fn a_missing_majority_is_told_from_one_that_can_never_be() {
        let lost = failed(What::Concern(64), "waiting for replication timed out");
        assert!(lost.is_transient() && lost.to_string().contains("bring the others back"), "{lost}");
        let never = failed(What::Concern(100), "Not enough data-bearing nodes");
        assert!(!never.is_transient() && never.to_string().contains("w: majority, j: true"), "{never}");
    }

    #[test]
    fn the_drivers_error_is_read() {
        let told = doc! {"code": 11_000, "codeName": "DuplicateKey", "errmsg": "E11000 duplicate key"};
        let command: CommandError = mongodb::bson::deserialize_from_document(told.clone()).unwrap();
        let seen = Problem::of(&ErrorKind::Command(command).into());
        assert_eq!(seen, Problem::told(&told, What::Code));
        assert!(seen.is_duplicate());
        assert_eq!(seen.cause, "E11000 duplicate key (code 11000, DuplicateKey)");
        let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(Problem::of(&ErrorKind::Io(cut.into()).into()).what, What::Connection);
        assert!(Problem::told(&doc! {"code": 59.0}, What::Code).is_unknown_command());
    }
}
