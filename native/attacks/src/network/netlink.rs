//! Netlink: routes, links, firewall, audit, events of the host's devices.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Errno, Res};

pub const ATTACKS: &[Attack] = &[
    ("netlink-families", netlink_families),
    ("netlink-route", netlink_route),
    ("netlink-events", netlink_events),
];

/// All but routes (0), which programs ask for the names of interfaces.
fn netlink_families(_: &Args, trace: &mut Trace) -> Outcome {
    first((1..24).map(|protocol| {
        let made = sys!(libc::SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, protocol);
        trace.must_fail(&format!("netlink {protocol}"), made)
    }))
}

const REQUEST_ACK: u16 = 0x1 | 0x4;
pub const CREATE: u16 = 0x400;

/// An address on the loopback, a new interface, the loopback down, a default route, another namespace's link.
fn netlink_route(_: &Args, trace: &mut Trace) -> Outcome {
    let address = [
        &[2u8, 8, 0, 0][..],
        &1u32.to_ne_bytes(),
        &attribute(2, &[203, 0, 113, 77]),
    ]
    .concat();
    let dummy = [&[0u8; 16][..], &attribute(18, &attribute(1, b"dummy\0"))].concat();
    let mut down = vec![0u8; 16];
    down[4] = 1;
    down[12] = 1;
    let route = [
        &[2u8, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0][..],
        &attribute(4, &1u32.to_ne_bytes()),
    ]
    .concat();
    // IFLA_NET_NS_PID: moves the interface to the namespace of process 1.
    let moved = [
        &down[..4],
        &1u32.to_ne_bytes(),
        &[0u8; 8],
        &attribute(19, &1u32.to_ne_bytes()),
    ]
    .concat();
    first(
        [
            ("new address", 20u16, CREATE, address),
            ("new interface", 16, CREATE, dummy),
            ("interface down", 19, 0, down),
            ("new route", 24, CREATE, route),
            ("interface to another namespace", 19, 0, moved),
        ]
        .map(|(word, kind, flags, body)| trace.must_fail(word, request(kind, flags, &body))),
    )
}

pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().div_ceil(4) * 4, 0);
    bytes
}

/// Sends one request and returns what the kernel acknowledged.
pub fn request(kind: u16, flags: u16, body: &[u8]) -> Res {
    let fd = sys!(libc::SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW, 0)? as i32;
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST_ACK | flags).to_ne_bytes());
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    let answer = sys!(
        libc::SYS_sendto,
        fd,
        message.as_ptr(),
        message.len(),
        0,
        0,
        0
    )
    .and_then(|_| sys::read_some(fd, 4096));
    close(fd);
    // nlmsgerr: after the header of 16 bytes comes a negative errno, or 0.
    let bytes = answer?;
    match bytes
        .get(16..20)
        .and_then(|word| word.try_into().ok())
        .map(i32::from_ne_bytes)
    {
        Some(0) => Ok(0),
        Some(error) => Err(Errno(-error)),
        None => Err(Errno(libc::EIO)),
    }
}

/// Device events are multicast to anyone who binds: the group mask asks for all of them.
fn netlink_events(_: &Args, trace: &mut Trace) -> Outcome {
    const NETLINK_KOBJECT_UEVENT: i32 = 15;
    let fd = sys!(
        libc::SYS_socket,
        libc::AF_NETLINK,
        libc::SOCK_RAW,
        NETLINK_KOBJECT_UEVENT
    );
    let Ok(fd) = trace.call("uevent socket", fd) else {
        return Outcome::Nothing;
    };
    let mut address = (libc::AF_NETLINK as u16).to_ne_bytes().to_vec();
    address.extend([0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    trace.must_fail(
        "bind to all groups",
        sys!(libc::SYS_bind, fd, address.as_ptr(), address.len()),
    )
}
