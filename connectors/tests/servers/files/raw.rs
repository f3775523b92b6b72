//! The stores as others see and use them: without anything of ours in between.

use std::sync::OnceLock;

use bytes::Bytes;
use hdfs_native::{Client, ClientBuilder, WriteOptions};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

use super::Kind;
use crate::addresses::address;

/// The threads of these clients.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// The path of a URL.
pub(crate) fn path_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split_once('/').map_or_else(String::new, |(_, path)| format!("/{path}"))
}

/// A client of the NameNode that a URL names.
pub(crate) fn hdfs(url: &str) -> Client {
    let host = url.trim_end_matches(&path_of(url)).to_owned();
    ClientBuilder::new().with_url(host).with_io_runtime(runtime().handle().clone()).build().unwrap()
}

fn s3() -> AmazonS3 {
    // Its transport takes the process's cryptography. An error says that there is one already.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let builder = AmazonS3Builder::new().with_endpoint(address("S3_ENDPOINT")).with_allow_http(true);
    let builder = builder.with_bucket_name(address("S3_BUCKET")).with_access_key_id(address("S3_ACCESS_KEY_ID"));
    builder.with_secret_access_key(address("S3_SECRET_ACCESS_KEY")).build().unwrap()
}

/// Puts an object, in the place of what is there, in one step.
pub(crate) fn replace(kind: Kind, url: &str, bytes: Bytes) {
    match kind {
        Kind::S3 => _ = runtime().block_on(s3().put(&Path::from(path_of(url)), bytes.into())).unwrap(),
        Kind::Hdfs => runtime().block_on(async {
            let (client, path) = (hdfs(url), path_of(url));
            let new = format!("{path}._COPYING_");
            let mut writer = client.create(&new, WriteOptions::default().overwrite(true)).await.unwrap();
            writer.write_bytes(bytes).await.unwrap();
            writer.close().await.unwrap();
            client.rename(&new, &path, true).await.unwrap();
        }),
    }
}

/// Leaves a file as a writer does that is killed: it isn't closed, and its lease is held.
pub(crate) fn left_behind(url: &str, bytes: &'static [u8]) {
    runtime().block_on(async {
        let mut writer = hdfs(url).create(&path_of(url), WriteOptions::default()).await.unwrap();
        writer.write_bytes(Bytes::from_static(bytes)).await.unwrap();
        writer.hsync().await.unwrap();
        // Even the client goes on to renew the lease.
        std::mem::forget(writer);
    });
}

/// All names right in a folder, hidden ones too, sorted.
pub(crate) fn names(kind: Kind, url: &str) -> Vec<String> {
    let mut names: Vec<String> = match kind {
        Kind::S3 => {
            let _stores = kind.stores();
            let listing = runtime().block_on(s3().list_with_delimiter(Some(&Path::from(path_of(url))))).unwrap();
            listing.objects.iter().filter_map(|object| object.location.filename()).map(str::to_owned).collect()
        }
        Kind::Hdfs => {
            let listing = runtime().block_on(hdfs(url).list_status(&path_of(url), false)).unwrap();
            listing.iter().filter_map(|status| status.path.rsplit('/').next()).map(str::to_owned).collect()
        }
    };
    names.sort();
    names
}
