//! Answers the filter's notifications, outside of the sandbox.
//!
//! What the filter lets through is decided by the kernel: the mount tree, Landlock, the empty
//! network namespace. The supervisor decides about `connect`, and keeps the record of the rest.
//! One rule holds everywhere: **no decision is taken on memory that the sandbox can change after
//! the check.** A decided call is made by the supervisor, with its own copy of the arguments, on a
//! descriptor that it took out of the sandbox; answering "continue" decides nothing and only ever
//! follows a record whose verdict is [`Verdict::Recorded`].

mod address;
mod connect;
mod decision;
mod exec;
mod listener;
mod memfd;
mod memory;
mod pace;
mod path;
mod record;
mod replay;
mod sends;
mod target;
mod workers;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use listener::{Answer, Listener, Notification};
use record::Recorder;
use target::Target;

pub use record::{Access, Activity, ActivityKind, Sink, Verdict};

/// What the decisions rest on.
#[derive(Clone, Debug, Default)]
pub struct SupervisorOptions {
    /// `st_dev` of each file system that only the sandbox writes to: its own tmpfs. A Unix socket
    /// there was made inside.
    pub own_devices: Vec<u64>,
    /// The files that may be executed, as paths inside; `None`: whatever the kernel lets.
    pub exec_allow: Option<Vec<PathBuf>>,
    /// The program is a monitor of ours that runs machines, in a jail of its own.
    pub runs_machines: bool,
    /// What stands for somebody outside; `None`: nothing does.
    pub egress: Option<Egress>,
    /// How many processors the sandbox may use, above zero; `None`: as many as there are.
    pub processors: Option<f64>,
}

/// Addresses that are local to the sandbox's network namespace, where a relay listens.
#[derive(Clone, Debug)]
pub struct Egress {
    /// Network and number of its first bits.
    pub ranges: Vec<(IpAddr, u8)>,
    /// Who is asked for names, in datagrams.
    pub resolver: SocketAddr,
}

/// Why [`Supervisor::run`] came back. Its caller ends the sandbox in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nobody is left under the filter.
    NobodyLeft,
    /// The stop descriptor became readable or was closed.
    Stopped,
}

#[derive(Debug)]
pub enum SupervisorError {
    /// The record cannot be written, so that nothing may happen any more.
    Record(io::Error),
    /// The kernel refused a step that must work.
    Kernel {
        step: &'static str,
        error: io::Error,
    },
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => write!(
                f,
                "the record of what the sandbox does cannot be written: {error}"
            ),
            Self::Kernel { step, error } => write!(f, "the supervisor cannot {step}: {error}"),
        }
    }
}

impl std::error::Error for SupervisorError {}

impl SupervisorError {
    fn kernel(step: &'static str) -> impl Fn(Errno) -> Self {
        move |error| Self::Kernel {
            step,
            error: error.into(),
        }
    }
}

pub struct Supervisor<S> {
    listener: Arc<Listener>,
    recorder: Recorder<S>,
    options: SupervisorOptions,
    workers: workers::Workers,
    replays: replay::Replays,
    /// Network namespace of the sandbox, from its first notification on.
    network: Option<connect::Namespace>,
    network_cookie: Option<u64>,
    executables: exec::Executables,
    pace: pace::Pace,
}

impl<S: Sink> Supervisor<S> {
    pub fn new(
        listener: OwnedFd,
        options: SupervisorOptions,
        sink: S,
    ) -> Result<Self, SupervisorError> {
        let listener =
            Arc::new(Listener::new(listener).map_err(SupervisorError::kernel("use the listener"))?);
        Ok(Self {
            workers: workers::Workers::new(Arc::clone(&listener))
                .map_err(SupervisorError::kernel("set a signal handler"))?,
            listener,
            recorder: Recorder::new(sink),
            executables: exec::Executables::new(options.exec_allow.as_deref()),
            pace: pace::Pace::new(options.processors),
            options,
            replays: replay::Replays::default(),
            network: None,
            network_cookie: None,
        })
    }

    /// Serves until the sandbox is gone or `stop` is readable. Everybody under the filter waits for
    /// this, from the program's own `execve` on.
    pub fn run(mut self, stop: BorrowedFd<'_>) -> Result<Ended, SupervisorError> {
        let ended = self.serve(stop);
        self.workers.shut_down();
        let flushed = self.recorder.flush().map_err(SupervisorError::Record);
        ended.and_then(|ended| flushed.map(|()| ended))
    }

    fn serve(&mut self, stop: BorrowedFd<'_>) -> Result<Ended, SupervisorError> {
        loop {
            let (listener, stop_ready) = self.wait(stop)?;
            if stop_ready {
                return Ok(Ended::Stopped);
            }
            let now = Instant::now();
            self.recorder.tick(now).map_err(SupervisorError::Record)?;
            self.workers.look_after(now);
            for finished in self.workers.collect() {
                self.replays.keep(finished);
            }
            if listener.contains(PollFlags::IN) {
                if let Some(notification) = self
                    .listener
                    .receive()
                    .map_err(SupervisorError::kernel("receive a notification"))?
                {
                    self.handle(&notification)?;
                }
            } else if listener.intersects(PollFlags::HUP | PollFlags::ERR) {
                return Ok(Ended::NobodyLeft);
            }
        }
    }

    fn wait(&mut self, stop: BorrowedFd<'_>) -> Result<(PollFlags, bool), SupervisorError> {
        let pause = self.pace.pause();
        let blocked = self.workers.busy().then_some(workers::CHECK_BLOCKED);
        let timeout = [pause, blocked, self.recorder.due(Instant::now())]
            .into_iter()
            .flatten()
            .min();
        let timeout = timeout.map(|left| Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        // In a pause it is only looked at whether anybody is left.
        let calls = match pause {
            Some(_) => PollFlags::empty(),
            None => PollFlags::IN,
        };
        let mut ready = [
            PollFd::from_borrowed_fd(self.listener.as_fd(), calls),
            PollFd::from_borrowed_fd(stop, PollFlags::IN),
        ];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) => Ok((ready[0].revents(), !ready[1].revents().is_empty())),
            Err(Errno::INTR) => Ok((PollFlags::empty(), false)),
            Err(error) => Err(SupervisorError::kernel("wait for notifications")(error)),
        }
    }

    fn handle(&mut self, call: &Notification) -> Result<(), SupervisorError> {
        match libc::c_long::from(call.number) {
            libc::SYS_connect => self.connect(call),
            libc::SYS_bind => {
                self.record_address(call, ActivityKind::Bind, call.args[1], call.args[2] as i32)
            }
            libc::SYS_sendto => {
                let kind = sends::kind(call.args[3]);
                self.record_address(call, kind, call.args[4], call.args[5] as i32)
            }
            libc::SYS_sendmsg => {
                let kind = sends::kind(call.args[2]);
                self.record_messages(call, kind, 1, sends::MSGHDR)
            }
            libc::SYS_sendmmsg => {
                let kind = sends::kind(call.args[3]);
                self.record_messages(call, kind, call.args[2] as u32, sends::MMSGHDR)
            }
            libc::SYS_execve => self.execute(call, libc::AT_FDCWD, call.args[0], 0),
            libc::SYS_execveat => {
                self.execute(call, call.args[0] as i32, call.args[1], call.args[4] as i32)
            }
            libc::SYS_openat => {
                self.record_open(call, call.args[0] as i32, call.args[1], call.args[2] as i32)
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => {
                self.record_open(call, libc::AT_FDCWD, call.args[0], call.args[1] as i32)
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_creat => self.record_open(call, libc::AT_FDCWD, call.args[0], libc::O_WRONLY),
            libc::SYS_memfd_create => self.memory_file(call),
            _ => self.answer(call, Answer::Errno(libc::ENOSYS)).map(|_| ()),
        }
    }

    /// `false` if nobody waits for the answer any more.
    fn answer(&self, call: &Notification, answer: Answer) -> Result<bool, SupervisorError> {
        self.listener
            .answer(call.id, answer)
            .map_err(SupervisorError::kernel("answer a notification"))
    }

    /// Writes a record. It comes before the answer, and its failure is the end.
    fn record(&mut self, activity: Activity) -> Result<(), SupervisorError> {
        self.recorder
            .record(activity, Instant::now())
            .map_err(SupervisorError::Record)
    }

    /// A record of `target`, if the caller is still the one who made the call: what was read about it
    /// would otherwise be about whoever has its pid now.
    fn record_for(
        &mut self,
        call: &Notification,
        target: &Target,
        what: What,
    ) -> Result<bool, SupervisorError> {
        let (pid, program) = target.names();
        if !self.listener.waits(call.id) {
            return Ok(false);
        }
        let What {
            kind,
            address,
            path,
            access,
            verdict,
            rule,
        } = what;
        self.record(Activity {
            kind,
            pid,
            program,
            address,
            path,
            access,
            verdict,
            rule,
            count: 1,
        })?;
        Ok(true)
    }
}

/// The part of an [`Activity`] that does not come from who did it.
struct What {
    kind: ActivityKind,
    address: Option<String>,
    path: Option<String>,
    access: Option<Access>,
    verdict: Verdict,
    rule: &'static str,
}

impl What {
    fn to_address(
        kind: ActivityKind,
        address: String,
        verdict: Verdict,
        rule: &'static str,
    ) -> Self {
        Self {
            kind,
            address: Some(address),
            path: None,
            access: None,
            verdict,
            rule,
        }
    }

    fn of_path(kind: ActivityKind, path: String, verdict: Verdict, rule: &'static str) -> Self {
        Self {
            kind,
            address: None,
            path: Some(path),
            access: None,
            verdict,
            rule,
        }
    }
}

/// The kernel's own rules decide; the record only says that it was tried.
const KERNEL: &str = "kernel";
