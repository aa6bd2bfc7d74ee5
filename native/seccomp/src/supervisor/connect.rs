//! `connect`: decided on a copy of the address and made by the supervisor, on the caller's own
//! socket. A socket belongs to the network namespace that it was made in, so what is loopback to
//! it is the sandbox's own, whoever connects it.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketType};

use super::address::{self, Address};
use super::listener::{checked, Answer, Notification};
use super::record::Sink;
use super::target::Target;
use super::{path, ActivityKind, Egress, Supervisor, SupervisorError, Verdict, What};

/// Device and inode of a network namespace.
pub type Namespace = (u64, u64);

/// What the kernel says about the descriptor that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    domain: AddressFamily,
    kind: SocketType,
    /// Made in the sandbox's network namespace, and not handed in from elsewhere.
    own: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// As the kernel would answer before it asks anybody.
    Invalid(Errno),
    Denied(Errno, &'static str),
    /// Connect it with the copied address.
    Allowed(&'static str),
    /// Find out what the path leads to.
    Path(Vec<u8>),
}

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
        Ok(Socket {
            domain,
            kind,
            own: namespace_of(socket)? == Some(sandbox),
        })
    }

    /// The Unix socket that a path leads to, if it is on a file system of the sandbox's own.
    fn own_socket(
        &self,
        target: &Target,
        spelled: &[u8],
    ) -> Result<OwnedFd, (Errno, &'static str)> {
        let found = path::object(target, libc::AT_FDCWD, spelled)
            .map_err(|error| (error, "unix.absent"))?;
        let stat = rustix::fs::fstat(&found).map_err(|error| (error, "unix.absent"))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Socket {
            return Err((Errno::CONNREFUSED, "unix.absent"));
        }
        if !self.options.own_devices.contains(&stat.st_dev) {
            return Err((Errno::ACCESS, "unix.host-socket"));
        }
        Ok(found)
    }
}

fn decide(socket: Socket, address: &Address, egress: Option<&Egress>) -> Decision {
    const DEFAULT: &str = "network.default-deny";
    if !socket.own {
        return Decision::Denied(Errno::ACCESS, "network.foreign-socket");
    }
    let inet = [AddressFamily::INET, AddressFamily::INET6].contains(&socket.domain);
    let stream_or_datagram = [SocketType::STREAM, SocketType::DGRAM].contains(&socket.kind);
    match address {
        Address::Short => Decision::Invalid(Errno::INVAL),
        Address::Unspecified if inet && stream_or_datagram => Decision::Allowed("disconnect"),
        Address::V4 { .. } | Address::V6 { .. } if inet && stream_or_datagram => {
            let rule = match egress {
                _ if address.is_loopback() => Some("loopback"),
                Some(egress) => egress.rule(socket.kind, address),
                None => None,
            };
            match rule {
                Some(rule) => Decision::Allowed(rule),
                // What a program is told that has no network.
                None => Decision::Denied(Errno::NETUNREACH, DEFAULT),
            }
        }
        Address::UnixPath(_) | Address::UnixAbstract(_)
            if socket.domain == AddressFamily::UNIX && socket.kind == SocketType::DGRAM =>
        {
            Decision::Denied(Errno::ACCESS, "unix.datagram")
        }
        Address::UnixPath(path) if socket.domain == AddressFamily::UNIX => {
            Decision::Path(path.clone())
        }
        // Abstract names belong to the network namespace of the socket.
        Address::UnixAbstract(_) if socket.domain == AddressFamily::UNIX => {
            Decision::Allowed("unix.abstract")
        }
        Address::UnixUnnamed if socket.domain == AddressFamily::UNIX => {
            Decision::Invalid(Errno::INVAL)
        }
        // To the kernel itself. Anything else would be judged by the supervisor's rights, not the caller's.
        Address::Netlink { pid: 0, groups: 0 } if socket.domain == AddressFamily::NETLINK => {
            Decision::Allowed("netlink")
        }
        _ => Decision::Denied(Errno::AFNOSUPPORT, DEFAULT),
    }
}

impl Egress {
    /// Connected is only to addresses that are local to the sandbox's namespace: whether anything comes of it is decided
    /// outside, where the relay asks.
    fn rule(&self, kind: SocketType, address: &Address) -> Option<&'static str> {
        let to = address.internet()?;
        if !self.ranges.iter().any(|range| contains(*range, to.ip())) {
            return None;
        }
        match kind {
            SocketType::STREAM => Some("network.egress"),
            SocketType::DGRAM if to == self.resolver => Some("network.resolver"),
            // Nobody listens there. It is how C libraries find out which of several addresses to prefer (RFC 6724), so that
            // a refusal would make each look-up of a name a record of something denied.
            SocketType::DGRAM => Some("network.egress-datagram"),
            _ => None,
        }
    }
}

fn contains((network, prefix): (IpAddr, u8), address: IpAddr) -> bool {
    let shifted = |bits: u128, width: u8| {
        let host = u32::from(width.saturating_sub(prefix));
        bits.checked_shr(host).unwrap_or(0)
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let bits = |ip| shifted(u128::from(u32::from(ip)), 32);
            bits(network) == bits(address)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            shifted(network.into(), 128) == shifted(address.into(), 128)
        }
        _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const TCP: Socket = Socket {
        domain: AddressFamily::INET,
        kind: SocketType::STREAM,
        own: true,
    };
    const UNIX: Socket = Socket {
        domain: AddressFamily::UNIX,
        kind: SocketType::STREAM,
        own: true,
    };

    fn v4(ip: [u8; 4]) -> Address {
        Address::V4 {
            ip: Ipv4Addr::from(ip),
            port: 80,
        }
    }

    #[test]
    fn only_the_sandbox_itself_can_be_reached() {
        assert_eq!(
            decide(TCP, &v4([127, 0, 0, 1]), None),
            Decision::Allowed("loopback")
        );
        assert_eq!(
            decide(TCP, &v4([10, 0, 0, 1]), None),
            Decision::Denied(Errno::NETUNREACH, "network.default-deny")
        );
        assert_eq!(
            decide(TCP, &Address::Unspecified, None),
            Decision::Allowed("disconnect")
        );
        let raw = Socket {
            kind: SocketType::RAW,
            ..TCP
        };
        assert!(matches!(
            decide(raw, &v4([127, 0, 0, 1]), None),
            Decision::Denied(..)
        ));
    }

    #[test]
    fn what_stands_for_somebody_outside_can_be_connected_to() {
        let egress = Egress {
            ranges: vec![
                (Ipv4Addr::new(198, 18, 0, 0).into(), 15),
                ("fd67:6c6f:7665::".parse().expect("an address"), 64),
                (Ipv4Addr::new(10, 0, 0, 5).into(), 32),
            ],
            resolver: (Ipv4Addr::new(198, 18, 0, 1), 53).into(),
        };
        let rule = |socket, ip: &str, port| {
            let address = match ip.parse().expect("an address") {
                IpAddr::V4(ip) => Address::V4 { ip, port },
                IpAddr::V6(ip) => Address::V6 { ip, port },
            };
            match decide(socket, &address, Some(&egress)) {
                Decision::Allowed(rule) => rule,
                Decision::Denied(_, rule) => rule,
                other => panic!("{other:?}"),
            }
        };
        let six = Socket {
            domain: AddressFamily::INET6,
            ..TCP
        };
        let datagram = Socket {
            kind: SocketType::DGRAM,
            ..TCP
        };
        for ip in ["198.18.0.9", "198.19.255.254", "10.0.0.5"] {
            assert_eq!(rule(TCP, ip, 443), "network.egress");
            assert_eq!(rule(six, &format!("::ffff:{ip}"), 443), "network.egress");
        }
        assert_eq!(rule(six, "fd67:6c6f:7665::9", 443), "network.egress");
        assert_eq!(rule(TCP, "127.0.0.1", 443), "loopback");
        for ip in [
            "198.20.0.1",
            "10.0.0.6",
            "8.8.8.8",
            "fd67:6c6f:7665:1::1",
            "::198.18.0.9",
        ] {
            assert_eq!(rule(six, ip, 443), "network.default-deny", "{ip}");
        }
        assert_eq!(rule(datagram, "198.18.0.1", 53), "network.resolver");
        assert_eq!(rule(datagram, "198.18.0.9", 443), "network.egress-datagram");
        assert_eq!(rule(datagram, "8.8.8.8", 53), "network.default-deny");
    }

    #[test]
    fn a_socket_from_elsewhere_is_never_connected() {
        for address in [
            v4([127, 0, 0, 1]),
            Address::Unspecified,
            Address::UnixAbstract(b"x".to_vec()),
        ] {
            for socket in [TCP, UNIX] {
                let foreign = Socket {
                    own: false,
                    ..socket
                };
                assert_eq!(
                    decide(foreign, &address, None),
                    Decision::Denied(Errno::ACCESS, "network.foreign-socket")
                );
            }
        }
    }

    #[test]
    fn unix_sockets_go_by_path_or_by_namespace() {
        assert_eq!(
            decide(UNIX, &Address::UnixPath(b"/x".to_vec()), None),
            Decision::Path(b"/x".to_vec())
        );
        assert_eq!(
            decide(UNIX, &Address::UnixAbstract(b"x".to_vec()), None),
            Decision::Allowed("unix.abstract")
        );
        let datagram = Socket {
            kind: SocketType::DGRAM,
            ..UNIX
        };
        assert!(matches!(
            decide(datagram, &Address::UnixPath(b"/x".to_vec()), None),
            Decision::Denied(..)
        ));
    }

    #[test]
    fn an_address_of_another_family_is_no_way_around() {
        assert!(matches!(
            decide(TCP, &Address::UnixPath(b"/x".to_vec()), None),
            Decision::Denied(..)
        ));
        assert!(matches!(
            decide(UNIX, &v4([127, 0, 0, 1]), None),
            Decision::Denied(..)
        ));
        assert!(matches!(
            decide(UNIX, &Address::Unspecified, None),
            Decision::Denied(..)
        ));
        let netlink = Socket {
            domain: AddressFamily::NETLINK,
            kind: SocketType::RAW,
            own: true,
        };
        assert_eq!(
            decide(netlink, &Address::Netlink { pid: 0, groups: 0 }, None),
            Decision::Allowed("netlink")
        );
        assert!(matches!(
            decide(netlink, &Address::Netlink { pid: 0, groups: 1 }, None),
            Decision::Denied(..)
        ));
    }
}
