//! A program's stdin, stdout and stderr: pipes, or a terminal in the sandbox's own devpts.

use std::cell::Cell;
use std::future::{pending, poll_fn, Future};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{ready, Poll};

use bytes::Bytes;
use glovebox_wire::inside::TerminalSize;
use rustix::fs::{open, Mode, OFlags};
use rustix::io::{fcntl_dupfd_cloexec, Errno};
use rustix::pipe::{fcntl_setpipe_size, pipe_with, PipeFlags};
use rustix::pty::{ioctl_tiocgptpeer, unlockpt, OpenptFlags};
use rustix::termios::{tcsetwinsize, Winsize};

use tokio::sync::Notify;

use crate::caps;
use crate::futures::{both, either, Either};
use crate::pipe::Pipe;
use crate::rpc::{Chunk, Reply};
use crate::status::{Result, Status};

/// Fields of ExecOutput and of GuestOutput.
const STDOUT: u32 = 2;
const STDERR: u32 = 3;

/// What an output pipe is to hold. Where the user has no share of pipe memory left it stays smaller.
const PIPE: usize = 256 << 10;

pub struct Streams {
    pub ours: Ours,
    pub theirs: [OwnedFd; 3],
}

pub struct Ours {
    pub input: Input,
    pub output: Output,
}

/// What the peer sends goes here.
pub struct Input {
    stdin: Option<Rc<Pipe>>,
    terminal: Option<Rc<Pipe>>,
}

/// A terminal has no errors beside its output. Of pipes none is left that nobody reads any more.
pub enum Output {
    Terminal(Rc<Pipe>),
    Pipes {
        stdout: Option<Pipe>,
        stderr: Option<Pipe>,
    },
}

impl Streams {
    pub fn open(size: Option<&TerminalSize>) -> Result<Streams> {
        let opened = match size {
            None => pipes(),
            Some(size) => terminal(size),
        };
        opened.map_err(|errno| Status::of("the program's streams", errno))
    }
}

fn pipes() -> std::result::Result<Streams, Errno> {
    let (stdin, to_stdin) = pipe_with(PipeFlags::CLOEXEC)?;
    let (from_stdout, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let _may_stay_smaller = fcntl_setpipe_size(&from_stdout, PIPE);
    let (from_stderr, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok(Streams {
        ours: Ours {
            input: Input {
                stdin: Some(Rc::new(ours(to_stdin)?)),
                terminal: None,
            },
            output: Output::Pipes {
                stdout: Some(ours(from_stdout)?),
                stderr: Some(ours(from_stderr)?),
            },
        },
        theirs: [stdin, stdout, stderr],
    })
}

fn terminal(size: &TerminalSize) -> std::result::Result<Streams, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = open("/dev/ptmx", flags, Mode::empty())?;
    unlockpt(&master)?;
    tcsetwinsize(&master, of(size))?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let program = ioctl_tiocgptpeer(&master, flags)?;
    let copy = || fcntl_dupfd_cloexec(&program, 3);
    let theirs = [copy()?, copy()?, copy()?];
    let master = Rc::new(ours(master)?);
    Ok(Streams {
        ours: Ours {
            input: Input {
                stdin: Some(Rc::clone(&master)),
                terminal: Some(Rc::clone(&master)),
            },
            output: Output::Terminal(master),
        },
        theirs,
    })
}

fn ours(end: OwnedFd) -> std::result::Result<Pipe, Errno> {
    Pipe::new(end).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::MFILE))
}

fn of(size: &TerminalSize) -> Winsize {
    let cells = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    Winsize {
        ws_row: cells(size.rows),
        ws_col: cells(size.columns),
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Until the program has ended and all that it wrote is sent. The input goes on as long as it may; what it finds wrong ends
/// the call.
pub async fn until_ended<T>(
    output: impl Future<Output = Result<()>>,
    ended: impl Future<Output = Result<T>>,
    input: impl Future<Output = Result<()>>,
    over: &Over,
) -> Result<T> {
    let ended = async {
        let ended = ended.await;
        over.tell();
        ended
    };
    let input = async {
        match input.await {
            Ok(()) => pending().await,
            Err(status) => status,
        }
    };
    match either(both(output, ended), input).await {
        Either::First(done) => done.map(|((), ended)| ended),
        Either::Second(status) => Err(status),
    }
}

impl Output {
    /// Lets go of a pipe as soon as nobody reads it any more, so that it breaks for whoever writes to it.
    pub async fn pump(&mut self, reply: &Reply, over: &Over, unread: &Unread) -> Result<()> {
        match self {
            Output::Terminal(master) => pump(master, STDOUT, reply, over, None).await,
            Output::Pipes { stdout, stderr } => {
                let stdout = pump_while_read(stdout, STDOUT, reply, over, &unread.stdout);
                let stderr = pump_while_read(stderr, STDERR, reply, over, &unread.stderr);
                both(stdout, stderr).await.map(drop)
            }
        }
    }
}

async fn pump_while_read(
    from: &mut Option<Pipe>,
    field: u32,
    reply: &Reply,
    over: &Over,
    unread: &Over,
) -> Result<()> {
    if let Some(pipe) = from {
        pump(pipe, field, reply, over, Some(unread)).await?;
    }
    if unread.is.get() {
        *from = None;
    }
    Ok(())
}

/// Outputs that nobody reads any more.
#[derive(Default)]
pub struct Unread {
    pub stdout: Over,
    pub stderr: Over,
}

impl Input {
    /// A program that does not read stops its peer here, by the peer's window.
    pub async fn put(&mut self, bytes: Bytes) -> Result<()> {
        let taken = match &self.stdin {
            Some(stdin) => stdin.write_all(bytes).await,
            None => Ok(()),
        };
        match taken {
            Ok(()) => Ok(()),
            // Nobody reads any more; what still comes is dropped, as a pipe of a shell would do.
            Err(Errno::PIPE | Errno::IO) => {
                self.stdin = None;
                Ok(())
            }
            Err(errno) => Err(Status::of("stdin", errno)),
        }
    }

    /// A pipe is closed; a terminal gets its end-of-file character, which is what a user would type.
    pub async fn end(&mut self) {
        const END_OF_TRANSMISSION: &[u8] = &[4];
        if let (Some(stdin), Some(_)) = (&self.stdin, &self.terminal) {
            // A terminal that is gone needs none.
            let _typed = stdin.write_all(END_OF_TRANSMISSION.into()).await;
        }
        self.stdin = None;
    }

    /// The kernel tells the program by SIGWINCH.
    pub fn resize(&self, size: &TerminalSize) -> Result<()> {
        match &self.terminal {
            Some(terminal) => tcsetwinsize(terminal.as_ref(), of(size))
                .map_err(|errno| Status::of("resize", errno)),
            None => Err(Status::invalid("resize: there is no terminal")),
        }
    }
}

/// Sends what the program writes, as fast as the peer takes it: nothing is read that has no place to go, so the
/// program waits. Returns at the end of the output, or, when the program is over, at the end of what is there; or, between
/// two parts, when nobody reads any more.
pub async fn pump(
    from: &Pipe,
    field: u32,
    reply: &Reply,
    over: &Over,
    unread: Option<&Over>,
) -> Result<()> {
    loop {
        let mut told = pin!(over.told.notified());
        let mut closed = pin!(unread.map(|unread| unread.told.notified()));
        // One poll for both, so that room is not promised to two of us at once.
        let part = poll_fn(|context| {
            if let (Some(unread), Some(closed)) = (unread, closed.as_mut().as_pin_mut()) {
                if unread.is.get() || closed.poll(context).is_ready() {
                    return Poll::Ready(Ok(None));
                }
            }
            if !over.is.get() && told.as_mut().poll(context).is_pending() {
                ready!(from.poll_readable(context)).map_err(|errno| Status::of("output", errno))?;
            }
            let room = ready!(reply.poll_room(context, PIPE))?;
            // The room also has to hold what frames the bytes.
            let wanted = room.saturating_sub(16).clamp(1, caps::CHUNK);
            let mut chunk = Chunk::new(wanted);
            match from.read_now(chunk.space()) {
                // EIO: the program has closed its terminal (pty(7)).
                Ok(0) | Err(Errno::IO) => Poll::Ready(Ok(None)),
                Ok(length) => Poll::Ready(Ok(Some(chunk.framed(field, length)))),
                Err(Errno::AGAIN) if over.is.get() => Poll::Ready(Ok(None)),
                Err(Errno::AGAIN) => match from.poll_bytes(context, &mut chunk.space()[..wanted]) {
                    Poll::Ready(Ok(0) | Err(Errno::IO)) => Poll::Ready(Ok(None)),
                    Poll::Ready(Ok(length)) => Poll::Ready(Ok(Some(chunk.framed(field, length)))),
                    Poll::Ready(Err(errno)) => Poll::Ready(Err(Status::of("output", errno))),
                    Poll::Pending => Poll::Pending,
                },
                Err(errno) => Poll::Ready(Err(Status::of("output", errno))),
            }
        })
        .await?;
        match part {
            Some(frame) => reply.send_frame(frame).await?,
            None => return Ok(()),
        }
    }
}

/// That something is over, told once: of a program, what is in its pipes is then the last of its output.
#[derive(Default)]
pub struct Over {
    is: Cell<bool>,
    told: Notify,
}

impl Over {
    pub fn tell(&self) {
        self.is.set(true);
        self.told.notify_waiters();
    }
}
