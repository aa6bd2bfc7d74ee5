//! Socket addresses, read out of a copy as the kernel would read it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;

use super::memory;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Undoes a connection.
    Unspecified,
    V4 {
        ip: Ipv4Addr,
        port: u16,
    },
    V6 {
        ip: Ipv6Addr,
        port: u16,
    },
    UnixPath(Vec<u8>),
    UnixAbstract(Vec<u8>),
    UnixUnnamed,
    Netlink {
        pid: u32,
        groups: u32,
    },
    /// A family that the filter lets nobody have a socket of.
    Other(u16),
    /// Too short for its family.
    Short,
}

/// The bytes of an address, copied once. The kernel's limits: EINVAL for a length that is none.
pub fn copy(tid: u32, at: u64, length: i32) -> Result<Vec<u8>, Errno> {
    let length = usize::try_from(length).map_err(|_| Errno::INVAL)?;
    if length > std::mem::size_of::<libc::sockaddr_storage>() {
        return Err(Errno::INVAL);
    }
    memory::bytes(tid, at, length)
}

impl Address {
    pub fn parse(bytes: &[u8]) -> Self {
        let Some(family) = number(bytes, 0) else {
            return Self::Short;
        };
        match i32::from(family) {
            libc::AF_UNSPEC => Self::Unspecified,
            libc::AF_INET => Self::v4(bytes).unwrap_or(Self::Short),
            libc::AF_INET6 => Self::v6(bytes).unwrap_or(Self::Short),
            libc::AF_UNIX => Self::unix(&bytes[2..]),
            libc::AF_NETLINK => Self::netlink(bytes).unwrap_or(Self::Short),
            _ => Self::Other(family),
        }
    }

    fn v4(bytes: &[u8]) -> Option<Self> {
        let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
        // The kernel wants the whole `struct sockaddr_in`, padding included.
        let whole = bytes.len() >= 16;
        whole.then_some(Self::V4 {
            ip: ip.into(),
            port: port(bytes)?,
        })
    }

    fn v6(bytes: &[u8]) -> Option<Self> {
        let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
        Some(Self::V6 {
            ip: ip.into(),
            port: port(bytes)?,
        })
    }

    /// unix(7): a path ends at its first zero or with the address; a name that begins with a zero is
    /// abstract and takes all of the bytes.
    fn unix(name: &[u8]) -> Self {
        match name {
            [] => Self::UnixUnnamed,
            [0, rest @ ..] => Self::UnixAbstract(rest.to_vec()),
            path => Self::UnixPath(
                path.split(|&byte| byte == 0)
                    .next()
                    .unwrap_or_default()
                    .to_vec(),
            ),
        }
    }

    fn netlink(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self::Netlink {
            pid: word(4)?,
            groups: word(8)?,
        })
    }

    /// Whom it names in the internet protocols; a version 4 address in its longer spelling is one of version 4.
    pub fn internet(&self) -> Option<SocketAddr> {
        match self {
            Self::V4 { ip, port } => Some((*ip, *port).into()),
            Self::V6 { ip, port } => Some(match ip.to_ipv4_mapped() {
                Some(mapped) => (mapped, *port).into(),
                None => (*ip, *port).into(),
            }),
            _ => None,
        }
    }

    /// Whether this is where a C library asks for names that was told of no name server (resolv.conf(5)). Nothing inside can
    /// listen on such a port: it takes a right that no sandbox has (ip(7), `ip_unprivileged_port_start`).
    pub fn is_default_resolver(&self) -> bool {
        self.is_loopback() && self.internet().is_some_and(|to| to.port() == 53)
    }

    /// Whether this is the caller's own machine, which in its network namespace is the sandbox.
    pub fn is_loopback(&self) -> bool {
        match self {
            // The unspecified address means this host (tcp(7) and RFC 4291 leave it to the system; Linux does it).
            Self::V4 { ip, .. } => ip.is_loopback() || ip.is_unspecified(),
            Self::V6 { ip, .. } => match ip.to_ipv4_mapped() {
                Some(mapped) => mapped.is_loopback() || mapped.is_unspecified(),
                None => ip.is_loopback() || ip.is_unspecified(),
            },
            _ => false,
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn port(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be(number(bytes, 2)?))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unspecified => f.write_str("unspecified"),
            Self::V4 { ip, port } => write!(f, "{ip}:{port}"),
            Self::V6 { ip, port } => write!(f, "[{ip}]:{port}"),
            Self::UnixPath(path) => write!(f, "unix:{}", String::from_utf8_lossy(path)),
            Self::UnixAbstract(name) => write!(f, "unix:@{}", String::from_utf8_lossy(name)),
            Self::UnixUnnamed => f.write_str("unix:"),
            Self::Netlink { .. } => f.write_str("netlink"),
            Self::Other(family) => write!(f, "family {family}"),
            Self::Short => f.write_str("incomplete"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(ip: [u8; 4], port: u16) -> Vec<u8> {
        let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
        bytes.extend(port.to_be_bytes());
        bytes.extend(ip);
        bytes.resize(16, 0);
        bytes
    }

    fn v6(ip: &str, port: u16) -> Vec<u8> {
        let mut bytes = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
        bytes.extend(port.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(
            ip.parse::<Ipv6Addr>()
                .map(|ip| ip.octets())
                .unwrap_or_default(),
        );
        bytes
    }

    fn unix(name: &[u8]) -> Vec<u8> {
        let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        bytes.extend(name);
        bytes
    }

    #[test]
    fn addresses_read_as_people_write_them() {
        for (bytes, text) in [
            (v4([127, 0, 0, 1], 80), "127.0.0.1:80"),
            (v6("::1", 443), "[::1]:443"),
            (unix(b"/run/x\0junk"), "unix:/run/x"),
            (unix(b"/run/x"), "unix:/run/x"),
            (unix(b"\0name"), "unix:@name"),
            (unix(b""), "unix:"),
            (vec![16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "netlink"),
            (vec![40, 0, 1, 2], "family 40"),
            (vec![0, 0], "unspecified"),
            (vec![2], "incomplete"),
            (v4([1, 2, 3, 4], 5)[..15].to_vec(), "incomplete"),
            (v6("::1", 1)[..23].to_vec(), "incomplete"),
        ] {
            assert_eq!(Address::parse(&bytes).to_string(), text);
        }
    }

    #[test]
    fn loopback_is_this_host_in_all_its_spellings() {
        for ip in ["127.0.0.1", "127.255.255.254", "0.0.0.0"] {
            let ip: Ipv4Addr = ip.parse().unwrap_or(Ipv4Addr::BROADCAST);
            assert!(Address::V4 { ip, port: 1 }.is_loopback(), "{ip}");
        }
        for ip in ["::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"] {
            assert!(Address::parse(&v6(ip, 1)).is_loopback(), "{ip}");
        }
        for ip in [
            "10.0.0.1",
            "169.254.169.254",
            "128.0.0.1",
            "126.255.255.255",
            "255.255.255.255",
        ] {
            let ip: Ipv4Addr = ip.parse().unwrap_or(Ipv4Addr::LOCALHOST);
            assert!(!Address::V4 { ip, port: 1 }.is_loopback(), "{ip}");
        }
        // The deprecated IPv4-compatible form is an ordinary IPv6 address.
        for ip in [
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "64:ff9b::7f00:1",
            "::2",
        ] {
            assert!(!Address::parse(&v6(ip, 1)).is_loopback(), "{ip}");
        }
    }
}
