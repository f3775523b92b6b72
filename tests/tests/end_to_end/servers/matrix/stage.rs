//! A server of this test alone, behind a wire that can be cut; the others are those that all tests share.

use flightline_tests::servers::{OwnServers, Proxy, Servers};

pub(super) struct Stage {
    pub(super) own: OwnServers,
    /// All servers, as the job finds them.
    servers: Servers,
    pub(super) wire: Proxy,
    /// Whose answers go to that server.
    pub(super) sink: &'static str,
}

impl Stage {
    /// The broker's.
    pub(super) fn broker() -> Self {
        let own = Servers::own(&["kafka"]);
        let wire = Proxy::at(own.address("KAFKA_PROXY_LISTEN"), own.address("KAFKA_PROXY_UPSTREAM"));
        let brokers = wire.address().to_string();
        Self::new(own, wire, ("KAFKA_BROKERS", brokers), "topic")
    }

    /// MongoDB's.
    pub(super) fn mongodb() -> Self {
        let own = Servers::own(&["ferretdb"]);
        let wire = Proxy::to(own.authority("MONGODB_URL"));
        let url = format!("mongodb://{}/", wire.address());
        Self::new(own, wire, ("MONGODB_URL", url), "collection")
    }

    /// That of HDFS, with the wire to the NameNode.
    pub(super) fn hdfs() -> Self {
        let own = Servers::own(&["hdfs"]);
        let wire = Proxy::to(own.authority("HDFS_URL"));
        let url = format!("hdfs://{}", wire.address());
        Self::new(own, wire, ("HDFS_URL", url), "files")
    }

    fn new(own: OwnServers, wire: Proxy, address: (&str, String), sink: &'static str) -> Self {
        Self { own, servers: Servers::shared().with_addresses([address]), wire, sink }
    }

    pub(super) const fn servers(&self) -> &Servers {
        &self.servers
    }
}
