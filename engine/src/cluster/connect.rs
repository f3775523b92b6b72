//! Joins all processes of a plan into a mesh of sockets, before a deadline.
//!
//! Every process listens on its own address and calls those with lower indices, so each pair has one connection. Both
//! sides say hello ([`super::hello`]) and check that they were started as one cluster. Until the mesh is whole, a
//! connection that has died is forgotten and made again, so a process may be restarted while the others wait; and
//! strangers on the port are dropped without harm. When it is whole, the listeners close.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use super::dial::{Dial, Dialled, Dialling, Outcome};
use super::error::{ClusterError, MissingPeer};
use super::hello::Identity;
use super::plan::ClusterPlan;
use super::visitors::{Arrival, Visitors};
use crate::ids::ProcessIndex;

/// Between two looks at the listeners.
const TICK: Duration = Duration::from_millis(10);

/// Before a person is told whom we wait for.
const SAY_AFTER: Duration = Duration::from_secs(2);

/// A peer's host that vanishes, or a peer that takes no data, is given up after this.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// One socket for each other process, in order, with `None` for our own.
pub(super) type Sockets = Vec<Option<TcpStream>>;

/// Listens on this process's own line of the hostfile: on each address that its host name stands for.
pub(super) fn listen(plan: &ClusterPlan) -> Result<Vec<TcpListener>, ClusterError> {
    let process = plan.process;
    let address = &plan.addresses[process.get()];
    let resolved = (address.host(), address.port()).to_socket_addrs().map_err(|reason| ClusterError::UnknownHost {
        process,
        address: address.clone(),
        reason,
    })?;
    let mut listeners = Vec::new();
    let mut missing = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for one in resolved {
        match TcpListener::bind(one) {
            Ok(listener) => listeners.push(listener),
            // A name may stand for an address family that this host doesn't have; the others will do.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => missing = error,
            Err(reason) => return Err(ClusterError::Listen { process, address: address.clone(), reason }),
        }
    }
    if listeners.is_empty() {
        return Err(ClusterError::Listen { process, address: address.clone(), reason: missing });
    }
    Ok(listeners)
}

/// Connects with all other processes of the plan.
pub(super) fn join(plan: &ClusterPlan, listeners: Vec<TcpListener>) -> Result<Sockets, ClusterError> {
    for listener in &listeners {
        listener.set_nonblocking(true).map_err(system("listening without blocking"))?;
    }
    let sockets = Mesh::new(plan, listeners).join()?;
    for socket in sockets.iter().flatten() {
        tune(socket).map_err(system("setting the options of a connection"))?;
    }
    Ok(sockets)
}

fn system(what: &'static str) -> impl Fn(io::Error) -> ClusterError {
    move |reason| ClusterError::System { what, reason }
}

/// Blocking, prompt, and not for ever silent when the other host has vanished.
fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(None)?;
    socket.set_write_timeout(None)?;
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(3)).with_interval(Duration::from_secs(2)).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

/// A mesh that is coming together.
struct Mesh<'a> {
    plan: &'a ClusterPlan,
    us: Identity,
    started: Instant,
    deadline: Instant,
    listeners: Vec<TcpListener>,
    visitors: Visitors,
    peers: Vec<Peer>,
    news: Receiver<Dialled>,
    to_news: Sender<Dialled>,
}

/// Another process, or ourselves, who needs nothing.
#[derive(Debug, Default)]
struct Peer {
    socket: Option<TcpStream>,
    dialling: Option<Dialling>,
    /// The last thing that went wrong with it.
    last: Option<String>,
}

impl<'a> Mesh<'a> {
    fn new(plan: &'a ClusterPlan, listeners: Vec<TcpListener>) -> Self {
        let (to_news, news) = channel();
        let started = Instant::now();
        let us = Identity {
            processes: plan.processes(),
            workers: plan.workers_here,
            process: plan.process,
            fingerprint: plan.fingerprint,
        };
        Self {
            plan,
            us,
            started,
            deadline: started + plan.connect_timeout,
            listeners,
            visitors: Visitors::default(),
            peers: plan.addresses.iter().map(|_| Peer::default()).collect(),
            news,
            to_news,
        }
    }

    fn join(mut self) -> Result<Sockets, ClusterError> {
        let mut said = false;
        loop {
            self.forget_the_dead();
            if self.missing().next().is_none() {
                tracing::debug!("all {} processes are connected", self.us.processes);
                return Ok(self.peers.into_iter().map(|peer| peer.socket).collect());
            }
            let now = Instant::now();
            if now >= self.deadline {
                return Err(self.too_late());
            }
            if !said && now >= self.started + SAY_AFTER {
                said = true;
                let names: Vec<String> = self.missing().map(|peer| self.name(peer)).collect();
                tracing::info!("waiting for {}", names.join(", "));
            }
            self.dial_lower()?;
            self.accept()?;
            for arrival in self.visitors.listen(Instant::now()) {
                self.answer(arrival);
            }
            // The one place where the loop waits; news from a dialling thread ends the wait early.
            if let Ok(dialled) = self.news.recv_timeout(TICK) {
                self.take_news(dialled)?;
            }
        }
    }

    fn missing(&self) -> impl Iterator<Item = ProcessIndex> {
        self.us.processes.indices().filter(|peer| *peer != self.us.process && self.peers[peer.get()].socket.is_none())
    }

    fn name(&self, peer: ProcessIndex) -> String {
        format!("process {peer} ({})", self.plan.addresses[peer.get()])
    }

    fn too_late(&self) -> ClusterError {
        let missing = self.missing().map(|process| MissingPeer {
            process,
            address: self.plan.addresses[process.get()].clone(),
            last: self.peers[process.get()].last.clone(),
        });
        ClusterError::PeersMissing { after: self.plan.connect_timeout, missing: missing.collect() }
    }

    /// A peer that ended since it came has to come again.
    fn forget_the_dead(&mut self) {
        for (index, peer) in self.peers.iter_mut().enumerate() {
            if peer.socket.as_ref().is_some_and(|socket| !is_alive(socket)) {
                tracing::info!("process {index} was connected and has ended; waiting for it to come again");
                *peer = Peer { last: Some("it was connected and has ended".to_owned()), ..Peer::default() };
            }
        }
    }

    fn dial_lower(&mut self) -> Result<(), ClusterError> {
        for (peer, address) in self.us.processes.indices().zip(&self.plan.addresses) {
            let state = &mut self.peers[peer.get()];
            if peer < self.us.process && state.socket.is_none() && state.dialling.is_none() {
                let dial = Dial { us: self.us, peer, address: address.clone(), deadline: self.deadline };
                state.dialling = Some(dial.start(self.to_news.clone()).map_err(system("a thread to connect"))?);
            }
        }
        Ok(())
    }

    fn take_news(&mut self, Dialled { peer, outcome }: Dialled) -> Result<(), ClusterError> {
        let state = &mut self.peers[peer.get()];
        match outcome {
            Outcome::NotYet(why) => {
                tracing::debug!("process {peer} is not there yet: {why}");
                state.last = Some(why);
            }
            Outcome::Refused(difference) => {
                let address = self.plan.addresses[peer.get()].clone();
                return Err(ClusterError::Refused { peer, address, difference });
            }
            Outcome::In(socket) => {
                socket.set_nonblocking(true).map_err(system("watching a connection without blocking"))?;
                *state = Peer { socket: Some(socket), ..Peer::default() };
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<(), ClusterError> {
        for listener in &self.listeners {
            loop {
                match listener.accept() {
                    Ok((stream, from)) => self.visitors.admit(stream, from, Instant::now()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::Interrupted
                                | io::ErrorKind::ConnectionAborted
                                | io::ErrorKind::ConnectionReset
                        ) => {}
                    Err(error) => return Err(system("accepting a connection")(error)),
                }
            }
        }
        Ok(())
    }

    /// Lets a caller in, or says no.
    fn answer(&mut self, Arrival { mut stream, from, hello }: Arrival) {
        let peer = self.peers.get_mut(hello.sender.get());
        let taken = peer.as_ref().is_some_and(|peer| peer.socket.as_ref().is_some_and(is_alive));
        let (kind, refused) = self.us.judge_call(&hello, taken);
        // A few bytes into an empty buffer: they go at once or the connection is dead.
        let told = stream.write_all(&self.us.hello(kind, hello.sender).encode());
        if let Some(why) = refused {
            tracing::warn!(%from, "refused process {}: {why}", hello.sender);
            if let Some(peer) = peer.filter(|peer| peer.socket.is_none()) {
                peer.last = Some(format!("it came from {from} and was refused: {why}"));
            }
        } else if let Err(error) = told {
            tracing::info!(%from, "process {} called and was gone again: {error}", hello.sender);
        } else if let Some(peer) = peer {
            *peer = Peer { socket: Some(stream), ..Peer::default() };
        }
    }
}

/// Whether the other end still stands; for a socket that doesn't block. Bytes that wait to be read are a sign of life.
fn is_alive(socket: &TcpStream) -> bool {
    match socket.peek(&mut [0]) {
        Ok(waiting) => waiting > 0,
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}

#[cfg(test)]
mod tests;
