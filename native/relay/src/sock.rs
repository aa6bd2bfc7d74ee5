//! A connected socket, and what it can do as far as we know.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Result;
use rustix::net::{getsockname, sockopt};

use crate::poller::EventFlags;

pub struct Sock {
    fd: OwnedFd,
    /// Until the kernel says otherwise.
    pub readable: bool,
    pub writable: bool,
    /// The peer sends no more: what is there can still be read.
    pub ended: bool,
    /// Both directions are over, or it was reset.
    pub hung_up: bool,
}

impl Sock {
    pub fn new(fd: OwnedFd) -> Sock {
        Sock {
            fd,
            readable: true,
            writable: true,
            ended: false,
            hung_up: false,
        }
    }

    pub fn note(&mut self, flags: EventFlags) {
        let over = EventFlags::HUP | EventFlags::ERR;
        self.readable |= flags.intersects(EventFlags::IN | EventFlags::RDHUP | over);
        self.writable |= flags.intersects(EventFlags::OUT | over);
        self.ended |= flags.contains(EventFlags::RDHUP);
        self.hung_up |= flags.intersects(over);
    }

    /// What a program connected to: its own name for somebody outside.
    pub fn own_address(&self) -> Result<Option<SocketAddr>> {
        let address = SocketAddr::try_from(getsockname(&self.fd)?).ok();
        Ok(address.map(|address| SocketAddr::new(plain(address.ip()), address.port())))
    }

    /// Both directions ended as their senders wanted: what is still under way arrives.
    pub fn close_in_peace(self) {
        // Where it fails the connection is gone already.
        let _set = sockopt::set_socket_linger(&self.fd, None);
    }
}

impl AsFd for Sock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// From here on any end of the connection but [`Sock::close_in_peace`] is a reset (socket(7), SO_LINGER), our own death
/// included: what was cut off must not look whole. Accepted sockets have it from the one that listens.
pub fn reset_at_the_end(socket: impl AsFd) -> Result<()> {
    sockopt::set_socket_linger(socket, Some(Duration::ZERO))
}

/// Of a socket for both versions of the protocol a version 4 address has a longer spelling.
pub fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(address),
        },
        address => address,
    }
}
