//! The backend over topics and a collection as their clients see them: on servers, of a running job over HTTP, or open in
//! this process.

use std::sync::Arc;

use bytes::Bytes;
use flightline_jobs::clients::{CollectionClient, Follower, Partition, TopicClient};
use flightline_jobs::request::{self, RequestId};

use super::{Backend, BackendError};

/// A backend of three clients.
#[derive(Clone, Debug)]
pub struct ClientBackend {
    requests: Arc<dyn TopicClient>,
    responses: Arc<dyn TopicClient>,
    answers: Arc<dyn CollectionClient>,
}

impl ClientBackend {
    /// Where requests go, where answers come, and where answers stay.
    #[must_use]
    pub fn new(
        requests: Arc<dyn TopicClient>,
        responses: Arc<dyn TopicClient>,
        answers: Arc<dyn CollectionClient>,
    ) -> Self {
        Self { requests, responses, answers }
    }
}

impl Backend for ClientBackend {
    fn ask(&self, id: &RequestId, request: Bytes) -> Result<(), BackendError> {
        self.requests.append(id.as_str().as_bytes(), request)?;
        Ok(())
    }

    fn answer(&self, id: &RequestId) -> Result<Option<Bytes>, BackendError> {
        Ok(self.answers.get(&request::key(id))?)
    }

    fn follow(&self) -> Result<Box<dyn Follower>, BackendError> {
        Ok(Arc::clone(&self.responses).follow()?)
    }

    fn can_ask(&self) -> Result<(), BackendError> {
        self.requests.append_to(Partition(0), Vec::new())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flightline_jobs::clients::{ClientError, EmbeddedStore, TopicShape};

    use super::*;

    const UUID: &str = "6BF3D6F0-7B07-4A43-9F3A-2F6A0D4C1F77";

    /// A collection with the key of [`UUID`], or one that fails.
    #[derive(Debug)]
    struct Held(Option<ClientError>);

    impl CollectionClient for Held {
        fn name(&self) -> &str {
            "held"
        }

        fn get(&self, id: &str) -> Result<Option<Bytes>, ClientError> {
            self.0.clone().map_or_else(|| Ok((id == UUID.to_lowercase()).then(|| Bytes::from_static(b"{}"))), Err)
        }
    }

    fn backend(fault: Option<ClientError>) -> (tempfile::TempDir, ClientBackend) {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        let topic = store.topic("asked-and-answered", &TopicShape::whole(2)).unwrap();
        (folder, ClientBackend::new(topic.clone(), topic, Arc::new(Held(fault))))
    }

    #[test]
    fn what_is_asked_is_appended_and_what_is_appended_is_followed() {
        let (_folder, backend) = backend(None);
        let id = RequestId::parse(UUID).unwrap();
        backend.can_ask().unwrap();
        let mut follower = backend.follow().unwrap();
        backend.ask(&id, Bytes::from_static(b"x")).unwrap();
        let came = follower.next(usize::MAX, Duration::from_secs(30)).unwrap();
        assert_eq!(came.records.iter().map(|record| &*record.payload).collect::<Vec<_>>(), [b"x"]);
        assert_eq!(backend.answer(&id), Ok(Some(Bytes::from_static(b"{}"))), "by its key, however it is spelt");
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let [address, action, cause] = ["a", "b", "c"].map(str::to_owned);
        let away = ClientError::Unreachable { address: address.clone(), cause };
        let [kind, sentence] = ["d", "e"].map(str::to_owned);
        let no = ClientError::Refused { address, action, status: 416, kind, sentence };
        let id = RequestId::parse(UUID).unwrap();
        assert!(matches!(backend(Some(away)).1.answer(&id), Err(BackendError::Unavailable(_))));
        assert!(matches!(backend(Some(no)).1.answer(&id), Err(BackendError::Refused(_))));
    }
}
