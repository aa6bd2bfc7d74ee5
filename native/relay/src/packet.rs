//! One datagram with both of its addresses: which name a program meant is where its datagram came to, and an answer has to
//! come from there. The kernel tells and takes that beside the bytes (ip(7), IP_PKTINFO; RFC 3542, 6), which rustix does not
//! speak.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::addr_of_mut;

use rustix::io::{Errno, Result};

/// Room for the one message that is asked for, of either version, with its header.
const CONTROL: usize = 64;

/// Aligned as a `cmsghdr` has to be (cmsg(3)).
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub from: SocketAddr,
    pub to: IpAddr,
    pub length: usize,
}

/// The next datagram; one that has no address of its own, or is longer than there is room for, is dropped: `None`.
pub fn take(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<Option<Packet>> {
    // SAFETY: both are plain data of the kernel's, for which zeroes are a value.
    let (mut name, mut message): (libc::sockaddr_storage, libc::msghdr) =
        unsafe { (zeroed(), zeroed()) };
    let mut control = Control([0; CONTROL]);
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    message.msg_name = addr_of_mut!(name).cast();
    message.msg_namelen = size_of::<libc::sockaddr_storage>() as u32;
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL as _;
    // SAFETY: everything that the message points to is there, as long as is said, until the call returns.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_DONTWAIT) };
    let Ok(length) = usize::try_from(length) else {
        return Err(last_errno());
    };
    if message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
        return Ok(None);
    }
    let (Some(from), Some(to)) = (address_of(&name), meant(&message)) else {
        return Ok(None);
    };
    Ok(Some(Packet { from, to, length }))
}

/// Sends one from an address of the sandbox's namespace, and the socket's port.
pub fn give(socket: BorrowedFd<'_>, bytes: &[u8], from: IpAddr, to: SocketAddr) -> Result<()> {
    // SAFETY: plain data of the kernel's, for which zeroes are a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    let mut control = Control([0; CONTROL]);
    let (mut name, length) = name_of(to);
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    message.msg_name = addr_of_mut!(name).cast();
    message.msg_namelen = length;
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = put_source(&mut control, from, to.is_ipv6()) as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: everything that the message points to is there, as long as is said, until the call returns.
    match unsafe { libc::sendmsg(socket.as_raw_fd(), &message, flags) } {
        0.. => Ok(()),
        _ => Err(last_errno()),
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Of the messages beside a datagram the address that it came to.
fn meant(message: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel has filled in the message, whose control buffer is aligned and as long as it says.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: what CMSG_FIRSTHDR and CMSG_NXTHDR give is null or a header in that buffer.
    while let Some(header) = unsafe { next.as_ref() } {
        let room = header.cmsg_len;
        // SAFETY: it is a header's; what is behind it is read below only as far as the header says that there is.
        let data = unsafe { libc::CMSG_DATA(next) };
        match (header.cmsg_level, header.cmsg_type) {
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
                if room >= length_of::<libc::in6_pktinfo>() as _ =>
            {
                // SAFETY: the header has room for one, at any alignment.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
            }
            (libc::IPPROTO_IP, libc::IP_PKTINFO)
                if room >= length_of::<libc::in_pktinfo>() as _ =>
            {
                // SAFETY: the header has room for one, at any alignment.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                return Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into());
            }
            _ => {}
        }
        // SAFETY: as of the first; the message is as the kernel left it.
        next = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

fn length_of<T>() -> usize {
    // SAFETY: it only counts.
    unsafe { libc::CMSG_LEN(size_of::<T>() as u32) as usize }
}

/// Puts the one message into the buffer that says where a datagram comes from; how long that is.
fn put_source(control: &mut Control, from: IpAddr, is_six: bool) -> usize {
    match (from, is_six) {
        (IpAddr::V4(address), false) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from_ne_bytes(address.octets()),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            put(control, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        }
        (address, _) => {
            let address = match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: address.octets(),
                },
                ipi6_ifindex: 0,
            };
            put(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
        }
    }
}

fn put<T>(control: &mut Control, level: i32, kind: i32, value: T) -> usize {
    assert!(size_of::<T>() + size_of::<libc::cmsghdr>() <= CONTROL - 8);
    let header: *mut libc::cmsghdr = control.0.as_mut_ptr().cast();
    // SAFETY: the buffer is aligned for a header and has room for it and the value, which the assertion checks; it only counts
    // otherwise.
    unsafe {
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<T>() as u32) as _;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size_of::<T>() as u32) as usize
    }
}

fn address_of(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let place: *const libc::sockaddr_storage = name;
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and the storage has room for each.
            let name = unsafe { place.cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::new(ip.into(), u16::from_be(name.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { place.cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(name.sin6_addr.s6_addr);
            Some(SocketAddr::new(ip.into(), u16::from_be(name.sin6_port)))
        }
        _ => None,
    }
}

fn name_of(address: SocketAddr) -> (libc::sockaddr_storage, u32) {
    // SAFETY: plain data of the kernel's, for which zeroes are a value.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let place = addr_of_mut!(storage);
    match address {
        SocketAddr::V4(address) => {
            let name = libc::sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(address.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: the storage has room for each kind of name, and its alignment.
            unsafe { place.cast::<libc::sockaddr_in>().write(name) };
            (storage, size_of::<libc::sockaddr_in>() as u32)
        }
        SocketAddr::V6(address) => {
            let name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as u16,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: address.ip().octets(),
                },
                sin6_scope_id: 0,
            };
            // SAFETY: as above.
            unsafe { place.cast::<libc::sockaddr_in6>().write(name) };
            (storage, size_of::<libc::sockaddr_in6>() as u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    /// On every address, with the option that has the kernel tell which.
    fn on_every_address(any: &str, level: i32, option: i32) -> UdpSocket {
        let socket = UdpSocket::bind((any, 0)).expect("a socket");
        let on: i32 = 1;
        let value: *const i32 = &on;
        // SAFETY: the value is there, and as long as is said.
        let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.cast(), 4) };
        assert_eq!(set, 0);
        socket
    }

    fn there_and_back(server: &UdpSocket, client: &str, target: &str, seen: &str) {
        let port = server.local_addr().expect("an address").port();
        let client = UdpSocket::bind((client, 0)).expect("a socket");
        client.send_to(b"hello", (target, port)).expect("sent");
        let mut bytes = [0u8; 99];
        let packet = take(server.as_fd(), &mut bytes)
            .expect("taken")
            .expect("whole");
        let expected: IpAddr = seen.parse().expect("an address");
        assert_eq!((packet.to, packet.length), (expected, 5));
        give(server.as_fd(), b"answer", packet.to, packet.from).expect("given");
        let (length, from) = client.recv_from(&mut bytes).expect("an answer");
        assert_eq!(&bytes[..length], b"answer");
        let meant: IpAddr = target.parse().expect("an address");
        assert_eq!(from, SocketAddr::new(meant, port));
        assert_eq!(take(server.as_fd(), &mut bytes), Err(Errno::AGAIN));
    }

    #[test]
    fn an_answer_comes_from_where_the_question_went() {
        let four = on_every_address("0.0.0.0", libc::IPPROTO_IP, libc::IP_PKTINFO);
        there_and_back(&four, "127.0.0.1", "127.0.0.9", "127.0.0.9");
        let both = on_every_address("::", libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO);
        there_and_back(&both, "::1", "::1", "::1");
        there_and_back(&both, "127.0.0.1", "127.0.0.9", "::ffff:127.0.0.9");
    }

    #[test]
    fn what_is_longer_than_the_room_is_dropped() {
        let server = on_every_address("0.0.0.0", libc::IPPROTO_IP, libc::IP_PKTINFO);
        let port = server.local_addr().expect("an address").port();
        let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        client
            .send_to(&[0; 100], ("127.0.0.1", port))
            .expect("sent");
        assert_eq!(take(server.as_fd(), &mut [0; 99]), Ok(None));
    }
}
