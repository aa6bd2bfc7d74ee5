//! The sum of a sandbox's memory where no cgroup counts it: what its processes have for themselves,
//! its tmpfs, shared anonymous memory, and the buffers of its sockets. Whoever runs it ends the
//! sandbox when the sum passes the limit.
//!
//! Shared anonymous memory belongs to no process: a page stays after its last page table entry is
//! gone, so the kernel's counters per process miss it. Its size is taken from the mappings instead,
//! which is slower, and therefore done when the machine's shared memory grew, and every so often.
//! The mappings themselves are kernel memory, and are counted in the same way.
//!
//! What is left out is small or bounded by other limits: file locks, timers, watchers, signals.

mod counting;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::sockets::{InUse, Sockets};

/// Checks between two scans of mappings without a reason: 1 s at one check each 50 ms.
const SCAN_EVERY: u32 = 20;

/// What the kernel keeps for one mapping, its share of the tree included.
const MAPPING_HOLDS: u64 = 256;

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
    /// Of shared regions and of all mappings, at the last scan.
    mapped_bytes: u64,
    machine_shared: u64,
    checks: u32,
}

impl Watchdog {
    /// Watches the sandbox whose tree this is the root of. `diagnosis` is a sock_diag(7) socket of its
    /// network namespace; without one the sockets are counted. Both are better taken from the sandbox's
    /// own first process than looked up by a program's pid, whose first thread may end at once.
    pub fn over(root: &OwnedFd, diagnosis: Option<OwnedFd>, limit: u64) -> io::Result<Self> {
        let open = |path: &str| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::openat2(
                root,
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
        Ok(Self {
            sockets: diagnosis.map(Sockets::asking),
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
            mapped_bytes: 0,
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
                .map_or(0, |status| counting::private_bytes(&status));
            descriptors += self.descriptors(pid)?;
        }
        for tmpfs in &self.tmpfs {
            let stat = rustix::fs::fstatfs(tmpfs)?;
            sum += (stat.f_blocks - stat.f_bfree) * stat.f_bsize as u64;
        }
        sum += descriptors.saturating_sub(DESCRIPTORS) * DESCRIPTOR_HOLDS;
        Ok(sum + self.mapped(&pids)? + self.in_sockets()?)
    }

    fn in_sockets(&self) -> io::Result<u64> {
        let mut text = self.read("1", "net/sockstat")?.unwrap_or_default();
        text.push_str(&self.read("1", "net/sockstat6")?.unwrap_or_default());
        // Whoever does not know how many there are asks for all of them.
        let unknown = InUse {
            all: 0,
            tcp: 1,
            udp: 1,
            tcp6: 1,
            udp6: 1,
        };
        let in_use = if text.is_empty() {
            unknown
        } else {
            counting::sockets_in_use(&text)
        };
        let told = match &self.sockets {
            Some(sockets) => sockets.bytes(&in_use)?,
            None => None,
        };
        Ok(told.unwrap_or_else(|| in_use.all.saturating_sub(SOCKETS) * SOCKET_HOLDS))
    }

    /// Open descriptors; 0 before Linux 6.2, where the size of the directory does not say.
    fn descriptors(&self, pid: &str) -> io::Result<u64> {
        match rustix::fs::statat(&self.proc, format!("{pid}/fd"), AtFlags::empty()) {
            Ok(stat) => Ok(stat.st_size as u64),
            Err(Errno::NOENT | Errno::SRCH) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn mapped(&mut self, pids: &[String]) -> io::Result<u64> {
        let info = rustix::system::sysinfo();
        let machine = info.sharedram as u64 * u64::from(info.mem_unit);
        if self.checks % SCAN_EVERY == 0 || machine > self.machine_shared + GROWTH {
            let (mut regions, mut mappings, mut hidden) = (HashMap::new(), 0, 0);
            for pid in pids {
                match self.read(pid, "maps") {
                    Ok(Some(maps)) => {
                        mappings +=
                            counting::shared_regions(&maps, &self.shared_device, &mut regions);
                    }
                    Ok(None) => {}
                    // A process that lets nobody look (PR_SET_DUMPABLE), as those of ours that serve a channel: as if
                    // all that it maps were shared memory, which is the most that it can be.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                        let status = self.read(pid, "status")?;
                        hidden += status.map_or(0, |status| counting::mapped_bytes(&status));
                    }
                    Err(error) => return Err(error),
                }
            }
            self.mapped_bytes = regions.values().sum::<u64>() + mappings * MAPPING_HOLDS + hidden;
            self.machine_shared = machine;
        }
        self.checks = self.checks.wrapping_add(1);
        Ok(self.mapped_bytes)
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
        match read_whole(&file) {
            Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(Errno::SRCH) => Ok(None),
            Err(Errno::ACCESS | Errno::PERM) if pid == "1" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Most of these files come with one read, which a buffer that starts small makes into ten.
fn read_whole(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut text = vec![0; 8192];
    let mut length = 0;
    loop {
        match rustix::io::read(file, &mut text[length..])? {
            0 => {
                text.truncate(length);
                return Ok(text);
            }
            got => length += got,
        }
        if length == text.len() {
            text.resize(2 * length, 0);
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
