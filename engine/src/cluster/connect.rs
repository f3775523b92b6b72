//! Joins all processes of a plan into a mesh of sockets, before a deadline.
//!
//! Every process listens on its own address and calls those with lower indices, so each pair has one connection. Both
//! sides prove that they know the secret ([`super::handshake`]) and check that they were started as one cluster
//! ([`super::judge`]). Until the mesh is whole, a connection that has died is forgotten and made again, so a process may be
//! restarted while the others wait; and strangers on the port are dropped without harm. When it is whole, the listeners
//! close.

use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use super::dial::{Dial, Dialled, Dialling, Outcome};
use super::error::{ClusterError, MissingPeer};
use super::hello::Refusal;
use super::judge::{Decision, Identity};
use super::plan::ClusterPlan;
use super::proof::SystemNonces;
use super::secret::MeshSecret;
use super::visitors::{Arrival, Door, MOST, Visitors};
use crate::ids::ProcessIndex;
use crate::ledger::Generation;

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
    if plan.secret.is_none() {
        tracing::warn!("--insecure: whoever can reach the ports of this cluster can join it, and run in its place");
    }
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
    door: Door,
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
            generation: plan.generation,
            secured: plan.secret.is_some(),
        };
        let secret = plan.secret.clone().unwrap_or_else(MeshSecret::well_known);
        let door = Door { us, secret, nonces: Arc::new(SystemNonces) };
        Self {
            plan,
            us,
            started,
            deadline: started + plan.connect_timeout,
            listeners,
            visitors: Visitors::new(door.clone()),
            door,
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
            self.accept();
            for arrival in self.visitors.listen(Instant::now()) {
                self.answer(arrival)?;
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
                let dial = Dial { us: self.door.clone(), peer, address: address.clone(), deadline: self.deadline };
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
            Outcome::Superseded(later) => {
                let at = self.plan.addresses[peer.get()].to_string();
                return Err(self.superseded(peer, at, later));
            }
            Outcome::In(socket) => {
                socket.set_nonblocking(true).map_err(system("watching a connection without blocking"))?;
                *state = Peer { socket: Some(socket), ..Peer::default() };
            }
        }
        Ok(())
    }

    /// Takes in who has connected, but no more at once than may wait: under a flood, each is listened to before it gives way.
    /// No error here ends a start, since strangers can cause them: a connection that broke, files that are used up.
    fn accept(&mut self) {
        for listener in &self.listeners {
            for _ in 0..MOST / 2 {
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
                    Err(error) => {
                        tracing::debug!("a connection can't be accepted: {error}");
                        self.visitors.give_way(&format!("another one can't be accepted: {error}"));
                        break;
                    }
                }
            }
        }
    }

    /// Lets a caller in that has proven itself, or says no.
    fn answer(&mut self, arrival: Arrival) -> Result<(), ClusterError> {
        let (from, caller) = (arrival.from, arrival.caller);
        let peer = self.peers.get_mut(caller.sender.get());
        let taken = peer.as_ref().is_some_and(|peer| peer.socket.as_ref().is_some_and(is_alive));
        let decision = self.us.judge_caller(&caller, taken);
        let told = arrival.tell(decision.ruling(), &self.door.secret);
        match (decision, told) {
            (Decision::Yield(later), _) => return Err(self.superseded(caller.sender, from.to_string(), later)),
            (Decision::Refuse(refusal, why), _) => {
                tracing::warn!(%from, "refused process {}: {why}", caller.sender);
                // An older life is not the one that we wait for.
                let waiting = peer.filter(|peer| peer.socket.is_none() && refusal != Refusal::Generation);
                if let Some(peer) = waiting {
                    peer.last = Some(format!("it came from {from} and was refused: {why}"));
                }
            }
            (Decision::Welcome, Err(error)) => {
                tracing::info!(%from, "process {} called and was gone again: {error}", caller.sender);
            }
            (Decision::Welcome, Ok(stream)) => {
                if let Some(peer) = peer {
                    *peer = Peer { socket: Some(stream), ..Peer::default() };
                }
            }
        }
        Ok(())
    }

    fn superseded(&self, peer: ProcessIndex, at: String, later: Generation) -> ClusterError {
        ClusterError::Superseded { peer, at, later, ours: self.us.generation }
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
