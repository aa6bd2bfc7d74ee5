//! The conversation with the host. What is to be said waits in memory while the host does not read, which is bounded by
//! whoever makes lines looking at [`Link::is_congested`] before it makes one that a program can cause at will.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use glovebox_wire::egress::{FlowId, FromRelay, Hello, Limits, ToRelay, MAX_LINE};
use glovebox_wire::WireError;
use rustix::io::{ioctl_fionbio, read, retry_on_intr, write, Errno};
use rustix::net::sockopt::{set_socket_timeout, Timeout};
use rustix::net::{
    connect, send, socket_with, AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};

use crate::poller::EventFlags;

/// Past this programs wait until the host has read.
const CONGESTED: usize = 256 << 10;

/// Much longer than a connection waits for its first byte, where the other end is near.
const LATE: Duration = Duration::from_millis(10);

/// The host was there before the sandbox began; it answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub enum LinkError {
    Call(&'static str, Errno),
    /// The host has closed it.
    Closed,
    Line(WireError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Call(what, errno) => write!(formatter, "{what}: {errno}"),
            LinkError::Closed => formatter.write_str("the host has closed the link"),
            LinkError::Line(error) => write!(formatter, "a line of the host's: {error}"),
        }
    }
}

impl std::error::Error for LinkError {}

pub struct Link {
    fd: OwnedFd,
    /// What was read, up to `heard` of which is done with.
    unread: Vec<u8>,
    heard: usize,
    unsaid: Vec<u8>,
    /// There was no room for all of it.
    is_full: bool,
    /// What is said with the next line, or then.
    late: Vec<u8>,
    late_at: Option<Instant>,
}

impl Link {
    pub fn greet(path: &SocketAddrUnix) -> Result<Link, LinkError> {
        let call = |what| move |errno| LinkError::Call(what, errno);
        let fd = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(call("make a socket"))?;
        for timeout in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&fd, timeout, Some(PATIENCE)).map_err(call("set a timeout"))?;
        }
        retry_on_intr(|| connect(&fd, path)).map_err(call("connect to the host's socket"))?;
        send(&fd, &Hello::Link.to_line(), SendFlags::NOSIGNAL).map_err(call("greet the host"))?;
        Ok(Link {
            fd,
            unread: Vec::new(),
            heard: 0,
            unsaid: Vec::new(),
            is_full: false,
            late: Vec::new(),
            late_at: None,
        })
    }

    /// What the host answers: what holds for all connections.
    pub fn wait_for_welcome(&mut self) -> Result<Limits, LinkError> {
        let limits = loop {
            if let Some(line) = self.take_line()? {
                match ToRelay::parse(&line).map_err(LinkError::Line)? {
                    ToRelay::Welcome(limits) => break limits,
                    ToRelay::To(..) => return Err(unexpected("welcome")),
                }
            }
            self.read().map_err(|error| match error {
                LinkError::Call(what, Errno::AGAIN) => LinkError::Call(what, Errno::TIMEDOUT),
                error => error,
            })?;
        };
        let failed = |errno| LinkError::Call("set a flag", errno);
        ioctl_fionbio(&self.fd, true).map_err(failed)?;
        Ok(limits)
    }

    /// The next line that is for one connection; `None`: not yet.
    pub fn hear(&mut self) -> Result<Option<(FlowId, glovebox_wire::egress::Order)>, LinkError> {
        loop {
            if let Some(line) = self.take_line()? {
                return match ToRelay::parse(&line).map_err(LinkError::Line)? {
                    ToRelay::To(id, order) => Ok(Some((id, order))),
                    ToRelay::Welcome(_) => Err(unexpected("no second welcome")),
                };
            }
            match self.read() {
                Ok(()) => {}
                Err(LinkError::Call(_, Errno::AGAIN)) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn take_line(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let waiting = &self.unread[self.heard..];
        let Some(end) = waiting.iter().position(|byte| *byte == b'\n') else {
            return match waiting.len() {
                0..=MAX_LINE => Ok(None),
                _ => Err(unexpected("an end within 64 KiB")),
            };
        };
        let line = waiting[..end].to_vec();
        self.heard += end + 1;
        Ok(Some(line))
    }

    fn read(&mut self) -> Result<(), LinkError> {
        self.unread.drain(..std::mem::take(&mut self.heard));
        let mut bytes = [0u8; 16 << 10];
        match retry_on_intr(|| read(&self.fd, &mut bytes)) {
            Ok(0) => Err(LinkError::Closed),
            Ok(length) => {
                self.unread.extend_from_slice(&bytes[..length]);
                Ok(())
            }
            Err(Errno::CONNRESET) => Err(LinkError::Closed),
            Err(errno) => Err(LinkError::Call("read what the host says", errno)),
        }
    }

    pub fn tell(&mut self, id: FlowId, line: &FromRelay<'_>) {
        self.say_what_is_late();
        self.unsaid.extend_from_slice(&line.to_line(id));
    }

    /// What the host needs to know, and need not wake up for while a program waits: with the next line, or in a moment.
    pub fn tell_late(&mut self, id: FlowId, line: &FromRelay<'_>, now: Instant) {
        self.late.extend_from_slice(&line.to_line(id));
        self.late_at.get_or_insert(now + LATE);
    }

    /// When [`Link::flush`] has something new to do.
    pub fn next(&self) -> Option<Instant> {
        self.late_at
    }

    fn say_what_is_late(&mut self) {
        self.unsaid.append(&mut self.late);
        self.late_at = None;
    }

    pub fn is_congested(&self) -> bool {
        self.unsaid.len() + self.late.len() > CONGESTED
    }

    /// What there is to wait for. For room only while there is none: the host makes some by each read, and would wake us for
    /// it on its own processor, where we then wait until it has done with what it read.
    pub fn awaited(&self) -> EventFlags {
        let always = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        match self.is_full {
            true => always | EventFlags::OUT,
            false => always,
        }
    }

    /// True: everything is said that is due.
    pub fn flush(&mut self, now: Instant) -> Result<bool, LinkError> {
        if self.late_at.is_some_and(|at| at <= now) {
            self.say_what_is_late();
        }
        let mut sent = 0;
        while sent < self.unsaid.len() {
            match retry_on_intr(|| write(&self.fd, &self.unsaid[sent..])) {
                Ok(length) => sent += length,
                Err(Errno::AGAIN) => break,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(LinkError::Closed),
                Err(errno) => return Err(LinkError::Call("tell the host", errno)),
            }
        }
        self.unsaid.drain(..sent);
        self.is_full = !self.unsaid.is_empty();
        Ok(!self.is_full)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn unexpected(expected: &str) -> LinkError {
    LinkError::Line(WireError(format!("expected {expected}")))
}
