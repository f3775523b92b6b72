//! Reading a file of HDFS.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use hdfs_native::client::FileStatus;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, GetResult, GetResultPayload, ObjectMeta, Result};
use tokio::time::timeout;

use super::{HdfsStore, STORE, errors, file_of};

/// What is asked of a file.
pub(super) async fn get(store: &HdfsStore, location: &Path, options: GetOptions) -> Result<GetResult> {
    let (file, limit) = (file_of(location), store.limit());
    let status = store.call(limit, async |client| client.get_file_info(&file).await).await?;
    if status.isdir {
        return Err(StoreError::NotFound { path: file, source: "it is a folder".into() });
    }
    let meta = about(&status, location.clone())?;
    options.check_preconditions(&meta)?;
    let found = |payload: BoxStream<'static, Result<bytes::Bytes>>, range, meta| GetResult {
        payload: GetResultPayload::Stream(payload),
        meta,
        range,
        attributes: Default::default(),
        extensions: Default::default(),
    };
    if options.head {
        return Ok(found(futures::stream::empty().boxed(), 0..0, meta));
    }
    let range =
        options.range.map(|range| range.as_range(meta.size)).transpose().map_err(unfit)?.unwrap_or(0..meta.size);
    let reader = store.call(limit, async |client| client.read(&file).await).await?;
    // Whoever asks for bytes that the file no longer has makes the client panic.
    if reader.file_length() as u64 != meta.size {
        let source = format!("it had {} bytes, and has {}", meta.size, reader.file_length()).into();
        return Err(StoreError::Precondition { path: file, source });
    }
    let (from, to) = (usize::try_from(range.start).map_err(unfit)?, usize::try_from(range.end).map_err(unfit)?);
    let bytes = reader.read_range_stream(from, to.saturating_sub(from)).boxed();
    Ok(found(in_time(bytes, limit), range, meta))
}

/// Each piece has its own limit.
fn in_time<T: Send + 'static>(
    pieces: BoxStream<'static, hdfs_native::Result<T>>,
    limit: Duration,
) -> BoxStream<'static, Result<T>> {
    let next = move |pieces: Option<BoxStream<'static, hdfs_native::Result<T>>>| async move {
        let mut pieces = pieces?;
        match timeout(limit, pieces.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(pieces))),
            Ok(Some(Err(error))) => Some((Err(errors::of_call(error)), None)),
            Err(_) => Some((Err(errors::silent(limit)), None)),
        }
    };
    futures::stream::unfold(Some(pieces), next).fuse().boxed()
}

/// What the NameNode says of a file.
pub(super) fn about(status: &FileStatus, location: Path) -> Result<ObjectMeta> {
    let changed = i64::try_from(status.modification_time).map_err(unfit)?;
    let last_modified = chrono::DateTime::from_timestamp_millis(changed)
        .ok_or_else(|| unfit(format!("{changed} is no time of a change")))?;
    let size = status.length as u64;
    // Both change whenever the file does, unless that is within a millisecond.
    let e_tag = Some(format!("{changed:x}-{size:x}"));
    Ok(ObjectMeta { location, last_modified, size, e_tag, version: None })
}

fn unfit(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Generic { store: STORE, source: cause.into() }
}
