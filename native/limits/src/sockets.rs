//! What the buffers of a sandbox's sockets hold, asked of the kernel by sock_diag(7).
//!
//! Data parked in a socket belongs to no process's pages. The question must come from a socket in
//! the sandbox's own network namespace.

mod diag;

use std::io;
use std::os::fd::OwnedFd;

use diag::{questions, read_answers, Progress, Question};

pub use diag::InUse;

#[derive(Debug)]
pub struct Sockets {
    fd: OwnedFd,
}

impl Sockets {
    /// Asks on a socket that was made in the namespace.
    pub fn asking(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Bytes that are queued in, or on their way to, any socket; `None` if this kernel cannot tell of all kinds.
    pub fn bytes(&self, in_use: &InUse) -> io::Result<Option<u64>> {
        let (mut sum, mut complete) = (0, true);
        for question in questions(in_use) {
            match self.ask(&question)? {
                Some(bytes) => sum += bytes,
                None => complete = false,
            }
        }
        Ok(complete.then_some(sum))
    }

    fn ask(&self, question: &Question) -> io::Result<Option<u64>> {
        let message = question.message();
        rustix::net::send(&self.fd, &message, rustix::net::SendFlags::empty())?;
        let mut buffer = vec![0; 64 * 1024];
        let mut sum = 0;
        loop {
            let (got, _) =
                rustix::net::recv(&self.fd, &mut buffer[..], rustix::net::RecvFlags::empty())?;
            match read_answers(&buffer[..got], question, &mut sum)? {
                Progress::More => {}
                Progress::Over => return Ok(Some(sum)),
                Progress::Unknown => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::FromRawFd;
    use std::os::unix::net::UnixStream;

    fn sockets() -> Sockets {
        const NETLINK_SOCK_DIAG: i32 = 4;
        // SAFETY: makes a socket; it is ours.
        Sockets::asking(unsafe {
            OwnedFd::from_raw_fd(libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                NETLINK_SOCK_DIAG,
            ))
        })
    }

    const ALL: InUse = InUse {
        all: 1,
        tcp: 1,
        udp: 1,
        tcp6: 1,
        udp6: 1,
    };

    #[test]
    fn what_is_parked_in_unix_sockets_is_seen() {
        let pairs: Vec<_> = (0..64).map(|_| UnixStream::pair().unwrap()).collect();
        for (one, _) in &pairs {
            one.set_nonblocking(true).unwrap();
            while (&*one).write(&[0; 4096]).is_ok() {}
        }
        let parked = sockets()
            .bytes(&InUse {
                tcp: 0,
                udp: 0,
                tcp6: 0,
                udp6: 0,
                all: 200,
            })
            .unwrap()
            .unwrap();
        assert!(parked > 64 * 100_000, "{parked}");
    }

    #[test]
    fn what_is_parked_in_tcp_sockets_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let streams: Vec<_> = (0..8)
            .map(|_| TcpStream::connect(listener.local_addr().unwrap()).unwrap())
            .collect();
        for stream in &streams {
            stream.set_nonblocking(true).unwrap();
            while (&*stream).write(&[0; 65536]).is_ok() {}
        }
        let parked = sockets().bytes(&ALL).unwrap().unwrap();
        assert!(parked > 8 * 500_000, "{parked}");
    }
}
