//! Questions to resolvers: what is asked leaves the sandbox only where somebody asks on.

use super::{has_reached, readable, told, unhex, PATIENCE_MS};
use crate::network::{connect, socket, Address};
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Errno, Res};

pub const ATTACKS: &[Attack] = &[("egress-ask", ask), ("egress-ask-many", ask_many)];

/// Of every sandbox that has a network.
const RESOLVER: &str = "198.18.0.1";

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// A question for one type of records of a name.
fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// The address that a program gets for a name.
pub fn resolve(name: &str, six: bool) -> Res<String> {
    let kind = if six { TYPE_AAAA } else { TYPE_A };
    let answer = exchange(RESOLVER, 53, &question(0x2a2a, name, kind), PATIENCE_MS)?;
    // The last record is the address: aliases come before it, and this resolver adds nothing behind it.
    let length = if six { 16 } else { 4 };
    if answer.len() < 12 + length || answer[7] == 0 {
        return Err(Errno(libc::ENOENT));
    }
    let bytes = &answer[answer.len() - length..];
    Ok(match <[u8; 16]>::try_from(bytes) {
        Ok(bytes) => std::net::Ipv6Addr::from(bytes).to_string(),
        Err(_) => bytes
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join("."),
    })
}

fn exchange(host: &str, port: u16, query: &[u8], patience: i64) -> Res<Vec<u8>> {
    let to = Address::inet(host, port).ok_or(Errno(libc::EINVAL))?;
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    let fd = sys!(libc::SYS_socket, to.family, kind, 0)? as i32;
    let answer = sys!(
        libc::SYS_sendto,
        fd,
        query.as_ptr(),
        query.len(),
        libc::MSG_NOSIGNAL,
        to.pointer(),
        to.length()
    )
    .and_then(|_| {
        if readable(fd, sys::monotonic_ms() + patience) {
            sys::read_some(fd, 65536)
        } else {
            Err(Errno(libc::ETIMEDOUT))
        }
    });
    close(fd);
    answer
}

/// `query` in hex to `host`, by `over` udp or tcp: the effect is an answer of somebody outside.
fn ask(args: &Args, trace: &mut Trace) -> Outcome {
    let Some(query) = unhex(args.get("query")) else {
        return Outcome::NotTried("no query".into());
    };
    let host = args.get("host").to_owned();
    let port = args.number("port") as u16;
    let answer = if args.has("over") && args.get("over") == "tcp" {
        by_stream(trace, &host, port, &query)
    } else {
        let answer = exchange(&host, port, &query, PATIENCE_MS);
        trace.call("ask", answer)
    };
    match answer {
        Ok(answer) => judged(trace, &answer),
        Err(_) => Outcome::Nothing,
    }
}

fn by_stream(trace: &mut Trace, host: &str, port: u16, query: &[u8]) -> Res<Vec<u8>> {
    let to = Address::inet(host, port).ok_or(Errno(libc::EINVAL))?;
    let fd = socket(trace, "socket", to.family, libc::SOCK_STREAM, 0)?;
    trace.call("connect", connect(fd, &to))?;
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend(query);
    trace.call("write", sys::write_all(fd, &framed))?;
    let (answer, how) = super::read_until_silent(fd, PATIENCE_MS);
    told(trace, how, &answer);
    close(fd);
    Ok(answer)
}

fn judged(trace: &mut Trace, answer: &[u8]) -> Outcome {
    let code = answer.get(3).copied().unwrap_or(0xff) & 15;
    let count = answer.get(7).copied().unwrap_or(0);
    let _ = trace.call::<()>(format!("code {code}, {count} answers"), Ok(()));
    if has_reached(answer) {
        return Outcome::Effect("somebody outside answered".into());
    }
    Outcome::Nothing
}

/// `count` names below `name`, each with a piece of what is to be got out.
fn ask_many(args: &Args, trace: &mut Trace) -> Outcome {
    let mut reached = false;
    let mut answered = 0;
    for index in 0..args.number("count") {
        let name = format!("{index}-{}.{}", args.get("token"), args.get("name"));
        let host = args.get("host");
        let kind = if index % 2 == 0 { 16 } else { TYPE_A };
        if let Ok(answer) = exchange(host, 53, &question(index as u16, &name, kind), 200) {
            answered += 1;
            reached |= has_reached(&answer);
        }
    }
    let _ = trace.call::<()>(format!("{answered} answers"), Ok(()));
    if reached {
        Outcome::Effect("somebody outside answered".into())
    } else {
        Outcome::Nothing
    }
}
