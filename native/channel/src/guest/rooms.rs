//! One directory for the sockets of each sandbox, which only root may enter.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{
    bind, listen, socket_with, AddressFamily, SocketAddrUnix, SocketFlags, SocketType,
};
use tokio::sync::watch;

use super::check;
use crate::caps;
use crate::pipe::Pipe;
use crate::status::{Code, Result, Status};

/// Connections that wait for the host to offer again: a relay makes as many at once as programs do. More than a sandbox may have, and
/// what the kernel allows by default (net.core.somaxconn): a full queue has the relay try all of them again and again, which under
/// emulation leaves the processor no time to empty it.
const BACKLOG: i32 = 4096;

pub struct Rooms {
    base: PathBuf,
    of: RefCell<HashMap<String, Content>>,
}

#[derive(Default)]
struct Content {
    /// A launcher has it.
    is_taken: bool,
    /// By the names of their sockets.
    listeners: HashMap<String, Rc<Listener>>,
}

/// A socket on which the host takes connections.
pub struct Listener {
    pub socket: Pipe,
    /// Closed when its sandbox has ended, or whoever offered has gone.
    pub open: watch::Receiver<()>,
    _closes: RefCell<Option<watch::Sender<()>>>,
}

impl Rooms {
    pub fn new(base: PathBuf) -> Rooms {
        Rooms {
            base,
            of: RefCell::default(),
        }
    }

    /// For a launcher. Offers may have made the directory before.
    pub fn take(self: &Rc<Self>, id: &str) -> Result<Room> {
        let mut of = self.of.borrow_mut();
        let content = self.enter(&mut of, id)?;
        if std::mem::replace(&mut content.is_taken, true) {
            return Err(Status::new(
                Code::AlreadyExists,
                format!("a sandbox {id} runs already"),
            ));
        }
        Ok(Room {
            rooms: Rc::clone(self),
            id: id.to_owned(),
        })
    }

    fn enter<'a>(&self, of: &'a mut HashMap<String, Content>, id: &str) -> Result<&'a mut Content> {
        if !of.contains_key(id) {
            if of.len() >= caps::LISTENERS {
                return Err(Status::new(
                    Code::ResourceExhausted,
                    format!("more than {} sandboxes", caps::LISTENERS),
                ));
            }
            make(&self.base.join(id))
                .map_err(|error| of_io("make the sockets' directory", &error))?;
        }
        Ok(of.entry(id.to_owned()).or_default())
    }

    /// Makes a socket, or refuses a name that is taken.
    pub fn listen(self: &Rc<Self>, path: &[u8]) -> Result<(String, String, Rc<Listener>)> {
        let (id, name) = check::socket(path, self.base.as_os_str().as_bytes())?;
        let mut of = self.of.borrow_mut();
        let content = self.enter(&mut of, id)?;
        let refusal = if content.listeners.contains_key(name) {
            Err(Status::new(
                Code::AlreadyExists,
                "another connection of the host's offers there",
            ))
        } else if content.listeners.len() >= caps::LISTENERS {
            Err(Status::new(
                Code::ResourceExhausted,
                format!("more than {} sockets", caps::LISTENERS),
            ))
        } else {
            open(&self.base.join(id).join(name))
                .map_err(|errno| Status::of("listen", errno))
                .map(Rc::new)
        };
        match refusal {
            Ok(listener) => {
                content
                    .listeners
                    .insert(name.to_owned(), Rc::clone(&listener));
                Ok((id.to_owned(), name.to_owned(), listener))
            }
            Err(status) => {
                self.leave(&mut of, id);
                Err(status)
            }
        }
    }

    /// Whoever offered has gone. One of the same name that was made since is somebody else's.
    pub fn close(&self, id: &str, name: &str, listener: &Rc<Listener>) {
        let mut of = self.of.borrow_mut();
        let Some(content) = of.get_mut(id) else {
            return;
        };
        let is_the_one = |found: &Rc<Listener>| Rc::ptr_eq(found, listener);
        if content.listeners.get(name).is_some_and(is_the_one) {
            content.listeners.remove(name);
            listener.close();
            let _removed = fs::remove_file(self.base.join(id).join(name));
        }
        self.leave(&mut of, id);
    }

    /// The last one out removes the directory.
    fn leave(&self, of: &mut HashMap<String, Content>, id: &str) {
        let is_empty = |content: &Content| !content.is_taken && content.listeners.is_empty();
        if of.get(id).is_some_and(is_empty) {
            of.remove(id);
            // What a killed launcher has left is in it.
            let _removed = fs::remove_dir_all(self.base.join(id));
        }
    }
}

/// A launcher's. Dropping it ends the offers for its sockets.
pub struct Room {
    rooms: Rc<Rooms>,
    id: String,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut of = self.rooms.of.borrow_mut();
        if let Some(content) = of.get_mut(&self.id) {
            content.is_taken = false;
            for (_, listener) in content.listeners.drain() {
                listener.close();
            }
        }
        self.rooms.leave(&mut of, &self.id);
    }
}

impl Listener {
    fn close(&self) {
        self._closes.borrow_mut().take();
    }
}

fn make(directory: &Path) -> std::io::Result<()> {
    let mut new = DirBuilder::new();
    new.mode(0o700);
    match new.create(directory) {
        // A launcher that was killed made something in it in its last moment, while it was being removed.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fs::remove_dir_all(directory)?;
            new.create(directory)
        }
        done => done,
    }
}

fn open(path: &Path) -> std::result::Result<Listener, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    let opened = || {
        // Before it listens, so that nobody gets in earlier; the directory keeps everybody else out anyway.
        fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(|error| errno_of(&error))?;
        listen(&socket, BACKLOG)?;
        Ok(())
    };
    if let Err(errno) = opened() {
        let _removed = fs::remove_file(path);
        return Err(errno);
    }
    let socket = Pipe::new(socket).map_err(|error| errno_of(&error))?;
    let (closes, open) = watch::channel(());
    Ok(Listener {
        socket,
        open,
        _closes: RefCell::new(Some(closes)),
    })
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

pub fn of_io(what: &str, error: &std::io::Error) -> Status {
    Status::of(what, errno_of(error))
}
