//! What the relay and the host's egress say to each other, one JSON object a line; `src/protocol/egress-link.ts` has
//! what each means. The host is believed, but a line that is not in the protocol ends the link: it is a mistake of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine;
use serde_json::{json, Value};

use crate::fields::{list, string, wrong, Fields, Result, WireError};
use crate::IpRange;

/// Longest line in either direction, its end included.
pub const MAX_LINE: usize = 64 << 10;
/// As much of what a program sends first is shown to the host.
pub const MAX_FIRST: usize = 16 << 10;
pub const MAX_QUERY: usize = 4096;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 64;

/// The addresses that stand for names inside, as `src/policy/network.ts` has them.
pub const SYNTHETIC: [IpRange; 2] = [
    IpRange {
        address: IpAddr::V4(Ipv4Addr::new(198, 18, 0, 0)),
        prefix: 15,
    },
    IpRange {
        address: IpAddr::V6(Ipv6Addr::new(0xfd67, 0x6c6f, 0x7665, 0, 0, 0, 0, 0)),
        prefix: 64,
    },
];
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub const RESOLVER_PORT: u16 = 53;
pub const PROXY_PORT: u16 = 3128;

pub type FlowId = u64;

/// The relay's first line on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hello {
    Link,
    Carry(FlowId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromRelay<'a> {
    Opened { address: IpAddr, port: u16 },
    First { bytes: &'a [u8], end: bool },
    Connected { address: IpAddr },
    Failed { errno: i32 },
    Closed(Closed),
    Query(&'a [u8]),
    Datagrams { address: IpAddr, port: u16 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub sent: u64,
    pub received: u64,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    End,
    Reset,
    Idle,
    Limit,
    Refused,
    Handed,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToRelay {
    Welcome(Limits),
    To(FlowId, Order),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Connect {
        addresses: Vec<IpAddr>,
        port: u16,
        look: bool,
    },
    Pass,
    Hand,
    Refuse,
    Answer(Vec<u8>),
}

/// For all connections together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub connections: u32,
    pub bytes_per_second: Option<u64>,
    pub bytes: Option<u64>,
    pub idle_ms: u64,
    pub connect_ms: u64,
}

impl Hello {
    pub fn to_line(self) -> Vec<u8> {
        line(match self {
            Hello::Link => json!({ "link": 1 }),
            Hello::Carry(id) => json!({ "carry": id }),
        })
    }
}

impl FromRelay<'_> {
    pub fn to_line(&self, id: FlowId) -> Vec<u8> {
        let (key, value) = match self {
            FromRelay::Opened { address, port } => (
                "opened",
                json!({ "address": address.to_string(), "port": port }),
            ),
            FromRelay::Datagrams { address, port } => (
                "datagrams",
                json!({ "address": address.to_string(), "port": port }),
            ),
            FromRelay::First { bytes, end } => (
                "first",
                json!({ "bytes": BASE64.encode(bytes), "end": end }),
            ),
            FromRelay::Connected { address } => {
                ("connected", json!({ "address": address.to_string() }))
            }
            FromRelay::Failed { errno } => ("failed", json!({ "errno": errno })),
            FromRelay::Closed(closed) => (
                "closed",
                json!({ "sent": closed.sent, "received": closed.received, "reason": closed.reason.name() }),
            ),
            FromRelay::Query(bytes) => ("query", json!(BASE64.encode(bytes))),
        };
        line(json!({ "id": id, key: value }))
    }
}

fn line(value: Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::End => "end",
            Reason::Reset => "reset",
            Reason::Idle => "idle",
            Reason::Limit => "limit",
            Reason::Refused => "refused",
            Reason::Handed => "handed",
            Reason::Failed => "failed",
        }
    }
}

impl ToRelay {
    pub fn parse(line: &[u8]) -> Result<ToRelay> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| WireError(format!("not JSON: {error}")))?;
        let mut fields = Fields::of("", value)?;
        let parsed = match fields.optional("welcome") {
            Some(limits) => ToRelay::Welcome(Limits::read("welcome", limits)?),
            None => ToRelay::To(whole(&mut fields, "id", 1)?, Order::read(&mut fields)?),
        };
        fields.finish()?;
        Ok(parsed)
    }
}

impl Order {
    fn read(fields: &mut Fields) -> Result<Order> {
        if let Some(connect) = fields.optional("connect") {
            return Order::connect(connect);
        }
        if let Some(answer) = fields.optional("answer") {
            let decoded = BASE64.decode(string("answer", answer)?);
            return decoded.map_or_else(
                |_| wrong("answer", "base64"),
                |bytes| Ok(Order::Answer(bytes)),
            );
        }
        for (key, order) in [
            ("pass", Order::Pass),
            ("hand", Order::Hand),
            ("refuse", Order::Refuse),
        ] {
            match fields.optional(key) {
                None => {}
                Some(Value::Bool(true)) => return Ok(order),
                Some(_) => return wrong(key, "true"),
            }
        }
        wrong(
            "line",
            "one of welcome, connect, pass, hand, refuse and answer",
        )
    }

    fn connect(value: Value) -> Result<Order> {
        let mut fields = Fields::of("connect", value)?;
        let addresses = list(
            "connect.addresses",
            fields.value("addresses")?,
            |path, value| {
                let text = string(path, value)?;
                text.parse().or_else(|_| wrong(path, "an address"))
            },
        )?;
        if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
            return wrong("connect.addresses", "1 to 64 addresses");
        }
        let port = whole(&mut fields, "port", 1)?;
        let order = Order::Connect {
            addresses,
            port: u16::try_from(port).or_else(|_| wrong("connect.port", "65535 at most"))?,
            look: fields.bool("look")?,
        };
        fields.finish()?;
        Ok(order)
    }
}

impl Limits {
    fn read(path: &str, value: Value) -> Result<Limits> {
        let mut fields = Fields::of(path, value)?;
        let connections = whole(&mut fields, "connections", 1)?;
        let limits = Limits {
            connections: u32::try_from(connections)
                .or_else(|_| wrong(&fields.path_of("connections"), "below 2^32"))?,
            bytes_per_second: fields
                .nullable("bytesPerSecond", |path, value| number(path, &value, 1))?,
            bytes: fields.nullable("bytes", |path, value| number(path, &value, 0))?,
            idle_ms: whole(&mut fields, "idleMs", 1)?,
            connect_ms: whole(&mut fields, "connectMs", 1)?,
        };
        fields.finish()?;
        Ok(limits)
    }
}

fn whole(fields: &mut Fields, key: &str, least: u64) -> Result<u64> {
    let value = fields.value(key)?;
    number(&fields.path_of(key), &value, least)
}

/// Past 2^53 a number is not exact in the other end's language.
fn number(path: &str, value: &Value, least: u64) -> Result<u64> {
    match value.as_u64() {
        Some(number) if number >= least && number <= 1 << 53 => Ok(number),
        _ => wrong(path, &format!("a whole number from {least}")),
    }
}
