//! Several hosts in one machine: network namespaces of Linux, each with a wire (a pair of virtual devices) to one switch (a
//! bridge), and wires that can be pulled out.
//!
//! Invariants: each network has a range of addresses of its own, also beside other test programs, out of those that are
//! reserved for tests of networks (RFC 2544); it is gone when it is dropped, with all that runs in it, and what a test
//! program that was killed has left is removed by the next one. It needs root and the command `ip`; where they can't be had,
//! tests of hosts fail, unless they shall be left out: `FLIGHTLINE_NO_NAMESPACES=1`, which `./test` sets there.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Invocation;
use crate::servers::Proxy;

/// Set by a person who knows that tests of several hosts are left out.
const LEFT_OUT: &str = "FLIGHTLINE_NO_NAMESPACES";
/// What the names of all devices begin with.
const NAME: &str = "flt";
/// What a bridge says of itself, before the number of the test program that has it.
const OWNER: &str = "a test of flightline, process ";

/// A network of hosts.
#[derive(Debug)]
pub struct Lan {
    number: u8,
    hosts: u8,
}

impl Lan {
    /// So many hosts, at most 200. `None` if a person said that such tests are left out.
    ///
    /// # Panics
    /// If this system can't do it, or doesn't let us.
    #[must_use]
    #[track_caller]
    pub fn new(hosts: u8) -> Option<Self> {
        if std::env::var_os(LEFT_OUT).is_some_and(|value| value == "1") {
            println!("LEFT OUT, NOT TESTED: {LEFT_OUT}=1 is set, and this is a test of several hosts");
            return None;
        }
        let lan = Self { number: claim(), hosts: 0 };
        ip(&format!("addr add {}/24 dev {}", lan.switch(), lan.name()));
        ip(&format!("link set {} up", lan.name()));
        Some((0..hosts).fold(lan, Self::with_host))
    }

    fn with_host(mut self, host: u8) -> Self {
        // Counted first, so that what a panic leaves half made is removed, too.
        self.hosts += 1;
        let (bridge, wire, space) = (self.name(), self.wire(host), self.space(host));
        ip(&format!("netns add {space}"));
        ip(&format!("link add {wire} type veth peer name eth0 netns {space}"));
        ip(&format!("-n {space} addr add {}/24 dev eth0", self.address(host)));
        ip(&format!("-n {space} link set lo up"));
        ip(&format!("-n {space} link set eth0 up"));
        ip(&format!("link set {wire} master {bridge} up"));
        self
    }

    /// The address of this test program in the network.
    #[must_use]
    pub const fn switch(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, 1)
    }

    /// The address of a host.
    #[must_use]
    pub const fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.number, 10 + host)
    }

    /// The same command line on a host. Its files are those of all.
    #[must_use]
    pub fn on(&self, host: u8, invocation: Invocation) -> Invocation {
        invocation.wrapped("ip", &["netns", "exec", &self.space(host)])
    }

    /// Pulls a host's wire out: nothing comes to it or from it any more, and nobody is told.
    pub fn cut(&self, host: u8) {
        ip(&format!("link set {} down", self.wire(host)));
    }

    /// Puts it in again.
    pub fn heal(&self, host: u8) {
        ip(&format!("link set {} up", self.wire(host)));
    }

    /// Lets a host find a server at the address that it has here, on loopback.
    ///
    /// # Panics
    /// If it isn't on loopback, or something else has the host's port.
    #[must_use]
    pub fn bring(&self, servers: &[&str]) -> Brought {
        let port = |server: &&str| -> u16 {
            let port = server.strip_prefix("127.0.0.1:").and_then(|port| port.parse().ok());
            port.unwrap_or_else(|| panic!("{server} is no server on this loopback"))
        };
        let ports: Vec<u16> = servers.iter().map(port).collect();
        let switch = self.switch();
        let here = ports.iter().map(|port| Proxy::at(&format!("{switch}:{port}"), &format!("127.0.0.1:{port}")));
        let here = here.collect();
        let on_host = |host: u8| {
            let space = self.space_file(host);
            // What a thread starts is where it is.
            let proxy = |port: &u16| Proxy::at(&format!("127.0.0.1:{port}"), &format!("{switch}:{port}"));
            let proxies = inside(&space, || ports.iter().map(proxy).collect());
            (space, proxies)
        };
        Brought { on_hosts: (0..self.hosts).map(on_host).collect(), _here: here }
    }

    fn name(&self) -> String {
        format!("{NAME}{}", self.number)
    }

    /// A host's wire, at the bridge.
    fn wire(&self, host: u8) -> String {
        format!("{}h{host}", self.name())
    }

    /// A host's namespace.
    fn space(&self, host: u8) -> String {
        self.wire(host)
    }

    fn space_file(&self, host: u8) -> PathBuf {
        Path::new("/run/netns").join(self.space(host))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        remove(&self.name());
    }
}

/// Servers of this machine's loopback, at the same ports of the loopback of each host: over its wire, so that who pulls it out
/// takes them away, too.
#[derive(Debug)]
pub struct Brought {
    on_hosts: Vec<(PathBuf, Vec<Proxy>)>,
    _here: Vec<Proxy>,
}

impl Drop for Brought {
    fn drop(&mut self) {
        for (space, proxies) in self.on_hosts.drain(..) {
            // A proxy ends by a connection to itself, which is made where it is.
            inside(&space, move || drop(proxies));
        }
    }
}

/// Does something in a namespace, by a thread of its own: only threads can be in one.
fn inside<T: Send>(space: &Path, what: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        let file = File::open(space).unwrap_or_else(|error| panic!("can't open {}: {error}", space.display()));
        let entered = move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(LinkNameSpaceType::Network));
        entered.unwrap_or_else(|error| panic!("can't enter {}: {error}", space.display()));
        what()
    };
    let done = thread::scope(|scope| scope.spawn(enter).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Makes the bridge of a network that nobody else has, and removes those of test programs that are gone.
fn claim() -> u8 {
    // Two programs that did this at once could each remove what the other one has just made.
    let path = std::env::temp_dir().join("flightline-lan.lock");
    let lock = File::options().create(true).append(true).open(&path);
    let lock = lock.unwrap_or_else(|error| panic!("can't open {}: {error}", path.display()));
    lock.lock().unwrap_or_else(|error| panic!("can't lock {}: {error}", path.display()));
    for number in 0..=u8::MAX {
        let name = format!("{NAME}{number}");
        if let Ok(alias) = fs::read_to_string(format!("/sys/class/net/{name}/ifalias")) {
            let owner = alias.trim().strip_prefix(OWNER).and_then(|pid| Pid::from_raw(pid.parse().ok()?));
            if owner.is_some_and(|owner| test_kill_process(owner).is_ok()) {
                continue;
            }
            remove(&name);
        }
        ip(&format!("link add {name} type bridge"));
        run(&["link", "set", &name, "alias", &format!("{OWNER}{}", std::process::id())])
            .unwrap_or_else(|why| can_not(&why));
        return number;
    }
    panic!("test programs have {} networks already", u32::from(u8::MAX) + 1)
}

/// Removes a bridge, and all hosts at it with what runs there. What is gone already is no trouble.
fn remove(bridge: &str) {
    let of_bridge = format!("{bridge}h");
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    for space in names.filter(|name| name.starts_with(&of_bridge)) {
        for pid in run(&["netns", "pids", &space]).unwrap_or_default().split_whitespace() {
            // This process is in none; a thread of it is, at most.
            if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw).filter(|pid| *pid != rustix::process::getpid())
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = run(&["link", "del", &space]);
        let _ = run(&["netns", "del", &space]);
    }
    let _ = run(&["link", "del", bridge]);
}

#[track_caller]
fn ip(words: &str) {
    run(&words.split_whitespace().collect::<Vec<_>>()).unwrap_or_else(|why| can_not(&why));
}

#[track_caller]
fn can_not(why: &str) -> ! {
    panic!(
        "this test needs several hosts, which are network namespaces of Linux, and they can't be had here: {why}. Run it as \
         root with the command `ip` (on Debian in the package iproute2), where namespaces and virtual devices are allowed; \
         or set {LEFT_OUT}=1, to leave such tests out knowingly"
    )
}

fn run(words: &[&str]) -> Result<String, String> {
    let line = format!("ip {}", words.join(" "));
    let output = Command::new("ip").args(words).output().map_err(|error| format!("`{line}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{line}` says {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::{Folder, wait_until};

    /// Sends back what it gets, once for each client.
    fn echo(address: &str) -> u16 {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let mut word = [0; 4];
                let _ = client.read_exact(&mut word).and_then(|()| client.write_all(&word));
            }
        });
        port
    }

    fn answers(address: SocketAddr) -> bool {
        let ask = || {
            let mut client = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
            client.set_read_timeout(Some(Duration::from_secs(1)))?;
            client.write_all(b"ping")?;
            let mut word = [0; 4];
            client.read_exact(&mut word)
        };
        ask().is_ok()
    }

    #[test]
    fn hosts_reach_each_other_and_servers_here_until_their_wire_is_pulled_out() {
        let Some(lan) = Lan::new(2) else { return };
        let server = format!("127.0.0.1:{}", echo("127.0.0.1:0"));
        let _brought = lan.bring(&[&server]);
        let address = format!("{}:7000", lan.address(1));
        let at_one = move || echo(&address);
        inside(&lan.space_file(1), at_one);
        let (one, here): (SocketAddr, SocketAddr) = ((lan.address(1), 7000).into(), server.parse().unwrap());
        let reached = |host| inside(&lan.space_file(host), || (answers(one), answers(here)));
        // A wire that was just put in may take its time, and so may a busy machine.
        let becomes = |what, wanted| wait_until(what, || (reached(0), reached(1)) == wanted);
        becomes("all reach all", ((true, true), (true, true)));
        lan.cut(1);
        becomes("each is alone", ((false, true), (true, false)));
        lan.heal(1);
        becomes("all reach all again", ((true, true), (true, true)));
    }

    #[test]
    fn what_runs_on_a_host_has_its_address_and_is_gone_with_it() {
        let (Some(lan), Some(other)) = (Lan::new(1), Lan::new(1)) else { return };
        assert_ne!(lan.switch(), other.switch());
        let folder = Folder::new();
        let told = lan.on(0, Invocation::of("ip", folder.path()).words("-4 -o addr show dev eth0")).succeed();
        assert!(told.stdout.contains(&lan.address(0).to_string()), "{told}");
        let left = lan.on(0, Invocation::of("sleep", folder.path()).arg("1000")).start();
        let (bridge, space) = (lan.name(), lan.space_file(0));
        wait_until("it runs there", || run(&["netns", "pids", &lan.space(0)]).is_ok_and(|pids| !pids.is_empty()));
        drop(lan);
        wait_until("it is gone", || left.has_ended());
        assert!(!space.exists() && !Path::new("/sys/class/net").join(bridge).exists());
    }

    #[test]
    fn what_a_dead_test_program_has_left_is_removed() {
        let Some(lan) = Lan::new(1) else { return };
        let mut dead = Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        run(&["link", "set", &lan.name(), "alias", &format!("{OWNER}{}", dead.id())]).unwrap();
        let number = lan.number;
        std::mem::forget(lan);
        // Who comes takes the lowest number that nobody has, and removes on the way what the dead have left; others, also of
        // other programs, come and go meanwhile.
        let mut others = Vec::new();
        wait_until("it has another owner, or none", || {
            others.push(Lan::new(1));
            let alias = fs::read_to_string(format!("/sys/class/net/{NAME}{number}/ifalias")).unwrap_or_default();
            !alias.trim().ends_with(&format!(" {}", dead.id()))
        });
    }
}
