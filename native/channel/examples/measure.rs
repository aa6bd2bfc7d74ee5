//! Measures the channel of a running sandbox, whose socket is the argument, against plain Unix sockets. One JSON document.

#[path = "../tests/support/client.rs"]
mod client;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use client::Client;
use glovebox_wire::inside::{
    ExecInput, ExecInputCase, ExecStart, FilePath, HelloRequest, ReadRequest, RemoveRequest,
    StatsRequest, WriteInput, WriteInputCase, WriteStart,
};
use serde_json::json;

const CALLS: usize = 2000;
const BYTES: u64 = 1 << 30;

fn main() {
    let socket = std::env::args()
        .nth(1)
        .expect("the path of a channel's socket");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let measured = tokio::task::LocalSet::new().block_on(&runtime, measure(&socket));
    println!("{measured}");
}

async fn measure(socket: &str) -> serde_json::Value {
    let (client, _) = Client::greet(UnixStream::connect(socket).expect("it listens")).await;
    let mut unary = Vec::new();
    for _ in 0..CALLS {
        let before = Instant::now();
        client
            .unary(
                "Hello/Hello",
                &HelloRequest {
                    oldest: 1,
                    newest: 1,
                },
            )
            .await;
        unary.push(before.elapsed());
    }
    let mut truths = Vec::new();
    for _ in 0..200 {
        let before = Instant::now();
        let (_, end) = client.call("Exec/Exec", &[exec(&["/usr/bin/true"])]).await;
        assert_eq!(end.code, 0, "{end:?}");
        truths.push(before.elapsed());
    }
    let mut plain_truths = Vec::new();
    for _ in 0..200 {
        let before = Instant::now();
        std::process::Command::new("/usr/bin/true")
            .status()
            .expect("true");
        plain_truths.push(before.elapsed());
    }
    let written = write_file(&client).await;
    let read = drain(
        &client,
        "Files/Read",
        &ReadRequest {
            file: Some(path()),
            offset: 0,
            length: Some(BYTES),
        },
    )
    .await;
    let piped = drain(
        &client,
        "Exec/Exec",
        &exec(&["head", "-c", &BYTES.to_string(), "/dev/zero"]),
    )
    .await;
    let remove = RemoveRequest {
        file: Some(path()),
        recursive: false,
    };
    client.unary("Files/Remove", &remove).await;
    let (stats, _) = client.unary("Stats/Read", &StatsRequest {}).await;
    json!({
        "unaryP50Us": median(unary),
        "rawEchoP50Us": raw_echo(),
        "execTrueP50Us": median(truths),
        "forkExecTrueP50Us": median(plain_truths),
        "fileReadBytesPerSecond": read,
        "fileWriteBytesPerSecond": written,
        "stdoutBytesPerSecond": piped,
        "plainSocketBytesPerSecond": plain_stream(),
        "stats": stats.len(),
    })
}

fn exec(words: &[&str]) -> ExecInput {
    let start = ExecStart {
        argv: words
            .iter()
            .map(|word| Bytes::copy_from_slice(word.as_bytes()))
            .collect(),
        ..ExecStart::default()
    };
    ExecInput {
        input: Some(ExecInputCase::Start(start)),
    }
}

fn path() -> FilePath {
    FilePath {
        path: Bytes::from_static(b"tmp/measured"),
        ..FilePath::default()
    }
}

async fn write_file(client: &Client) -> f64 {
    let before = Instant::now();
    let mut call = client.open("Files/Write").await;
    let start = WriteStart {
        file: Some(path()),
        mode: 0o600,
        ..WriteStart::default()
    };
    call.send(&WriteInput {
        input: Some(WriteInputCase::Start(start)),
    })
    .await;
    let part = Bytes::from(vec![7u8; 256 << 10]);
    for _ in 0..BYTES / (256 << 10) {
        call.send(&WriteInput {
            input: Some(WriteInputCase::Data(part.clone())),
        })
        .await;
    }
    call.finish();
    let (_, end) = call.rest().await;
    assert_eq!(end.code, 0, "{end:?}");
    BYTES as f64 / before.elapsed().as_secs_f64()
}

async fn drain<M: glovebox_wire::message::Message>(
    client: &Client,
    name: &str,
    request: &M,
) -> f64 {
    let before = Instant::now();
    let mut call = client.open(name).await;
    call.send(request).await;
    call.finish();
    let mut bytes = 0u64;
    while let Ok(message) = call.next().await {
        bytes += message.len() as u64;
    }
    assert!(bytes >= BYTES, "{bytes}");
    bytes as f64 / before.elapsed().as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn raw_echo() -> f64 {
    let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
    std::thread::spawn(move || {
        let mut byte = [0u8; 16];
        while theirs.read_exact(&mut byte).is_ok() && theirs.write_all(&byte).is_ok() {}
    });
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let before = Instant::now();
        ours.write_all(&[1; 16]).expect("written");
        ours.read_exact(&mut [0; 16]).expect("read");
        times.push(before.elapsed());
    }
    median(times)
}

fn plain_stream() -> f64 {
    let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
    std::thread::spawn(move || {
        let part = vec![7u8; 256 << 10];
        for _ in 0..BYTES / (256 << 10) {
            theirs.write_all(&part).expect("written");
        }
    });
    let before = Instant::now();
    let mut part = vec![0u8; 256 << 10];
    while ours.read(&mut part).expect("read") > 0 {}
    BYTES as f64 / before.elapsed().as_secs_f64()
}
