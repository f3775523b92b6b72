//! Ports that nobody uses, ports that somebody uses, hostfiles, and the secrets of clusters.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

use crate::{Folder, Invocation};

/// Ports of this host that are free now, and that nobody is given by chance until they are used: a port is listened on
/// some time after it was found free, and again when its process comes back. So this test program, whose tests run side by
/// side, gives none out again before it has been through all others of its block, and no other program gives it out.
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
    let mut ours = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let ours = ours.get_or_insert_with(Ports::claim);
    ours.take(number).unwrap_or_else(|| panic!("no {number} ports in a row of {:?} are free", ours.block))
}

/// Below what operating systems give to clients, and what `tests/servers/ports.py` gives to servers; in blocks: one for each
/// test program that runs.
const BLOCKS: Range<u16> = 10..20;
const BLOCK: u16 = 1_000;

static PORTS: Mutex<Option<Ports>> = Mutex::new(None);

/// A block of ports, which are given out in turn. The one below it is listened on as long as this test program runs: so
/// others know that the block is taken.
struct Ports {
    _claim: TcpListener,
    block: Range<u16>,
    next: u16,
}

impl Ports {
    fn claim() -> Self {
        let claimed = BLOCKS.map(|block| block * BLOCK).find_map(|first| {
            let _claim = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).ok()?;
            let block = first + 1..first + BLOCK;
            Some(Self { _claim, next: block.start, block })
        });
        claimed
            .unwrap_or_else(|| panic!("on ports {BLOCKS:?} times {BLOCK} others listen: do so many test programs run?"))
    }

    /// The first of so many free ones in a row: the next ones, or from the start again where that was the end.
    fn take(&mut self, number: u16) -> Option<u16> {
        let Range { start, end } = self.block;
        let mut firsts = (self.next..end).chain(start..self.next).filter(|first| first + number <= end);
        let first = firsts.find(|first| (*first..first + number).all(is_free))?;
        self.next = first + number;
        Some(first)
    }
}

/// Whether nobody listens there. It is not listened on to find out: each process that another test starts in this moment
/// would have a copy of that socket until it is what it will be, and the port would be in use as long.
fn is_free(port: u16) -> bool {
    let probe = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())
    };
    probe().is_ok()
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

/// The addresses of a cluster's processes, all on this host, the hostfile that lists them, and the file of their secret.
#[derive(Debug)]
pub struct Hosts {
    /// Path of the hostfile.
    pub file: PathBuf,
    /// Path of the secret, which only we may read.
    pub secret: PathBuf,
    /// Port of each process.
    pub ports: Vec<u16>,
}

impl Hosts {
    /// A hostfile in `folder` for so many processes, on free ports.
    #[must_use]
    pub fn new(folder: &Folder, processes: usize) -> Self {
        Self::of_ports(folder, free_ports(processes))
    }

    /// A hostfile in `folder` with these ports, and a secret.
    ///
    /// # Panics
    /// If the files can't be written.
    #[must_use]
    pub fn of_ports(folder: &Folder, ports: Vec<u16>) -> Self {
        let lines: String = ports.iter().map(|port| format!("127.0.0.1:{port}\n")).collect();
        let name = ports.iter().map(u16::to_string).collect::<Vec<_>>().join("-");
        let file = folder.write(&format!("hosts-{name}.txt"), lines);
        let secret = folder.write(&format!("secret-{name}.txt"), format!("the secret of the mesh on {name}\n"));
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("it is our file");
        Self { file, secret, ports }
    }

    /// The same command line as process `process` of this cluster.
    #[must_use]
    pub fn process(&self, invocation: Invocation, process: usize) -> Invocation {
        let (processes, process) = (self.ports.len().to_string(), process.to_string());
        let invocation = invocation.args(["-n", &processes, "-p", &process, "-h"]).arg(&self.file);
        invocation.arg("--secret-file").arg(&self.secret)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn can_be_had(port: u16) -> bool {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn free_ports_differ_and_can_be_had() {
        let ports: Vec<u16> = (0..4).flat_map(|_| free_ports(5)).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
        assert!(ports.iter().all(|port| can_be_had(*port)));
        let row = free_ports_in_a_row(3);
        assert!((row..row + 3).all(can_be_had));
        assert!(!can_be_had(Occupied::new().port()));
    }

    /// Twice CI was red for this: a port was listened on to see whether it is free, a process that another test started in
    /// that moment had a copy of the socket until it became what it would be, and the port was in use.
    #[test]
    fn a_free_port_can_be_had_while_processes_are_started() {
        let done = AtomicBool::new(false);
        let start_processes = || {
            while !done.load(Ordering::Relaxed) {
                Command::new("true").status().expect("there is a program of this name");
            }
        };
        let all = std::thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(start_processes)));
            let all = free_ports(300).into_iter().all(can_be_had);
            done.store(true, Ordering::Relaxed);
            all
        });
        assert!(all);
    }

    /// Tests of connectors run beside those of whole jobs, and each program gave ports out that were another's.
    #[test]
    fn another_test_program_has_other_ports() {
        let [ours, others] = [Ports::claim(), Ports::claim()];
        assert!(ours.block.end <= others.block.start || others.block.end <= ours.block.start);
    }

    /// CI was red when blocks had become smaller: the tests of whole jobs, which need more than a thousand ports, came to the
    /// end of theirs.
    #[test]
    fn after_all_of_a_block_the_first_ones_are_given_out_again() {
        let mut ours = Ports::claim();
        let start = ours.block.start;
        ours.block.end = start + 6;
        assert_eq!([ours.take(2), ours.take(3), ours.take(2)], [Some(start), Some(start + 2), Some(start)]);
        assert_eq!([ours.take(6), ours.take(7)], [Some(start), None], "a row doesn't go past the end");
        // Last: what was listened on stays in use for a moment, if a process is started meanwhile.
        let _in_use = TcpListener::bind((Ipv4Addr::LOCALHOST, start + 1)).expect("the block was just claimed");
        assert_eq!([ours.take(2), ours.take(1)], [Some(start + 2), Some(start + 4)]);
    }
}
