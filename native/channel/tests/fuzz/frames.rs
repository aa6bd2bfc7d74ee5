//! Connections of a hostile host: HTTP/2 frames, right, wrong and half right.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use glovebox_wire::inside::HelloRequest;

use crate::messages::{framed, message, CALLS};
use crate::random::Random;

/// Of one connection; most end earlier, by an error of ours.
const FRAMES: usize = 250;

/// Sends frames from another thread, reads as little as keeps them going, and hangs up. Returns how many.
pub async fn attack(mut peer: UnixStream, random: &mut Random) -> usize {
    let mut wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    wire.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let mut next_stream = 1;
    let well_behaved = random.below(3) > 0;
    if well_behaved {
        call(
            &mut wire,
            next_stream,
            "Hello/Hello",
            &framed(&HelloRequest {
                oldest: 1,
                newest: 1,
            }),
            true,
        );
        next_stream += 2;
    }
    let count = 1 + random.below(FRAMES as u64) as usize;
    for _ in 0..count {
        one(&mut wire, &mut next_stream, random, well_behaved);
    }
    if random.below(8) == 0 {
        let cut = random.below(wire.len() as u64) as usize;
        wire.truncate(cut);
    }
    let reads = well_behaved || random.below(2) == 0;
    // Long enough for answers, where they are wanted.
    let linger = Duration::from_millis(if well_behaved { 6 } else { random.below(3) });
    tokio::task::spawn_blocking(move || {
        let patience = Some(Duration::from_secs(2));
        peer.set_write_timeout(patience).expect("a timeout");
        peer.set_read_timeout(Some(linger.max(Duration::from_micros(100))))
            .expect("a timeout");
        let before = Instant::now();
        // Closed on us, or stuck because we do not read: both are ends.
        let _sent = peer.write_all(&wire);
        while reads && before.elapsed() < Duration::from_millis(20) {
            match peer.read(&mut [0; 65_536]) {
                Ok(1..) => {}
                _ => break,
            }
        }
    })
    .await
    .expect("the peer's thread");
    count
}

fn frame(wire: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    wire.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    wire.extend([kind, flags]);
    wire.extend(stream.to_be_bytes());
    wire.extend(payload);
}

/// HEADERS by literals without indexing (RFC 7541, 6.2.2), and DATA.
fn call(wire: &mut Vec<u8>, stream: u32, name: &str, data: &[u8], end: bool) {
    let mut block = vec![0x83, 0x86];
    literal(&mut block, ":path", &format!("/glovebox.inside.v1.{name}"));
    literal(&mut block, ":authority", "inside");
    literal(&mut block, "content-type", "application/grpc");
    literal(&mut block, "te", "trailers");
    frame(wire, 1, 4, stream, &block);
    for part in data.chunks(16_384) {
        frame(wire, 0, 0, stream, part);
    }
    if end {
        frame(wire, 0, 1, stream, &[]);
    }
}

fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(text.len() as u8);
        block.extend(text.as_bytes());
    }
}

fn one(wire: &mut Vec<u8>, next_stream: &mut u32, random: &mut Random, well_behaved: bool) {
    // One that is idle ends the connection, as RFC 9113 wants it: left to those who want that.
    let some_stream = match well_behaved {
        true => 2 * random.below(u64::from(*next_stream / 2)) as u32 + 1,
        false => random.below(u64::from(*next_stream) + 4) as u32,
    };
    let shape = match (well_behaved, random.below(20)) {
        (true, 0..=14) => 0,
        // Data for who has ended already ends the connection too, now and then.
        (true, 19) if random.below(20) > 0 => 0,
        (true, shape) => shape - 8,
        (false, shape) => shape,
    };
    match shape {
        0..=6 => {
            let name = CALLS[random.below(CALLS.len() as u64) as usize];
            let mut data = message(name, random);
            match random.below(4) {
                0 => random.damage(&mut data),
                1 => data.truncate(random.below(data.len() as u64 + 1) as usize),
                _ => {}
            }
            call(wire, *next_stream, name, &data, random.below(2) == 0);
            *next_stream += 2;
        }
        7 => frame(wire, 3, 0, some_stream, &8u32.to_be_bytes()),
        8 => frame(wire, 6, 0, 0, &random.next().to_be_bytes()),
        9 => frame(wire, 4, 0, 0, &[0, 4, 0, 1, 0, random.next() as u8]),
        10 => frame(
            wire,
            8,
            0,
            some_stream,
            &(1 + random.below(70_000) as u32).to_be_bytes(),
        ),
        11 => {
            let data = random.bytes(300);
            frame(wire, 0, 0, some_stream, &data);
        }
        12 => {
            let data = random.bytes(300);
            frame(wire, 9, 0, some_stream, &data);
        }
        13 => {
            let data = random.bytes(100);
            frame(wire, 1, random.next() as u8, some_stream, &data);
        }
        14 => frame(
            wire,
            8,
            0,
            some_stream,
            &(random.next() as u32).to_be_bytes(),
        ),
        15 => {
            let data = random.bytes(36);
            frame(wire, 4, random.next() as u8, 0, &data);
        }
        16 => wire.extend(random.bytes(50)),
        _ => {
            let data = random.bytes(64);
            frame(
                wire,
                random.next() as u8,
                random.next() as u8,
                random.next() as u32,
                &data,
            );
        }
    }
}
