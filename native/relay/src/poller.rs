//! What is waited for, and whose it is.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{epoll, Timespec};
use rustix::io::{Errno, Result};

pub use rustix::event::epoll::EventFlags;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Link,
    /// The launcher's end hangs up when the sandbox has ended.
    Life,
    /// Programs connect.
    Door,
    Queries,
    /// Programs have sent to one of these sockets.
    Datagrams(u64),
    /// The program's end of a connection, and the other one.
    Program(u64),
    Other(u64),
}

impl Token {
    fn encode(self) -> u64 {
        match self {
            Token::Link => 0,
            Token::Life => 1,
            Token::Door => 2,
            Token::Queries => 3,
            Token::Datagrams(index) => index << 3 | 6,
            Token::Program(id) => id << 3 | 4,
            Token::Other(id) => id << 3 | 5,
        }
    }

    fn decode(data: u64) -> Option<Token> {
        Some(match (data & 7, data >> 3) {
            (0, 0) => Token::Link,
            (1, 0) => Token::Life,
            (2, 0) => Token::Door,
            (3, 0) => Token::Queries,
            (4, id) => Token::Program(id),
            (5, id) => Token::Other(id),
            (6, index) => Token::Datagrams(index),
            _ => return None,
        })
    }
}

/// Events that are taken at a time; more wait in the kernel.
const AT_ONCE: usize = 256;

pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    pub fn new() -> Result<Poller> {
        Ok(Poller {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(AT_ONCE),
        })
    }

    /// Tells each change of a socket once.
    pub fn add_socket(&self, socket: impl AsFd, token: Token) -> Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        self.add(socket, token, flags)
    }

    pub fn add(&self, socket: impl AsFd, token: Token, flags: EventFlags) -> Result<()> {
        let data = epoll::EventData::new_u64(token.encode());
        epoll::add(&self.epoll, socket, data, flags)
    }

    /// From now on for these: what of them is there already is told too.
    pub fn change(&self, socket: impl AsFd, token: Token, flags: EventFlags) -> Result<()> {
        let data = epoll::EventData::new_u64(token.encode());
        epoll::modify(&self.epoll, socket, data, flags)
    }

    pub fn remove(&self, socket: impl AsFd) -> Result<()> {
        epoll::delete(&self.epoll, socket)
    }

    /// `None`: for as long as it takes.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Vec<(Token, EventFlags)>> {
        // Rounded up, so that what is due then is due.
        let timeout = timeout.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            timeout.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let known = self.events.iter().filter_map(|event| {
            // Packed: copied before anything refers to it.
            let (data, flags) = (event.data, event.flags);
            Some((Token::decode(data.u64())?, flags))
        });
        Ok(known.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_it_was() {
        for token in [
            Token::Link,
            Token::Life,
            Token::Door,
            Token::Queries,
            Token::Datagrams(0),
            Token::Datagrams(1023),
            Token::Program(1),
            Token::Other(1 << 53),
        ] {
            assert_eq!(Token::decode(token.encode()), Some(token));
        }
    }
}
