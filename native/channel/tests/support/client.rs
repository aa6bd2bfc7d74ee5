//! A gRPC client for tests, which are the host here.
#![allow(dead_code)] // each test file uses its part

use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use glovebox_wire::inside::{HelloReply, HelloRequest};
use glovebox_wire::message::Message;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// Nothing waits this long when it works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test in a runtime with one thread.
pub fn run<F: std::future::Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(PATIENCE, test).await.expect("in time")
    })
}

#[derive(Clone)]
pub struct Client(pub SendRequest<Bytes>);

/// A call that is under way.
pub struct Open {
    pub send: SendStream<Bytes>,
    receive: Receive,
}

enum Receive {
    Waiting(h2::client::ResponseFuture),
    Begun(RecvStream, BytesMut),
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub code: u32,
    pub message: String,
}

pub const OK: u32 = 0;

impl Client {
    /// Connects and says Hello.
    pub async fn greet(stream: StdStream) -> (Client, HelloReply) {
        let client = Client::connect(stream).await;
        let hello = client.hello().await;
        (client, hello)
    }

    pub async fn hello(&self) -> HelloReply {
        let client = self;
        let hello = HelloRequest {
            oldest: 1,
            newest: 1,
        };
        let (replies, end) = client.unary("Hello/Hello", &hello).await;
        assert_eq!(end.code, OK, "{end:?}");
        HelloReply::decode(replies[0].clone()).expect("a reply")
    }

    pub async fn connect(stream: StdStream) -> Client {
        stream.set_nonblocking(true).expect("a socket");
        Client::over(UnixStream::from_std(stream).expect("a socket")).await
    }

    pub async fn over<T: AsyncRead + AsyncWrite + Unpin + 'static>(stream: T) -> Client {
        let (send, connection) = h2::client::Builder::new()
            .initial_window_size(1 << 20)
            .initial_connection_window_size(16 << 20)
            .max_frame_size(1 << 20)
            .handshake(stream)
            .await
            .expect("HTTP/2");
        tokio::task::spawn_local(async move {
            // Its end is seen by the calls.
            let _ended = connection.await;
        });
        Client(send)
    }

    pub async fn open(&self, call: &str) -> Open {
        let request = Request::post(format!("http://inside/glovebox.inside.v1.{call}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        let mut ready = self.0.clone().ready().await.expect("a connection");
        let (response, send) = ready.send_request(request, false).expect("a stream");
        Open {
            send,
            receive: Receive::Waiting(response),
        }
    }

    /// Sends all messages, and takes all answers.
    pub async fn call<M: Message>(&self, call: &str, messages: &[M]) -> (Vec<Bytes>, End) {
        let mut open = self.open(call).await;
        for message in messages {
            open.send(message).await;
        }
        open.finish();
        open.rest().await
    }

    pub async fn unary<M: Message>(&self, call: &str, message: &M) -> (Vec<Bytes>, End) {
        self.call(call, std::slice::from_ref(message)).await
    }
}

impl Open {
    pub async fn send(&mut self, message: &impl Message) {
        let mut frame = BytesMut::new();
        frame.put_bytes(0, 5);
        message.encode(&mut frame);
        let length = (frame.len() - 5) as u32;
        frame[1..5].copy_from_slice(&length.to_be_bytes());
        self.send_raw(frame.freeze()).await;
    }

    pub async fn send_raw(&mut self, mut frame: Bytes) {
        while !frame.is_empty() {
            self.send.reserve_capacity(frame.len());
            let room = loop {
                match self.send.capacity() {
                    0 => match std::future::poll_fn(|context| self.send.poll_capacity(context))
                        .await
                    {
                        Some(Ok(_)) => {}
                        // Reset: the end says why.
                        _ => return,
                    },
                    room => break room,
                }
            };
            let part = frame.split_to(room.min(frame.len()));
            if self.send.send_data(part, false).is_err() {
                return;
            }
        }
    }

    pub fn finish(&mut self) {
        // A call that has ended already needs no end.
        let _sent = self.send.send_data(Bytes::new(), true);
    }

    pub fn reset(mut self) {
        self.send.send_reset(h2::Reason::CANCEL);
    }

    /// The next message, or how it ended.
    pub async fn next(&mut self) -> Result<Bytes, End> {
        if let Receive::Waiting(response) = &mut self.receive {
            let response = response.await.map_err(lost)?;
            if response.headers().contains_key("grpc-status") {
                return Err(ended(response.headers().clone()));
            }
            self.receive = Receive::Begun(response.into_body(), BytesMut::new());
        }
        let Receive::Begun(body, pending) = &mut self.receive else {
            unreachable!("begun above")
        };
        loop {
            if pending.len() >= 5 {
                let length =
                    u32::from_be_bytes([pending[1], pending[2], pending[3], pending[4]]) as usize;
                if pending.len() >= 5 + length {
                    let frame = pending.split_to(5 + length).freeze();
                    return Ok(frame.slice(5..));
                }
            }
            match body.data().await {
                Some(data) => {
                    let data = data.map_err(lost)?;
                    body.flow_control()
                        .release_capacity(data.len())
                        .expect("a window");
                    pending.extend_from_slice(&data);
                }
                None => {
                    return Err(ended(
                        body.trailers().await.map_err(lost)?.expect("trailers"),
                    ))
                }
            }
        }
    }

    pub async fn message<M: Message>(&mut self) -> Result<M, End> {
        Ok(M::decode(self.next().await?).expect("a message"))
    }

    pub async fn rest(mut self) -> (Vec<Bytes>, End) {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Ok(message) => messages.push(message),
                Err(end) => return (messages, end),
            }
        }
    }
}

/// As a client of gRPC would say it: UNAVAILABLE.
fn lost(error: h2::Error) -> End {
    End {
        code: 14,
        message: error.to_string(),
    }
}

fn ended(trailers: http::HeaderMap) -> End {
    let text = |name: &str| {
        let value = trailers
            .get(name)
            .map(|value| value.to_str().expect("ASCII"));
        value.unwrap_or_default().to_owned()
    };
    End {
        code: text("grpc-status").parse().expect("a status"),
        message: text("grpc-message"),
    }
}
