//! Ports: from the host to what listens inside. In a sandbox the connection is made by the seed's child, and so under the
//! supervisor's eyes, by the rules of the sandbox's own program; in a guest by ourselves.

use std::cell::Cell;
use std::future::poll_fn;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use bytes::Bytes;
use glovebox_wire::inside::{ConnectInput, ConnectInputCase, ConnectTargetCase};
use glovebox_wire::message::Message;
use rustix::io::Errno;
use rustix::net::{
    shutdown, socket_with, sockopt, AddressFamily, Shutdown, SocketFlags, SocketType,
};

use crate::caps;
use crate::futures::both;
use crate::pipe::Pipe;
use crate::rpc::{Chunk, Inbound, Reply};
use crate::seed::Seed;
use crate::status::{Result, Status};

/// Who connects.
#[derive(Clone, Copy)]
pub enum By<'a> {
    Seed(&'a Rc<Seed>),
    Ourselves,
}

pub async fn connect(by: By<'_>, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
    let first = inbound
        .next::<ConnectInput>()
        .await?
        .and_then(|first| first.input);
    let target = match first {
        Some(ConnectInputCase::Target(target)) => target.target,
        _ => None,
    };
    let target = target.ok_or_else(|| Status::invalid("the first message must be `target`"))?;
    let connection = match target {
        ConnectTargetCase::TcpPort(port) => tcp(by, port).await?,
        ConnectTargetCase::UnixPath(path) => unix(by, &path).await?,
    };
    // The headers say that it is connected.
    reply.begin()?;
    bridge(&connection, inbound, reply, data).await
}

fn data(input: ConnectInput) -> Result<Option<Bytes>> {
    match input.input {
        Some(ConnectInputCase::Data(bytes)) => Ok(Some(bytes)),
        Some(ConnectInputCase::Target(_)) => Err(Status::invalid("`target` comes once")),
        None => Ok(None),
    }
}

/// Bytes both ways until both have ended; `data` are those of a message.
pub async fn bridge<M: Message>(
    connection: &Pipe,
    inbound: &mut Inbound,
    reply: &Reply,
    data: impl Fn(M) -> Result<Option<Bytes>>,
) -> Result<()> {
    // Whether the other end has said its last.
    let silent = Cell::new(false);
    let hear = async {
        receive_until(connection, 1, reply).await?;
        silent.set(true);
        // The call goes on for as long as the host sends, so it cannot tell of this end: an empty message does.
        reply.send_frame(Chunk::new(1).framed(1, 0)).await
    };
    let send = async {
        while let Some(message) = inbound.next::<M>().await? {
            let Some(bytes) = data(message)? else {
                continue;
            };
            match connection.write_all(bytes).await {
                Ok(()) => {}
                // What it has said before is still heard first.
                Err(Errno::PIPE | Errno::CONNRESET) if !silent.get() => {}
                Err(errno) => return Err(Status::of("send", errno)),
            }
        }
        end(connection);
        Ok(())
    };
    both(hear, send).await.map(drop)
}

async fn tcp(by: By<'_>, port: u32) -> Result<Pipe> {
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Status::invalid("tcp_port: must be 1 to 65535"))?;
    match made(by, AddressFamily::INET, v4(port)).await {
        // Who listens on ::1 only.
        Err(refused) if refused.code == crate::status::Code::Unavailable => {
            made(by, AddressFamily::INET6, v6(port))
                .await
                .map_err(|_| refused)
        }
        done => done,
    }
}

async fn unix(by: By<'_>, path: &[u8]) -> Result<Pipe> {
    // `sun_path` has 108 bytes. One that begins with a NUL would be an abstract name, which is no path.
    if !path.starts_with(b"/") || path.len() > 107 || path.contains(&0) {
        return Err(Status::invalid(
            "unix_path: must be an absolute path of at most 107 bytes",
        ));
    }
    let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    address.extend_from_slice(path);
    address.push(0);
    made(by, AddressFamily::UNIX, address).await
}

async fn made(by: By<'_>, family: AddressFamily, address: Vec<u8>) -> Result<Pipe> {
    let flags = match by {
        By::Seed(_) => SocketFlags::CLOEXEC,
        // A sandbox that does not accept must not stop everybody else's calls.
        By::Ourselves => SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
    };
    let socket = socket_with(family, SocketType::STREAM, flags, None)
        .map_err(|errno| Status::of("a socket", errno))?;
    if let By::Seed(seed) = by {
        seed.connect(socket.as_fd(), address).await?;
        return pipe(socket);
    }
    let begun = begin(&socket, &address);
    let connection = pipe(socket)?;
    match begun {
        Ok(()) => Ok(connection),
        Err(Errno::INPROGRESS) => {
            poll_fn(|context| connection.poll_writable(context))
                .await
                .and_then(|()| sockopt::socket_error(&connection)?)
                .map_err(|errno| Status::of("connect", errno))?;
            Ok(connection)
        }
        // EAGAIN: nobody takes what waits in its backlog (unix(7)).
        Err(errno) => Err(Status::of("connect", errno)),
    }
}

fn pipe(socket: OwnedFd) -> Result<Pipe> {
    Pipe::new(socket).map_err(|_| Status::of("a socket", Errno::MFILE))
}

/// The address is the kernel's structure already.
fn begin(socket: &OwnedFd, address: &[u8]) -> std::result::Result<(), Errno> {
    // SAFETY: reads as many bytes as are said to be there.
    let done = unsafe {
        libc::connect(
            socket.as_raw_fd(),
            address.as_ptr().cast(),
            address.len() as libc::socklen_t,
        )
    };
    match done {
        0 => Ok(()),
        _ => {
            let error = std::io::Error::last_os_error();
            Err(Errno::from_io_error(&error).unwrap_or(Errno::IO))
        }
    }
}

/// `struct sockaddr_in` and `sockaddr_in6` of the loopback.
fn v4(port: u16) -> Vec<u8> {
    let mut address = (libc::AF_INET as u16).to_ne_bytes().to_vec();
    address.extend_from_slice(&port.to_be_bytes());
    address.extend_from_slice(&[127, 0, 0, 1]);
    address.resize(16, 0);
    address
}

fn v6(port: u16) -> Vec<u8> {
    let mut address = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
    address.extend_from_slice(&port.to_be_bytes());
    address.extend_from_slice(&[0; 4]);
    address.extend_from_slice(&std::net::Ipv6Addr::LOCALHOST.octets());
    address.resize(28, 0);
    address
}

/// What comes from a socket, until its end. One that is reset has ended too.
pub async fn receive(from: &Pipe, field: u32, reply: &Reply) -> Result<()> {
    match receive_until(from, field, reply).await {
        Err(status) if status == reset() => Ok(()),
        done => done,
    }
}

fn reset() -> Status {
    Status::of("receive", Errno::CONNRESET)
}

/// What comes from a socket, until its end, which a reset is not.
async fn receive_until(from: &Pipe, field: u32, reply: &Reply) -> Result<()> {
    loop {
        let part = poll_fn(|context| {
            use std::task::{ready, Poll};
            ready!(from.poll_readable(context)).map_err(|errno| Status::of("receive", errno))?;
            let room = ready!(reply.poll_room(context, caps::CHUNK))?;
            let mut chunk = Chunk::new(room.saturating_sub(16).clamp(1, caps::CHUNK));
            match ready!(from.poll_bytes(context, chunk.space())) {
                Ok(0) => Poll::Ready(Ok(None)),
                Ok(length) => Poll::Ready(Ok(Some(chunk.framed(field, length)))),
                Err(errno) => Poll::Ready(Err(Status::of("receive", errno))),
            }
        })
        .await?;
        match part {
            Some(frame) => reply.send_frame(frame).await?,
            None => return Ok(()),
        }
    }
}

pub async fn write(to: &Pipe, bytes: Bytes) -> Result<()> {
    match to.write_all(bytes).await {
        // It does not listen any more; its own end of what it says is what ends the call.
        Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
        Err(errno) => Err(Status::of("send", errno)),
    }
}

pub fn end(connection: &Pipe) {
    // One that is closed already has no end to be told.
    let _told = shutdown(connection, Shutdown::Write);
}
