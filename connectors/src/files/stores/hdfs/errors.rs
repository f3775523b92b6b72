//! Errors of the client of HDFS as those of a store.

use std::io;
use std::time::Duration;

use hdfs_native::HdfsError;
use object_store::Error as StoreError;

use super::STORE;
use crate::files::refusal::Refusal;

/// What went wrong in a call.
pub(super) fn of_call(error: HdfsError) -> StoreError {
    let refused = |refusal: Refusal| StoreError::Generic { store: STORE, source: Box::new(refusal) };
    match error {
        HdfsError::FileNotFound(path) => {
            StoreError::NotFound { path: path.clone(), source: Box::new(HdfsError::FileNotFound(path)) }
        }
        HdfsError::AlreadyExists(path) => {
            StoreError::AlreadyExists { path: path.clone(), source: Box::new(HdfsError::AlreadyExists(path)) }
        }
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => match class.as_str() {
            "java.io.FileNotFoundException" => {
                let source = Box::new(Refusal::of_exception(&class, &message));
                StoreError::NotFound { path: String::new(), source }
            }
            _ => refused(Refusal::of_exception(&class, &message)),
        },
        HdfsError::IOError(error) => StoreError::Generic { store: STORE, source: Box::new(error) },
        HdfsError::SASLError(_) | HdfsError::GSSAPIError(..) | HdfsError::NoSASLMechanism => {
            refused(Refusal::permanent(error.to_string(), "check the account's Kerberos ticket or keytab"))
        }
        HdfsError::InvalidArgument(cause) if cause.contains("No NameNode hosts") => refused(Refusal::permanent(
            "the name service is not known",
            "name a host and a port, or the folder of the Hadoop configuration (HADOOP_CONF_DIR), whose hdfs-site.xml \
             lists the service's NameNodes",
        )),
        HdfsError::InvalidArgument(cause) if cause.contains("fs.defaultFS") => refused(Refusal::permanent(
            "the URL has no host, and no Hadoop configuration says fs.defaultFS",
            "name the host, or the folder of the Hadoop configuration (HADOOP_CONF_DIR)",
        )),
        HdfsError::InvalidPath(_) | HdfsError::InvalidArgument(_) | HdfsError::UrlParseError(_) => {
            refused(Refusal::permanent(error.to_string(), "correct the URL"))
        }
        HdfsError::XmlParseError(_) => {
            refused(Refusal::permanent(error.to_string(), "correct the files of the Hadoop configuration"))
        }
        HdfsError::UnsupportedFeature(_) | HdfsError::UnsupportedErasureCodingPolicy(_) => {
            refused(Refusal::permanent(error.to_string(), "choose another folder"))
        }
        HdfsError::DataTransferError(_) | HdfsError::BlocksNotFound(_) | HdfsError::ChecksumError => {
            refused(Refusal::transient(error.to_string(), "check that the DataNodes are up and can be reached"))
        }
        other => StoreError::Generic { store: STORE, source: Box::new(other) },
    }
}

/// Nobody answered.
pub(super) fn silent(limit: Duration) -> StoreError {
    let cause = format!("there was no answer within {} s", limit.as_secs_f32());
    StoreError::Generic { store: STORE, source: Box::new(io::Error::new(io::ErrorKind::TimedOut, cause)) }
}
