//! One directory in a cgroup tree, made for one sandbox.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::{accessat, Access, AtFlags, CWD};
use rustix::process::{kill_process, Pid, Signal};

use crate::hierarchy::Version;
use crate::small;

/// How long the end of killed processes is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Group {
    pub path: PathBuf,
    pub version: Version,
    /// Where a process writes "0" to get in. Version 1: `tasks`. Version 2: `cgroup.procs`.
    entry: OwnedFd,
}

/// Something that happened to the sandbox because of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It used all its memory; the kernel killed, or is about to kill, a process of it.
    OutOfMemory,
    /// It was refused a process or thread.
    TooManyProcesses,
}

/// A descriptor to poll, for exactly these events; when it is ready, ask [`crate::Limits::notices`].
#[derive(Debug)]
pub struct Watch {
    pub(crate) fd: OwnedFd,
    pub(crate) events: PollFlags,
    pub(crate) file: Option<PathBuf>,
}

impl Watch {
    /// The events to poll for: a cgroup file is always readable, and says `PRI` when it changed.
    pub fn events(&self) -> PollFlags {
        self.events
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Group {
    pub fn create(path: PathBuf, version: Version) -> io::Result<Self> {
        fs::create_dir(&path)?;
        let entry = match version {
            Version::One => "tasks",
            Version::Two => "cgroup.procs",
        };
        match OpenOptions::new().write(true).open(path.join(entry)) {
            Ok(file) => Ok(Self {
                path,
                version,
                entry: file.into(),
            }),
            Err(error) => {
                fs::remove_dir(&path)?;
                Err(error)
            }
        }
    }

    pub fn write(&self, file: &str, value: &str) -> io::Result<()> {
        // Not `fs::write`, which would try to create the file and says EACCES where it is missing.
        let path = self.path.join(file);
        OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut open| open.write_all(value.as_bytes()))
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("{} does not take {value}: {error}", path.display()),
                )
            })
    }

    /// `false` if this kernel has no such file.
    pub fn write_if_there(&self, file: &str, value: &str) -> io::Result<bool> {
        match self.write(file, value) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `None` if this kernel has no such file.
    pub fn read(&self, file: &str) -> io::Result<Option<String>> {
        match small::read_text(self.path.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// For [`join`].
    pub fn entry(&self) -> BorrowedFd<'_> {
        self.entry.as_fd()
    }

    pub fn attach(&self, pid: u32) -> io::Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// A watch on a file whose changes the kernel announces.
    pub fn watch_file(&self, file: &str) -> io::Result<Option<Watch>> {
        let path = self.path.join(file);
        let mut open = match File::open(&path) {
            Ok(open) => open,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // A change is one since the last read.
        open.read_to_string(&mut String::new())?;
        Ok(Some(Watch {
            fd: open.into(),
            events: PollFlags::PRI,
            file: Some(path),
        }))
    }

    /// Version 1 announces that memory ran out by an event descriptor.
    pub fn watch_out_of_memory(&self) -> io::Result<Watch> {
        use std::os::fd::AsRawFd;
        let event = rustix::event::eventfd(
            0,
            rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::NONBLOCK,
        )?;
        let control = File::open(self.path.join("memory.oom_control"))?;
        self.write(
            "cgroup.event_control",
            &format!("{} {}", event.as_raw_fd(), control.as_raw_fd()),
        )?;
        Ok(Watch {
            fd: event,
            events: PollFlags::IN,
            file: None,
        })
    }

    pub fn destroy(&self) -> io::Result<()> {
        remove(&self.path)
    }
}

/// Moves the calling process, which must have one thread, into the groups behind these entries. One system call each, fit
/// for a process between `clone` and `execve`; the kernel judges by the rights of whoever opened the entry.
///
/// In version 1 a thread that moves itself takes no lock on all threads of the machine: writing another's pid into
/// `cgroup.procs` waits for an RCU grace period, 10 to 27 ms on an idle machine.
pub fn join<Entry: AsFd>(entries: &[Entry]) -> io::Result<()> {
    for entry in entries {
        rustix::io::write(entry, b"0")?;
    }
    Ok(())
}

/// Kills what is left in the group and removes it. Somebody else's doing so at the same time is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(50);
    loop {
        match fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(error) if is_gone(&error) => return Ok(()),
            // EBUSY: there are processes in it, or some whose end is not over yet.
            Err(error)
                if error.raw_os_error() != Some(rustix::io::Errno::BUSY.raw_os_error())
                    || Instant::now() > until =>
            {
                return Err(io::Error::new(
                    error.kind(),
                    format!("{} cannot be removed: {error}", path.display()),
                ));
            }
            Err(_) => kill_all(path)?,
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn kill_all(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .open(path.join("cgroup.kill"))
        .and_then(|mut kill| kill.write_all(b"1"))
    {
        Err(error) if is_gone(&error) => {}
        done => return done,
    }
    // Version 1, and version 2 before 5.14. Whoever forks meanwhile is met in the next round.
    let list = match fs::read_to_string(path.join("cgroup.procs")) {
        Ok(list) => list,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for pid in list
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
    {
        match kill_process(pid, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Somebody removed the group: before a file of it was opened, or, with ENODEV, after (kernfs).
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

/// Like `mkdir -p` of one level; parallel starters make the same one.
pub fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

/// The directory and the one above it.
pub fn make_directories(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), make_directory)?;
    make_directory(path)
}

pub fn writable(path: &Path) -> bool {
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}
