//! What a store's error means for a running job: try again, or stop and mend something.
//!
//! Whatever may pass by itself, or by somebody's doing while the job waits (a full disk, too), is transient.

use std::io;

use flightline_engine::contract::Fault;

use super::error::{explain, innermost, io_cause};
use super::refusal::Refusal;

/// The action of creating an object.
pub(crate) const WRITE: &str = "write";
/// The action of asking for an object's bytes.
pub(crate) const READ: &str = "read";
/// The action of asking what is in a folder.
pub(crate) const LIST: &str = "list";
/// The action of deleting an object.
pub(crate) const DELETE: &str = "delete";

/// Makes a fault of a store's error; `name` is the object as the user would type it.
pub(crate) fn fault(action: &str, name: &str, error: &object_store::Error) -> Fault {
    use object_store::Error as Store;
    let permanent = |cause: &str| Fault::permanent(format!("can't {action} `{name}`: {cause}"));
    if let Some(refusal) = Refusal::behind(error) {
        let sentence = format!("can't {action} `{name}`: {refusal}");
        return if refusal.is_permanent { Fault::permanent(sentence) } else { Fault::transient(sentence) };
    }
    match error {
        Store::PermissionDenied { .. } => permanent("permission is denied; give the job's account the right to it"),
        Store::Unauthenticated { .. } => permanent("the store does not accept the credentials; check them"),
        Store::NotSupported { .. } | Store::NotImplemented { .. } => {
            permanent(&format!("{}; choose another kind of store", innermost(error)))
        }
        Store::InvalidPath { .. } => permanent(&format!("{}; choose another name", innermost(error))),
        Store::UnknownConfigurationKey { .. } => permanent(&format!("{}; correct the setting", innermost(error))),
        // A folder that was never made is an empty listing, and is made by a put, so this is the bucket or the root.
        Store::NotFound { .. } if [LIST, WRITE].contains(&action) => {
            permanent("there is no such bucket or folder; create it")
        }
        other => of_cause(action, name, other),
    }
}

/// A request that took longer than anybody should wait.
pub(crate) fn too_late(action: &str, name: &str, seconds: u64) -> Fault {
    Fault::transient(format!(
        "can't {action} `{name}`: the store did not answer within {seconds} s; check that it is up and can be reached"
    ))
}

fn of_cause(action: &str, name: &str, error: &object_store::Error) -> Fault {
    let Some(cause) = io_cause(error) else {
        let cause = without_markup(&innermost(error));
        return if is_wrong_region(&cause) {
            Fault::permanent(format!("can't {action} `{name}`: {cause}; name the bucket's region (AWS_REGION)"))
        } else if cause.contains("NoSuchBucket") {
            Fault::permanent(format!("can't {action} `{name}`: there is no such bucket; create it"))
        } else {
            Fault::transient(format!("can't {action} `{name}`: {cause}; check that the store is up and can be reached"))
        };
    };
    match cause.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::FileTooLarge
        | io::ErrorKind::InvalidFilename => Fault::permanent(format!("can't {action} `{name}`: {}", explain(cause))),
        io::ErrorKind::StorageFull => {
            Fault::transient(format!("can't {action} `{name}`: the disk is full; free some space"))
        }
        io::ErrorKind::QuotaExceeded => {
            Fault::transient(format!("can't {action} `{name}`: the disk quota is used up; free some space or raise it"))
        }
        _ => Fault::transient(format!("can't {action} `{name}`: {cause}; check that the store is up")),
    }
}

/// What a server of the S3 protocol says: the code and the sentence of the XML that it sends.
fn without_markup(cause: &str) -> String {
    let inside = |tag: &str| {
        let (_, rest) = cause.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(text, _)| text)
    };
    match (cause.split_once('<'), inside("Code"), inside("Message")) {
        (Some((before, _)), Some(code), Some(message)) => format!("{before}{code}, {message}"),
        _ => cause.to_owned(),
    }
}

/// S3 sends whoever asks in the wrong region elsewhere, but does not say where; only the text of the error tells.
fn is_wrong_region(cause: &str) -> bool {
    cause.contains("incorrectly configured region")
}

#[cfg(test)]
mod tests {
    use object_store::Error as Store;

    use super::*;

    fn of_io(kind: io::ErrorKind) -> Store {
        Store::Generic { store: "X", source: Box::new(io::Error::from(kind)) }
    }

    fn of_text(text: &str) -> Store {
        Store::Generic { store: "X", source: text.to_owned().into() }
    }

    fn of_exception(class: &str) -> Store {
        Store::Generic { store: "X", source: Box::new(Refusal::of_exception(class, "no")) }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for error in [
            of_io(io::ErrorKind::StorageFull),
            of_io(io::ErrorKind::ConnectionRefused),
            of_io(io::ErrorKind::TimedOut),
            of_text("503 Slow Down"),
            of_exception("org.apache.hadoop.hdfs.server.namenode.SafeModeException"),
        ] {
            let fault = fault(WRITE, "s3://b/a", &error);
            assert!(matches!(fault, Fault::Transient(_)) && fault.to_string().contains("`s3://b/a`"), "{fault}");
        }
        assert!(matches!(too_late(READ, "a", 5), Fault::Transient(_)));
    }

    #[test]
    fn what_somebody_must_mend_stops_the_job() {
        let source = || "no".into();
        for error in [
            of_io(io::ErrorKind::PermissionDenied),
            of_io(io::ErrorKind::NotADirectory),
            of_exception("org.apache.hadoop.security.AccessControlException"),
            of_exception("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"),
            of_text("Received redirect without LOCATION, this normally indicates an incorrectly configured region"),
            Store::PermissionDenied { path: "a".to_owned(), source: source() },
            Store::Unauthenticated { path: "a".to_owned(), source: source() },
            Store::NotFound { path: "a".to_owned(), source: source() },
        ] {
            let fault = fault(LIST, "s3://b/a", &error);
            assert!(matches!(fault, Fault::Permanent(_)) && fault.to_string().contains("`s3://b/a`"), "{fault}");
        }
    }

    #[test]
    fn what_a_server_says_in_xml_is_told_in_words() {
        let said = "Server returned non-2xx status code: 503 Slow Down: <?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code>\
                    <Message>Please reduce your rate</Message><RequestId>x</RequestId></Error>";
        let told = fault(LIST, "s3://b/a", &of_text(said)).to_string();
        assert!(told.contains("503 Slow Down: SlowDown, Please reduce your rate;"), "{told}");
        let said = said.replace("SlowDown", "NoSuchBucket");
        assert!(matches!(fault(LIST, "s3://b/a", &of_text(&said)), Fault::Permanent(_)));
    }

    #[test]
    fn a_put_into_a_bucket_that_is_not_there_waits_for_nothing() {
        let gone = Store::NotFound { path: "a".to_owned(), source: "no".into() };
        assert!(matches!(fault(WRITE, "s3://b/a", &gone), Fault::Permanent(_)));
    }
}
