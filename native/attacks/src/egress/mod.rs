//! Getting a byte out by the way that a sandbox with a network has: its resolver, its proxy, its listening sockets, and
//! the addresses that stand for names.

mod ask;
mod flood;
mod hold;
mod say;
mod steal;

use crate::network::Address;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Errno, Res};

pub fn attacks() -> Vec<Attack> {
    [
        ask::ATTACKS,
        say::ATTACKS,
        steal::ATTACKS,
        hold::ATTACKS,
        flood::ATTACKS,
    ]
    .concat()
}

/// What the suite's listeners answer to whoever reaches them with a token of the suite's.
const REACHED: &[u8] = b"REACHED";

/// Longer than any answer of the suite's takes on one machine.
const PATIENCE_MS: i64 = 1500;

fn has_reached(bytes: &[u8]) -> bool {
    bytes.windows(REACHED.len()).any(|window| window == REACHED)
}

/// Where to: `host` an address, or `name` which the sandbox's resolver is asked for; `port`; `family` 4 or 6.
fn target(args: &Args, trace: &mut Trace) -> Result<Address, Outcome> {
    let port = args.number("port") as u16;
    if args.has("host") {
        return Address::inet(args.get("host"), port)
            .ok_or_else(|| Outcome::NotTried("no address".into()));
    }
    let six = args.has("family") && args.number("family") == 6;
    match trace.call("resolve", ask::resolve(args.get("name"), six)) {
        Ok(host) => {
            Address::inet(&host, port).ok_or_else(|| Outcome::NotTried("no address".into()))
        }
        // A name that has no address is one that cannot be connected to.
        Err(_) => Err(Outcome::Nothing),
    }
}

/// Whether there is something to read before the moment.
fn readable(fd: i32, deadline: i64) -> bool {
    loop {
        let left = (deadline - sys::monotonic_ms()).max(0);
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        match sys!(
            crate::older::SYS_poll,
            &mut poll as *mut libc::pollfd,
            1,
            left
        ) {
            Err(Errno(libc::EINTR)) => continue,
            Ok(1) => return true,
            _ => return false,
        }
    }
}

/// Everything until the other side ends, or has been silent for as long as it may.
fn read_until_silent(fd: i32, patience: i64) -> (Vec<u8>, &'static str) {
    let mut all = Vec::new();
    loop {
        if has_reached(&all) {
            return (all, "reached");
        }
        if !readable(fd, sys::monotonic_ms() + patience) {
            return (all, "silent");
        }
        match sys::read_some(fd, 65536) {
            Ok(bytes) if bytes.is_empty() => return (all, "ended"),
            Ok(bytes) => all.extend(bytes),
            Err(Errno(libc::EINTR)) => {}
            Err(_) => return (all, "reset"),
        }
    }
}

fn set_option(fd: i32, level: i32, option: i32, value: i32) -> Res {
    sys!(
        libc::SYS_setsockopt,
        fd,
        level,
        option,
        &value as *const i32,
        4
    )
}

/// `0a1b…` as bytes.
fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 != 0 || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// What came back, for the record of an attack.
fn told(trace: &mut Trace, how: &str, bytes: &[u8]) {
    let text: String = String::from_utf8_lossy(bytes).chars().take(120).collect();
    let _ = trace.call::<()>(format!("answer, then {how}: {text}"), Ok(()));
}

fn shut(fd: i32) {
    close(fd);
}
