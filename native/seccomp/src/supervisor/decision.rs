//! What a `connect` comes to. Pure: the facts of a socket and a copied address in, a decision out.

use std::net::IpAddr;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use super::address::Address;
use super::Egress;

/// What the kernel says about the descriptor that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    pub domain: AddressFamily,
    pub kind: SocketType,
    /// Made in the sandbox's network namespace, and not handed in from elsewhere.
    pub own: bool,
}

/// A sandbox without a network has nobody who looks names up.
pub const NO_RESOLVER: &str = "network.no-resolver";

#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// As the kernel would answer before it asks anybody.
    Invalid(Errno),
    Denied(Errno, &'static str),
    /// Connect it with the copied address.
    Allowed(&'static str),
    /// Find out what the path leads to.
    Path(Vec<u8>),
}

pub fn decide(socket: Socket, address: &Address, egress: Option<&Egress>) -> Decision {
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
            if egress.is_none() && address.is_default_resolver() {
                return Decision::Denied(Errno::CONNREFUSED, NO_RESOLVER);
            }
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
    fn without_a_network_a_question_for_a_name_is_refused_as_one() {
        let datagram = Socket {
            kind: SocketType::DGRAM,
            ..TCP
        };
        let asks = Address::V4 {
            ip: Ipv4Addr::LOCALHOST,
            port: 53,
        };
        for socket in [TCP, datagram] {
            assert_eq!(
                decide(socket, &asks, None),
                Decision::Denied(Errno::CONNREFUSED, NO_RESOLVER)
            );
        }
        let egress = Egress {
            ranges: Vec::new(),
            resolver: (Ipv4Addr::new(198, 18, 0, 1), 53).into(),
        };
        assert_eq!(
            decide(datagram, &asks, Some(&egress)),
            Decision::Allowed("loopback")
        );
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
