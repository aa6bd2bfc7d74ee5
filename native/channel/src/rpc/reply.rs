//! The answer to a call: headers, messages as fast as the peer takes them, and how it ended.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{ready, Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use glovebox_wire::message::{put_varint, Message};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::sync::Mutex;

use crate::status::{percent_encoded, Result, Status};

/// Room in front of data for what frames it: five bytes of gRPC, a key, a length.
const ROOM: usize = 16;

pub struct Reply {
    state: RefCell<State>,
    /// A frame may have to wait for room in its middle, and others of the same call come from beside it: output and errors.
    turn: Mutex<()>,
}

enum State {
    Nothing(SendResponse<Bytes>),
    Begun(SendStream<Bytes>),
}

/// Data that becomes a message with one `bytes` field, without being copied.
pub struct Chunk {
    buffer: BytesMut,
}

impl Chunk {
    pub fn new(capacity: usize) -> Chunk {
        let mut buffer = BytesMut::with_capacity(ROOM + capacity);
        buffer.resize(ROOM + capacity, 0);
        Chunk { buffer }
    }

    pub fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[ROOM..]
    }

    /// The whole frame, of the first `length` bytes.
    pub fn framed(mut self, field: u32, length: usize) -> Bytes {
        self.buffer.truncate(ROOM + length);
        let mut head = BytesMut::with_capacity(ROOM);
        let mut key = BytesMut::with_capacity(ROOM);
        put_varint(u64::from(field << 3 | 2), &mut key);
        put_varint(length as u64, &mut key);
        head.put_u8(0);
        head.put_u32((key.len() + length) as u32);
        head.put_slice(&key);
        let start = ROOM - head.len();
        self.buffer[start..ROOM].copy_from_slice(&head);
        let mut whole = self.buffer.freeze();
        whole.advance(start);
        whole
    }
}

impl Reply {
    pub fn new(respond: SendResponse<Bytes>) -> Reply {
        Reply {
            state: RefCell::new(State::Nothing(respond)),
            turn: Mutex::new(()),
        }
    }

    /// Sends the headers, if they have not been sent.
    pub fn begin(&self) -> Result<()> {
        let mut state = self.state.borrow_mut();
        if let State::Nothing(respond) = &mut *state {
            let mut head = Response::new(());
            let kind = HeaderValue::from_static("application/grpc");
            head.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            let stream = respond
                .send_response(head, false)
                .map_err(|_| Status::gone())?;
            *state = State::Begun(stream);
        }
        Ok(())
    }

    pub async fn send(&self, message: &impl Message) -> Result<()> {
        let mut frame = BytesMut::with_capacity(128);
        frame.put_bytes(0, 5);
        message.encode(&mut frame);
        let length = (frame.len() - 5) as u32;
        frame[1..5].copy_from_slice(&length.to_be_bytes());
        self.send_frame(frame.freeze()).await
    }

    /// Sends what is framed already, piece by piece as the peer's window opens.
    pub async fn send_frame(&self, mut frame: Bytes) -> Result<()> {
        self.begin()?;
        let _turn = self.turn.lock().await;
        while !frame.is_empty() {
            let room = poll_fn(|context| self.poll_room(context, frame.len())).await?;
            self.put(frame.split_to(room.min(frame.len())))?;
        }
        Ok(())
    }

    /// How much of `wanted` bytes the peer takes now; at least one.
    pub fn poll_room(&self, context: &mut Context<'_>, wanted: usize) -> Poll<Result<usize>> {
        let mut state = self.state.borrow_mut();
        let State::Begun(stream) = &mut *state else {
            return Poll::Ready(Err(Status::gone()));
        };
        stream.reserve_capacity(wanted);
        loop {
            match stream.capacity() {
                0 => match ready!(stream.poll_capacity(context)) {
                    Some(Ok(_)) => {}
                    _ => return Poll::Ready(Err(Status::gone())),
                },
                room => return Poll::Ready(Ok(room)),
            }
        }
    }

    fn put(&self, bytes: Bytes) -> Result<()> {
        match &mut *self.state.borrow_mut() {
            State::Begun(stream) => stream.send_data(bytes, false).map_err(|_| Status::gone()),
            State::Nothing(_) => Err(Status::gone()),
        }
    }

    /// Ready when the peer has given the call up.
    pub async fn abandoned(&self) {
        let poll = |context: &mut Context<'_>| match &mut *self.state.borrow_mut() {
            State::Nothing(respond) => respond.poll_reset(context).map(drop),
            State::Begun(stream) => stream.poll_reset(context).map(drop),
        };
        poll_fn(poll).await
    }

    /// Ends the call. Nobody is told who has given it up.
    pub fn finish(self, done: Result<()>, more: Vec<(&'static str, Vec<u8>)>) {
        let mut trailers = HeaderMap::new();
        let (code, message) = match &done {
            Ok(()) => (0, ""),
            Err(status) => (status.code as u32, status.message.as_str()),
        };
        trailers.insert("grpc-status", HeaderValue::from(code));
        if let Ok(message) = HeaderValue::from_str(&percent_encoded(message)) {
            if !message.is_empty() {
                trailers.insert("grpc-message", message);
            }
        }
        for (name, value) in more {
            let value = HeaderValue::from_str(&base64(&value));
            if let Ok(value) = value {
                trailers.append(HeaderName::from_static(name), value);
            }
        }
        // An error before anything was answered is headers alone: a peer that waits for them to know that a file is open, or
        // a port connected, must not take them for that.
        if let (State::Nothing(respond), Err(_)) = (&mut *self.state.borrow_mut(), &done) {
            let mut head = Response::new(());
            let kind = HeaderValue::from_static("application/grpc");
            trailers.insert(http::header::CONTENT_TYPE, kind);
            *head.headers_mut() = trailers;
            // A peer that has gone needs no answer.
            let _answered = respond.send_response(head, true);
            return;
        }
        if self.begin().is_err() {
            return;
        }
        if let State::Begun(mut stream) = self.state.into_inner() {
            if stream.send_trailers(trailers).is_err() {
                stream.send_reset(Reason::CANCEL);
            }
        }
    }
}

/// Of metadata whose name ends in `-bin`; without padding, as gRPC asks senders for.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let number = part
            .iter()
            .fold(0u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - part.len()));
        for place in 0..=part.len() {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63];
            out.push(char::from(letter));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use glovebox_wire::inside;

    #[test]
    fn base64_is_that_of_rfc_4648_without_padding() {
        let of = |text: &str| base64(text.as_bytes());
        assert_eq!(
            [of(""), of("f"), of("fo"), of("foo")],
            ["", "Zg", "Zm8", "Zm9v"]
        );
        assert_eq!(base64(&[0xfb, 0xff]), "+/8");
    }

    #[test]
    fn a_chunk_is_framed_as_the_message_would_be() {
        for length in [0usize, 1, 127, 128, 70_000] {
            let mut chunk = Chunk::new(length.max(1));
            chunk.space()[..length].fill(7);
            let framed = chunk.framed(1, length);
            let announced = u32::from_be_bytes([framed[1], framed[2], framed[3], framed[4]]);
            assert_eq!(announced as usize, framed.len() - 5);
            let message = inside::Bytes::decode(framed.slice(5..)).expect("a message");
            assert_eq!(message.data, vec![7; length]);
        }
    }
}
