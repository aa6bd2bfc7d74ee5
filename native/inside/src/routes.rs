//! What is local to the network namespace besides loopback: the addresses that stand for somebody outside. A connection to
//! one of them ends at a socket that listens here, and nothing leaves by a route, since there is no other interface.
//!
//! Spoken to the kernel in its own words: rtnetlink(7).

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use glovebox_wire::egress::{RESOLVER, SYNTHETIC};
use glovebox_wire::IpRange;
use rustix::io::{retry_on_intr, Errno, Result};
use rustix::net::{
    recv, send, socket_with, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
};

use crate::fault::{say, Fault, Outcome, Step};

const STAGE: &str = "egress";

/// The first interface of every network namespace.
const LOOPBACK: u32 = 1;

/// Of linux/rtnetlink.h.
const RTA_METRICS: u16 = 8;
const RTAX_CC_ALGO: u16 = 16;

/// How programs and the relay pace what they send each other (congctl of ip-route(8)). Here nothing is ever lost and there is
/// nobody to be fair to: a host's BBR makes a stream half as fast as this, which every kernel has.
const WITHOUT_PACING: &[u8] = b"reno";

/// Makes the synthetic ranges and those of the plan local.
pub fn add(addresses: &[IpRange]) -> Outcome<()> {
    let mut kernel = Kernel::connect().step(STAGE, || "open a netlink socket".into())?;
    for range in SYNTHETIC {
        let made = kernel
            .add_address(gateway(range))
            .and_then(|()| kernel.add_route(range));
        match made {
            // A host without version 6: names are reached by their version 4 addresses.
            Err(errno) if range.address.is_ipv6() && is_without_version_6(errno) => {}
            made => made.step(STAGE, || format!("make {range} local"))?,
        }
    }
    for range in addresses {
        kernel.add_route(*range).map_err(|errno| match errno {
            errno if range.address.is_ipv6() && is_without_version_6(errno) => Fault::host(
                STAGE,
                format!("{range}: this host has no IPv6: {}", say(errno)),
            ),
            errno => Fault::call(STAGE, &format!("make {range} local"), errno),
        })?;
    }
    Ok(())
}

/// Absent, or switched off by `disable_ipv6`.
fn is_without_version_6(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::OPNOTSUPP | Errno::AFNOSUPPORT | Errno::ACCESS | Errno::NODEV | Errno::INVAL
    )
}

/// An address of the interface's own in the range: without one a C library that is asked for what this machine can use
/// (AI_ADDRCONFIG, getaddrinfo(3)) would not look for addresses of that version.
fn gateway(range: IpRange) -> IpAddr {
    match range.address {
        IpAddr::V4(_) => IpAddr::V4(RESOLVER),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) | 1).into()),
    }
}

struct Kernel {
    socket: OwnedFd,
    sequence: u32,
}

impl Kernel {
    fn connect() -> Result<Kernel> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            // NETLINK_ROUTE is number 0.
            None,
        )?;
        Ok(Kernel {
            socket,
            sequence: 0,
        })
    }

    fn add_address(&mut self, address: IpAddr) -> Result<()> {
        let bytes = octets(address);
        let bits = (bytes.len() * 8) as u8;
        // struct ifaddrmsg
        let mut body = vec![family(address), bits, 0, libc::RT_SCOPE_HOST];
        body.extend(LOOPBACK.to_ne_bytes());
        attribute(&mut body, libc::IFA_LOCAL, &bytes);
        attribute(&mut body, libc::IFA_ADDRESS, &bytes);
        self.ask(libc::RTM_NEWADDR, &body)
    }

    fn add_route(&mut self, range: IpRange) -> Result<()> {
        // struct rtmsg
        let mut body = vec![
            family(range.address),
            range.prefix,
            0,
            0,
            libc::RT_TABLE_LOCAL,
            libc::RTPROT_STATIC,
            libc::RT_SCOPE_HOST,
            libc::RTN_LOCAL,
        ];
        body.extend([0; 4]);
        attribute(&mut body, libc::RTA_DST, &octets(range.address));
        attribute(&mut body, libc::RTA_OIF, &LOOPBACK.to_ne_bytes());
        let mut metrics = Vec::new();
        attribute(&mut metrics, RTAX_CC_ALGO, WITHOUT_PACING);
        attribute(&mut body, RTA_METRICS, &metrics);
        self.ask(libc::RTM_NEWROUTE, &body)
    }

    /// Sends one request and waits for the kernel's word. What is there already is well.
    fn ask(&mut self, kind: u16, body: &[u8]) -> Result<()> {
        const HEADER: usize = 16;
        self.sequence += 1;
        let flags =
            (libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
        // struct nlmsghdr
        let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend_from_slice(body);
        retry_on_intr(|| send(&self.socket, &message, SendFlags::empty()))?;
        let mut answer = [0u8; 512];
        let (length, _) = retry_on_intr(|| recv(&self.socket, &mut answer, RecvFlags::empty()))?;
        match parse_answer(&answer[..length], self.sequence) {
            Some(0) => Ok(()),
            Some(errno) if errno == Errno::EXIST.raw_os_error() => Ok(()),
            Some(errno) => Err(Errno::from_raw_os_error(errno)),
            None => Err(Errno::PROTO),
        }
    }
}

/// The errno of an NLMSG_ERROR, which an acknowledgement is too.
fn parse_answer(answer: &[u8], sequence: u32) -> Option<i32> {
    let word = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    if i32::from(kind) != libc::NLMSG_ERROR || word(8)? != sequence {
        return None;
    }
    (word(16)? as i32).checked_neg()
}

fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// `struct rtattr`; those we have are whole words long.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend((4 + value.len() as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend_from_slice(value);
}
