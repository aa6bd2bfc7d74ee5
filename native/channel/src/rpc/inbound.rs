//! The messages of a request. Each is paid for (WINDOW_UPDATE) only when the next one is asked for, so that whoever is
//! slow to use them slows the peer down; what is only a part of one is not paid for at all, so that nothing piles up.

use bytes::{Buf, Bytes, BytesMut};
use glovebox_wire::message::Message;
use h2::RecvStream;

use crate::caps;
use crate::status::{Code, Result, Status};

const _: () = assert!(PREFIX + caps::MESSAGE <= caps::STREAM_WINDOW as usize);

/// One byte that says whether it is compressed, and four of length.
const PREFIX: usize = 5;

pub struct Inbound {
    stream: RecvStream,
    /// Received and not yet given out.
    pending: Bytes,
    /// Bytes of the message that was given out: the peer may send as many again when that is done with.
    owed: usize,
}

impl Inbound {
    pub fn new(stream: RecvStream) -> Inbound {
        Inbound {
            stream,
            pending: Bytes::new(),
            owed: 0,
        }
    }

    /// The next message; `None` when the peer has said that there are no more.
    pub async fn next<M: Message>(&mut self) -> Result<Option<M>> {
        match self.frame().await? {
            None => Ok(None),
            Some(bytes) => M::decode(bytes).map(Some).map_err(|error| {
                Status::invalid(format!("a message that cannot be read: {error}"))
            }),
        }
    }

    /// The one message of a call that takes one.
    pub async fn only<M: Message>(&mut self) -> Result<M> {
        let message = self.next().await?;
        let message = message.ok_or_else(|| Status::invalid("the request is missing"))?;
        match self.frame().await? {
            None => Ok(message),
            Some(_) => Err(Status::invalid("one message only")),
        }
    }

    async fn frame(&mut self) -> Result<Option<Bytes>> {
        self.pay()?;
        loop {
            if let Some(length) = self.announced()? {
                if self.pending.len() >= PREFIX + length {
                    self.owed = PREFIX + length;
                    self.pending.advance(PREFIX);
                    return Ok(Some(self.pending.split_to(length)));
                }
            }
            match self.stream.data().await {
                None if self.pending.is_empty() => return Ok(None),
                None => {
                    return Err(Status::new(
                        Code::DataLoss,
                        "the request ends within a message",
                    ))
                }
                Some(Err(_)) => return Err(Status::gone()),
                Some(Ok(data)) => self.keep(data),
            }
        }
    }

    /// The length of the message that begins `pending`, if so much of it is there.
    fn announced(&self) -> Result<Option<usize>> {
        let Some(prefix) = self.pending.get(..PREFIX) else {
            return Ok(None);
        };
        if prefix[0] != 0 {
            return Err(Status::new(
                Code::Unimplemented,
                "compression is not spoken here",
            ));
        }
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        if length > caps::MESSAGE {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!("a message of {length} bytes: {} at most", caps::MESSAGE),
            ));
        }
        Ok(Some(length))
    }

    fn keep(&mut self, data: Bytes) {
        if self.pending.is_empty() {
            self.pending = data;
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let mut joined = match pending.try_into_mut() {
            Ok(joined) => joined,
            Err(shared) => {
                // Room for all of the message, so that it is copied once.
                let mut joined =
                    BytesMut::with_capacity(room_for(&shared).max(shared.len() + data.len()));
                joined.extend_from_slice(&shared);
                joined
            }
        };
        joined.extend_from_slice(&data);
        self.pending = joined.freeze();
    }

    fn pay(&mut self) -> Result<()> {
        let owed = std::mem::take(&mut self.owed);
        self.stream
            .flow_control()
            .release_capacity(owed)
            .map_err(|_| Status::gone())
    }
}

/// A length that was checked already, or that is looked at when it has come.
fn room_for(begun: &[u8]) -> usize {
    match begun {
        [0, a, b, c, d, ..] => {
            (PREFIX + u32::from_be_bytes([*a, *b, *c, *d]) as usize).min(caps::MESSAGE)
        }
        _ => 0,
    }
}
