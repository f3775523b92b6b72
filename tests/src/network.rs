//! Ports that nobody uses, ports that somebody uses, and hostfiles.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Folder, Invocation};

/// Ports of this host that are free now, and that no client is given by chance: a port is listened on some time after it
/// was found free, and again when its process comes back. None is given out twice by this test program, whose tests run
/// side by side.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn free_ports(number: usize) -> Vec<u16> {
    (0..number).map(|_| free_ports_in_a_row(1)).collect()
}

/// The first of some such ports in a row.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn free_ports_in_a_row(number: u16) -> u16 {
    let mut given = given();
    // Below what operating systems give to clients.
    let somewhere = || 10_000 + (RandomState::new().hash_one("a fresh key every time") % 20_000) as u16;
    let is_free = |port: &u16| !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let first = (0..10_000).map(|_| somewhere()).find(|first| (*first..first + number).all(|port| is_free(&port)));
    let first = first.expect("there are free ports");
    given.extend(first..first + number);
    first
}

fn given() -> MutexGuard<'static, BTreeSet<u16>> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that somebody listens on, until this is dropped.
#[derive(Debug)]
pub struct Occupied(TcpListener);

impl Occupied {
    /// Listens on a free port.
    #[must_use]
    pub fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port"))
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("a bound socket has an address").port()
    }
}

impl Default for Occupied {
    fn default() -> Self {
        Self::new()
    }
}

/// The addresses of a cluster's processes, all on this host, and the hostfile that lists them.
#[derive(Debug)]
pub struct Hosts {
    /// Path of the hostfile.
    pub file: PathBuf,
    /// Port of each process.
    pub ports: Vec<u16>,
}

impl Hosts {
    /// A hostfile in `folder` for so many processes, on free ports.
    #[must_use]
    pub fn new(folder: &Folder, processes: usize) -> Self {
        Self::of_ports(folder, free_ports(processes))
    }

    /// A hostfile in `folder` with these ports.
    #[must_use]
    pub fn of_ports(folder: &Folder, ports: Vec<u16>) -> Self {
        let lines: String = ports.iter().map(|port| format!("127.0.0.1:{port}\n")).collect();
        let name = ports.iter().map(u16::to_string).collect::<Vec<_>>().join("-");
        Self { file: folder.write(&format!("hosts-{name}.txt"), lines), ports }
    }

    /// The same command line as process `process` of this cluster.
    #[must_use]
    pub fn process(&self, invocation: Invocation, process: usize) -> Invocation {
        let (processes, process) = (self.ports.len().to_string(), process.to_string());
        invocation.args(["-n", &processes, "-p", &process, "-h"]).arg(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_can_be_had() {
        let ports: Vec<u16> = (0..4).flat_map(|_| free_ports(5)).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
        ports.iter().for_each(|port| drop(TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap()));
        let row = free_ports_in_a_row(3);
        (row..row + 3).for_each(|port| drop(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap()));
        let occupied = Occupied::new();
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, occupied.port())).is_err());
    }
}
