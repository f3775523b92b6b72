//! How many of the connections one client may hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Who holds how many. Addresses of this machine may hold all: behind them is a proxy with everybody's requests, or
/// somebody who can do worse here.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    held: Mutex<HashMap<Client, usize>>,
}

/// An address, or with IPv6 the network of 64 bits in which one household or host may choose any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client(IpAddr);

impl Client {
    /// The client behind an address; `None` for this machine.
    fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            address if address.is_loopback() => None,
            IpAddr::V6(address) => Some(Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into())),
            address => Some(Self(address)),
        }
    }
}

/// One connection of its client's share, until it is dropped.
#[derive(Debug)]
pub(super) struct Share(Option<(Arc<Shares>, Client)>);

impl Shares {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// A place for one more connection, if the share allows it.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let Some(client) = Client::of(address) else { return Some(Share(None)) };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = held.entry(client).or_default();
        if *of_client >= self.most {
            return None;
        }
        *of_client += 1;
        Some(Share(Some((Arc::clone(self), client))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, client)) = self.0.take() else { return };
        let mut held = shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_client) = held.get_mut(&client) {
            *of_client -= 1;
            if *of_client == 0 {
                held.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_its_share_and_takes_nobody_elses() {
        let shares = Shares::new(2);
        let first = shares.take(address("192.0.2.1"));
        let second = shares.take(address("::ffff:192.0.2.1")).unwrap();
        assert!(first.is_some() && shares.take(address("192.0.2.1")).is_none());
        let others = shares.take(address("192.0.2.2"));
        assert!(others.is_some());
        drop((first, others));
        assert!(shares.take(address("192.0.2.1")).is_some(), "a place came back");
        drop(second);
        assert!(shares.held.lock().unwrap().is_empty(), "nothing stays of those who are gone");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let shares = Shares::new(1);
        let _share = shares.take(address("2001:db8:0:1::1")).unwrap();
        assert!(shares.take(address("2001:db8:0:1:ffff::9")).is_none());
        assert!(shares.take(address("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn this_machine_has_no_share() {
        let shares = Shares::new(0);
        for here in ["127.0.0.1", "::1", "127.8.9.10", "::ffff:127.0.0.1"] {
            assert!(shares.take(address(here)).is_some(), "{here}");
        }
        assert!(shares.take(address("192.0.2.1")).is_none());
    }
}
