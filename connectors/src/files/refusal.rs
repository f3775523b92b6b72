//! What a NameNode says by the names of Java's exceptions: whether it helps to try again, and what to do about it.

use std::error::Error as StdError;

/// A server's no, in words for the person who runs the job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{told}; {remedy}")]
pub(crate) struct Refusal {
    /// Whether it stays a no until somebody has done something about it.
    pub(crate) is_permanent: bool,
    /// What the server said.
    told: String,
    /// What to do.
    remedy: &'static str,
}

impl Refusal {
    /// A no that stays.
    #[cfg_attr(not(feature = "hdfs"), allow(dead_code, reason = "only HDFS speaks so"))]
    pub(crate) fn permanent(told: impl Into<String>, remedy: &'static str) -> Self {
        Self { is_permanent: true, told: told.into(), remedy }
    }

    /// A no for now.
    #[cfg_attr(not(feature = "hdfs"), allow(dead_code, reason = "only HDFS speaks so"))]
    pub(crate) fn transient(told: impl Into<String>, remedy: &'static str) -> Self {
        Self { is_permanent: false, told: told.into(), remedy }
    }

    /// What a Java exception of Hadoop means; its message is a whole stack trace.
    #[cfg_attr(not(feature = "hdfs"), allow(dead_code, reason = "only HDFS speaks so"))]
    pub(crate) fn of_exception(class: &str, message: &str) -> Self {
        let told = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(class);
        let told = told.strip_prefix(class).map_or(told, |rest| rest.trim_start_matches([':', ' ']));
        let name = class.rsplit(['.', '$']).next().unwrap_or(class);
        match name {
            "AccessControlException" | "AuthorizationException" => {
                Self::permanent(told, "give the job's account the right to it, or name another account")
            }
            "NSQuotaExceededException"
            | "DSQuotaExceededException"
            | "QuotaByStorageTypeExceededException"
            | "QuotaExceededException"
            | "ClusterStorageCapacityExceededException" => {
                let remedy = "the quota is used up (HDFS wants room for a whole block): remove files, or raise it with \
                              `hdfs dfsadmin -setQuota` or `-setSpaceQuota`, and start again";
                Self::permanent(told, remedy)
            }
            "ParentNotDirectoryException" | "PathIsNotDirectoryException" => {
                Self::permanent(told, "a part of the path is a file, not a folder: choose another path")
            }
            "InvalidPathException"
            | "PathComponentTooLongException"
            | "IllegalArgumentException"
            | "HadoopIllegalArgumentException" => Self::permanent(told, "choose another name"),
            "MaxDirectoryItemsExceededException" => Self::permanent(told, "the folder is full: choose another"),
            "SnapshotAccessControlException" | "UnsupportedOperationException" => {
                Self::permanent(told, "choose another folder")
            }
            "SaslException" | "GSSException" | "InvalidToken" | "AccessControlIOException" => {
                Self::permanent(told, "the account isn't proved: check its Kerberos ticket or keytab")
            }
            "SafeModeException" => {
                Self::transient(told, "the NameNode takes no changes in safe mode: see `hdfs dfsadmin -safemode get`")
            }
            "StandbyException" => Self::transient(told, "no NameNode is active: check the name service"),
            _ if told.contains("could only be written to 0 of") => {
                Self::transient(told, "check that a DataNode is up, can be reached and has room")
            }
            _ => Self::transient(told, "check the NameNode's log if it stays so"),
        }
    }

    /// The refusal that led to an error, if one did.
    pub(crate) fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        std::iter::from_fn(move || {
            let error = next?;
            next = error.source();
            Some(error)
        })
        .find_map(|cause| cause.downcast_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_told_in_one_line_without_its_stack() {
        let class = "org.apache.hadoop.hdfs.protocol.NSQuotaExceededException";
        let message = "The NameSpace quota (directories and files) of directory /q is exceeded: quota=1 file count=2\n\
                       \tat org.apache.hadoop.hdfs.server.namenode.X.verify(X.java:193)\n";
        let refusal = Refusal::of_exception(class, message);
        assert!(refusal.is_permanent);
        let told = refusal.to_string();
        assert!(
            told.contains("quota=1 file count=2") && told.contains("-setQuota") && !told.contains(".java"),
            "{told}"
        );
    }

    #[test]
    fn what_may_pass_is_told_apart_from_what_stays() {
        for (class, is_permanent) in [
            ("org.apache.hadoop.security.AccessControlException", true),
            ("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", true),
            ("org.apache.hadoop.fs.ParentNotDirectoryException", true),
            ("org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException", true),
            ("org.apache.hadoop.security.token.SecretManager$InvalidToken", true),
            ("org.apache.hadoop.hdfs.server.namenode.SafeModeException", false),
            ("org.apache.hadoop.ipc.RetriableException", false),
            ("org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException", false),
            ("java.io.IOException", false),
        ] {
            let refusal = Refusal::of_exception(class, &format!("{class}: no"));
            assert_eq!(refusal.is_permanent, is_permanent, "{class}");
            assert!(refusal.to_string().starts_with("no; "), "{refusal}");
        }
    }
}
