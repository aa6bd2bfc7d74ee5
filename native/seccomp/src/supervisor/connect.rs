//! `connect`: decided on a copy of the address and made by the supervisor, on the caller's own
//! socket. A socket belongs to the network namespace that it was made in, so what is loopback to
//! it is the sandbox's own, whoever connects it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::SocketType;

use super::address::{self, Address};
use super::decision::{decide, Decision, Socket};
use super::listener::{checked, Answer, Notification};
use super::record::Sink;
use super::target::Target;
use super::{path, ActivityKind, Supervisor, SupervisorError, Verdict, What};

/// The sandbox has no such socket.
const ABSENT: &str = "unix.absent";

/// Device and inode of a network namespace.
pub type Namespace = (u64, u64);

impl<S: Sink> Supervisor<S> {
    pub(super) fn connect(&mut self, call: &Notification) -> Result<(), SupervisorError> {
        if let Some(answer) = self.replays.take(call) {
            return self.answer(call, answer).map(|_| ());
        }
        let target = Target { tid: call.tid };
        let taken =
            address::copy(call.tid, call.args[1], call.args[2] as i32).and_then(|address| {
                let socket = target.descriptor(call.args[0] as i32)?;
                let facts = self.facts(&target, socket.as_fd())?;
                Ok((address, socket, facts))
            });
        let (bytes, socket, facts) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                return self
                    .answer(call, Answer::Errno(error.raw_os_error()))
                    .map(|_| ())
            }
        };
        let address = Address::parse(&bytes);
        let (bytes, keep, verdict) = match decide(facts, &address, self.options.egress.as_ref()) {
            Decision::Invalid(error) => {
                return self
                    .answer(call, Answer::Errno(error.raw_os_error()))
                    .map(|_| ())
            }
            Decision::Denied(error, rule) => (bytes, None, Err((error, rule))),
            Decision::Allowed(rule) => (bytes, None, Ok(rule)),
            Decision::Path(spelled) => match self.own_socket(&target, &spelled) {
                Ok(found) => (through(&found), Some(found), Ok("unix.own-tmpfs")),
                Err(denied) => (bytes, None, Err(denied)),
            },
        };
        let (word, rule) = match verdict {
            Ok(rule) => (Verdict::Allowed, rule),
            // Nothing was kept from anybody: C libraries ask for services (nscd) that few systems have, before every name.
            Err((_, ABSENT)) => (Verdict::Recorded, ABSENT),
            Err((_, rule)) => (Verdict::Denied, rule),
        };
        let what = What::to_address(
            ActivityKind::Connect,
            super::record::cut(address.to_string().as_bytes()),
            word,
            rule,
        );
        if !self.record_for(call, &target, what)? {
            return Ok(());
        }
        if let Err((error, _)) = verdict {
            return self
                .answer(call, Answer::Errno(error.raw_os_error()))
                .map(|_| ());
        }
        let connection = Connection {
            socket,
            address: bytes,
            _keep: keep,
        };
        if may_block(&connection.socket, facts) {
            return self
                .workers
                .start(call, connection)
                .map_err(SupervisorError::kernel("start a thread"));
        }
        let answer = connection.make();
        if !self.answer(call, answer)? {
            self.replays.keep((*call, answer));
        }
        Ok(())
    }

    fn facts(&mut self, target: &Target, socket: BorrowedFd<'_>) -> Result<Socket, Errno> {
        let domain = sockopt::socket_domain(socket)?;
        let kind = sockopt::socket_type(socket)?;
        let sandbox = match self.network {
            Some(known) => known,
            // Nobody under the filter can change it.
            None => *self
                .network
                .insert(namespace_at(&format!("/proc/{}/ns/net", target.tid))?),
        };
        let own = self.is_in(sandbox, socket)?;
        Ok(Socket { domain, kind, own })
    }

    /// The kernel gives no two network namespaces the same cookie, also not one after the other: where a socket has the one of a
    /// socket that was seen to be the sandbox's, nothing has to be opened to find out.
    fn is_in(&mut self, sandbox: Namespace, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        let cookie = cookie_of(socket);
        if cookie.is_some() && cookie == self.network_cookie {
            return Ok(true);
        }
        let own = namespace_of(socket)? == Some(sandbox);
        if own {
            self.network_cookie = cookie;
        }
        Ok(own)
    }

    /// The Unix socket that a path leads to, if it is on a file system of the sandbox's own.
    fn own_socket(
        &self,
        target: &Target,
        spelled: &[u8],
    ) -> Result<OwnedFd, (Errno, &'static str)> {
        let found =
            path::object(target, libc::AT_FDCWD, spelled).map_err(|error| (error, ABSENT))?;
        let stat = rustix::fs::fstat(&found).map_err(|error| (error, ABSENT))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
            return Err((Errno::CONNREFUSED, ABSENT));
        }
        if !self.options.own_devices.contains(&stat.st_dev) {
            return Err((Errno::ACCESS, "unix.host-socket"));
        }
        Ok(found)
    }
}

/// An address through which the kernel finds exactly this object, however names change.
fn through(object: &OwnedFd) -> Vec<u8> {
    let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    address.extend(format!("/proc/self/fd/{}\0", object.as_raw_fd()).into_bytes());
    address
}

/// A connection that is allowed.
pub struct Connection {
    socket: OwnedFd,
    address: Vec<u8>,
    /// What the address goes through.
    _keep: Option<OwnedFd>,
}

impl Connection {
    pub fn make(&self) -> Answer {
        // SAFETY: the address is as long as is said, and the kernel copies it.
        let result = unsafe {
            libc::connect(
                self.socket.as_raw_fd(),
                self.address.as_ptr().cast(),
                self.address.len() as u32,
            )
        };
        match checked(result) {
            Ok(_) => Answer::Value(0),
            Err(error) => Answer::Errno(error.raw_os_error()),
        }
    }
}

/// Datagrams have nobody to wait for.
fn may_block(socket: &OwnedFd, facts: Socket) -> bool {
    let waits = rustix::fs::fcntl_getfl(socket)
        .map_or(true, |flags| !flags.contains(rustix::fs::OFlags::NONBLOCK));
    waits && [SocketType::STREAM, SocketType::SEQPACKET].contains(&facts.kind)
}

/// Of the network namespace of a socket (`SO_NETNS_COOKIE`); `None` before Linux 5.14.
fn cookie_of(socket: BorrowedFd<'_>) -> Option<u64> {
    let mut cookie = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into a number of that size.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &mut length,
        )
    };
    (result == 0 && cookie != 0).then_some(cookie)
}

/// The network namespace of a socket; `None` if it is one that we have no rights over, which the
/// sandbox's is not.
fn namespace_of(socket: BorrowedFd<'_>) -> Result<Option<Namespace>, Errno> {
    const SIOCGSKNS: libc::Ioctl = 0x894C;
    // SAFETY: the request takes no argument and makes a descriptor.
    match checked(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSKNS) }) {
        Ok(fd) => {
            // SAFETY: the kernel has just made this descriptor for us.
            let stat = rustix::fs::fstat(unsafe { OwnedFd::from_raw_fd(fd) })?;
            Ok(Some((stat.st_dev, stat.st_ino)))
        }
        Err(Errno::PERM) => Ok(None),
        Err(error) => Err(error),
    }
}

fn namespace_at(path: &str) -> Result<Namespace, Errno> {
    let stat = rustix::fs::stat(path)?;
    Ok((stat.st_dev, stat.st_ino))
}
