//! Egress: connections that programs make to ports of the sandbox's own loopback are carried to the host. The
//! host asks for the next one, so that it alone opens streams.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use glovebox_wire::inside::{
    EgressInput, EgressInputCase, EgressOffer, EgressOpened, EgressOutput, EgressOutputCase,
};
use rustix::io::Errno;
use rustix::net::{
    accept_with, bind, getsockname, listen, socket_with, sockopt, AddressFamily, SocketFlags,
    SocketType,
};

use crate::caps;
use crate::futures::both;
use crate::pipe::Pipe;
use crate::ports;
use crate::rpc::{Inbound, Reply};
use crate::status::{Code, Result, Status};

/// Field of EgressOutput.
const DATA: u32 = 2;
const BACKLOG: i32 = 128;

/// The listening sockets of one connection of the host's; they close with it.
#[derive(Default)]
pub struct Egress {
    listeners: RefCell<HashMap<u16, Rc<Pipe>>>,
}

impl Egress {
    pub async fn accept(&self, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
        let first = inbound
            .next::<EgressInput>()
            .await?
            .and_then(|first| first.input);
        let Some(EgressInputCase::Offer(offer)) = first else {
            return Err(Status::invalid("the first message must be `offer`"));
        };
        let listeners = self.listen_on(&offer)?;
        reply.begin()?;
        let accepted = any(&listeners)
            .await
            .map_err(|errno| Status::of("accept", errno))?;
        let opened = opened(&accepted).map_err(|errno| Status::of("accept", errno))?;
        reply
            .send(&EgressOutput {
                output: Some(EgressOutputCase::Opened(opened)),
            })
            .await?;
        match inbound
            .next::<EgressInput>()
            .await?
            .and_then(|answer| answer.input)
        {
            Some(EgressInputCase::Accepted(_)) => {}
            Some(EgressInputCase::Refused(_)) | None => return refuse(&accepted),
            Some(_) => return Err(Status::invalid("`accepted` or `refused` comes next")),
        }
        let connection = Pipe::new(accepted).map_err(|_| Status::of("accept", Errno::MFILE))?;
        let send = async {
            while let Some(message) = inbound.next::<EgressInput>().await? {
                match message.input {
                    Some(EgressInputCase::Data(bytes)) => ports::write(&connection, bytes).await?,
                    Some(_) => return Err(Status::invalid("only data comes now")),
                    None => {}
                }
            }
            ports::end(&connection);
            Ok(())
        };
        both(ports::receive(&connection, DATA, reply), send)
            .await
            .map(drop)
    }

    fn listen_on(&self, offer: &EgressOffer) -> Result<Vec<Rc<Pipe>>> {
        if offer.tcp_ports.is_empty() {
            return Err(Status::invalid("tcp_ports: must have at least one"));
        }
        let mut listeners = self.listeners.borrow_mut();
        let mut wanted = Vec::with_capacity(offer.tcp_ports.len().min(caps::LISTENERS));
        for port in &offer.tcp_ports {
            let number = u16::try_from(*port).ok().filter(|port| *port > 0);
            let number = number.ok_or_else(|| Status::invalid("tcp_ports: must be 1 to 65535"))?;
            if let Some(known) = listeners.get(&number) {
                wanted.push(Rc::clone(known));
                continue;
            }
            if listeners.len() >= caps::LISTENERS {
                return Err(Status::new(
                    Code::ResourceExhausted,
                    format!("more than {} listening ports", caps::LISTENERS),
                ));
            }
            let made = listener(number)
                .map_err(|errno| Status::of(&format!("listen on port {number}"), errno))?;
            let made = Rc::new(made);
            listeners.insert(number, Rc::clone(&made));
            wanted.push(made);
        }
        Ok(wanted)
    }
}

/// On every address of the namespace, version 4 and 6, in one socket where the kernel has version 6.
fn listener(port: u16) -> std::result::Result<Pipe, Errno> {
    let open = |family| socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let (socket, address): (OwnedFd, IpAddr) = match open(AddressFamily::INET6) {
        Ok(socket) => {
            sockopt::set_ipv6_v6only(&socket, false)?;
            (socket, Ipv6Addr::UNSPECIFIED.into())
        }
        Err(Errno::AFNOSUPPORT) => (open(AddressFamily::INET)?, Ipv4Addr::UNSPECIFIED.into()),
        Err(errno) => return Err(errno),
    };
    // A listener of a moment ago leaves connections in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::new(address, port))?;
    listen(&socket, BACKLOG)?;
    Pipe::new(socket).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::MFILE))
}

/// The first connection on any of them.
async fn any(listeners: &[Rc<Pipe>]) -> std::result::Result<OwnedFd, Errno> {
    use std::future::Future;
    use std::task::Poll;
    let mut waits: Vec<_> = listeners
        .iter()
        .map(|listener| {
            Box::pin(listener.when_readable(|socket| {
                accept_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
            }))
        })
        .collect();
    let first = std::future::poll_fn(|context| {
        for wait in &mut waits {
            if let Poll::Ready(done) = wait.as_mut().poll(context) {
                return Poll::Ready(done);
            }
        }
        Poll::Pending
    });
    pin!(first).await
}

/// The address that the program meant is our own end's.
fn opened(connection: &OwnedFd) -> std::result::Result<EgressOpened, Errno> {
    let address = SocketAddr::try_from(getsockname(connection)?)?;
    let bytes = match address.ip().to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    Ok(EgressOpened {
        address: Bytes::from(bytes),
        port: address.port().into(),
    })
}

/// The connection was made before the host was asked, so that a reset is the nearest to a refusal there is.
fn refuse(connection: &OwnedFd) -> Result<()> {
    sockopt::set_socket_linger(connection, Some(std::time::Duration::ZERO))
        .map_err(|errno| Status::of("refuse", errno))
}
