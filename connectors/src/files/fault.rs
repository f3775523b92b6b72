//! What a store's error means for a running job: try again, or stop and mend something.
//!
//! Whatever may pass by itself, or by somebody's doing while the job waits (a full disk, too), is transient.

use std::error::Error as StdError;
use std::io;

use flightline_engine::contract::Fault;

use super::error::{explain, innermost, io_cause};

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
    match error {
        Store::PermissionDenied { .. } => permanent("permission is denied; give the job's account the right to it"),
        Store::Unauthenticated { .. } => permanent("the store does not accept the credentials; check them"),
        Store::NotSupported { .. } | Store::NotImplemented { .. } => {
            permanent(&format!("{}; choose another kind of store", innermost(error)))
        }
        Store::InvalidPath { .. } => permanent(&format!("{}; choose another name", innermost(error))),
        Store::UnknownConfigurationKey { .. } => permanent(&format!("{}; correct the setting", innermost(error))),
        // A folder that was never made is an empty listing, so this is the bucket or the host's root.
        Store::NotFound { .. } if action == LIST => permanent("there is no such bucket or folder; create it"),
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
        let cause = innermost(error);
        return if is_hdfs_refusal(error) {
            Fault::permanent(format!("can't {action} `{name}`: {cause}; give the job's account the right to it"))
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

/// HDFS has one kind of error for all that its name node says; the text tells what it was.
fn is_hdfs_refusal(error: &(dyn StdError + 'static)) -> bool {
    innermost(error).contains("AccessControlException")
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

    #[test]
    fn what_may_pass_is_tried_again() {
        for error in [
            of_io(io::ErrorKind::StorageFull),
            of_io(io::ErrorKind::ConnectionRefused),
            of_io(io::ErrorKind::TimedOut),
            of_text("503 Slow Down"),
            of_text("org.apache.hadoop.hdfs.server.namenode.SafeModeException"),
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
            of_text("org.apache.hadoop.security.AccessControlException: Permission denied: user=a"),
            Store::PermissionDenied { path: "a".to_owned(), source: source() },
            Store::Unauthenticated { path: "a".to_owned(), source: source() },
            Store::NotFound { path: "a".to_owned(), source: source() },
        ] {
            let fault = fault(LIST, "s3://b/a", &error);
            assert!(matches!(fault, Fault::Permanent(_)) && fault.to_string().contains("`s3://b/a`"), "{fault}");
        }
    }

    #[test]
    fn a_put_that_finds_no_place_may_find_one_later() {
        // HDFS says so when another writer's cleaning took the temporary away.
        let gone = Store::NotFound { path: "a".to_owned(), source: "no".into() };
        assert!(matches!(fault(WRITE, "a", &gone), Fault::Transient(_)));
    }
}
