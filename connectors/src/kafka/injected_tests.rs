//! Errors that brokers return, injected into librdkafka's mock cluster. It proves nothing about transactions (it doesn't
//! keep them apart); the tests against a real broker do.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::contract::{
    Answers, Fault, FlushReason, Guarantee, Item, JobId, OpenSink, PartitionReader, Selects, Sink, SinkBatch, SinkName,
    Source, Standing,
};
use flightline_engine::ids::JobName;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{LogRecord, Offset, Partition, Reached};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Error};

use super::{AnswerHeaders, KafkaCluster, KafkaOptions, KafkaSink, KafkaSinkOptions, KafkaSource, KafkaTopic};
use crate::client::TopicClient;

const HERE: Partition = Partition(0);
const BOTH: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

/// A mock cluster of one broker with the topics of a sink.
struct Mock {
    brokers: MockCluster<'static, DefaultProducerContext>,
    cluster: KafkaCluster,
    sink: KafkaSink,
}

impl Mock {
    fn new(guarantee: Guarantee) -> Self {
        Self::with(guarantee, BTreeMap::new())
    }

    /// With settings of librdkafka.
    fn with(guarantee: Guarantee, properties: BTreeMap<String, String>) -> Self {
        let brokers = MockCluster::new(1).unwrap();
        brokers.create_topic("answers", 2, 1).unwrap();
        brokers.create_topic("flightline-progress-answers", 1, 1).unwrap();
        let cluster = KafkaCluster::new(KafkaOptions {
            brokers: brokers.bootstrap_servers(),
            timeout: Duration::from_secs(3),
            properties,
            ..KafkaOptions::default()
        });
        let cluster = cluster.unwrap();
        let options = KafkaSinkOptions {
            name: SinkName("s".into()),
            job: JobName("job".into()),
            topic: "answers".to_owned(),
            selects: Selects::Answers,
            guarantee,
            headers: AnswerHeaders::default(),
        };
        let sink = KafkaSink::new(cluster.clone(), options);
        sink.adopt(&JobId("job#1".into()), &[(HERE, Offset(0))].into()).unwrap();
        Self { brokers, cluster, sink }
    }

    fn open(&self) -> Result<Box<dyn OpenSink>, Fault> {
        self.sink.open(Generation(1), &[HERE])
    }
}

fn stretch(from: u64, to: u64) -> SinkBatch {
    let item = |offset| Item {
        offset: Offset(offset),
        key: offset.to_string().into(),
        standing: Standing::Final,
        body: Bytes::from_static(b"{}"),
    };
    let reached = Reached::start(Offset(to));
    let answers = Answers { partition: HERE, from: Offset(from), reached, items: (from..to).map(item).collect() };
    SinkBatch { answers: [(HERE, answers)].into() }
}

/// Writes in spite of transient faults; tells how many there were.
fn write_at_last(writer: &mut dyn OpenSink, batch: &SinkBatch) -> Result<u32, Fault> {
    let mut faults = 0;
    loop {
        match writer.write(batch).and_then(|()| writer.flush(FlushReason::Due)) {
            Ok(()) => return Ok(faults),
            Err(Fault::Transient(_)) if faults < 5 => faults += 1,
            Err(fault) => return Err(fault),
        }
    }
}

#[test]
fn what_passes_is_tried_again_until_it_has_passed() {
    let produce = [
        (Api::Produce, Error::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION),
        (Api::Produce, Error::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        (Api::Produce, Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS),
    ];
    let transactions = [
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (Api::AddPartitionsToTxn, Error::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
        (Api::AddPartitionsToTxn, Error::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
    ];
    for guarantee in BOTH {
        let mock = Mock::new(guarantee);
        let mut writer = mock.open().unwrap();
        let mut next = 0;
        let exactly_once = if guarantee == Guarantee::ExactlyOnce { &transactions[..] } else { &[] };
        for (api, error) in produce.iter().chain(exactly_once) {
            mock.brokers.request_errors(*api, &[*error, *error]);
            let faults = write_at_last(&mut *writer, &stretch(next, next + 2)).unwrap();
            assert_eq!(faults, 0, "{error:?}: librdkafka overcomes it by itself");
            next += 2;
            assert_eq!(writer.durable()[&HERE].next, Offset(next));
        }
    }
}

#[test]
fn who_is_fenced_or_broken_begins_anew() {
    let mock = Mock::new(Guarantee::ExactlyOnce);
    let mut writer = mock.open().unwrap();
    let mut next = 0;
    for (api, error) in [
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::AddPartitionsToTxn, Error::RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Api::AddPartitionsToTxn, Error::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE),
        (Api::EndTxn, Error::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING),
    ] {
        mock.brokers.request_errors(api, &[error]);
        let faults = write_at_last(&mut *writer, &stretch(next, next + 2)).unwrap();
        assert!(faults > 0, "{error:?}");
        next += 2;
        assert_eq!(writer.durable()[&HERE].next, Offset(next));
    }
}

#[test]
fn what_somebody_must_mend_is_said() {
    for (guarantee, api, error, advice) in [
        (Guarantee::AtLeastOnce, Api::Produce, Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "allow the user"),
        (Guarantee::ExactlyOnce, Api::Produce, Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "allow the user"),
        (
            Guarantee::ExactlyOnce,
            Api::AddPartitionsToTxn,
            Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            "allow the user",
        ),
        (Guarantee::AtLeastOnce, Api::Produce, Error::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "max.message.bytes"),
        (Guarantee::ExactlyOnce, Api::Produce, Error::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "max.message.bytes"),
    ] {
        let mock = Mock::new(guarantee);
        let mut writer = mock.open().unwrap();
        mock.brokers.request_errors(api, &[error; 8]);
        let Err(Fault::Permanent(why)) = write_at_last(&mut *writer, &stretch(0, 2)) else {
            panic!("{guarantee:?} {api:?} {error:?}");
        };
        assert!(why.0.contains(advice) && why.0.contains("`answers`"), "{why}");
        assert_eq!(writer.durable()[&HERE].next, Offset(0));
    }
}

/// The answer to a commit doesn't come. Its producer is made anew, and what was committed is not sent again.
#[test]
fn a_commit_whose_outcome_is_unknown_is_looked_up() {
    let mock = Mock::new(Guarantee::ExactlyOnce);
    let mut writer = mock.open().unwrap();
    mock.brokers.request_errors(Api::EndTxn, &[Error::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS; 2000]);
    let fault = writer.write(&stretch(0, 2)).unwrap_err();
    assert!(matches!(fault, Fault::Transient(_)), "{fault}");
    assert_eq!(writer.durable()[&HERE].next, Offset(0), "nobody knows");
    mock.brokers.clear_request_errors(Api::EndTxn);
    writer.write(&stretch(0, 2)).unwrap();
    assert_eq!(writer.durable()[&HERE].next, Offset(2));
    // The mock shows what a broker would hide until the commit: it was there, so it was found.
    let topic = KafkaTopic::new(mock.cluster, "answers");
    let held = [HERE, Partition(1)].map(|partition| topic.bounds(partition).unwrap().to.0);
    assert_eq!(held.iter().sum::<u64>(), 2);
}

#[test]
fn opening_waits_for_a_coordinator_and_is_refused_by_one() {
    let mock = Mock::new(Guarantee::ExactlyOnce);
    let passing =
        [Error::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, Error::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS];
    // The first is for whoever announces the life.
    mock.brokers.request_errors(Api::InitProducerId, &passing);
    mock.open().unwrap();
    mock.brokers
        .request_errors(Api::InitProducerId, &[Error::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED; 4]);
    let Err(Fault::Permanent(why)) = mock.open().map(drop) else { panic!("it was let in") };
    assert!(why.0.contains("transactional ids") && why.0.contains("job/answers/0"), "{why}");
}

/// More lines than librdkafka takes at once hold the writer back, and none is refused or lost.
#[test]
fn a_full_queue_holds_the_writer_back() {
    for guarantee in BOTH {
        let few = [("queue.buffering.max.messages".to_owned(), "10".to_owned())];
        let mock = Mock::with(guarantee, few.into());
        let mut writer = mock.open().unwrap();
        writer.write(&stretch(0, 2_000)).unwrap();
        writer.flush(FlushReason::Closing).unwrap();
        assert_eq!(writer.durable()[&HERE].next, Offset(2_000));
        let topic = KafkaTopic::new(mock.cluster, "answers");
        let held = [HERE, Partition(1)].map(|partition| topic.bounds(partition).unwrap().to.0);
        assert_eq!(held.iter().sum::<u64>(), 2_000, "{guarantee:?}");
    }
}

#[test]
fn a_broker_that_goes_away_is_waited_for() {
    for guarantee in BOTH {
        let mock = Mock::new(guarantee);
        let mut writer = mock.open().unwrap();
        writer.write(&stretch(0, 2)).unwrap();
        mock.brokers.broker_down(1).unwrap();
        let fault = writer.write(&stretch(2, 4)).unwrap_err();
        assert!(matches!(fault, Fault::Transient(_)), "{fault}");
        assert!(fault.to_string().contains("topic `answers`"), "{fault}");
        mock.brokers.broker_up(1).unwrap();
        write_at_last(&mut *writer, &stretch(2, 4)).unwrap();
        assert_eq!(writer.durable()[&HERE].next, Offset(4));
    }
}

/// Reads like the thread of a job, that asks for the end now and then, until this comes.
#[track_caller]
fn read_until<T>(
    source: &KafkaSource,
    reader: &mut dyn PartitionReader,
    wanted: impl Fn(Result<Vec<LogRecord>, Fault>) -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        source.bounds(HERE).ok();
        if let Some(found) = wanted(reader.read(usize::MAX, Duration::from_millis(100))) {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it doesn't come");
    }
}

/// After a broker had been away, a consumer stood still for minutes and said nothing. Whatever keeps it from fetching, it is
/// noticed, and another one goes on.
#[test]
fn a_reader_that_stands_still_is_told_and_goes_on() {
    let mock = Mock::new(Guarantee::AtLeastOnce);
    let topic = KafkaTopic::new(mock.cluster.clone(), "answers");
    let source = KafkaSource::new(mock.cluster.clone(), "answers");
    let mut reader = source.open(HERE, Offset(0)).unwrap();
    assert_eq!(reader.read(usize::MAX, Duration::ZERO).unwrap(), []);

    mock.brokers.request_errors(Api::Fetch, &[Error::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; 2000]);
    topic.append_to(HERE, vec![Bytes::from_static(b"line")]).unwrap();
    let fault = read_until(&source, &mut *reader, Result::err);
    assert!(fault.to_string().contains("goes up to offset 1, and nothing from 0 on has come for 3 s"), "{fault}");
    mock.brokers.clear_request_errors(Api::Fetch);
    let read = |found: Result<Vec<LogRecord>, Fault>| found.unwrap().first().map(|record| record.payload.clone());
    assert_eq!(read_until(&source, &mut *reader, read), "line");
}

/// A reader looked whether the end of its partition could be asked for before it handed on what it had read, and threw that
/// away if not: after a broker had been away, requests were never answered.
#[test]
fn what_was_read_is_handed_on_though_nobody_can_be_asked() {
    let mock = Mock::new(Guarantee::AtLeastOnce);
    let topic = KafkaTopic::new(mock.cluster.clone(), "answers");
    let source = KafkaSource::new(mock.cluster.clone(), "answers");
    let mut reader = source.open(HERE, Offset(0)).unwrap();
    topic.append_to(HERE, vec![Bytes::from_static(b"line")]).unwrap();
    mock.brokers.request_errors(Api::ListOffsets, &[Error::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 2000]);
    let read = |found: Result<Vec<LogRecord>, Fault>| {
        assert!(source.bounds(HERE).is_err());
        found.ok()?.first().map(|record| record.offset)
    };
    assert_eq!(read_until(&source, &mut *reader, read), Offset(0));
}

/// `replay` ended in the midst of its work, with all brokers up, when its one connection had broken.
#[test]
fn who_looks_is_answered_when_the_broker_is_back() {
    let mock = Mock::new(Guarantee::AtLeastOnce);
    let topic = KafkaTopic::new(mock.cluster.clone(), "answers");
    topic.append_to(HERE, vec![Bytes::from_static(b"line")]).unwrap();
    let source = KafkaSource::new(mock.cluster.clone(), "answers");
    let reading = || source.open(HERE, Offset(0))?.read(1, Duration::ZERO);
    mock.brokers.broker_down(1).unwrap();
    let found = thread::scope(|scope| {
        let found = scope.spawn(|| topic.read(HERE, Offset(0), 1, Duration::ZERO));
        assert!(matches!(reading(), Err(Fault::Transient(_))), "a job is told of the first");
        mock.brokers.broker_up(1).unwrap();
        found.join().unwrap()
    });
    assert_eq!(found.unwrap()[0].payload, "line");
}
