//! Connections over a transport without any: frames on one side, one byte stream after another on the other.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{
    duplex, split, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf,
    WriteHalf,
};
use tokio::sync::mpsc::{channel, Receiver, Sender};
use tokio::task::{spawn_local, JoinHandle};
use tokio::time::timeout;

use crate::framing::{Event, Framing, Role, Session};

/// What lies between the frames and the stream.
const BUFFER: usize = 256 << 10;

/// Packets of frames that wait for the transport.
const QUEUE: usize = 4;

/// A connection that takes nothing for so long has a peer that sends and does not read, or is gone. It is ended, so that
/// the HELLO of the next peer, which may be behind it, is heard.
const STUCK: Duration = Duration::from_secs(2);

/// Carries connections until the transport ends; each is handed to `connected`. `first` is written before anything else: a
/// host's [`Framing::hello`]. An inside's `role` is asked again whenever something has come, since a clone becomes another
/// one. To be called in a `LocalSet`.
pub async fn carry<T>(
    transport: T,
    role: impl Fn() -> Role,
    first: Vec<u8>,
    mut connected: impl FnMut(DuplexStream),
) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + 'static,
{
    let (mut from, to) = split(transport);
    let framing = Rc::new(RefCell::new(Framing::new(role())));
    let (queue, queued) = channel(QUEUE);
    let _writer = Task(spawn_local(write(to, queued)));
    put(&queue, first).await?;
    let mut current: Option<Current> = None;
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let events = {
            let mut framing = framing.borrow_mut();
            framing.become_one(role());
            framing.receive(&buffer[..length])
        };
        for event in events {
            match event {
                Event::Answer(bytes) => put(&queue, bytes).await?,
                Event::Connected { session, .. } => {
                    let (ours, theirs) = duplex(BUFFER);
                    let (read, write) = split(ours);
                    let sending = send(read, session, Rc::clone(&framing), queue.clone());
                    current = Some(Current {
                        write,
                        _sending: Task(spawn_local(sending)),
                    });
                    connected(theirs);
                }
                Event::Data(data) => {
                    let taken = match &mut current {
                        Some(current) => current.take(data).await,
                        None => true,
                    };
                    if !taken {
                        current = None;
                        let mut bye = Vec::new();
                        framing.borrow_mut().end(&mut bye);
                        put(&queue, bye).await?;
                    }
                }
                // Its streams are dropped: whoever serves them sees their end.
                Event::Ended => current = None,
            }
        }
    }
}

struct Current {
    write: WriteHalf<DuplexStream>,
    _sending: Task,
}

impl Current {
    /// `false`: nobody takes it.
    async fn take(&mut self, data: Bytes) -> bool {
        matches!(
            timeout(STUCK, self.write.write_all(&data)).await,
            Ok(Ok(()))
        )
    }
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A transport whose other end is not read keeps the writer waiting. The queue is short, so that this is felt.
async fn put(queue: &Sender<Vec<u8>>, bytes: Vec<u8>) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    queue.send(bytes).await.map_err(|_| gone())
}

async fn write<W: AsyncWrite + Unpin>(mut to: W, mut queued: Receiver<Vec<u8>>) {
    while let Some(bytes) = queued.recv().await {
        // The reader finds the end of the transport too, and tells it.
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// What a connection sends, as frames of its session.
async fn send(
    mut from: ReadHalf<DuplexStream>,
    session: Session,
    framing: Rc<RefCell<Framing>>,
    queue: Sender<Vec<u8>>,
) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await.unwrap_or(0);
        let mut frames = Vec::new();
        {
            let mut framing = framing.borrow_mut();
            if framing.session() != Some(session) {
                return;
            }
            match length {
                0 => framing.end(&mut frames),
                length => framing.send(&buffer[..length], &mut frames),
            }
        }
        if put(&queue, frames).await.is_err() || length == 0 {
            return;
        }
    }
}
