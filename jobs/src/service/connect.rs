//! From the URLs of a configuration to connectors.

use std::sync::Arc;

use bytesize::ByteSize;
use flightline_connectors::embedded::{
    EmbeddedCollectionSink, EmbeddedSource, EmbeddedStore, EmbeddedTable, EmbeddedTopicSink, Topic, TopicShape,
};
use flightline_connectors::files::sink::{FileFormat, FileSink, FileSinkOptions};
use flightline_connectors::files::{FileTable, FileTableOptions, StoreBlobs, Stores};
use flightline_engine::contract::{Blobs, Guarantee, Selects, Sink, SinkName, Source, TableSource};
use flightline_engine::ids::ProcessIndex;
use flightline_engine::stream::{LeadSetup, Owners, SinkSetup};

use super::elsewhere::Elsewhere;
use super::{Replace, adapters, columns, storage};
use crate::config::{
    AnswerFiles, CollectionUrl, SinkConfig, SinkTarget, StreamConfig, TableUrl, TopicName, TopicUrl, WrittenAs,
};
use crate::failure::{Failure, FailureKind};
use crate::model::Registry;
use crate::servers::Servers;
use crate::streaming::table_rows;

/// What connectors are made from.
pub(super) struct Connections<'a> {
    pub(super) config: &'a StreamConfig,
    pub(super) store: &'a Arc<EmbeddedStore>,
    pub(super) servers: Servers,
    pub(super) stores: Stores,
    pub(super) owners: Owners,
    pub(super) process: ProcessIndex,
}

impl Connections<'_> {
    /// The log of requests.
    pub(super) fn source(&self) -> Result<Arc<dyn Source>, Failure> {
        match &self.config.requests.log {
            TopicUrl::Embedded(name) => Ok(Arc::new(EmbeddedSource(self.topic(name)?))),
            TopicUrl::Kafka(name) => self.servers.source(name),
        }
    }

    /// The sinks, in the order of their names.
    pub(super) fn sinks(&self, replace: &dyn Replace) -> Result<Vec<SinkSetup>, Failure> {
        let setup = |(name, config): (&SinkName, &SinkConfig)| {
            self.check_catches_up(name, config)?;
            let sink = replace.sink(self.sink(name, config)?);
            Ok(SinkSetup { sink, required: config.required, backfill: config.backfill })
        };
        self.config.sinks.iter().map(setup).collect()
    }

    /// A sink that may lag catches up from the request log, and so must stand where its partitions are.
    fn check_catches_up(&self, name: &SinkName, config: &SinkConfig) -> Result<(), Failure> {
        let is_on_lead = matches!(config.target, SinkTarget::Collection(CollectionUrl::Embedded(_)));
        let reads_all = match self.config.requests.log {
            TopicUrl::Embedded(_) => {
                let all = self.config.embedded.partitions;
                self.owners.of_process(self.process, all).len() == all as usize
            }
            TopicUrl::Kafka(_) => true,
        };
        if config.required || !is_on_lead || reads_all {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::Usage,
            format!(
                "sinks.{name}.required = false: an embedded collection is written by process 0 alone, which could not read the requests of the other processes to catch up; make it required, or run the job in one process"
            ),
        ))
    }

    /// Where ledger and versions of the table are kept.
    pub(super) fn state(&self) -> Result<Arc<dyn Blobs>, Failure> {
        Ok(Arc::new(StoreBlobs::open(&self.stores, self.config.job.state.location())?))
    }

    /// Where the models are.
    pub(super) fn registry(&self) -> Result<Registry, Failure> {
        Ok(Registry::open(&self.stores, &self.config.model.registry)?)
    }

    /// What process 0 has beside.
    pub(super) fn lead(&self, state: Arc<dyn Blobs>) -> Result<LeadSetup, Failure> {
        Ok(LeadSetup {
            table: self.table()?,
            versions: Arc::new(adapters::Versions::new(state)),
            model: Box::new(adapters::CurrentModel::new(self.registry()?, self.config.model.poll)),
            format: self.config.answers.format,
            settings: self.config.settings(),
            replay_offsets: self.config.job.replay_offsets.into(),
        })
    }

    fn table(&self) -> Result<Box<dyn TableSource>, Failure> {
        match &self.config.table.source {
            TableUrl::File(file) => {
                let options = FileTableOptions {
                    poll: self.config.table.poll,
                    ..FileTableOptions::new(file.location(), Arc::new(table_rows::rows_from_json_lines))
                };
                Ok(Box::new(FileTable::new(&self.stores, options)?))
            }
            TableUrl::Collection(CollectionUrl::Embedded(name)) => {
                Ok(Box::new(EmbeddedTable::new(self.store.collection(&name.0).map_err(storage)?)))
            }
            TableUrl::Collection(CollectionUrl::Mongodb(name)) => self.servers.table(name, self.config.table.poll),
        }
    }

    /// A topic that has a partition for each of the request log's.
    fn topic(&self, name: &TopicName) -> Result<Arc<Topic>, Failure> {
        let partitions = self.config.embedded.partitions;
        let here = self.owners.of_process(self.process, partitions);
        self.store.topic(&name.0, &TopicShape::shared(partitions, here)).map_err(storage)
    }

    fn sink(&self, name: &SinkName, config: &SinkConfig) -> Result<Arc<dyn Sink>, Failure> {
        let (name, selects) = (name.clone(), config.selects);
        Ok(match &config.target {
            SinkTarget::Topic(TopicUrl::Embedded(topic)) => {
                Arc::new(EmbeddedTopicSink::new(name, self.topic(topic)?, selects))
            }
            SinkTarget::Topic(TopicUrl::Kafka(topic)) => self.servers.topic_sink(name, topic, selects)?,
            SinkTarget::Collection(CollectionUrl::Embedded(_)) if self.process.get() > 0 => {
                Arc::new(Elsewhere { name, selects, guarantee: Guarantee::ExactlyOnce })
            }
            SinkTarget::Collection(CollectionUrl::Embedded(collection)) => {
                let collection = self.store.collection(&collection.0).map_err(storage)?;
                Arc::new(EmbeddedCollectionSink::new(name, collection, selects))
            }
            SinkTarget::Collection(CollectionUrl::Mongodb(collection)) => {
                self.servers.collection_sink(name, collection, selects)?
            }
            SinkTarget::Files(files) => Arc::new(FileSink::new(&self.stores, file_options(name, selects, files)?)?),
        })
    }
}

fn file_options(name: SinkName, selects: Selects, files: &AnswerFiles) -> Result<FileSinkOptions, Failure> {
    let format = match files.format {
        WrittenAs::JsonLines => FileFormat::JsonLines,
        WrittenAs::Text => FileFormat::Text,
        WrittenAs::Parquet => {
            let columns = columns::columns(selects);
            FileFormat::Parquet(columns.map_err(|error| Failure::new(FailureKind::Bug, error.to_string()))?)
        }
    };
    let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
    Ok(FileSinkOptions {
        roll_bytes: bytes(files.roll_bytes),
        roll_every: files.roll_every,
        ..FileSinkOptions::new(name, selects, files.folder.location(), format)
    })
}
