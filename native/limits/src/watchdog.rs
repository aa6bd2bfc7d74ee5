//! The sum of a sandbox's memory where no cgroup counts it: what its processes have for themselves,
//! its tmpfs, shared anonymous memory, and the buffers of its sockets. Whoever runs it ends the
//! sandbox when the sum passes the limit.
//!
//! Shared anonymous memory belongs to no process: a page stays after its last page table entry is
//! gone, so the kernel's counters per process miss it. Its size is taken from the mappings instead,
//! which is slower, and therefore done when the machine's shared memory grew, and every so often.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::sockets::Sockets;

/// Checks between two scans of mappings without a reason: 2 s at one check each 50 ms.
const SCAN_EVERY: u32 = 40;

/// Where the kernel cannot tell what sockets hold: so many are nothing, and each further one counts
/// as full both ways (`net.core.wmem_default`).
const SOCKETS: u64 = 64;
const SOCKET_HOLDS: u64 = 2 * 208 * 1024;

/// A pipe keeps two pages when its user has used up the share of pages for pipes. Nobody can ask
/// what is in them, so descriptors beyond so many count as full pipes.
const DESCRIPTORS: u64 = 4096;
const DESCRIPTOR_HOLDS: u64 = 8192;

/// Growth of the machine's shared memory that is a reason to scan.
const GROWTH: u64 = 8 << 20;

#[derive(Debug)]
pub struct Watchdog {
    limit: u64,
    /// The sandbox's own `/proc`.
    proc: OwnedFd,
    tmpfs: Vec<OwnedFd>,
    sockets: Option<Sockets>,
    /// `major:minor`, as in `/proc/PID/maps`, of what holds shared anonymous memory.
    shared_device: String,
    shared_bytes: u64,
    machine_shared: u64,
    checks: u32,
}

impl Watchdog {
    /// Watches the sandbox in which `program` (a host pid, past its `execve`) is visible.
    pub fn of(program: u32, limit: u64) -> io::Result<Self> {
        let root = rustix::fs::open(
            format!("/proc/{program}/root"),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let open = |path: &str| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::openat2(
                &root,
                path,
                flags,
                Mode::empty(),
                ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS,
            )
        };
        let proc = open("proc")?;
        let mut tmpfs = Vec::new();
        let mut devices = Vec::new();
        for path in ["tmp", "dev/shm", "run", "var/tmp"] {
            let directory = match open(path) {
                Ok(directory) => directory,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            let device = rustix::fs::fstat(&directory)?.st_dev;
            let is_tmpfs = rustix::fs::fstatfs(&directory)?.f_type == TMPFS_MAGIC;
            if is_tmpfs && !devices.contains(&device) {
                devices.push(device);
                tmpfs.push(directory);
            }
        }
        let sockets = match Sockets::of(program) {
            Ok(sockets) => Some(sockets),
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {
                return Err(error)
            }
            // Then they are counted, which needs no rights.
            Err(_) => None,
        };
        Ok(Self {
            sockets,
            ..Self::new(proc, tmpfs, limit)?
        })
    }

    pub fn new(proc: OwnedFd, tmpfs: Vec<OwnedFd>, limit: u64) -> io::Result<Self> {
        Ok(Self {
            limit,
            proc,
            tmpfs,
            sockets: None,
            shared_device: shared_device()?,
            shared_bytes: 0,
            machine_shared: 0,
            checks: 0,
        })
    }

    /// `true` if the sandbox holds more than it may. To be called every 50 ms. An error means that
    /// nobody knows how much it holds, and should end it too.
    pub fn exceeded(&mut self) -> io::Result<bool> {
        Ok(self.bytes()? > self.limit)
    }

    /// What the sandbox holds now.
    pub fn bytes(&mut self) -> io::Result<u64> {
        let pids = self.pids()?;
        let (mut sum, mut descriptors) = (0, 0);
        for pid in &pids {
            sum += self
                .read(pid, "status")?
                .map_or(0, |status| private_bytes(&status));
            descriptors += self.descriptors(pid)?;
        }
        for tmpfs in &self.tmpfs {
            let stat = rustix::fs::fstatfs(tmpfs)?;
            sum += (stat.f_blocks - stat.f_bfree) * stat.f_bsize as u64;
        }
        sum += descriptors.saturating_sub(DESCRIPTORS) * DESCRIPTOR_HOLDS;
        Ok(sum + self.shared(&pids)? + self.in_sockets()?)
    }

    fn in_sockets(&self) -> io::Result<u64> {
        if let Some(bytes) = self.sockets.as_ref().map_or(Ok(None), Sockets::bytes)? {
            return Ok(bytes);
        }
        let count = self
            .read("1", "net/sockstat")?
            .map_or(0, |text| sockets_used(&text));
        Ok(count.saturating_sub(SOCKETS) * SOCKET_HOLDS)
    }

    /// Open descriptors; 0 before Linux 6.2, where the size of the directory does not say.
    fn descriptors(&self, pid: &str) -> io::Result<u64> {
        match rustix::fs::statat(&self.proc, format!("{pid}/fd"), AtFlags::empty()) {
            Ok(stat) => Ok(stat.st_size as u64),
            Err(Errno::NOENT | Errno::SRCH) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn shared(&mut self, pids: &[String]) -> io::Result<u64> {
        let info = rustix::system::sysinfo();
        let machine = info.sharedram as u64 * u64::from(info.mem_unit);
        if self.checks % SCAN_EVERY == 0 || machine > self.machine_shared + GROWTH {
            let mut regions = HashMap::new();
            for pid in pids {
                if let Some(maps) = self.read(pid, "maps")? {
                    shared_regions(&maps, &self.shared_device, &mut regions);
                }
            }
            self.shared_bytes = regions.values().sum();
            self.machine_shared = machine;
        }
        self.checks = self.checks.wrapping_add(1);
        Ok(self.shared_bytes)
    }

    fn pids(&self) -> io::Result<Vec<String>> {
        let mut pids = Vec::new();
        for entry in Dir::read_from(&self.proc)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if name.bytes().all(|byte| byte.is_ascii_digit()) {
                pids.push(name.into_owned());
            }
        }
        Ok(pids)
    }

    /// `None` if the process is gone, or is the sandbox's pid 1, whose memory only root may look at:
    /// it is ours and maps nothing shared.
    fn read(&self, pid: &str, file: &str) -> io::Result<Option<String>> {
        let open = rustix::fs::openat(
            self.proc.as_fd(),
            format!("{pid}/{file}"),
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let file = match open {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::SRCH) => return Ok(None),
            Err(Errno::ACCESS | Errno::PERM) if pid == "1" => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut text = Vec::new();
        match io::Read::read_to_end(&mut std::fs::File::from(file), &mut text) {
            Ok(_) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && pid == "1" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

/// The device of a memory file is that of all shared anonymous memory.
fn shared_device() -> io::Result<String> {
    let file = rustix::fs::memfd_create("device", rustix::fs::MemfdFlags::CLOEXEC)?;
    let device = rustix::fs::fstat(&file)?.st_dev;
    Ok(format!(
        "{:02x}:{:02x}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    ))
}

/// Anonymous pages in memory and in swap, and page tables, from `/proc/PID/status`.
fn private_bytes(status: &str) -> u64 {
    let counted = |line: &&str| {
        ["RssAnon:", "VmSwap:", "VmPTE:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let kib = |line: &str| {
        line.split_ascii_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
    };
    status.lines().filter(counted).map(kib).sum::<u64>() * 1024
}

/// The first line of `/proc/net/sockstat`: `sockets: used 17`.
fn sockets_used(text: &str) -> u64 {
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("sockets: used ")?.trim().parse().ok());
    number.unwrap_or(0)
}

/// Adds the shared regions of `/proc/PID/maps` (proc(5)) on `device`, by inode, each with the furthest byte that is mapped of it.
fn shared_regions(maps: &str, device: &str, into: &mut HashMap<u64, u64>) {
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let parsed = (|| {
            let (start, end) = fields.next()?.split_once('-')?;
            let shared = fields.next()?.ends_with('s');
            let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
            let on_device = fields.next()? == device;
            let inode: u64 = fields.next()?.parse().ok()?;
            let length = u64::from_str_radix(end, 16)
                .ok()?
                .checked_sub(u64::from_str_radix(start, 16).ok()?)?;
            (shared && on_device).then_some((inode, offset + length))
        })();
        if let Some((inode, reach)) = parsed {
            let known = into.entry(inode).or_insert(0);
            *known = reach.max(*known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_and_swapped_pages_and_their_tables_are_counted() {
        let status = "Name:\tx\nVmRSS:\t  900 kB\nRssAnon:\t     100 kB\nRssFile:\t 700 kB\nRssShmem:\t 100 kB\nVmSwap:\t      20 kB\nVmPTE:\t       4 kB\n";
        assert_eq!(private_bytes(status), 124 * 1024);
    }

    #[test]
    fn sockets_are_counted_where_their_buffers_cannot_be() {
        assert_eq!(
            sockets_used("sockets: used 153\nTCP: inuse 17 orphan 0\n"),
            153
        );
        assert_eq!(sockets_used(""), 0);
    }

    #[test]
    fn a_shared_region_counts_once_whatever_its_name() {
        let one = "\
7f00-8f00 rw-s 00000000 00:01 77 /dev/zero (deleted)
9000-9800 rw-s 00001000 00:01 77 [anon_shmem:name]
a000-b000 rw-p 00000000 00:01 78 /dev/zero (deleted)
c000-d000 r--s 00000000 fe:00 99 /usr/lib/x";
        let mut regions = HashMap::new();
        shared_regions(one, "00:01", &mut regions);
        shared_regions(one, "00:01", &mut regions);
        assert_eq!(regions, HashMap::from([(77, 0x1800)]));
    }
}
