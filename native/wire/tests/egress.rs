//! The lines between relay and host, as the fixtures have them; the host's tests read the same files.

use std::net::IpAddr;

use glovebox_wire::egress::{
    Closed, FromRelay, Hello, Limits, Order, Reason, ToRelay, PROXY_PORT, RESOLVER, SYNTHETIC,
};
use serde_json::Value;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn closed(sent: u64, received: u64, reason: Reason) -> FromRelay<'static> {
    FromRelay::Closed(Closed {
        sent,
        received,
        reason,
    })
}

/// The relay's lines are compared as what they mean: the order of keys is nobody's business.
fn assert_lines(written: &[Vec<u8>], fixture: &str) {
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let expected: Vec<Value> = fixture.lines().map(read).collect();
    let written = written.iter().map(|line| {
        let text = std::str::from_utf8(line).expect("text");
        let line = text.strip_suffix('\n').expect("an end");
        assert!(!line.contains('\n'));
        read(line)
    });
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

#[test]
fn every_line_of_the_relay_is_written_as_the_fixture_has_it() {
    let query =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01";
    let lines = [
        (
            1,
            FromRelay::Opened {
                address: address("198.18.0.9"),
                port: 443,
            },
        ),
        (
            2,
            FromRelay::Opened {
                address: address("fd67:6c6f:7665::9"),
                port: 8443,
            },
        ),
        (
            1,
            FromRelay::First {
                bytes: &[22, 3, 1, 2, 0],
                end: false,
            },
        ),
        (
            1,
            FromRelay::First {
                bytes: &[],
                end: true,
            },
        ),
        (
            1,
            FromRelay::Connected {
                address: address("93.184.216.34"),
            },
        ),
        (2, FromRelay::Failed { errno: 111 }),
        (3, FromRelay::Query(query)),
        (
            9,
            FromRelay::Datagrams {
                address: address("198.18.0.9"),
                port: 123,
            },
        ),
        (1, closed(517, 1 << 53, Reason::End)),
        (4, closed(0, 0, Reason::Reset)),
        (5, closed(0, 0, Reason::Idle)),
        (6, closed(0, 0, Reason::Limit)),
        (7, closed(0, 0, Reason::Refused)),
        (8, closed(12, 34, Reason::Handed)),
        (2, closed(0, 0, Reason::Failed)),
    ];
    let written: Vec<_> = lines.iter().map(|(id, line)| line.to_line(*id)).collect();
    assert_lines(
        &written,
        include_str!("../fixtures/egress-from-relay.jsonl"),
    );
    let hello = [Hello::Link.to_line(), Hello::Carry(7).to_line()];
    assert_lines(&hello, include_str!("../fixtures/egress-hello.jsonl"));
}

#[test]
fn every_line_of_the_host_is_read() {
    let limits = Limits {
        connections: 1024,
        bytes_per_second: None,
        bytes: None,
        idle_ms: 600_000,
        connect_ms: 10_000,
    };
    let smallest = Limits {
        connections: 1,
        bytes_per_second: Some(1 << 20),
        bytes: Some(0),
        idle_ms: 1,
        connect_ms: 1,
    };
    let connect = |addresses: &[&str], port, look| Order::Connect {
        addresses: addresses.iter().map(|text| address(text)).collect(),
        port,
        look,
    };
    let expected = [
        ToRelay::Welcome(limits),
        ToRelay::Welcome(smallest),
        ToRelay::To(
            1,
            connect(&["93.184.216.34", "2606:2800:220:1::1"], 443, true),
        ),
        ToRelay::To(2, connect(&["10.0.0.5"], 5432, false)),
        ToRelay::To(1, Order::Pass),
        ToRelay::To(8, Order::Hand),
        ToRelay::To(7, Order::Refuse),
        ToRelay::To(
            3,
            Order::Answer(b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00".to_vec()),
        ),
        ToRelay::To(9, Order::Answer(Vec::new())),
    ];
    let fixture = include_str!("../fixtures/egress-to-relay.jsonl");
    let read: Vec<_> = fixture
        .lines()
        .map(|line| ToRelay::parse(line.as_bytes()).expect("a line"))
        .collect();
    assert_eq!(read, expected);
}

#[test]
fn a_line_that_is_not_in_the_protocol_is_refused() {
    for line in [
        "", "{}", "[]", "{\"id\":1}", "{\"pass\":true}", "{\"id\":0,\"pass\":true}", "{\"id\":1,\"pass\":false}",
        "{\"id\":-1,\"pass\":true}", "{\"id\":1,\"pass\":true,\"hand\":true}", "{\"id\":1,\"answer\":\"%\"}",
        "{\"id\":1,\"connect\":{\"addresses\":[],\"port\":1,\"look\":true}}",
        "{\"id\":1,\"connect\":{\"addresses\":[\"example.org\"],\"port\":1,\"look\":true}}",
        "{\"id\":1,\"connect\":{\"addresses\":[\"10.0.0.1\"],\"port\":0,\"look\":true}}",
        "{\"id\":1,\"connect\":{\"addresses\":[\"10.0.0.1\"],\"port\":65536,\"look\":true}}",
        "{\"id\":1,\"connect\":{\"addresses\":[\"10.0.0.1\"],\"port\":1}}",
        "{\"id\":1,\"connect\":{\"addresses\":[\"10.0.0.1\"],\"port\":1,\"look\":true,\"via\":1}}",
        "{\"welcome\":{\"connections\":0,\"bytesPerSecond\":null,\"bytes\":null,\"idleMs\":1,\"connectMs\":1}}",
        "{\"welcome\":{\"connections\":1,\"bytesPerSecond\":0,\"bytes\":null,\"idleMs\":1,\"connectMs\":1}}",
        "{\"welcome\":{\"connections\":1,\"bytesPerSecond\":null,\"bytes\":null,\"idleMs\":1}}",
        "{\"id\":1,\"pass\":true} {}",
    ] {
        assert!(ToRelay::parse(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn the_synthetic_addresses_are_the_policys() {
    let fixture: Value =
        serde_json::from_str(include_str!("../fixtures/egress-synthetic.json")).expect("JSON");
    assert_eq!(fixture["v4"], SYNTHETIC[0].to_string());
    assert_eq!(fixture["v6"], SYNTHETIC[1].to_string());
    assert_eq!(fixture["resolver"], RESOLVER.to_string());
    assert_eq!(fixture["proxyPort"], PROXY_PORT);
}
