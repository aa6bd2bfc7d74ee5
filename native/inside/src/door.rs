//! The socket by which the host reaches the inside: made by the launcher before anything of the sandbox is there,
//! held by pid 1 only, removed by the launcher at its end. See docs/channel.md.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{lstat, unlink, Mode};
use rustix::io::Errno;
use rustix::net::{
    bind, listen, socket_with, AddressFamily, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::process::umask;

use crate::fault::{Fault, Outcome, Step};

const STAGE: &str = "channel";

/// Connections that wait for the agent.
const BACKLOG: i32 = 16;

/// The name of the socket. Dropping it removes the file, if it is still that one.
pub struct Door {
    path: PathBuf,
    file: Option<(u64, u64)>,
}

impl Door {
    /// The one who listens goes to pid 1 and is kept by nobody else: where it has ended, nobody is let in.
    pub fn open(path: &str) -> Outcome<(Door, OwnedFd)> {
        let make = || {
            let kind = SocketType::STREAM;
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
            // The mode of the file, from its first moment (unix(7)). This process has one thread.
            let before = umask(Mode::from_raw_mode(0o177));
            let bound = bind(&socket, &SocketAddrUnix::new(path)?);
            umask(before);
            bound?;
            let mut door = Door {
                path: PathBuf::from(path),
                file: None,
            };
            door.file = Some(identity(&door.path)?);
            listen(&socket, BACKLOG)?;
            Ok((door, socket))
        };
        make().map_err(|errno| match errno {
            Errno::ADDRINUSE => Fault::plan(format!("channel.socket: {path} is there already"))
                .fix("remove it if nobody answers there"),
            _ => Fault::call(STAGE, &format!("listen on {path}"), errno),
        })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Somebody else's that has taken its name is left alone.
        if self.file.is_some() && identity(&self.path).ok() == self.file {
            let _removed = unlink(&self.path);
        }
    }
}

fn identity(path: &Path) -> rustix::io::Result<(u64, u64)> {
    let stat = lstat(path)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// Copies what pid 1 needs of a door into it.
pub struct Inlet {
    pub listener: OwnedFd,
    pub news: crate::news::Hearer,
}

pub fn copy(descriptor: &OwnedFd) -> Outcome<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(descriptor, 3).step(STAGE, || "copy a descriptor".into())
}
