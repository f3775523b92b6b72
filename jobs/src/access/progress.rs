//! How far the sinks of a job have come: what lies below must be there, and what lies above may still come.

use std::collections::BTreeMap;

use flightline_connectors::embedded::{EmbeddedCollectionSink, EmbeddedTopicSink};
use flightline_connectors::files::Stores;
use flightline_connectors::files::sink::{Column, ColumnType, Columns, FileFormat, FileSink, FileSinkOptions};
use flightline_engine::contract::{Selects, Sink, SinkName};
use flightline_engine::log::{Offsets, Partition};
use serde::Deserialize;

use super::ports::Port;
use super::{Access, Way, open_collection, open_topic, out_of_reach};
use crate::config::{AnswerFiles, CollectionUrl, SinkConfig, SinkTarget, TopicUrl, WrittenAs};
use crate::failure::{Failure, FailureKind};

impl Access {
    /// How far a sink has come in these partitions, or further; a partition that it has not begun is missing.
    ///
    /// # Errors
    /// The sink can't be asked, or its destination is another's.
    pub fn progress(&self, name: &SinkName, sink: &SinkConfig, partitions: &[Partition]) -> Result<Offsets, Failure> {
        match (&sink.target, &self.way) {
            (SinkTarget::Files(files), _) => {
                surveyed(&file_sink(self.stores(), name, sink.selects, files)?, partitions)
            }
            (SinkTarget::Topic(TopicUrl::Kafka(topic)), _) => {
                surveyed(&*self.servers.topic_sink(name.clone(), topic, sink.selects)?, partitions)
            }
            (SinkTarget::Collection(CollectionUrl::Mongodb(collection)), _) => {
                surveyed(&*self.servers.collection_sink(name.clone(), collection, sink.selects)?, partitions)
            }
            (SinkTarget::Topic(TopicUrl::Embedded(topic)), Way::Files(store)) => {
                let topic = open_topic(store, topic)?;
                surveyed(&EmbeddedTopicSink::new(name.clone(), topic, sink.selects), partitions)
            }
            (SinkTarget::Collection(CollectionUrl::Embedded(collection)), Way::Files(store)) => {
                let collection = open_collection(store, collection)?;
                surveyed(&EmbeddedCollectionSink::new(name.clone(), collection, sink.selects), partitions)
            }
            (_, Way::Job { ports, .. }) => told(ports, name),
            (target, Way::Servers) => Err(out_of_reach(&target.endpoint().to_string())),
        }
    }
}

fn surveyed(sink: &dyn Sink, partitions: &[Partition]) -> Result<Offsets, Failure> {
    let survey = sink.survey(partitions).map_err(|fault| Failure::new(FailureKind::Storage, fault.to_string()))?;
    Ok(survey.progress.into_iter().map(|(partition, reached)| (partition, reached.next)).collect())
}

/// A sink that looks, and could not write: of the columns of a Parquet file it knows only those that every one has.
fn file_sink(stores: &Stores, name: &SinkName, selects: Selects, files: &AnswerFiles) -> Result<FileSink, Failure> {
    let format = match files.format {
        WrittenAs::JsonLines => FileFormat::JsonLines,
        WrittenAs::Text => FileFormat::Text,
        WrittenAs::Parquet => {
            let whole = |name: &str| Column { name: name.into(), kind: ColumnType::Int64, nullable: false };
            let columns = Columns::new(vec![whole("Offset"), whole("Partition")]);
            FileFormat::Parquet(columns.map_err(|error| Failure::new(FailureKind::Bug, error.to_string()))?)
        }
    };
    let options = FileSinkOptions::new(name.clone(), selects, files.folder.location(), format);
    Ok(FileSink::new(stores, options)?)
}

/// What the processes say of a sink; each knows the partitions that it writes.
fn told(ports: &[Port], name: &SinkName) -> Result<Offsets, Failure> {
    let mut next = Offsets::new();
    for port in ports {
        let status: Status = port.get("/status").map_err(|error| {
            let address = port.address();
            Failure::new(
                FailureKind::Storage,
                format!("{address} did not say how far its sinks are ({error}); try again"),
            )
        })?;
        for (partition, offset) in status.next_of(name) {
            let known = next.entry(partition).or_insert(offset);
            *known = offset.max(*known);
        }
    }
    Ok(next)
}

/// What is needed of a job's `/status`.
#[derive(Deserialize)]
struct Status {
    sinks: BTreeMap<SinkName, SinkStatus>,
}

#[derive(Deserialize)]
struct SinkStatus {
    next: Offsets,
}

impl Status {
    fn next_of(mut self, name: &SinkName) -> Offsets {
        self.sinks.remove(name).map(|sink| sink.next).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::contract::Guarantee;
    use flightline_engine::log::Offset;
    use flightline_engine::metrics::StreamMetrics;

    use super::*;

    #[test]
    fn what_a_process_says_of_its_sinks_is_understood() {
        let (metrics, name) = (StreamMetrics::new(), SinkName("topic".into()));
        metrics.sink(&name, Guarantee::ExactlyOnce, true);
        metrics.durable(&name, Partition(3), Offset(17));
        let text = serde_json::to_string(&metrics.status()).unwrap();
        let status = || serde_json::from_str::<Status>(&text).unwrap();
        assert_eq!(status().next_of(&name), Offsets::from([(Partition(3), Offset(17))]));
        assert_eq!(status().next_of(&SinkName("other".into())), Offsets::new());
    }
}
