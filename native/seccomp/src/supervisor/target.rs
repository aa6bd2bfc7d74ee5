//! The caller of a notified system call, seen from outside.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{pidfd_getfd, pidfd_open, Pid, PidfdFlags, PidfdGetfdFlags};

use super::record::cut;

/// A thread that waits in a system call. What is learnt here is about the caller only if the
/// notification still waits afterwards.
pub struct Target {
    pub tid: u32,
}

/// A pidfd of one thread, whose descriptor table may be its own (6.9).
const PIDFD_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(libc::O_EXCL as u32);

impl Target {
    /// A descriptor of the caller's.
    pub fn descriptor(&self, fd: i32) -> Result<OwnedFd, Errno> {
        if fd < 0 {
            return Err(Errno::BADF);
        }
        pidfd_getfd(self.pidfd()?, fd, PidfdGetfdFlags::empty())
    }

    fn pidfd(&self) -> Result<OwnedFd, Errno> {
        let thread = pid(self.tid)?;
        match pidfd_open(thread, PIDFD_THREAD) {
            // Older kernels have pidfds of whole processes only. Threads that do not share the
            // descriptor table with their process are then served from that of the process.
            Err(Errno::INVAL) => match pidfd_open(thread, PidfdFlags::empty()) {
                Err(Errno::INVAL | Errno::NOENT) => {
                    pidfd_open(pid(self.process())?, PidfdFlags::empty())
                }
                opened => opened,
            },
            opened => opened,
        }
    }

    /// The process id and the program's file, or its name where that cannot be read.
    pub fn names(&self) -> (u32, String) {
        let program = fs::read_link(format!("/proc/{}/exe", self.tid))
            .map(|path| path.as_os_str().as_bytes().to_vec())
            .or_else(|_| fs::read(format!("/proc/{}/comm", self.tid)));
        let program = program.unwrap_or_default();
        (
            self.process(),
            cut(program.strip_suffix(b"\n").unwrap_or(&program)),
        )
    }

    /// The process of the thread; the thread's own id if it is gone.
    fn process(&self) -> u32 {
        // Most callers are the first thread of their process, which this finds out in one call.
        if pid(self.tid).is_ok_and(|thread| pidfd_open(thread, PidfdFlags::empty()).is_ok()) {
            return self.tid;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", self.tid)).unwrap_or_default();
        let tgid = status
            .lines()
            .find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
        tgid.unwrap_or(self.tid)
    }

    /// The root of the tree that the caller sees.
    pub fn root(&self) -> Result<OwnedFd, Errno> {
        rustix::fs::open(
            format!("/proc/{}/root", self.tid),
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
    }

    /// The path, in that tree, of what a relative path starts from.
    pub fn directory(&self, fd: i32) -> Result<Vec<u8>, Errno> {
        let link = match fd {
            libc::AT_FDCWD => format!("/proc/{}/cwd", self.tid),
            _ => format!("/proc/{}/fd/{fd}", self.tid),
        };
        Ok(rustix::fs::readlink(link, Vec::new())?.into_bytes())
    }
}

fn pid(number: u32) -> Result<Pid, Errno> {
    Pid::from_raw(number as i32).ok_or(Errno::SRCH)
}
