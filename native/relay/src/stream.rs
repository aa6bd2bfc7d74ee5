//! Datagrams on a stream to the host, each with its length before it (`src/protocol/egress-link.ts`).

use rustix::io::{read, retry_on_intr, Errno, Result};
use rustix::net::{send, shutdown, SendFlags, Shutdown};

use crate::poller::EventFlags;
use crate::sock::Sock;

/// As two bytes can say.
pub const MAX_DATAGRAM: usize = 65_535;
const HEAD: usize = 2;

/// Read before it is somebody else's turn.
const TURN: usize = 256 << 10;

pub struct Stream {
    sock: Sock,
    /// Of a datagram that the host has taken a part of; nothing else is begun before it has the rest.
    rest: Vec<u8>,
    /// What came, as far as it is no whole datagram.
    heard: Vec<u8>,
    ending: bool,
    ended: bool,
}

impl Stream {
    pub fn new(sock: Sock) -> Stream {
        Stream {
            sock,
            rest: Vec::new(),
            heard: Vec::new(),
            ending: false,
            ended: false,
        }
    }

    pub fn note(&mut self, flags: EventFlags) {
        self.sock.note(flags);
    }

    /// Bytes that wait for the host.
    pub fn unsent(&self) -> usize {
        self.rest.len()
    }

    /// One datagram goes to the host, if that takes any now; else it is dropped.
    pub fn send(&mut self, datagram: &[u8]) {
        let Ok(length) = u16::try_from(datagram.len()) else {
            return;
        };
        if !self.rest.is_empty() || !self.sock.writable || self.ending {
            return;
        }
        self.rest.extend(length.to_be_bytes());
        self.rest.extend_from_slice(datagram);
        self.flush();
        // Not a byte of it has gone: it does not wait.
        if self.rest.len() == HEAD + datagram.len() {
            self.rest.clear();
        }
    }

    pub fn flush(&mut self) {
        while !self.rest.is_empty() && self.sock.writable {
            match retry_on_intr(|| send(&self.sock, &self.rest, SendFlags::NOSIGNAL)) {
                Ok(sent) => drop(self.rest.drain(..sent)),
                Err(Errno::AGAIN) => self.sock.writable = false,
                // The reader finds its end too, and tells it.
                Err(_) => self.rest.clear(),
            }
        }
        if self.ending && self.rest.is_empty() && !self.ended {
            self.ended = true;
            // Where it fails the host is gone.
            let _shut = shutdown(&self.sock, Shutdown::Write);
        }
    }

    /// Nothing follows what was sent. The host ends its side when it has all of it.
    pub fn end(&mut self) {
        self.ending = true;
        self.flush();
    }

    /// Hands over each datagram that has come. True: there may be more; an error where the host has ended it.
    pub fn receive(&mut self, mut each: impl FnMut(&[u8])) -> Result<bool> {
        let mut left = TURN;
        let mut bytes = [0u8; 64 << 10];
        while self.sock.readable && left > 0 {
            match retry_on_intr(|| read(&self.sock, &mut bytes)) {
                Ok(0) => return Err(Errno::PIPE),
                Ok(length) => {
                    left = left.saturating_sub(length);
                    self.heard.extend_from_slice(&bytes[..length]);
                    let done = take_apart(&self.heard, &mut each);
                    self.heard.drain(..done);
                }
                Err(Errno::AGAIN) => self.sock.readable = false,
                Err(errno) => return Err(errno),
            }
        }
        Ok(self.sock.readable)
    }
}

/// How much of it was whole datagrams.
fn take_apart(bytes: &[u8], mut each: impl FnMut(&[u8])) -> usize {
    let mut done = 0;
    while let Some([high, low, rest @ ..]) = bytes.get(done..) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(datagram) = rest.get(..length) else {
            break;
        };
        each(datagram);
        done += HEAD + length;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_apart_however_they_were_cut() {
        let all: [&[u8]; 4] = [b"one", b"", b"three", &[7; 300]];
        let mut bytes = Vec::new();
        for datagram in all {
            bytes.extend((datagram.len() as u16).to_be_bytes());
            bytes.extend_from_slice(datagram);
        }
        for step in 1..bytes.len() {
            let (mut heard, mut seen) = (Vec::new(), Vec::new());
            for piece in bytes.chunks(step) {
                heard.extend_from_slice(piece);
                let done = take_apart(&heard, |datagram| seen.push(datagram.to_vec()));
                heard.drain(..done);
            }
            assert_eq!(seen, all.map(<[u8]>::to_vec));
            assert!(heard.is_empty());
        }
    }
}
