//! The second mechanism, for defaults on a host without a cgroup of ours: what each process of the
//! sandbox is bound by from its start. The sum over the processes is the [`crate::Watchdog`]'s.

use std::io;

use rustix::process::{setrlimit, Resource, Rlimit};
use rustix::thread::{sched_getaffinity, sched_setaffinity, CpuSet};

use crate::request::{Amount, Asked};

/// To be applied in the child, before its filter and `execve`.
#[derive(Clone, Debug, Default)]
pub struct InChild {
    /// RLIMIT_DATA.
    pub data: Option<u64>,
    /// RLIMIT_NPROC.
    pub processes: Option<u64>,
    pub affinity: Option<CpuSet>,
}

impl InChild {
    /// Makes nothing but system calls.
    pub fn apply(&self) -> io::Result<()> {
        let both = |value: u64| Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        if let Some(data) = self.data {
            setrlimit(Resource::Data, both(data))?;
        }
        if let Some(processes) = self.processes {
            setrlimit(Resource::Nproc, both(processes))?;
        }
        if let Some(cpus) = &self.affinity {
            sched_setaffinity(None, cpus)?;
        }
        Ok(())
    }
}

/// How it is sent to a child that was forked before it was known: both limits, then one bit for each CPU, if there are any.
impl InChild {
    pub fn to_bytes(&self) -> Vec<u8> {
        let none = u64::MAX;
        let mut bytes = Vec::with_capacity(16);
        bytes.extend(self.data.unwrap_or(none).to_ne_bytes());
        bytes.extend(self.processes.unwrap_or(none).to_ne_bytes());
        if let Some(cpus) = &self.affinity {
            bytes.extend((0..CpuSet::MAX_CPU / 8).map(|byte| {
                (0..8)
                    .filter(|bit| cpus.is_set(byte * 8 + bit))
                    .fold(0u8, |bits, bit| bits | 1 << bit)
            }));
        }
        bytes
    }

    /// `None`: these are not such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let number = |part: &[u8]| part.try_into().ok().map(u64::from_ne_bytes);
        let some = |value: u64| Some(value).filter(|value| *value != u64::MAX);
        let cpus = bytes.get(16..)?;
        if !cpus.is_empty() && cpus.len() != CpuSet::MAX_CPU / 8 {
            return None;
        }
        let mut set = CpuSet::new();
        (0..cpus.len() * 8)
            .filter(|cpu| cpus[cpu / 8] & (1 << (cpu % 8)) != 0)
            .for_each(|cpu| set.set(cpu));
        Some(Self {
            data: some(number(&bytes[..8])?),
            processes: some(number(&bytes[8..16])?),
            affinity: (!cpus.is_empty()).then_some(set),
        })
    }
}

/// RLIMIT_DATA counts every private mapping that may be written, touched or not. Node 24 makes 512 MiB of address space
/// for compiled code writable at once and ends with SIGTRAP where that is refused, and its heap reserves more. The rest is
/// room for the watchdog to see a process first and to say what it was ended for: an allocation that just fails tells
/// nobody. This stops what allocates faster than the watchdog looks.
const RESERVED: u64 = 1024 * 1024 * 1024;

/// Holds a limit without a cgroup and says by what; the error says why that cannot be.
pub(crate) fn hold(asked: Asked, into: &mut InChild) -> Result<String, String> {
    match asked.amount {
        Amount::Cpus(cpus) => {
            let (set, count) = pin(cpus)?;
            into.affinity = Some(set);
            let plural = if count == 1 { "" } else { "s" };
            Ok(format!(
                "affinity to {count} CPU{plural}, with sched_setaffinity refused"
            ))
        }
        _ if asked.explicit => Err("a limit that was written down needs a cgroup".to_owned()),
        Amount::Memory(bytes) => {
            into.data = Some(bytes.saturating_add(RESERVED));
            Ok("watchdog over the sum of all processes, RLIMIT_DATA behind it".to_owned())
        }
        Amount::Pids(most) => {
            processes_are_counted_by_namespace()?;
            into.processes = Some(most);
            Ok("RLIMIT_NPROC in the user namespace".to_owned())
        }
    }
}

/// Before 5.14 the kernel counted all processes that the user has anywhere.
fn processes_are_counted_by_namespace() -> Result<(), String> {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    if at_least(&release, (5, 14)) {
        Ok(())
    } else {
        Err(format!(
            "Linux {release} counts RLIMIT_NPROC over all processes of the user"
        ))
    }
}

fn at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut parts = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= wanted
}

/// Whole CPUs of those that we may use, the first one chosen by our pid so that sandboxes spread.
fn pin(cpus: f64) -> Result<(CpuSet, usize), String> {
    if cpus < 1.0 || cpus.fract() != 0.0 {
        return Err(format!("an affinity holds whole CPUs only, not {cpus}"));
    }
    let ours =
        sched_getaffinity(None).map_err(|error| format!("the affinity cannot be read: {error}"))?;
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&cpu| ours.is_set(cpu))
        .collect();
    let count = (cpus as usize).min(usable.len());
    let first = std::process::id() as usize;
    let mut set = CpuSet::new();
    (0..count).for_each(|i| set.set(usable[(first + i) % usable.len()]));
    Ok((set, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fall_to_it_and_written_limits_do_not() {
        for amount in [Amount::Memory(1 << 29), Amount::Pids(128)] {
            let mut child = InChild::default();
            assert!(hold(
                Asked {
                    amount,
                    explicit: false
                },
                &mut child
            )
            .is_ok());
            assert!(hold(
                Asked {
                    amount,
                    explicit: true
                },
                &mut child
            )
            .is_err());
        }
    }

    #[test]
    fn what_is_sent_to_a_child_is_what_it_gets() {
        let mut pinned = CpuSet::new();
        for cpu in [0, 9, CpuSet::MAX_CPU - 1] {
            pinned.set(cpu);
        }
        let all = InChild {
            data: Some(1 << 40),
            processes: Some(0),
            affinity: Some(pinned),
        };
        for sent in [InChild::default(), all] {
            let got = InChild::from_bytes(&sent.to_bytes()).expect("they are whole");
            assert_eq!((got.data, got.processes), (sent.data, sent.processes));
            let cpus = |child: &InChild| -> Vec<usize> {
                let set = child.affinity.as_ref();
                let all = 0..CpuSet::MAX_CPU;
                set.map_or_else(Vec::new, |set| all.filter(|cpu| set.is_set(*cpu)).collect())
            };
            assert_eq!(got.affinity.is_some(), sent.affinity.is_some());
            assert_eq!(cpus(&got), cpus(&sent));
        }
        assert!(InChild::from_bytes(&[0; 15]).is_none());
        assert!(InChild::from_bytes(&[0; 17]).is_none());
    }

    #[test]
    fn whole_cpus_are_pinned_and_fractions_refused() {
        let mut child = InChild::default();
        let cpus = |cpus, explicit| Asked {
            amount: Amount::Cpus(cpus),
            explicit,
        };
        assert!(hold(cpus(1.0, true), &mut child).is_ok());
        assert_eq!(child.affinity.as_ref().map(CpuSet::count), Some(1));
        for fraction in [0.5, 1.5, 0.0] {
            assert!(
                hold(cpus(fraction, false), &mut child).is_err(),
                "{fraction}"
            );
        }
    }

    #[test]
    fn kernel_versions_are_compared_by_number() {
        assert!(at_least("6.1.0-18-amd64", (5, 14)));
        assert!(at_least("5.14.0", (5, 14)));
        assert!(!at_least("5.13.19", (5, 14)));
        assert!(!at_least("odd", (5, 14)));
    }
}
