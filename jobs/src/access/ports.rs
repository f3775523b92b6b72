//! Finding a job's processes: whoever answers at its ports and has partitions of its request log.
//!
//! Process p listens p above the port of process 0. They are asked one after another until all partitions are found, so a
//! port above that of the last process, where another job may listen, is left alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use flightline_engine::log::Partition;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::config::{HttpConfig, TopicName};

/// How long a connection may take to come about: all is on this machine, as a rule.
const CONNECT: Duration = Duration::from_millis(500);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);

/// A port of a job that has answered.
#[derive(Clone, Debug)]
pub(super) struct Port {
    agent: Agent,
    address: String,
}

/// What asking came to.
#[derive(Debug)]
pub(super) enum Asked {
    /// A job answers; `whole` if its processes have all partitions together.
    Job { ports: Vec<Port>, whole: bool },
    /// No job with this log does, and why.
    Nobody(String),
}

/// What of the request log a process has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Share {
    partitions: u32,
    here: BTreeSet<Partition>,
}

impl Port {
    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Asks for something in JSON.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let answer = self.agent.get(format!("http://{}{path}", self.address)).call();
        answer.and_then(|mut answer| answer.body_mut().read_json()).map_err(|error| error.to_string())
    }
}

/// Asks the ports of a job that has this request log.
pub(super) fn ask(http: &HttpConfig, topic: &TopicName) -> Asked {
    if http.listen.port() == 0 {
        return Asked::Nobody("http.listen has port 0, which says nothing about where a job listens".to_owned());
    }
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(ANSWER))
        .proxy(None)
        .max_redirects(0)
        .build();
    let agent = config.new_agent();
    let port = |process| {
        let address = http.of_process(process).map(reachable)?;
        Some(Port { agent: agent.clone(), address: address.to_string() })
    };
    let share = |process| {
        let port = port(process).ok_or_else(|| "there is no such port".to_owned())?;
        share(&port, topic)
    };
    match gather(share) {
        Ok((processes, whole)) => Asked::Job { ports: (0..processes).filter_map(port).collect(), whole },
        Err(why) => {
            Asked::Nobody(format!("no job with this request log answers at {} ({why})", reachable(http.listen)))
        }
    }
}

/// How many processes there are, and whether they have all partitions.
fn gather(mut share: impl FnMut(usize) -> Result<Share, String>) -> Result<(usize, bool), String> {
    let Share { partitions, here: mut found } = share(0)?;
    let mut processes = 1;
    while found.len() < partitions as usize {
        match share(processes) {
            // Who has what another one has, or has it otherwise, is of another job.
            Ok(next) if next.partitions == partitions && next.here.is_disjoint(&found) => found.extend(next.here),
            Ok(_) | Err(_) => return Ok((processes, false)),
        }
        processes += 1;
    }
    Ok((processes, true))
}

fn share(port: &Port, TopicName(name): &TopicName) -> Result<Share, String> {
    #[derive(Deserialize)]
    struct Topics {
        topics: Vec<Shared>,
    }
    #[derive(Deserialize)]
    struct Shared {
        name: Box<str>,
        partitions: u32,
        here: Vec<Here>,
    }
    #[derive(Deserialize)]
    struct Here {
        partition: Partition,
    }
    let Topics { topics } = port.get("/topics")?;
    let topic = topics.into_iter().find(|topic| topic.name == *name);
    let topic = topic.ok_or_else(|| format!("whoever is there has no topic `{name}`"))?;
    let here = topic.here.into_iter().map(|here| here.partition).collect();
    Ok(Share { partitions: topic.partitions, here })
}

/// Where to knock when a job listens on all interfaces.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks processes that have these partitions of 4; beyond them nobody answers.
    fn gathered(processes: &[&[u32]]) -> (Result<(usize, bool), String>, usize) {
        let mut asked = 0;
        let gathered = gather(|process| {
            asked += 1;
            let here = processes.get(process).ok_or("refused")?;
            Ok(Share { partitions: 4, here: here.iter().copied().map(Partition).collect() })
        });
        (gathered, asked)
    }

    #[test]
    fn processes_are_asked_until_all_partitions_are_found() {
        assert_eq!(gathered(&[]), (Err("refused".to_owned()), 1));
        assert_eq!(gathered(&[&[0, 1, 2, 3]]), (Ok((1, true)), 1));
        assert_eq!(gathered(&[&[0, 1, 2, 3], &[0, 1, 2, 3]]), (Ok((1, true)), 1), "the port above is not ours to ask");
        assert_eq!(gathered(&[&[0, 2], &[1, 3], &[0]]), (Ok((2, true)), 2));
        assert_eq!(gathered(&[&[0], &[1], &[2], &[3]]), (Ok((4, true)), 4));
    }

    #[test]
    fn a_process_that_is_missing_or_strange_ends_the_search() {
        assert_eq!(gathered(&[&[0, 2]]), (Ok((1, false)), 2));
        assert_eq!(gathered(&[&[0, 2], &[0, 1]]), (Ok((1, false)), 2));
    }

    #[test]
    fn a_job_on_all_interfaces_is_asked_on_this_machine() {
        for (listen, asked) in [("0.0.0.0:9", "127.0.0.1:9"), ("[::]:9", "[::1]:9"), ("10.0.0.1:9", "10.0.0.1:9")] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
