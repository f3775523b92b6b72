//! Who may come in: passwords and certificates.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{KafkaCluster, KafkaOptions, KafkaTopic};
use flightline_engine::contract::{Fault, Guarantee, Sink};
use flightline_engine::log::Partition;

use super::{options, sink};
use crate::addresses::{address, unique};

fn password() -> String {
    std::fs::read_to_string(address("KAFKA_SASL_PASSWORD_FILE")).unwrap().trim().to_owned()
}

fn with(brokers: &str, properties: &[(&str, &str)]) -> KafkaCluster {
    let properties: BTreeMap<_, _> =
        properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    KafkaCluster::new(KafkaOptions { brokers: address(brokers), properties, ..options() }).unwrap()
}

fn sasl<'a>(protocol: &'a str, user: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("security.protocol", protocol),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", user),
        ("sasl.password", password),
    ]
}

/// A record goes there and comes back.
fn works(cluster: &KafkaCluster) {
    let topic = KafkaTopic::new(cluster.clone(), unique("access"));
    let position = topic.append(b"key", Bytes::from_static(b"there")).unwrap();
    let read = topic.read(position.partition, position.offset, 100, Duration::from_secs(20)).unwrap();
    assert_eq!(read[0].payload, "there");
}

/// Everybody who asks is refused, soon, and told why.
fn is_refused(cluster: &KafkaCluster, why: &str) {
    let topic = unique("refused");
    let survey = sink(cluster, &topic, Guarantee::ExactlyOnce).survey(&[Partition(0)]).map(drop);
    let Err(Fault::Permanent(sentence)) = survey else { panic!("{survey:?}") };
    assert!(sentence.0.contains(why), "{sentence}");
    assert!(!sentence.0.contains("not-the-password") && !sentence.0.contains(&password()), "{sentence}");
    let error = KafkaTopic::new(cluster.clone(), &topic).append(b"key", Bytes::new()).unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains(why), "{error}");
}

#[test]
fn the_right_password_opens_and_a_wrong_one_is_refused() {
    let (user, password) = (address("KAFKA_SASL_USER"), password());
    works(&with("KAFKA_SASL_BROKERS", &sasl("sasl_plaintext", &user, &password)));
    is_refused(&with("KAFKA_SASL_BROKERS", &sasl("sasl_plaintext", &user, "not-the-password")), "sasl.*");
    is_refused(&with("KAFKA_SASL_BROKERS", &sasl("sasl_plaintext", "nobody", &password)), "sasl.*");
}

#[test]
fn the_right_certificate_is_believed_and_another_is_not() {
    let (ca, other) = (address("KAFKA_CA"), address("KAFKA_OTHER_CA"));
    let tls = |ca| with("KAFKA_TLS_BROKERS", &[("security.protocol", "ssl"), ("ssl.ca.location", ca)]);
    works(&tls(&ca));
    is_refused(&tls(&other), "certificate");
}

#[test]
fn both_together() {
    let (user, password, ca) = (address("KAFKA_SASL_USER"), password(), address("KAFKA_CA"));
    let with_password = |password| {
        let ca = [("ssl.ca.location", ca.as_str())];
        with("KAFKA_SASL_TLS_BROKERS", &[&sasl("sasl_ssl", &user, password)[..], &ca[..]].concat())
    };
    works(&with_password(&password));
    is_refused(&with_password("not-the-password"), "sasl.*");
}
