//! The sockets on which datagrams to somebody outside are taken: one a port, on every address of the namespace.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use glovebox_wire::egress::RESOLVER_PORT;
use rustix::io::{Errno, Result};
use rustix::net::{bind, socket_with, sockopt, AddressFamily, SocketFlags, SocketType};

/// For both versions of the protocol, where the host has both. The kernel tells with each datagram to which address it came,
/// and takes that as the one that an answer comes from, though no interface has it: RFC 3542, 6; ip(7), IP_FREEBIND.
pub fn taking(port: u16) -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let open = |family| socket_with(family, SocketType::DGRAM, flags, None);
    let shares = port == RESOLVER_PORT;
    let socket = match open(AddressFamily::INET6) {
        Ok(socket) => {
            sockopt::set_ipv6_v6only(&socket, false)?;
            turn_on(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
            turn_on(&socket, libc::IPPROTO_IPV6, libc::IPV6_FREEBIND)?;
            sockopt::set_socket_reuseaddr(&socket, shares)?;
            let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
            bind(&socket, &any)?;
            socket
        }
        Err(Errno::AFNOSUPPORT) => {
            let socket = open(AddressFamily::INET)?;
            turn_on(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO)?;
            turn_on(&socket, libc::IPPROTO_IP, libc::IP_FREEBIND)?;
            sockopt::set_socket_reuseaddr(&socket, shares)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
            socket
        }
        Err(errno) => return Err(errno),
    };
    let_nobody_share(&socket)?;
    Ok(socket)
}

/// From now on a program that asks to share the port (socket(7), SO_REUSEADDR) is told that it is taken: of datagram sockets
/// that share one the last that was bound would get what was sent to the other. The kernel asks both when one is bound.
pub fn let_nobody_share(socket: &OwnedFd) -> Result<()> {
    sockopt::set_socket_reuseaddr(socket, false)
}

/// An option that is a number, which rustix has no name for.
fn turn_on(socket: &OwnedFd, level: i32, option: i32) -> Result<()> {
    let on: i32 = 1;
    let value: *const i32 = &on;
    let length = std::mem::size_of::<i32>() as u32;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the value is there, and as long as is said.
    match unsafe { libc::setsockopt(fd, level, option, value.cast(), length) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
