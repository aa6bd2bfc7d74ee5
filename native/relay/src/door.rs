//! The listening sockets, which were made inside. They are behind an epoll of their own, so that all of them together can
//! be left alone while there is no room for another connection.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{epoll, Timespec};
use rustix::io::{Errno, Result};
use rustix::net::{accept_with, SocketFlags};

use crate::poller::{EventFlags, Poller, Token};

/// What the sandbox's network namespace has for its programs.
pub struct Sockets {
    pub tcp: Vec<OwnedFd>,
    /// One for each port on which datagrams are taken, on every address; the kernel tells to which they came.
    pub datagrams: Vec<OwnedFd>,
    /// At the resolver's address.
    pub udp: OwnedFd,
}

impl Sockets {
    /// As many descriptors.
    pub fn count(&self) -> usize {
        self.tcp.len() + self.datagrams.len()
    }
}

/// Connections that are taken of one socket before it is another's turn, and sockets at a time.
const AT_ONCE: usize = 32;
const SOCKETS: usize = 32;

/// Where the machine has no descriptor or no memory left, it may have some by then.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Door {
    listeners: Vec<OwnedFd>,
    epoll: OwnedFd,
    is_watched: bool,
    /// Nobody is let in before.
    pub until: Option<Instant>,
}

impl Door {
    pub fn new(listeners: Vec<OwnedFd>) -> Result<Door> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, listener) in listeners.iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, listener, data, EventFlags::IN)?;
        }
        Ok(Door {
            listeners,
            epoll,
            is_watched: false,
            until: None,
        })
    }

    /// Opens it or leaves it alone.
    pub fn watch(&mut self, poller: &Poller, wanted: bool) -> Result<()> {
        match (self.is_watched, wanted) {
            (false, true) => poller.add(&self.epoll, Token::Door, EventFlags::IN)?,
            (true, false) => poller.remove(&self.epoll)?,
            _ => {}
        }
        self.is_watched = wanted;
        Ok(())
    }

    pub fn take(&mut self, now: Instant) -> Result<Vec<OwnedFd>> {
        let mut events = Vec::with_capacity(SOCKETS);
        let at_once = Timespec::default();
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let mut taken = Vec::new();
        for event in events {
            let data = event.data;
            let Some(listener) = self.listeners.get(data.u64() as usize) else {
                continue;
            };
            for _ in 0..AT_ONCE {
                match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                    Ok(socket) => taken.push(socket),
                    // It has gone again before it was taken.
                    Err(Errno::INTR | Errno::CONNABORTED) => {}
                    Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                        self.until = Some(now + PAUSE);
                        return Ok(taken);
                    }
                    Err(_) => break,
                }
            }
        }
        Ok(taken)
    }

    /// From now on the kernel refuses.
    pub fn close(&mut self, poller: &Poller) -> Result<()> {
        self.watch(poller, false)?;
        self.listeners.clear();
        Ok(())
    }
}
