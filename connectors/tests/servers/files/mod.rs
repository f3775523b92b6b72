//! Files in HDFS and on a server of the S3 protocol.

mod crashes;
mod faults;
mod listing;
mod raw;
mod refusals;
mod suites;
mod uploads;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use flightline_connectors::files::{S3Access, S3Options, StoreOptions, Stores};

use super::addresses::address;

/// Both kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hdfs,
    S3,
}

impl Kind {
    /// A folder that nobody else uses.
    pub(crate) fn folder(self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("connectors-{now}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        match self {
            Self::Hdfs => format!("{}/tests/{name}", address("HDFS_URL")),
            Self::S3 => format!("s3://{}/tests/{name}", address("S3_BUCKET")),
        }
    }

    /// Another process's stores, each time.
    pub(crate) fn stores(self) -> Stores {
        Stores::with_options(self.options()).unwrap()
    }

    fn options(self) -> StoreOptions {
        match self {
            Self::Hdfs => StoreOptions::default(),
            Self::S3 => {
                let (key_id, secret) = (address("S3_ACCESS_KEY_ID"), address("S3_SECRET_ACCESS_KEY"));
                let access = Some(S3Access { key_id, secret });
                let s3 = S3Options { endpoint: Some(address("S3_ENDPOINT")), region: None, access };
                StoreOptions { s3, ..StoreOptions::default() }
            }
        }
    }
}
