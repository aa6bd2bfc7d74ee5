//! Version 1: each controller has a tree of its own. Sandboxes live in `glovebox/UID` of each,
//! which root makes as it needs it and other users have from `delegate`.

use std::io;
use std::path::{Path, PathBuf};

use crate::group::{writable, Group};
use crate::hierarchy::{Hierarchy, Version};
use crate::request::{Amount, Asked};

pub fn with_controller<'a>(
    hierarchies: &'a [Hierarchy],
    controller: &str,
) -> Option<&'a Hierarchy> {
    hierarchies
        .iter()
        .find(|h| h.version == Version::One && h.controllers.iter().any(|name| name == controller))
}

/// The directory under which sandboxes of `uid` are made.
pub fn home(hierarchy: &Hierarchy, uid: u32) -> PathBuf {
    hierarchy.mount.join("glovebox").join(uid.to_string())
}

/// That directory if `uid` may use it; the error says why not. Root's may still have to be made.
pub fn base(hierarchy: &Hierarchy, uid: u32) -> Result<PathBuf, String> {
    let home = home(hierarchy, uid);
    if uid != 0 && !writable(&home) {
        return Err(format!(
            "{} has not been delegated to this user",
            home.display()
        ));
    }
    Ok(home)
}

/// Writes a limit into a fresh group; the words say with what it is held.
pub fn configure(group: &Group, asked: Asked) -> io::Result<&'static str> {
    match asked.amount {
        Amount::Memory(bytes) => {
            let bytes = bytes.to_string();
            group.write("memory.limit_in_bytes", &bytes)?;
            // Memory and swap together, where swap is counted; it may not be the lower of the two.
            if group.write_if_there("memory.memsw.limit_in_bytes", &bytes)? {
                return Ok("cgroup v1 memory.limit_in_bytes and memsw");
            }
            // Swap is not counted on this host, so nothing of the sandbox may go there.
            group.write_if_there("memory.swappiness", "0")?;
            Ok("cgroup v1 memory.limit_in_bytes")
        }
        Amount::Cpus(cpus) => {
            let (quota, period) = quota(cpus);
            if period != DEFAULT_PERIOD {
                group.write("cpu.cfs_period_us", &period.to_string())?;
            }
            let quota = quota.to_string();
            group.write("cpu.cfs_quota_us", &quota)?;
            // A default bounds what a sandbox takes from others in the long run, and is no reason to hold up its start, which
            // wants more processors for a moment: one period of unused time may be used later, and the first is given
            // beforehand, since each write of the quota adds one. What a user wrote down is kept at every moment.
            if !asked.explicit && group.write_if_there("cpu.cfs_burst_us", &quota)? {
                group.write("cpu.cfs_quota_us", &quota)?;
                return Ok("cgroup v1 cpu.cfs_quota_us with a burst of one period");
            }
            Ok("cgroup v1 cpu.cfs_quota_us")
        }
        Amount::Pids(most) => {
            group.write("pids.max", &most.to_string())?;
            Ok("cgroup v1 pids.max")
        }
    }
}

/// Microseconds, of a group that nobody configured.
const DEFAULT_PERIOD: u64 = 100_000;

/// Microseconds of CPU time in each period. The kernel takes quotas from 1 ms and periods up to 1 s.
pub fn quota(cpus: f64) -> (u64, u64) {
    let period = if cpus < 0.01 {
        1_000_000
    } else {
        DEFAULT_PERIOD
    };
    // Never more than asked: rounded down.
    ((cpus * period as f64).floor() as u64, period)
}

/// `oom_kill 3` or `max 4`: how often something happened.
pub fn counter(text: &str, name: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// Whether CPU time is counted in the same directory as its quota.
pub fn accounts_cpu(hierarchies: &[Hierarchy], directory: &Path) -> bool {
    hierarchies.iter().any(|h| {
        directory.starts_with(&h.mount) && h.controllers.iter().any(|name| name == "cpuacct")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_never_more_than_asked() {
        assert_eq!(quota(1.0), (100_000, 100_000));
        assert_eq!(quota(0.25), (25_000, 100_000));
        assert_eq!(quota(2.999_999), (299_999, 100_000));
        assert_eq!(quota(0.005), (5_000, 1_000_000));
    }

    #[test]
    fn counters_are_found_by_their_whole_name() {
        assert_eq!(
            counter("oom_kill_disable 0\nunder_oom 1\noom_kill 3\n", "oom_kill"),
            3
        );
        assert_eq!(counter("max 12\n", "max"), 12);
        assert_eq!(counter("", "max"), 0);
    }
}
