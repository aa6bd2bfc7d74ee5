//! The port as a byte stream for tokio, and a connection that takes its place.
//!
//! A port whose host is not there says "hung up" to whoever polls it, and tokio believes that for ever. So it is polled by
//! epolls of our own, whose edges tokio waits for: they come back whenever something changes, and the port itself is then
//! asked what.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

pub struct Port {
    file: OwnedFd,
    /// One for each who may wait: an edge that one has seen is gone for the other.
    readable: Edges,
    writable: Edges,
}

struct Edges(AsyncFd<OwnedFd>);

impl Port {
    /// Takes a descriptor that does not block.
    pub fn new(file: OwnedFd) -> io::Result<Rc<Port>> {
        Ok(Rc::new(Port {
            readable: Edges::of(&file, EventFlags::IN)?,
            writable: Edges::of(&file, EventFlags::OUT)?,
            file,
        }))
    }

    /// Waits for a host at the other end.
    pub async fn connected(&self) -> io::Result<()> {
        std::future::poll_fn(|context| loop {
            if !self.is_hung_up()? {
                return Poll::Ready(Ok(()));
            }
            // It can be written to from the moment that a host is there.
            ready!(self.writable.poll_next(context))?;
        })
        .await
    }

    fn is_hung_up(&self) -> io::Result<bool> {
        let mut asked = [PollFd::new(&self.file, PollFlags::empty())];
        rustix::io::retry_on_intr(|| poll(&mut asked, Some(&NOW)))?;
        Ok(asked[0].revents().contains(PollFlags::HUP))
    }
}

impl Edges {
    fn of(file: &OwnedFd, what: EventFlags) -> io::Result<Edges> {
        let edges = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&edges, file, EventData::new_u64(0), what | EventFlags::ET)?;
        AsyncFd::with_interest(edges, Interest::READABLE).map(Edges)
    }

    /// Ready when something may have changed since the last time.
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut guard = ready!(self.0.poll_read_ready(context))?;
        let mut seen = [Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        }];
        rustix::io::retry_on_intr(|| epoll::wait(self.0.as_fd(), &mut seen, Some(&NOW)))?;
        guard.clear_ready();
        Poll::Ready(Ok(()))
    }
}

/// The stream of one host, which ends when it goes.
pub struct Stream(pub Rc<Port>);

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match rustix::io::read(&self.0.file, buffer.initialize_unfilled()) {
                // 0: nobody is at the other end.
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::AGAIN) => ready!(self.0.readable.poll_next(context))?,
                Err(Errno::INTR) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match rustix::io::write(&self.0.file, bytes) {
                Err(Errno::AGAIN) => ready!(self.0.writable.poll_next(context))?,
                Err(Errno::INTR) => {}
                done => return Poll::Ready(done.map_err(io::Error::from)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{socketpair, AddressFamily, SocketFlags, SocketType};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a pair")
    }

    fn run<T>(work: impl std::future::Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, work)
    }

    fn stream(file: OwnedFd) -> Stream {
        Stream(Port::new(file).expect("registered"))
    }

    #[test]
    fn more_than_it_holds_is_carried_and_its_end_is_an_end() {
        const BYTES: usize = 4 << 20;
        let (ours, theirs) = pair();
        run(async {
            let (mut ours, mut theirs) = (stream(ours), stream(theirs));
            let sending = tokio::task::spawn_local(async move {
                ours.write_all(&vec![7; BYTES]).await.expect("written");
            });
            let mut heard = Vec::new();
            let bytes = theirs.read_to_end(&mut heard).await.expect("its end");
            sending.await.expect("sent");
            assert_eq!(bytes, BYTES);
            assert!(heard.iter().all(|byte| *byte == 7));
        });
    }

    #[test]
    fn who_is_gone_is_an_error_and_no_signal() {
        let (ours, theirs) = pair();
        drop(theirs);
        run(async {
            let failed = stream(ours).write_all(b"nobody").await;
            let failed = failed.expect_err("nobody hears");
            assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
        });
    }
}
