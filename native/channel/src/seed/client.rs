//! The agent's side of the seed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{memfd_create, MemfdFlags};
use rustix::io::Errno;
use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::{pipe_with, PipeFlags};
use tokio::sync::oneshot;

use super::child::OF_DIRECTORY;
use super::words::{Answer, Request, Words};
use crate::caps;
use crate::pipe::Pipe;
use crate::status::{Code, Result, Status};

/// A program that is wanted.
pub struct Spawn {
    pub argv: Vec<Vec<u8>>,
    pub env: Vec<Vec<u8>>,
    pub directory: Vec<u8>,
    pub terminal: bool,
    pub streams: [OwnedFd; 3],
}

/// What became of it.
pub enum Made {
    Started(Program),
    /// `execve` said this errno.
    NotExecuted(i32),
}

/// A program that runs, and is killed with its process group when this is dropped.
pub struct Program {
    seed: Rc<Seed>,
    id: u64,
    pub pid: i32,
    ended: Option<oneshot::Receiver<End>>,
}

#[derive(Clone, Copy, Debug)]
pub struct End {
    pub status: i32,
    pub cpu_ms: u64,
    pub peak_memory_bytes: u64,
}

struct Waiting {
    forked: Option<oneshot::Sender<std::result::Result<i32, Errno>>>,
    ended: Option<oneshot::Sender<End>>,
}

/// The seed, as one agent sees it.
pub struct Seed {
    socket: Pipe,
    generation: u64,
    next: Cell<u64>,
    waiting: RefCell<HashMap<u64, Waiting>>,
    /// Programs that are to be killed, for which there was no room in the socket.
    condemned: RefCell<Vec<u64>>,
    gone: Cell<bool>,
}

impl Seed {
    /// To be called in a tokio runtime; [`Seed::listen`] has to run beside what is asked.
    pub fn new(socket: OwnedFd, generation: u64) -> std::io::Result<Rc<Seed>> {
        Ok(Rc::new(Seed {
            socket: Pipe::new(socket)?,
            generation,
            next: Cell::new(1),
            waiting: RefCell::default(),
            condemned: RefCell::default(),
            gone: Cell::new(false),
        }))
    }

    /// Hears the seed's answers. Returns when it is gone.
    pub async fn listen(self: Rc<Self>) {
        let mut packet = [0u8; 64];
        while let Ok(length @ 1..) = self.socket.read(&mut packet).await {
            match Answer::from_bytes(&packet[..length]) {
                Some(answer) => {
                    self.take(answer);
                    self.kill_condemned();
                }
                None => break,
            }
        }
        self.gone.set(true);
        // Whoever waits finds the other end dropped.
        self.waiting.borrow_mut().clear();
    }

    /// A seed that answers has made room.
    fn kill_condemned(&self) {
        let condemned = self.condemned.take();
        for id in condemned {
            self.kill(id);
        }
    }

    fn kill(&self, id: u64) {
        let request = Request::Signal {
            generation: self.generation,
            id,
            signal: libc::SIGKILL,
        };
        // A seed that is gone has taken its children along; one that is stopped hears it when it goes on.
        if self.send(&request.to_bytes(), &[]).is_err() && !self.gone.get() {
            self.condemned.borrow_mut().push(id);
        }
    }

    fn take(&self, answer: Answer) {
        let mut waiting = self.waiting.borrow_mut();
        match answer {
            Answer::Forked {
                generation,
                id,
                pid,
            } if generation == self.generation => {
                if let Some(forked) = waiting.get_mut(&id).and_then(|one| one.forked.take()) {
                    // Whoever asked may have gone; the program is then killed by its own drop.
                    let _told = forked.send(Ok(pid));
                }
            }
            Answer::NotForked {
                generation,
                id,
                errno,
            } if generation == self.generation => {
                if let Some(forked) = waiting.remove(&id).and_then(|one| one.forked) {
                    let _told = forked.send(Err(Errno::from_raw_os_error(errno)));
                }
            }
            Answer::Ended {
                generation,
                id,
                status,
                cpu_ms,
                peak_memory_bytes,
            } if generation == self.generation => {
                if let Some(ended) = waiting.remove(&id).and_then(|one| one.ended) {
                    let _told = ended.send(End {
                        status,
                        cpu_ms,
                        peak_memory_bytes,
                    });
                }
            }
            // An answer to an agent before us.
            _ => {}
        }
    }

    /// How many programs and connections are under way.
    pub fn count(&self) -> usize {
        self.waiting.borrow().len()
    }

    pub async fn spawn(self: &Rc<Self>, spawn: Spawn) -> Result<Made> {
        let words = Words {
            argv: spawn.argv,
            env: spawn.env,
            directory: spawn.directory,
        };
        let file =
            memory_file(&words.to_bytes()).map_err(|errno| Status::of("a request", errno))?;
        let (told, telling) = error_pipe()?;
        let id = self.next_id();
        let request = Request::Spawn {
            generation: self.generation,
            id,
            terminal: spawn.terminal,
        };
        let [stdin, stdout, stderr] = &spawn.streams;
        let descriptors = [&file, &telling, stdin, stdout, stderr].map(AsFd::as_fd);
        let program = self.ask(&request, id, &descriptors).await?;
        // Now only the child has these, and their ends are its ends.
        drop((file, telling, spawn.streams));
        let Some(errno) = read_error(&told).await? else {
            return Ok(Made::Started(program));
        };
        if errno & OF_DIRECTORY != 0 {
            let errno = Errno::from_raw_os_error(errno & !OF_DIRECTORY);
            return Err(Status::of("the working directory", errno));
        }
        Ok(Made::NotExecuted(errno))
    }

    /// Connects a socket as the sandbox's program would.
    pub async fn connect(self: &Rc<Self>, socket: BorrowedFd<'_>, address: Vec<u8>) -> Result<()> {
        let (told, telling) = error_pipe()?;
        let id = self.next_id();
        let request = Request::Connect {
            generation: self.generation,
            id,
            address,
        };
        let connecting = self.ask(&request, id, &[telling.as_fd(), socket]).await?;
        drop(telling);
        let done = read_error(&told).await?;
        drop(connecting);
        match done {
            Some(0) => Ok(()),
            Some(errno) => Err(Status::of("connect", Errno::from_raw_os_error(errno))),
            None => Err(gone()),
        }
    }

    async fn ask(
        self: &Rc<Self>,
        request: &Request,
        id: u64,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Program> {
        if self.gone.get() {
            return Err(gone());
        }
        if self.count() >= caps::PROGRAMS {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!("{} programs run already", caps::PROGRAMS),
            ));
        }
        let (forked, is_forked) = oneshot::channel();
        let (ended, has_ended) = oneshot::channel();
        let waiting = Waiting {
            forked: Some(forked),
            ended: Some(ended),
        };
        self.waiting.borrow_mut().insert(id, waiting);
        // From here on its drop cleans up.
        let mut program = Program {
            seed: Rc::clone(self),
            id,
            pid: 0,
            ended: Some(has_ended),
        };
        self.send(&request.to_bytes(), descriptors)?;
        program.pid = match tokio::time::timeout(caps::SPAWN, is_forked).await {
            Ok(Ok(forked)) => forked.map_err(|errno| Status::of("fork", errno))?,
            Ok(Err(_)) => return Err(gone()),
            Err(_) => return Err(stopped()),
        };
        Ok(program)
    }

    /// A seed that is stopped leaves its packets unread; one that cannot be told at once is not waited for.
    fn send(&self, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(5))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors))
        {
            return Err(Status::new(Code::Internal, "too many descriptors"));
        }
        let parts = [IoSlice::new(packet)];
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(&self.socket, &parts, &mut ancillary, flags) {
            Ok(_) => Ok(()),
            Err(Errno::AGAIN) => Err(stopped()),
            Err(_) => Err(gone()),
        }
    }

    fn next_id(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }
}

impl Program {
    pub fn signal(&self, signal: i32) -> Result<()> {
        let request = Request::Signal {
            generation: self.seed.generation,
            id: self.id,
            signal,
        };
        self.seed.send(&request.to_bytes(), &[])
    }

    /// Tells how it ended; an error when nobody can tell any more. Once.
    pub fn take_end(&mut self) -> Option<oneshot::Receiver<End>> {
        self.ended.take()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.seed.waiting.borrow().contains_key(&self.id) {
            self.seed.kill(self.id);
        }
    }
}

fn gone() -> Status {
    Status::new(
        Code::Unavailable,
        "the process that starts programs is gone: the sandbox has killed it. Start the sandbox again",
    )
}

fn stopped() -> Status {
    Status::new(
        Code::Unavailable,
        "the process that starts programs does not answer: the sandbox has stopped it, or is out of processor time",
    )
}

fn memory_file(bytes: &[u8]) -> rustix::io::Result<OwnedFd> {
    // Never to be executed, whoever gets hold of it; kernels before 6.3 have no such seal.
    let flags = MemfdFlags::CLOEXEC;
    let file = match memfd_create("words", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("words", flags)?,
        made => made?,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, rest))?;
        rest = &rest[written..];
    }
    Ok(file)
}

fn error_pipe() -> Result<(Pipe, OwnedFd)> {
    let make = || {
        let (told, telling) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((Pipe::new(told)?, telling))
    };
    make().map_err(|error: std::io::Error| {
        Status::of(
            "a pipe",
            Errno::from_io_error(&error).unwrap_or(Errno::MFILE),
        )
    })
}

/// The errno that the child has written; `None` when its end closed without one.
async fn read_error(told: &Pipe) -> Result<Option<i32>> {
    let mut bytes = [0u8; 4];
    match tokio::time::timeout(caps::SPAWN, told.read(&mut bytes)).await {
        Ok(Ok(4)) => Ok(Some(i32::from_ne_bytes(bytes))),
        Ok(Ok(_)) => Ok(None),
        Ok(Err(errno)) => Err(Status::of("a pipe", errno)),
        Err(_) => Err(stopped()),
    }
}
