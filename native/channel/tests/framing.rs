//! Framing against bytes that were written by hand from docs/channel.md, and against noise.

use glovebox_channel::framing::{Event, Framing, Role, ZEROS};
use serde_json::{json, Value};

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("hexadecimal");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sixteen(hex: &Value) -> [u8; 16] {
    bytes(hex).try_into().expect("16 bytes")
}

fn told(event: &Event) -> Value {
    match event {
        Event::Answer(bytes) => json!({ "answer": hex(bytes) }),
        Event::Connected {
            session,
            generation,
            instance,
        } => json!({ "connected": {
            "session": hex(session), "generation": generation, "instance": hex(instance),
        } }),
        Event::Data(bytes) => json!({ "data": hex(bytes) }),
        Event::Ended => json!({ "ended": true }),
    }
}

fn fixtures() -> Value {
    serde_json::from_str(include_str!("../../wire/fixtures/framing.json")).expect("JSON")
}

fn role(case: &Value) -> Role {
    match case["role"].as_str() {
        Some("host") => Role::Host(sixteen(&case["session"])),
        _ => Role::Inside {
            generation: case["generation"].as_u64().expect("a number"),
            instance: sixteen(&case["instance"]),
        },
    }
}

#[test]
fn both_roles_do_what_the_fixtures_say() {
    for case in fixtures()["cases"].as_array().expect("a list") {
        let mut end = Framing::new(role(case));
        for step in case["steps"].as_array().expect("a list") {
            if let Some(data) = step.get("send") {
                let mut out = Vec::new();
                end.send(&bytes(data), &mut out);
                assert_eq!(hex(&out), step["writes"], "{}", case["name"]);
                continue;
            }
            let received = match step.get("receive_zeros") {
                Some(count) => vec![0; count.as_u64().expect("a number") as usize],
                None => bytes(&step["receive"]),
            };
            let events: Vec<Value> = end.receive(&received).iter().map(told).collect();
            assert_eq!(json!(events), step["expect"], "{}", case["name"]);
        }
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_were_cut() {
    for case in fixtures()["cases"].as_array().expect("a list") {
        let (mut whole, mut cut) = (Framing::new(role(case)), Framing::new(role(case)));
        for step in case["steps"].as_array().expect("a list") {
            let Some(received) = step.get("receive").map(bytes) else {
                continue;
            };
            let expected = whole.receive(&received);
            let one_by_one: Vec<Event> = received
                .iter()
                .flat_map(|byte| cut.receive(&[*byte]))
                .collect();
            assert_eq!(one_by_one, expected, "{}", case["name"]);
        }
    }
}

#[test]
fn a_host_begins_with_zeros_and_a_hello() {
    let begins = &fixtures()["hostConnects"];
    let hello = Framing::hello(sixteen(&begins["session"]));
    assert_eq!(begins["zeros"], ZEROS);
    assert_eq!(hello[..ZEROS], vec![0; ZEROS]);
    assert_eq!(hex(&hello[ZEROS..]), begins["hello"]);
}

/// Bytes are flipped, lost, repeated and mixed with those of other sessions: what is delivered is always a
/// beginning of what was sent, and a new session is always found.
#[test]
fn noise_delivers_nothing_wrong_and_keeps_nobody_out() {
    let seed = std::env::var("GLOVEBOX_FUZZ_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut random = Random(seed.unwrap_or(0x9e37_79b9_7f4a_7c15));
    let mut inside = Framing::new(Role::Inside {
        generation: 1,
        instance: [9; 16],
    });
    for round in 0..400u64 {
        let mut session = [0; 16];
        session[..8].copy_from_slice(&(round + 1).to_be_bytes());
        let mut host = Framing::new(Role::Host(session));
        // What an earlier host left, noise, and a hello.
        let mut noise: Vec<u8> = (0..random.below(2000))
            .map(|_| random.next() as u8)
            .collect();
        noise.extend(Framing::hello(session));
        let welcomed = inside.receive(&noise);
        let connected = welcomed
            .iter()
            .any(|event| matches!(event, Event::Connected { session: of, .. } if *of == session));
        assert!(connected, "round {round}: {welcomed:?}");
        for event in &welcomed {
            if let Event::Answer(answer) = event {
                host.receive(answer);
            }
        }
        let sent: Vec<u8> = (0..random.below(5000))
            .map(|_| random.next() as u8)
            .collect();
        let mut wire = Vec::new();
        for part in sent.chunks(100) {
            host.send(part, &mut wire);
        }
        random.damage(&mut wire);
        let mut delivered = Vec::new();
        for part in wire.chunks(1 + random.below(300) as usize) {
            for event in inside.receive(part) {
                if let Event::Data(data) = event {
                    delivered.extend_from_slice(&data);
                }
            }
        }
        assert!(sent.starts_with(&delivered), "round {round}");
    }
}

struct Random(u64);

impl Random {
    /// xorshift64*.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn damage(&mut self, wire: &mut Vec<u8>) {
        if wire.is_empty() {
            return;
        }
        let at = self.below(wire.len() as u64) as usize;
        match self.below(4) {
            0 => wire[at] ^= 1 << self.below(8),
            1 => drop(wire.drain(at..(at + 30).min(wire.len()))),
            2 => {
                let again = wire[at..].to_vec();
                wire.extend(again);
            }
            _ => {}
        }
    }
}
