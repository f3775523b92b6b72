//! What follows from an error of librdkafka. One pure function decides; everything else only carries it out.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The same call again may work.
    Retry,
    /// The transaction must be aborted; another may work.
    Abort,
    /// Another producer has taken our transactional id: this one can't do anything any more.
    Fenced,
    /// The client can't be used any more; a new one may work.
    Rebuild,
    /// Somebody must mend something first.
    Permanent,
}

/// What an error says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signs {
    pub(super) code: Code,
    /// As librdkafka says it of an operation on transactions.
    pub(super) retriable: bool,
    /// The same.
    pub(super) abortable: bool,
    /// The client is broken.
    pub(super) fatal: bool,
}

impl Signs {
    /// An error of which only the code is known.
    pub(super) const fn plain(code: Code) -> Self {
        Self { code, retriable: false, abortable: false, fatal: false }
    }

    /// Those of an error.
    pub(super) fn of(error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) => Self {
                code: error.code(),
                retriable: error.is_retriable(),
                abortable: error.txn_requires_abort(),
                fatal: error.is_fatal(),
            },
            KafkaError::MessageConsumptionFatal(code) => Self { fatal: true, ..Self::plain(*code) },
            other => Self::plain(other.rdkafka_error_code().unwrap_or(Code::Fail)),
        }
    }
}

/// What is to be done.
pub(super) fn classify(signs: Signs) -> Class {
    if needs_somebody(signs.code) {
        return Class::Permanent;
    }
    match signs.code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::TransactionCoordinatorFenced => {
            Class::Fenced
        }
        _ if signs.fatal => Class::Rebuild,
        _ if signs.abortable => Class::Abort,
        _ if signs.retriable => Class::Retry,
        // What says that the client has lost its way: it begins anew, and what was committed is looked up.
        Code::Fatal
        | Code::State
        | Code::Inconsistent
        | Code::GaplessGuarantee
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId
        | Code::InvalidProducerIdMapping
        | Code::InvalidTransactionalState
        | Code::PurgeQueue
        | Code::PurgeInflight => Class::Rebuild,
        _ => Class::Retry,
    }
}

/// Whether no try will help until somebody has mended something.
fn needs_somebody(code: Code) -> bool {
    what_to_do(code).is_some()
}

/// What that somebody has to do.
pub(super) fn what_to_do(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::IllegalSASLState
        | Code::UnsupportedSASLMechanism
        | Code::SecurityDisabled => {
            "check the user, the password and the mechanism (security.protocol, sasl.*), and what the brokers allow"
        }
        Code::TopicAuthorizationFailed => "allow the user to read, write and describe the topic",
        Code::GroupAuthorizationFailed => "allow the user to read the consumer group, or name another one",
        Code::TransactionalIdAuthorizationFailed => {
            "allow the user to write and describe the transactional ids that begin with the job's name"
        }
        Code::ClusterAuthorizationFailed => {
            "allow the user to write idempotently (on the cluster), or to create topics if it may"
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            "make the topic, or let it be made (create topics)"
        }
        Code::InvalidTopic => "name topics with letters, digits, dots, dashes and underscores only",
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            "raise message.max.bytes of the job and max.message.bytes of the topic"
        }
        Code::PolicyViolation | Code::InvalidConfig | Code::InvalidReplicationFactor | Code::InvalidPartitions => {
            "choose other numbers for new topics, or make the topic by hand"
        }
        Code::InvalidTransactionTimeout => "choose a transaction timeout below the brokers' transaction.max.timeout.ms",
        Code::UnsupportedVersion | Code::UnsupportedFeature | Code::UnsupportedForMessageFormat => {
            "the brokers are too old for this, or too new: they must speak the protocol of Kafka 2.5 or later"
        }
        Code::InvalidRequiredAcks | Code::InvalidRecord | Code::InvalidTimestamp | Code::InvalidArgument => {
            "look at the settings of the topic: they refuse what the job writes"
        }
        // librdkafka passes over a batch that it can't read, or asks for it again without end.
        Code::BadMessage | Code::BadCompression | Code::NotImplemented | Code::UnsupportedCompressionType => {
            "records there are damaged, or compressed in a way that this build can't read (zstd is one): look at \
             compression.type of the topic and of whoever writes it"
        }
        Code::AutoOffsetReset | Code::OffsetOutOfRange => {
            "the log does not hold that offset (any more): its retention was shorter than the job was away, or the \
             topic was made anew"
        }
        _ => return None,
    })
}

/// Whether what a connection came to can't get better by itself. `reason` is librdkafka's own text.
pub(super) fn is_refused_for_good(code: Code, reason: &str) -> bool {
    match code {
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => true,
        // A broker that goes away during the handshake says SSL, too.
        Code::SSL => ["certificate", "verify", "wrong version", "unknown ca", "bad cert"]
            .iter()
            .any(|sign| reason.to_ascii_lowercase().contains(sign)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_class() {
        let retriable = |code| Signs { retriable: true, ..Signs::plain(code) };
        let abortable = |code| Signs { abortable: true, ..Signs::plain(code) };
        let fatal = |code| Signs { fatal: true, ..Signs::plain(code) };
        for (signs, class) in [
            (Signs::plain(Code::NotLeaderForPartition), Class::Retry),
            (Signs::plain(Code::RequestTimedOut), Class::Retry),
            (Signs::plain(Code::OperationTimedOut), Class::Retry),
            (Signs::plain(Code::MessageTimedOut), Class::Retry),
            (Signs::plain(Code::AllBrokersDown), Class::Retry),
            (Signs::plain(Code::BrokerTransportFailure), Class::Retry),
            (Signs::plain(Code::NotEnoughReplicas), Class::Retry),
            (Signs::plain(Code::QueueFull), Class::Retry),
            (retriable(Code::ConcurrentTransactions), Class::Retry),
            (retriable(Code::CoordinatorNotAvailable), Class::Retry),
            (abortable(Code::OperationTimedOut), Class::Abort),
            (abortable(Code::UnknownProducerId), Class::Abort),
            (fatal(Code::Fenced), Class::Fenced),
            (fatal(Code::InvalidProducerEpoch), Class::Fenced),
            (abortable(Code::InvalidProducerEpoch), Class::Fenced),
            (fatal(Code::ProducerFenced), Class::Fenced),
            (fatal(Code::InvalidProducerIdMapping), Class::Rebuild),
            (fatal(Code::OutOfOrderSequenceNumber), Class::Rebuild),
            (Signs::plain(Code::State), Class::Rebuild),
            (Signs::plain(Code::PurgeQueue), Class::Rebuild),
            (abortable(Code::TopicAuthorizationFailed), Class::Permanent),
            (fatal(Code::TransactionalIdAuthorizationFailed), Class::Permanent),
            (fatal(Code::ClusterAuthorizationFailed), Class::Permanent),
            (abortable(Code::MessageSizeTooLarge), Class::Permanent),
            (Signs::plain(Code::UnknownTopic), Class::Permanent),
            (Signs::plain(Code::SaslAuthenticationFailed), Class::Permanent),
            (Signs::plain(Code::AutoOffsetReset), Class::Permanent),
            (Signs::plain(Code::BadMessage), Class::Permanent),
            (Signs::plain(Code::NotImplemented), Class::Permanent),
        ] {
            assert_eq!(classify(signs), class, "{signs:?}");
        }
    }

    #[test]
    fn a_handshake_that_was_cut_off_is_no_bad_certificate() {
        assert!(is_refused_for_good(Code::SSL, "SSL handshake failed: error:0A000086: certificate verify failed"));
        assert!(!is_refused_for_good(Code::SSL, "SSL handshake failed: Disconnected"));
        assert!(is_refused_for_good(Code::Authentication, "SASL authentication error: invalid credentials"));
        assert!(!is_refused_for_good(Code::BrokerTransportFailure, "Connect to 127.0.0.1:1 failed"));
    }
}
