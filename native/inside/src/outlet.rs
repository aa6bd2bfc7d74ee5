//! The sockets by which programs reach the egress: made by the program's process while it may still bind low ports in its
//! network namespace, handed to the relay, and kept by nobody inside. When the relay has ended, nothing listens any more.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use glovebox_relay::Sockets;
use glovebox_wire::egress::{PROXY_PORT, RESOLVER, RESOLVER_PORT};
use glovebox_wire::{Egress, IpRange};
use rustix::io::{retry_on_intr, Errno, Result};
use rustix::net::{
    bind, listen, recvmsg, sendmsg, socket_with, sockopt, AddressFamily, RecvAncillaryBuffer,
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use crate::fault::{Fault, Outcome, Step};
use crate::handover::descriptors_of;
use crate::kernel::packet_pair;
use crate::{datagrams, routes};

const STAGE: &str = "egress";

/// Descriptors in one packet. The next follows when the relay has taken them: descriptors under way are counted as open
/// ones of the user's (unix(7), ETOOMANYREFS), and this process may have few.
const AT_ONCE: usize = 64;

/// As many connections as the kernel lets wait (listen(2), somaxconn).
const BACKLOG: i32 = 4096;

const MORE: u8 = b'm';
const DATAGRAMS: u8 = b'd';
const LAST: u8 = b'l';

/// The end inside.
pub struct Outlet {
    socket: OwnedFd,
    ports: Vec<u16>,
    datagram_ports: Vec<u16>,
    addresses: Vec<IpRange>,
}

/// The relay's end.
pub struct Intake {
    socket: OwnedFd,
}

pub fn pair(egress: &Egress) -> Outcome<(Outlet, Intake)> {
    let (ours, theirs) = packet_pair().step(STAGE, || "make a socket pair".into())?;
    let mut ports = egress.tcp_ports.clone();
    ports.extend([RESOLVER_PORT, PROXY_PORT]);
    ports.sort_unstable();
    ports.dedup();
    let outlet = Outlet {
        socket: ours,
        ports,
        datagram_ports: egress.udp_ports.clone(),
        addresses: egress.addresses.clone(),
    };
    Ok((outlet, Intake { socket: theirs }))
}

impl Outlet {
    /// Makes all that the network namespace has of the egress. A relay that is gone has told why itself.
    pub fn open(self) -> Outcome<()> {
        routes::add(&self.addresses)?;
        let resolver = resolver().step(STAGE, || {
            format!("take {RESOLVER}:{RESOLVER_PORT} for the resolver")
        })?;
        let made = self.hand_over_all(MORE, &self.ports, listening)?
            && self.hand_over_all(DATAGRAMS, &self.datagram_ports, datagrams::taking)?;
        if !made {
            return Ok(());
        }
        datagrams::let_nobody_share(&resolver).step(STAGE, || "keep the resolver's port".into())?;
        self.hand_over(LAST, &[resolver]).map(drop)
    }

    /// False: the relay is gone.
    fn hand_over_all(
        &self,
        word: u8,
        ports: &[u16],
        make: impl Fn(u16) -> Result<OwnedFd>,
    ) -> Outcome<bool> {
        for ports in ports.chunks(AT_ONCE) {
            let made = ports.iter().map(|port| {
                let made = make(*port);
                made.step(STAGE, || format!("listen on port {port}"))
            });
            let made = made.collect::<Outcome<Vec<OwnedFd>>>()?;
            if !self.hand_over(word, &made)? || !self.is_taken()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn hand_over(&self, word: u8, sockets: &[OwnedFd]) -> Outcome<bool> {
        let borrowed: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
            return Err(Fault::call(STAGE, "hand over sockets", Errno::NOBUFS));
        }
        let packet = [word];
        let parts = [IoSlice::new(&packet)];
        match retry_on_intr(|| sendmsg(&self.socket, &parts, &mut ancillary, SendFlags::NOSIGNAL)) {
            Ok(_) => Ok(true),
            Err(Errno::PIPE | Errno::CONNRESET) => Ok(false),
            Err(errno) => Err(Fault::call(STAGE, "hand over sockets", errno)),
        }
    }

    fn is_taken(&self) -> Outcome<bool> {
        let mut word = [0u8; 1];
        match retry_on_intr(|| rustix::io::read(&self.socket, &mut word)) {
            Ok(length) => Ok(length == 1),
            Err(Errno::CONNRESET) => Ok(false),
            Err(errno) => Err(Fault::call(STAGE, "wait for the relay", errno)),
        }
    }
}

impl Intake {
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Waits for all of them.
    pub fn take(self) -> Outcome<Sockets> {
        let (mut tcp, mut datagrams) = (Vec::new(), Vec::new());
        loop {
            let (word, mut sockets) = self.packet().step(STAGE, || "take sockets".into())?;
            match (word, sockets.pop()) {
                (MORE | DATAGRAMS, Some(last)) => {
                    let kind = if word == MORE {
                        &mut tcp
                    } else {
                        &mut datagrams
                    };
                    kind.extend(sockets);
                    kind.push(last);
                    let taken = rustix::io::write(&self.socket, &[MORE]);
                    taken.step(STAGE, || "take sockets".into())?;
                }
                (LAST, Some(udp)) => {
                    return Ok(Sockets {
                        tcp,
                        datagrams,
                        udp,
                    })
                }
                // It has failed, and tells why itself.
                _ => return Err(Fault::call(STAGE, "take sockets", Errno::PROTO)),
            }
        }
    }

    fn packet(&self) -> Result<(u8, Vec<OwnedFd>)> {
        let mut word = [0u8; 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut word)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        retry_on_intr(|| recvmsg(&self.socket, &mut parts, &mut ancillary, flags))?;
        let sockets = descriptors_of(&mut ancillary);
        Ok((word[0], sockets))
    }
}

fn resolver() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    // Beside a rule for datagrams on the same port of every address; see `datagrams::let_nobody_share`.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(RESOLVER, RESOLVER_PORT))?;
    Ok(socket)
}

/// For both versions of the protocol, where the host has both.
fn listening(port: u16) -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let open = |family| socket_with(family, SocketType::STREAM, flags, None);
    let socket = match open(AddressFamily::INET6) {
        Ok(socket) => {
            sockopt::set_ipv6_v6only(&socket, false)?;
            bind(
                &socket,
                &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0),
            )?;
            socket
        }
        Err(Errno::AFNOSUPPORT) => {
            let socket = open(AddressFamily::INET)?;
            bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))?;
            socket
        }
        Err(errno) => return Err(errno),
    };
    // Accepted ones inherit both. What the relay does not end in peace, even by its own death, ends with a reset.
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}
