//! Datagrams to the resolver's address: each goes to the host as it is, and what the host says goes back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use glovebox_wire::egress::{FromRelay, MAX_QUERY};
use rustix::net::{recvfrom, sendto, RecvFlags, SendFlags};

use crate::link::Link;

/// As many wait for an answer; what comes beyond is dropped, as datagrams may be.
const MOST: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

/// Taken before it is somebody else's turn.
const AT_ONCE: usize = 64;

pub struct Queries {
    socket: OwnedFd,
    asked: BTreeMap<u64, (SocketAddr, Instant)>,
}

impl Queries {
    pub fn new(socket: OwnedFd) -> Queries {
        Queries {
            socket,
            asked: BTreeMap::new(),
        }
    }

    /// Takes what is there; what cannot be asked is dropped, so that nothing waits in the kernel for nobody.
    pub fn take(&mut self, link: &mut Link, next_id: &mut u64, now: Instant) {
        let mut bytes = [0u8; MAX_QUERY];
        for _ in 0..AT_ONCE {
            // With this flag the length is the datagram's, however much of it there was room for.
            let flags = RecvFlags::TRUNC | RecvFlags::DONTWAIT;
            let Ok((_, length, from)) = recvfrom(&self.socket, &mut bytes, flags) else {
                return;
            };
            let from = from.and_then(|from| SocketAddr::try_from(from).ok());
            let Some(from) = from.filter(|_| length <= MAX_QUERY && self.has_room(now)) else {
                continue;
            };
            if link.is_congested() {
                continue;
            }
            let id = *next_id;
            *next_id += 1;
            self.asked.insert(id, (from, now + PATIENCE));
            link.tell(id, &FromRelay::Query(&bytes[..length]));
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.asked.len() == MOST {
            self.asked.retain(|_, (_, until)| now < *until);
        }
        self.asked.len() < MOST
    }

    /// One that nobody waits for any more goes nowhere.
    pub fn answer(&mut self, id: u64, bytes: &[u8], now: Instant) {
        let Some((to, until)) = self.asked.remove(&id) else {
            return;
        };
        if !bytes.is_empty() && now < until {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            // A program that does not read loses datagrams, here as anywhere.
            let _sent = sendto(&self.socket, bytes, flags, &to);
        }
    }
}
