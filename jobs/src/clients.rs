//! What programs beside the job need to reach its topics and collections, wherever the job runs.

pub use flightline_connectors::client::{
    Came, ClientError, CollectionClient, Followed, Follower, PartitionsFollower, Position, RemoteCollection, RemoteJob,
    RemoteTopic, TopicClient, partition_of,
};
pub use flightline_connectors::embedded::{Collection, EmbeddedStore, Topic, TopicShape};
pub use flightline_connectors::files::Stores;
pub use flightline_connectors::files::sink::FileReader;
#[cfg(feature = "mongodb")]
pub use flightline_connectors::mongodb::{MongoCollection, MongoError, MongoName, MongoOptions, MongoServer};
pub use flightline_engine::backoff::Backoff;
pub use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
