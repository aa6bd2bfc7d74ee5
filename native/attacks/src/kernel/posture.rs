//! What the kernel says of us: privileges that are there although nobody used them yet.

use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;

pub const ATTACKS: &[Attack] = &[("posture", posture)];

fn posture(_: &Args, trace: &mut Trace) -> Outcome {
    let status = match trace.call("/proc/self/status", sys::read_file("/proc/self/status")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let field = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.trim().to_owned())
            .unwrap_or_default()
    };
    let mut wrong = Vec::new();
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        if !field(set).trim_matches('0').is_empty() {
            wrong.push(format!("{set} {}", field(set)));
        }
    }
    for (name, value) in [
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("TracerPid", "0"),
        ("SigBlk", "0000000000000000"),
    ] {
        if field(name) != value {
            wrong.push(format!("{name} {}", field(name)));
        }
    }
    if wrong.is_empty() {
        Outcome::Nothing
    } else {
        Outcome::Effect(wrong.join(", "))
    }
}
