//! What the machine uses, as its kernel counts it.

use std::fs;

use glovebox_channel::stats::pressure;
use glovebox_channel::Gauge;
use glovebox_wire::inside::StatsReply;

pub struct OfTheMachine;

impl Gauge for OfTheMachine {
    fn read(&self) -> StatsReply {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = text("/proc/meminfo");
        let total = kib(&memory, "MemTotal:").unwrap_or(0);
        let free = kib(&memory, "MemAvailable:").unwrap_or(0);
        let waits = |what: &str| pressure(&text(&format!("/proc/pressure/{what}")));
        StatsReply {
            memory_bytes: total.saturating_sub(free) << 10,
            memory_limit_bytes: total << 10,
            cpu_ms: cpu_ms(&text("/sys/fs/cgroup/cpu.stat")).unwrap_or(0),
            processes: processes(&text("/sys/fs/cgroup/glovebox/pids.current")),
            uptime_ms: uptime_ms(&text("/proc/uptime")).unwrap_or(0),
            cpu_pressure: waits("cpu"),
            memory_pressure: waits("memory"),
            io_pressure: waits("io"),
            ..StatsReply::default()
        }
    }
}

/// Of a line `MemTotal:  250000 kB`.
fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn cpu_ms(text: &str) -> Option<u64> {
    let used = text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))?;
    used.trim().parse::<u64>().ok().map(|usec| usec / 1000)
}

/// Those of sandboxes: the group that launchers make theirs in, which the first one makes. And ourselves.
fn processes(text: &str) -> u32 {
    text.trim().parse().unwrap_or(0) + 1
}

/// Since the kernel began; in a clone since its template's did.
fn uptime_ms(text: &str) -> Option<u64> {
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_the_kernel_writes_them() {
        let memory = "MemTotal:         245752 kB\nMemFree:  1 kB\nMemAvailable:     200000 kB\n";
        assert_eq!(kib(memory, "MemTotal:"), Some(245_752));
        assert_eq!(kib(memory, "MemAvailable:"), Some(200_000));
        assert_eq!(cpu_ms("usage_usec 2500000\nuser_usec 1\n"), Some(2500));
        assert_eq!((processes("4\n"), processes("")), (5, 1));
        assert_eq!(uptime_ms("12.34 20.00\n"), Some(12_340));
    }
}
