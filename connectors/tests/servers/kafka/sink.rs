//! Answers to a topic.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{AnswerHeaders, KafkaCluster, KafkaOptions, KafkaSink, KafkaSinkOptions};
use flightline_engine::contract::{Fault, FlushReason, Guarantee, JobId, Sink, SinkBatch, SinkName};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Offsets, Partition};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, TopicPartitionList};

use super::{LONG, cluster, lines, made, options, settle, sink, sink_options, sorted, stranger, stretch};
use crate::addresses::{address, unique};

const HERE: Partition = Partition(0);
const BOTH: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

fn starts() -> Offsets {
    [(HERE, Offset(0)), (Partition(1), Offset(0))].into()
}

fn job(name: &str) -> JobId {
    JobId(format!("{name}#1").into())
}

/// A sink that was adopted.
fn adopted(topic: &str, guarantee: Guarantee) -> KafkaSink {
    let sink = sink(&cluster(), topic, guarantee);
    sink.adopt(&job("job"), &starts()).unwrap();
    sink
}

#[test]
fn answers_carry_their_key_and_headers_and_stand_where_java_puts_them() {
    let topic = unique("headers");
    let pairs = [("model", "Model"), ("status", "Status"), ("table", "Table")];
    let headers = AnswerHeaders(pairs.map(|(name, field)| (name.to_owned(), field.to_owned())).into());
    for guarantee in BOTH {
        let topic = format!("{topic}-{guarantee:?}");
        let options = KafkaSinkOptions { headers: headers.clone(), ..sink_options(&topic, guarantee) };
        let sink = KafkaSink::new(cluster(), options);
        sink.adopt(&job("job"), &starts()).unwrap();
        let mut writer = sink.open(Generation(1), &[HERE]).unwrap();
        writer.write(&stretch(0, 0, 9)).unwrap();
        writer.flush(FlushReason::Closing).unwrap();

        let reader: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", address("KAFKA_BROKERS"))
            .set("group.id", &topic)
            .set("isolation.level", "read_committed")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        all.add_partition_range(&topic, 0, 2);
        all.set_all_offsets(rdkafka::Offset::Beginning).unwrap();
        reader.assign(&all).unwrap();
        for _ in 0..9 {
            let message = reader.poll(LONG).unwrap().unwrap();
            let headers: Vec<_> = message.headers().unwrap().iter().map(|header| (header.key, header.value)).collect();
            assert_eq!(headers, [("model", Some(&b"m"[..])), ("status", Some(&b"OK"[..]))]);
            let key = message.key().unwrap();
            assert!(key.starts_with(b"0-"));
            assert_eq!(message.partition(), i32::try_from(murmur2(key) % 3).unwrap(), "{key:?}");
        }
    }
}

/// Java's default partitioner, as its documentation has it: MurmurHash2 with seed 0x9747b28c, without the sign.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(key.len()).unwrap();
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    (hash ^ (hash >> 15)) & 0x7fff_ffff
}

/// Two jobs look, both see nobody's topic, and both claim it.
#[test]
fn of_two_jobs_that_claim_a_topic_at_the_same_time_one_gets_it() {
    for _ in 0..5 {
        let topic = unique("claimed");
        let barrier = Barrier::new(2);
        let claim = |name: &'static str| {
            let sink = sink(&cluster(), &topic, Guarantee::AtLeastOnce);
            barrier.wait();
            sink.adopt(&job(name), &starts())
        };
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| claim("one"));
            let other = scope.spawn(|| claim("other"));
            (one.join().unwrap(), other.join().unwrap())
        });
        let (winner, refused) = match (one, other) {
            (Ok(()), Err(refused)) => ("one", refused),
            (Err(refused), Ok(())) => ("other", refused),
            both => panic!("{both:?}"),
        };
        assert!(matches!(&refused, Fault::Permanent(_)), "{refused:?}");
        assert!(refused.to_string().contains("`one#1`") && refused.to_string().contains("`other#1`"), "{refused}");
        let survey = sink(&cluster(), &topic, Guarantee::AtLeastOnce).survey(&[HERE]).unwrap();
        assert_eq!(survey.owner, Some(job(winner)));
    }
}

#[test]
fn another_sink_of_the_same_job_is_refused() {
    let topic = unique("shared");
    adopted(&topic, Guarantee::ExactlyOnce);
    let options = KafkaSinkOptions { name: SinkName("dead".into()), ..sink_options(&topic, Guarantee::ExactlyOnce) };
    let other = KafkaSink::new(cluster(), options);
    for refused in [other.survey(&[HERE]).map(drop), other.adopt(&job("job"), &starts())] {
        let Err(Fault::Permanent(why)) = refused else { panic!("{refused:?}") };
        assert!(why.0.contains("sink `answers`"), "{why}");
    }
}

/// The living one is fenced off by an old process that was paused just before it fenced: it goes on, and the old one ends.
#[test]
fn an_old_process_that_wakes_up_and_fences_does_not_end_the_living_one() {
    let topic = unique("woken");
    let sink = adopted(&topic, Guarantee::ExactlyOnce);
    let here = [HERE, Partition(1)];
    let mut old = sink.open(Generation(1), &here).unwrap();
    old.write(&stretch(0, 0, 3)).unwrap();
    let mut living = sink.open(Generation(2), &here).unwrap();
    assert_eq!(living.durable()[&HERE].next, Offset(3));

    // What the old one would have done next: init_transactions.
    let woken = stranger(Some(&sink.transactional_id(HERE)));
    woken.begin_transaction().unwrap();
    woken.send(BaseRecord::<str, str>::to(&topic).payload("never committed")).unwrap();
    woken.flush(Duration::from_secs(10)).unwrap();
    let Err(Fault::Transient(_)) = living.write(&stretch(0, 3, 6)) else { panic!("it was not fenced") };
    living.write(&stretch(0, 3, 6)).unwrap();
    living.write(&stretch(0, 6, 9)).unwrap();
    living.write(&stretch(1, 0, 4)).unwrap();
    assert!(woken.commit_transaction(Duration::from_secs(10)).is_err());

    let later = Generation(2);
    assert!(matches!(old.write(&stretch(0, 3, 6)), Err(Fault::Superseded(superseded)) if superseded.later == later));
    let again = sink.open(Generation(1), &here).map(drop);
    assert!(matches!(again, Err(Fault::Superseded(superseded)) if superseded.later == later), "{again:?}");
    let mut expected = [lines(0, 0, 9), lines(1, 0, 4)].concat();
    expected.sort_unstable();
    assert_eq!(sorted(&cluster(), &topic), expected);
}

/// A process is killed within a transaction. The next one must not wait until the brokers give that up.
#[test]
fn a_transaction_that_was_left_open_is_ended_by_the_next_life() {
    let topic = unique("left");
    let sink = adopted(&topic, Guarantee::ExactlyOnce);
    sink.open(Generation(1), &[HERE]).unwrap().write(&stretch(0, 0, 2)).unwrap();
    let progress = format!("flightline-progress-{topic}");
    settle(&progress);
    let killed = stranger(Some(&sink.transactional_id(HERE)));
    killed.begin_transaction().unwrap();
    killed.send(BaseRecord::<str, str>::to(&topic).payload("aborted")).unwrap();
    let ahead = r#"{"generation":1,"next":70,"witness":null}"#;
    killed.send(BaseRecord::to(&progress).key("exactly-once/0").payload(ahead)).unwrap();
    killed.flush(Duration::from_secs(10)).unwrap();

    let survey = sink.survey(&[HERE]).unwrap();
    assert_eq!(survey.owner, Some(job("job")), "what is plain is seen behind an open transaction");
    assert_eq!(survey.progress[&HERE].next, Offset(2));
    let begun = std::time::Instant::now();
    let mut next = sink.open(Generation(2), &[HERE]).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(50), "it has waited for the brokers");
    assert_eq!(next.durable()[&HERE].next, Offset(2));
    next.write(&stretch(0, 2, 4)).unwrap();
    assert_eq!(sorted(&cluster(), &topic), lines(0, 0, 4));
}

/// A process was killed when it had fenced one of two shards of its predecessor off. What that shard had written is aborted
/// and stands before the open transaction of the other, the mark of its end behind: the next start waited there until
/// the brokers gave the other up.
#[test]
fn aborted_progress_before_an_open_transaction_is_looked_past() {
    let topic = unique("between");
    let sink = adopted(&topic, Guarantee::ExactlyOnce);
    let both = [HERE, Partition(1)];
    let mut writer = sink.open(Generation(1), &both).unwrap();
    writer.write(&stretch(0, 0, 2)).unwrap();
    writer.write(&stretch(1, 0, 3)).unwrap();
    let progress = format!("flightline-progress-{topic}");
    settle(&progress);
    let shards = both.map(|partition| stranger(Some(&sink.transactional_id(partition))));
    for (partition, shard) in shards.iter().enumerate() {
        shard.begin_transaction().unwrap();
        let (key, ahead) = (format!("exactly-once/{partition}"), r#"{"generation":1,"next":70,"witness":null}"#);
        shard.send(BaseRecord::to(&progress).key(&key).payload(ahead)).unwrap();
        shard.flush(LONG).unwrap();
    }
    shards[0].abort_transaction(LONG).unwrap();

    let survey = sink.survey(&both).unwrap();
    assert_eq!(survey.owner, Some(job("job")));
    let next = both.map(|partition| survey.progress[&partition].next);
    assert_eq!(next, [Offset(2), Offset(3)]);
}

/// What the guarantee was before doesn't matter for how far the answers are.
#[test]
fn progress_outlives_a_change_of_the_guarantee() {
    let topic = unique("changing");
    let mut next = 0;
    adopted(&topic, Guarantee::AtLeastOnce);
    for (life, guarantee) in (1..).zip([BOTH, BOTH].concat()) {
        let mut writer = sink(&cluster(), &topic, guarantee).open(Generation(life), &[HERE]).unwrap();
        assert_eq!(writer.durable()[&HERE].next, Offset(next), "life {life}");
        writer.write(&stretch(0, next, next + 3)).unwrap();
        writer.flush(FlushReason::Closing).unwrap();
        next += 3;
    }
    assert_eq!(sorted(&cluster(), &topic), lines(0, 0, next));
}

/// A sink of dead letters has hardly any lines: its progress must not cost a transaction each time.
#[test]
fn requests_without_a_line_are_progress_soon() {
    for guarantee in BOTH {
        let topic = unique("quiet");
        let mut writer = adopted(&topic, guarantee).open(Generation(1), &[HERE]).unwrap();
        let mut from = 0;
        while writer.durable()[&HERE].next == Offset(0) {
            let mut batch = stretch(0, from, from + 1);
            batch.answers.values_mut().for_each(|answers| answers.items.clear());
            writer.write(&batch).unwrap();
            from += 1;
        }
        assert!(writer.flush_in().is_none() || from > 1);
        writer.flush(FlushReason::Closing).unwrap();
        assert_eq!(writer.durable()[&HERE].next, Offset(from));
        assert_eq!(sorted(&cluster(), &topic), lines(0, 0, 0));
    }
}

#[test]
fn eight_shards_write_side_by_side() {
    let topic = unique("wide");
    let sink = sink(&cluster(), &topic, Guarantee::ExactlyOnce);
    let all: Vec<Partition> = (0..8).map(Partition).collect();
    sink.adopt(&job("job"), &all.iter().map(|partition| (*partition, Offset(0))).collect()).unwrap();
    let mut writer = sink.open(Generation(1), &all).unwrap();
    for round in 0..10 {
        let stretches = (0..8).flat_map(|partition| stretch(partition, round * 5, round * 5 + 5).answers);
        writer.write(&SinkBatch { answers: stretches.collect() }).unwrap();
    }
    assert!(writer.durable().values().all(|reached| reached.next == Offset(50)));
    let mut expected = (0..8).flat_map(|partition| lines(partition, 0, 50)).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(sorted(&cluster(), &topic), expected);
}

#[test]
fn what_may_not_be_made_or_would_forget_is_refused() {
    let topic = unique("unmade");
    let closed = KafkaCluster::new(KafkaOptions { create_topics: None, ..options() }).unwrap();
    let refused = sink(&closed, &topic, Guarantee::AtLeastOnce).survey(&[HERE]);
    assert!(matches!(&refused, Err(Fault::Permanent(why)) if why.0.contains(&topic)), "{refused:?}");

    // A topic of progress with several partitions, that is not compacted.
    assert_eq!(made(&cluster(), &format!("flightline-progress-{topic}")).partitions(), Ok(3));
    let refused = sink(&cluster(), &topic, Guarantee::AtLeastOnce).adopt(&job("job"), &starts());
    assert!(matches!(&refused, Err(Fault::Permanent(why)) if why.0.contains("3 partitions")), "{refused:?}");
}

#[test]
fn an_answer_that_is_too_large_is_said_to_be() {
    for guarantee in BOTH {
        let topic = unique("large");
        let mut writer = adopted(&topic, guarantee).open(Generation(1), &[HERE]).unwrap();
        let mut batch = stretch(0, 0, 2);
        batch.answers.get_mut(&HERE).unwrap().items[1].body = vec![b'x'; 2 << 20].into();
        let refused = writer.write(&batch);
        assert!(matches!(&refused, Err(Fault::Permanent(why)) if why.0.contains("max.message.bytes")), "{refused:?}");
        let left = if guarantee == Guarantee::ExactlyOnce { 0 } else { 1 };
        assert_eq!(sorted(&cluster(), &topic).len(), left);
    }
}
