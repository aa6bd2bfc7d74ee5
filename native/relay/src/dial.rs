//! A connection to the outside in the making: one address after the other, each for as long as the host allows.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::io::{Errno, Result};
use rustix::net::{
    connect, getpeername, socket_with, sockopt, AddressFamily, SocketFlags, SocketType,
};

use crate::poller::{Poller, Token};
use crate::sock::{reset_at_the_end, Sock};

pub struct Dial {
    id: u64,
    waiting: VecDeque<IpAddr>,
    port: u16,
    patience: Duration,
    current: Option<Attempt>,
    /// Why the last one failed.
    errno: Errno,
}

struct Attempt {
    sock: Sock,
    address: IpAddr,
    until: Instant,
}

pub enum Dialed {
    /// Until the socket tells, or until the moment that [`Dial::until`] says.
    NotYet,
    Connected(Sock, IpAddr),
    Failed(Errno),
}

impl Dial {
    pub fn new(id: u64, addresses: Vec<IpAddr>, port: u16, patience: Duration) -> Dial {
        Dial {
            id,
            waiting: addresses.into(),
            port,
            patience,
            current: None,
            errno: Errno::HOSTUNREACH,
        }
    }

    pub fn sock(&mut self) -> Option<&mut Sock> {
        self.current.as_mut().map(|attempt| &mut attempt.sock)
    }

    pub fn until(&self) -> Option<Instant> {
        self.current.as_ref().map(|attempt| attempt.until)
    }

    pub fn go_on(&mut self, now: Instant, poller: &Poller) -> Dialed {
        loop {
            if let Some(attempt) = self.current.take() {
                match how_it_went(&attempt.sock) {
                    Ok(true) => return Dialed::Connected(attempt.sock, attempt.address),
                    Ok(false) if now < attempt.until => {
                        self.current = Some(attempt);
                        return Dialed::NotYet;
                    }
                    Ok(false) => self.errno = Errno::TIMEDOUT,
                    Err(errno) => self.errno = errno,
                }
            }
            let Some(address) = self.waiting.pop_front() else {
                return Dialed::Failed(self.errno);
            };
            match begin(SocketAddr::new(address, self.port)) {
                Ok(sock) => {
                    if let Err(errno) = poller.add_socket(&sock, Token::Other(self.id)) {
                        self.errno = errno;
                        continue;
                    }
                    self.current = Some(Attempt {
                        sock,
                        address,
                        until: now + self.patience,
                    });
                }
                Err(errno) => self.errno = errno,
            }
        }
    }
}

fn begin(address: SocketAddr) -> Result<Sock> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    reset_at_the_end(&socket)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(Sock::new(socket)),
        Err(errno) => Err(errno),
    }
}

/// Whether it is connected by now. Asked of the socket itself: an event may be about the attempt before.
fn how_it_went(sock: &Sock) -> Result<bool> {
    if let Err(errno) = sockopt::socket_error(sock)? {
        return Err(errno);
    }
    match getpeername(sock) {
        Ok(_) => Ok(true),
        Err(Errno::NOTCONN) => Ok(false),
        Err(errno) => Err(errno),
    }
}
