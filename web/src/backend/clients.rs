//! The backend over topics and a collection as their clients see them: of a running job over HTTP, or open in this process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_jobs::clients::{self, ClientError, CollectionClient, TopicClient};
use flightline_jobs::request::{self, RequestId};

use super::{Backend, BackendError, Offset, Partition, ResponseLine};

/// About how many bytes are read at once.
const AT_ONCE: usize = 4 << 20;

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
        self.requests.append(id.as_str().as_bytes(), request).map(|_| ()).map_err(failed)
    }

    fn answer(&self, id: &RequestId) -> Result<Option<Bytes>, BackendError> {
        self.answers.get(&request::key(id)).map_err(failed)
    }

    fn response_partitions(&self) -> Result<u32, BackendError> {
        self.responses.partitions().map_err(failed)
    }

    fn response_end(&self, partition: Partition) -> Result<Offset, BackendError> {
        let bounds = self.responses.bounds(of_log(partition)).map_err(failed)?;
        Ok(Offset(bounds.to.0))
    }

    fn responses(&self, partition: Partition, from: Offset, wait: Duration) -> Result<Vec<ResponseLine>, BackendError> {
        let at = of_log(partition);
        match self.responses.read(at, clients::Offset(from.0), AT_ONCE, wait) {
            Ok(records) => Ok(records
                .into_iter()
                .map(|record| ResponseLine { offset: Offset(record.offset.0), payload: record.payload })
                .collect()),
            Err(error) if error.is_transient() => Err(failed(error)),
            // What refuses may have another log than the one that was read until now.
            Err(error) => match self.responses.bounds(at) {
                Ok(bounds) if from.0 < bounds.from.0 || from.0 > bounds.to.0 => {
                    Err(BackendError::Gone { partition, offset: from })
                }
                Ok(_) | Err(_) => Err(failed(error)),
            },
        }
    }
}

fn of_log(partition: Partition) -> clients::Partition {
    clients::Partition(partition.0)
}

fn failed(error: ClientError) -> BackendError {
    let sentence = error.to_string();
    if error.is_transient() || error.is_uncertain() {
        BackendError::Unavailable(sentence)
    } else {
        BackendError::Refused(sentence)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use flightline_jobs::clients::{LogRecord, OffsetRange};

    use super::*;

    const UUID: &str = "6BF3D6F0-7B07-4A43-9F3A-2F6A0D4C1F77";

    /// A topic of one partition that holds what stands from some offset on, and a collection with the key of [`UUID`].
    #[derive(Debug, Default)]
    struct Held {
        first: u64,
        records: Mutex<Vec<Bytes>>,
        fault: Mutex<Option<ClientError>>,
    }

    impl Held {
        fn healthy(&self) -> Result<(), ClientError> {
            self.fault.lock().unwrap().clone().map_or(Ok(()), Err)
        }
    }

    impl TopicClient for Held {
        fn name(&self) -> &str {
            "held"
        }

        fn partitions(&self) -> Result<u32, ClientError> {
            self.healthy().map(|()| 1)
        }

        fn append_to(&self, _: clients::Partition, records: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
            self.healthy()?;
            let mut held = self.records.lock().unwrap();
            held.extend(records);
            let end = clients::Offset(self.first + held.len() as u64);
            Ok(OffsetRange::new(clients::Offset(end.0 - 1), end))
        }

        fn read(
            &self,
            partition: clients::Partition,
            from: clients::Offset,
            _: usize,
            _: Duration,
        ) -> Result<Vec<LogRecord>, ClientError> {
            self.healthy()?;
            let bounds = self.bounds(partition)?;
            if from < bounds.from || from > bounds.to {
                return Err(refused());
            }
            let held = self.records.lock().unwrap().clone();
            let records = held.into_iter().zip(self.first..).skip((from.0 - self.first) as usize);
            Ok(records.map(|(payload, at)| LogRecord { offset: clients::Offset(at), payload }).collect())
        }

        fn bounds(&self, _: clients::Partition) -> Result<OffsetRange, ClientError> {
            let end = self.first + self.records.lock().unwrap().len() as u64;
            Ok(OffsetRange::new(clients::Offset(self.first), clients::Offset(end)))
        }
    }

    impl CollectionClient for Held {
        fn name(&self) -> &str {
            "held"
        }

        fn get(&self, id: &str) -> Result<Option<Bytes>, ClientError> {
            Ok((id == UUID.to_lowercase()).then(|| Bytes::from_static(b"{}")))
        }
    }

    fn refused() -> ClientError {
        let [address, action, kind, sentence] = ["a", "read", "bounds", "no"].map(str::to_owned);
        ClientError::Refused { address, action, status: 416, kind, sentence }
    }

    fn backend(first: u64) -> (Arc<Held>, ClientBackend) {
        let held = Arc::new(Held { first, ..Held::default() });
        let backend = ClientBackend::new(held.clone(), held.clone(), held.clone());
        (held, backend)
    }

    #[test]
    fn what_is_asked_is_appended_and_what_is_appended_is_read() {
        let (_, backend) = backend(10);
        let id = RequestId::parse(UUID).unwrap();
        assert_eq!(backend.response_end(Partition(0)), Ok(Offset(10)));
        backend.ask(&id, Bytes::from_static(b"x")).unwrap();
        let line = ResponseLine { offset: Offset(10), payload: Bytes::from_static(b"x") };
        assert_eq!(backend.responses(Partition(0), Offset(10), Duration::ZERO), Ok(vec![line]));
        assert_eq!(backend.responses(Partition(0), Offset(11), Duration::ZERO), Ok(Vec::new()));
        assert_eq!(backend.answer(&id), Ok(Some(Bytes::from_static(b"{}"))), "by its key, however it is spelt");
    }

    #[test]
    fn beyond_either_end_is_gone_and_other_refusals_are_not() {
        let (held, backend) = backend(10);
        for offset in [Offset(9), Offset(11)] {
            let gone = BackendError::Gone { partition: Partition(0), offset };
            assert_eq!(backend.responses(Partition(0), offset, Duration::ZERO), Err(gone));
        }
        *held.fault.lock().unwrap() = Some(refused());
        let refusal = backend.responses(Partition(0), Offset(10), Duration::ZERO);
        assert!(matches!(refusal, Err(BackendError::Refused(_))), "{refusal:?}");
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let (held, backend) = backend(0);
        let [address, cause] = ["a", "b"].map(str::to_owned);
        *held.fault.lock().unwrap() = Some(ClientError::Unreachable { address, cause });
        assert!(matches!(backend.response_partitions(), Err(BackendError::Unavailable(_))));
        let id = RequestId::parse(UUID).unwrap();
        *held.fault.lock().unwrap() = Some(refused());
        assert!(matches!(backend.ask(&id, Bytes::new()), Err(BackendError::Refused(_))));
    }
}
