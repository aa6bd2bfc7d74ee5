//! A launcher as a child: exactly its five descriptors, a session of its own, killed when it is let go of.

use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::rc::Rc;

use bytes::Bytes;
use rustix::io::{fcntl_dupfd_cloexec, Errno};
use rustix::pipe::{pipe_with, PipeFlags};
use rustix::process::{kill_process, pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use tokio::sync::Mutex;

use super::children::Children;
use super::rooms::of_io;
use crate::pipe::Pipe;
use crate::status::{Code, Result, Status};

/// What is executed, with its arguments; `--plan-fd` and `--status-fd` follow.
#[derive(Clone)]
pub struct Program {
    pub path: OsString,
    pub arguments: Vec<OsString>,
}

/// The numbers that it finds its plan and its status at.
const PLAN: i32 = 3;
const STATUS: i32 = 4;

pub struct Launcher {
    pid: Pid,
    pidfd: Pipe,
    children: Rc<Children>,
}

/// The plan descriptor: the plan, and commands after it.
pub struct Commands(Mutex<Pipe>);

impl Commands {
    /// One after the other, so that lines do not mix.
    pub async fn write(&self, lines: Bytes) -> Result<()> {
        let pipe = self.0.lock().await;
        match pipe.write_all(lines).await {
            Ok(()) => Ok(()),
            Err(Errno::PIPE) => Err(Status::new(Code::NotFound, "the launcher has ended")),
            Err(errno) => Err(Status::of("the plan descriptor", errno)),
        }
    }
}

/// What it is started with, and what we keep of that.
pub struct Started {
    pub launcher: Launcher,
    pub commands: Commands,
    pub status: Pipe,
}

pub fn start(
    program: &Program,
    children: &Rc<Children>,
    streams: [OwnedFd; 3],
    has_terminal: bool,
) -> Result<Started> {
    let pipes = || {
        let (plan, to_plan) = pipe_with(PipeFlags::CLOEXEC)?;
        let (from_status, status) = pipe_with(PipeFlags::CLOEXEC)?;
        // Out of the way of the numbers that they shall get.
        let high = |descriptor: &OwnedFd| fcntl_dupfd_cloexec(descriptor, 10);
        Ok::<_, Errno>((high(&plan)?, to_plan, from_status, high(&status)?))
    };
    let (plan, to_plan, from_status, status) =
        pipes().map_err(|errno| Status::of("the launcher's descriptors", errno))?;
    let [stdin, stdout, stderr] = streams;
    let mut command = Command::new(&program.path);
    command
        .arg0("glovebox-inside")
        .args(&program.arguments)
        .args(["--plan-fd", "3", "--status-fd", "4"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr));
    let (from_plan, to_status) = (plan.as_raw_fd(), status.as_raw_fd());
    // SAFETY: only system calls between fork and exec, on descriptors that are open then; those that are not duplicated
    // close by themselves.
    unsafe {
        command.pre_exec(move || {
            for (from, to) in [(from_plan, PLAN), (to_status, STATUS)] {
                checked(libc::dup2(from, to))?;
            }
            checked(libc::setsid())?;
            if has_terminal {
                // So that the kernel tells it by SIGWINCH of a new size.
                checked(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
            }
            Ok(())
        });
    }
    let child = command
        .spawn()
        .map_err(|error| of_io("start the launcher", &error))?;
    Ok(Started {
        launcher: Launcher::of(Pid::from_child(&child), Rc::clone(children))?,
        commands: Commands(Mutex::new(pipe(to_plan)?)),
        status: pipe(from_status)?,
    })
}

fn pipe(end: OwnedFd) -> Result<Pipe> {
    Pipe::new(end).map_err(|error| of_io("the launcher's descriptors", &error))
}

fn checked(value: i32) -> std::io::Result<()> {
    match value {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(()),
    }
}

impl Launcher {
    fn of(pid: Pid, children: Rc<Children>) -> Result<Launcher> {
        let watched = pidfd_open(pid, PidfdFlags::NONBLOCK)
            .map_err(|errno| Status::of("watch the launcher", errno))
            .and_then(pipe);
        match watched {
            Ok(pidfd) => {
                children.expect(pid);
                Ok(Launcher {
                    pid,
                    pidfd,
                    children,
                })
            }
            Err(status) => {
                // Not reaped yet, as that is done by this thread: the number is still its own.
                let _killed = kill_process(pid, Signal::KILL);
                Err(status)
            }
        }
    }

    /// Its status, of wait(2).
    pub async fn ended(&self) -> Result<i32> {
        std::future::poll_fn(|context| self.pidfd.poll_readable(context))
            .await
            .and_then(|()| self.children.take(self.pid))
            .map_err(|errno| Status::of("wait for the launcher", errno))
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // One that has ended needs none; pid 1 reaps it.
        let _killed = pidfd_send_signal(&self.pidfd, Signal::KILL);
        self.children.forget(self.pid);
    }
}
