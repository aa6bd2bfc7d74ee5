//! What the sandbox uses: from its cgroups, where it has some, and from /proc.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Instant;

use glovebox_wire::inside::{Pressure, StatsReply};

use crate::board;

/// Where figures come from.
pub trait Gauge {
    fn read(&self) -> StatsReply;
}

/// Open files of the sandbox's cgroups, and since when they count. The cgroups themselves are not visible inside.
#[derive(Default)]
pub struct Figures {
    pub memory: Option<OwnedFd>,
    pub memory_limit: Option<OwnedFd>,
    /// `cpu.stat` of version 2, `cpuacct.usage` of version 1.
    pub cpu: Option<OwnedFd>,
    pub processes: Option<OwnedFd>,
    pub processes_limit: Option<OwnedFd>,
    pub cpu_pressure: Option<OwnedFd>,
    pub memory_pressure: Option<OwnedFd>,
    pub io_pressure: Option<OwnedFd>,
    /// A [`crate::Board`], for reading.
    pub denials: Option<OwnedFd>,
    pub since: Option<Instant>,
    /// What of the processes is not the sandbox's own: pid 1, the seed, the agent.
    pub ours: u32,
}

impl Gauge for Figures {
    fn read(&self) -> StatsReply {
        let number = |file: &Option<OwnedFd>| text(file).and_then(|text| text.trim().parse().ok());
        let counted = number(&self.processes).map(|count: u64| count as u32);
        let waits = |file: &Option<OwnedFd>| text(file).and_then(|text| pressure(&text));
        let less = |count: u32| count.saturating_sub(self.ours);
        StatsReply {
            memory_bytes: number(&self.memory).unwrap_or_else(resident),
            memory_limit_bytes: number(&self.memory_limit)
                .filter(|limit| *limit < UNLIMITED)
                .unwrap_or(0),
            cpu_ms: text(&self.cpu).map_or(0, |text| cpu_ms(&text)),
            processes: less(counted.unwrap_or_else(processes)),
            processes_limit: less(number(&self.processes_limit).unwrap_or(0) as u32),
            uptime_ms: self.since.map_or(0, |since| {
                u64::try_from(since.elapsed().as_millis()).unwrap_or(0)
            }),
            cpu_pressure: waits(&self.cpu_pressure),
            memory_pressure: waits(&self.memory_pressure),
            io_pressure: waits(&self.io_pressure),
            last_denials: self.denials.as_ref().map_or_else(Vec::new, board::read),
        }
    }
}

/// What version 1 shows for "max": the largest number of whole pages.
const UNLIMITED: u64 = 1 << 60;

fn text(file: &Option<OwnedFd>) -> Option<String> {
    let mut bytes = [0u8; 4096];
    let length = rustix::io::pread(file.as_ref()?, &mut bytes, 0).ok()?;
    std::str::from_utf8(&bytes[..length])
        .ok()
        .map(str::to_owned)
}

fn cpu_ms(text: &str) -> u64 {
    let usage = text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "));
    match usage {
        Some(usec) => usec.trim().parse::<u64>().map_or(0, |usec| usec / 1000),
        None => text.trim().parse::<u64>().map_or(0, |ns| ns / 1_000_000),
    }
}

/// The line `some avg10=0.12 avg60=… avg300=… total=345` (Documentation/accounting/psi.rst).
pub fn pressure(text: &str) -> Option<Pressure> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let value = |key: &str| {
        line.split(' ')
            .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    };
    Some(Pressure {
        some_10s: value("avg10")?.parse().ok()?,
        some_total_us: value("total")?.parse().ok()?,
    })
}

/// Directories of /proc that are processes. The pid namespace is the sandbox's own.
fn pids() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn processes() -> u32 {
    pids().count() as u32
}

/// The sum of what is resident; what several share is counted for each.
fn resident() -> u64 {
    let kib: u64 = pids()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
        .filter_map(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        })
        .sum();
    kib * 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &str) -> Option<OwnedFd> {
        let file =
            rustix::fs::memfd_create("figure", rustix::fs::MemfdFlags::CLOEXEC).expect("a file");
        let mut file = fs::File::from(file);
        file.write_all(content.as_bytes()).expect("written");
        Some(file.into())
    }

    #[test]
    fn figures_are_read_as_the_kernel_writes_them() {
        let figures = Figures {
            memory: file("1048576\n"),
            memory_limit: file("max\n"),
            cpu: file("usage_usec 2500000\nuser_usec 1\n"),
            processes: file("7\n"),
            processes_limit: file("131\n"),
            cpu_pressure: file("some avg10=1.50 avg60=0.00 avg300=0.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
            ours: 3,
            ..Figures::default()
        };
        let read = figures.read();
        assert_eq!((read.memory_bytes, read.memory_limit_bytes), (1 << 20, 0));
        assert_eq!(
            (read.cpu_ms, read.processes, read.processes_limit),
            (2500, 4, 128)
        );
        let pressure = Pressure {
            some_10s: 1.5,
            some_total_us: 42,
        };
        assert_eq!(read.cpu_pressure, Some(pressure));
        assert_eq!(read.memory_pressure, None);
    }

    #[test]
    fn version_1_counts_nanoseconds_and_has_a_number_for_no_limit() {
        let figures = Figures {
            memory_limit: file("9223372036854771712\n"),
            cpu: file("2500000000\n"),
            ..Figures::default()
        };
        let read = figures.read();
        assert_eq!((read.memory_limit_bytes, read.cpu_ms), (0, 2500));
        // Without a cgroup: what this machine's processes have, which is something.
        assert!(read.memory_bytes > 0 && read.processes > 0);
    }
}
