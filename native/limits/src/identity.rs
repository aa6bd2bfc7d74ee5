//! Names of cgroups, which say whose they are: `glovebox-PID-STARTTIME-PIDNS[-N]`.
//!
//! A process id alone comes back; with its start time it does not. The pid namespace is in the name
//! because another one, that shares the cgroup tree, cannot tell whether the owner lives.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::small;

const PREFIX: &str = "glovebox-";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub pid: u32,
    /// Clock ticks since boot (proc(5), `starttime`).
    pub start: u64,
    /// Inode of the pid namespace.
    pub namespace: u64,
}

impl Identity {
    pub fn own() -> io::Result<Self> {
        let pid = std::process::id();
        let start = start_time(pid)?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "/proc/PID/stat of our own is missing",
            )
        })?;
        Ok(Self {
            pid,
            start,
            namespace: fs::metadata("/proc/self/ns/pid")?.ino(),
        })
    }

    /// `count` tells apart sandboxes of one process.
    pub fn directory(&self, count: u32) -> String {
        let name = format!("{PREFIX}{}-{}-{}", self.pid, self.start, self.namespace);
        if count == 0 {
            name
        } else {
            format!("{name}-{count}")
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.split('-');
        let identity = Self {
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
            namespace: parts.next()?.parse().ok()?,
        };
        let count_is_number = parts
            .next()
            .map_or(true, |count| count.parse::<u32>().is_ok());
        (count_is_number && parts.next().is_none()).then_some(identity)
    }

    /// `false` only when it is certain that the owner is gone.
    pub fn lives(&self, from: &Self) -> io::Result<bool> {
        if self == from || self.namespace != from.namespace {
            return Ok(true);
        }
        Ok(start_time(self.pid)? == Some(self.start))
    }
}

/// `None`: there is no such process.
fn start_time(pid: u32) -> io::Result<Option<u64>> {
    let stat = match small::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        // ESRCH: it ended between open and read.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3) =>
        {
            return Ok(None)
        }
        Err(error) => return Err(error),
    };
    Ok(parse_start_time(&stat))
}

/// Field 22. The name before it may hold spaces and parentheses, so fields are counted from the last one.
fn parse_start_time(stat: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(stat);
    let (_, after_name) = text.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_name_says_whose_it_is() {
        let own = Identity::own().unwrap();
        assert_eq!(Identity::parse(&own.directory(0)), Some(own.clone()));
        assert_eq!(Identity::parse(&own.directory(3)), Some(own));
        for foreign in [
            "glovebox",
            "glovebox-1-2",
            "glovebox-a-2-3",
            "glovebox-1-2-3-x",
            "glovebox-1-2-3-4-5",
            "other-1-2-3",
        ] {
            assert_eq!(Identity::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn only_a_process_with_the_same_start_lives() {
        let own = Identity::own().unwrap();
        assert!(own.lives(&own).unwrap());
        let recycled = Identity {
            start: own.start + 1,
            ..own.clone()
        };
        assert!(!recycled.lives(&own).unwrap());
        let elsewhere = Identity {
            start: own.start + 1,
            namespace: 1,
            ..own.clone()
        };
        assert!(
            elsewhere.lives(&own).unwrap(),
            "another namespace's process cannot be judged"
        );
    }

    #[test]
    fn a_name_with_parentheses_does_not_move_the_fields() {
        let stat = b"7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        assert_eq!(parse_start_time(stat), Some(4242));
    }
}
