//! A file of any length, written piece by piece under a staging name and renamed when it is complete; for one writer who
//! waits for each piece. What had the name is replaced.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use hdfs_native::file::FileWriter;
use hdfs_native::{HdfsError, WriteOptions};
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::create::Staged;
use super::{HdfsStore, errors};

/// A file in the making.
pub(super) struct Upload {
    store: HdfsStore,
    file: String,
    staged: Staged,
    /// Taken when the file is complete.
    writer: Arc<Mutex<Option<FileWriter>>>,
}

type Done<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Upload {
    /// Starts a file.
    ///
    /// # Errors
    /// HDFS refuses it, or does not answer.
    pub(super) async fn start(store: &HdfsStore, file: String) -> Result<Self> {
        let client = store.lock().client.clone();
        let staged = Staged::new(&file, &client, &store.shared.io);
        let replication = store.shared.options.hdfs.replication;
        let options = WriteOptions { replication, ..WriteOptions::default() };
        let limit = store.limit();
        let created = timeout(limit, client.create(&staged.name, options)).await;
        let writer = created.map_err(|_| errors::silent(limit))?.map_err(errors::of_call)?;
        Ok(Self { store: store.clone(), file, staged, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    async fn finish(&mut self) -> Result<()> {
        let Some(mut writer) = self.writer.lock().await.take() else { return Err(over()) };
        match writer.hsync().await {
            Ok(()) | Err(HdfsError::UnsupportedFeature(_)) => {}
            Err(error) => return Err(errors::of_call(error)),
        }
        writer.close().await.map_err(errors::of_call)?;
        self.staged.rename_to(&self.file, true).await
    }
}

fn over() -> object_store::Error {
    errors::of_call(HdfsError::OperationFailed("the upload is over already".to_owned()))
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let (writer, limit) =
            (Arc::clone(&self.writer), self.store.shared.options.allowance(payload.content_length() as u64));
        Box::pin(async move {
            let mut writer = writer.lock().await;
            let writer = writer.as_mut().ok_or_else(over)?;
            let write = async {
                for bytes in payload {
                    writer.write_bytes(bytes).await?;
                }
                Ok(())
            };
            timeout(limit, write).await.map_err(|_| errors::silent(limit))?.map_err(errors::of_call)
        })
    }

    fn complete<'a, 'b>(&'a mut self) -> Done<'b, PutResult>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let limit = self.store.limit();
            timeout(limit, self.finish()).await.map_err(|_| errors::silent(limit))??;
            Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
        })
    }

    fn abort<'a, 'b>(&'a mut self) -> Done<'b, ()>
    where
        'a: 'b,
        Self: 'b,
    {
        // The staging file goes when this is dropped.
        Box::pin(async move {
            self.writer.lock().await.take();
            Ok(())
        })
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Upload").field("file", &self.file).finish_non_exhaustive()
    }
}
