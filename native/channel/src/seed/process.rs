//! The seed's own process: waits, forks, tells how its children ended. It holds nothing but its socket.
//!
//! The sandbox's programs have its user id. It is not dumpable, so they can neither read its memory nor take its
//! descriptors by way of /proc; they may kill or stop it, whereupon nothing is started any more.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::{retry_on_intr, Errno};
use rustix::net::{recvmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::pipe::{pipe_with, PipeFlags};

use super::child;
use super::words::{Answer, Request, MAX_PACKET};

/// As many as a request has.
const DESCRIPTORS: usize = 5;

struct Child {
    generation: u64,
    id: u64,
    pid: i32,
}

/// Forks the seed off the sandbox's first process, which is confined by now. It becomes a child of our parent: a
/// program that waits for all of its children must not find one that it never started.
///
/// It shares root and working directory with pid 1 and with the program, as that does with pid 1, because the tree may
/// not be in its place yet. Nobody inside can change the root; where a child begins is said with each request.
///
/// Returns in the caller, which must not execute before [`Sprout::wait`] says that the seed can no more be read; the seed
/// itself never returns.
pub fn fork(socket: OwnedFd) -> rustix::io::Result<Sprout> {
    let (sprout, up) = pipe_with(PipeFlags::CLOEXEC)?;
    // Not by clone3, which the filter refuses, nor by fork(2) of the C library, which knows no CLONE_PARENT.
    // SAFETY: this process has one thread; without CLONE_VM the child has a copy of everything.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::CLONE_PARENT | libc::CLONE_FS | libc::SIGCHLD,
            0,
            0,
            0,
            0,
        )
    };
    match pid {
        0 => run(socket, up),
        -1 => Err(Errno::from_raw_os_error(
            std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EAGAIN),
        )),
        _ => Ok(Sprout(sprout)),
    }
}

/// A seed that was just forked.
pub struct Sprout(OwnedFd);

impl Sprout {
    /// Returns when it cannot be looked into by the programs to come, whose user id it has, and holds nothing of ours.
    pub fn wait(self) -> rustix::io::Result<()> {
        match retry_on_intr(|| rustix::io::read(&self.0, &mut [0u8; 1]))? {
            1 => Ok(()),
            _ => Err(Errno::SRCH),
        }
    }
}

/// The seed, for the rest of this process's life.
pub fn run(socket: OwnedFd, up: OwnedFd) -> ! {
    let ended = prepare(&socket, up).and_then(|children| Seed::new(&socket, children).serve());
    // Nobody to tell: whoever holds the other end sees ours close.
    let _why = ended;
    // SAFETY: ends this process at once.
    unsafe { libc::_exit(1) }
}

/// Lets go of all that the first process has: its streams, the filter's listener, the link to the launcher. Says so only
/// then: a program that stopped us before could hold up its own start.
fn prepare(socket: &OwnedFd, up: OwnedFd) -> Result<OwnedFd, Errno> {
    // Before anything of the program's runs, and for good.
    prctl(libc::PR_SET_DUMPABLE, 0)?;
    // Pid 1 takes us along by ending the namespace; this is for a host that is none.
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong)?;
    close_all_but([socket.as_raw_fd(), up.as_raw_fd()])?;
    // SAFETY: takes no pointer. Out of the program's session, whose terminal would signal us.
    unsafe { libc::setsid() };
    let signals = child_signals()?;
    rustix::io::write(&up, &[1])?;
    Ok(signals)
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> Result<(), Errno> {
    // SAFETY: these options take numbers.
    match unsafe { libc::prctl(option, value, 0, 0, 0) } {
        -1 => Err(Errno::INVAL),
        _ => Ok(()),
    }
}

fn close_all_but(mut kept: [RawFd; 2]) -> Result<(), Errno> {
    kept.sort_unstable();
    let close = |first: RawFd, last: RawFd| {
        if first > last {
            return Ok(());
        }
        // SAFETY: nothing in this process owns what is closed: it was copied from one that goes on.
        match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
            0 => Ok(()),
            _ => Err(Errno::BADF),
        }
    };
    close(0, kept[0] - 1)?;
    close(kept[0] + 1, kept[1] - 1)?;
    close(kept[1] + 1, RawFd::MAX)
}

fn child_signals() -> Result<OwnedFd, Errno> {
    // SAFETY: an all-zero sigset_t is valid storage, which sigemptyset makes a set; the rest reads it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        match libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(Errno::MFILE),
            // Above what a child's program will have.
            descriptor => rustix::io::fcntl_dupfd_cloexec(OwnedFd::from_raw_fd(descriptor), 3),
        }
    }
}

struct Seed<'a> {
    socket: &'a OwnedFd,
    signals: OwnedFd,
    children: Vec<Child>,
    /// What a dead agent had asked for before is not done any more.
    forgotten: u64,
}

impl<'a> Seed<'a> {
    fn new(socket: &'a OwnedFd, signals: OwnedFd) -> Seed<'a> {
        Seed {
            socket,
            signals,
            children: Vec::new(),
            forgotten: 0,
        }
    }

    fn serve(mut self) -> Result<(), Errno> {
        loop {
            let mut descriptors = [
                PollFd::new(self.socket, PollFlags::IN),
                PollFd::new(&self.signals, PollFlags::IN),
            ];
            match poll(&mut descriptors, None) {
                Err(Errno::INTR) => continue,
                polled => polled?,
            };
            let [asked, signalled] = descriptors.map(|descriptor| !descriptor.revents().is_empty());
            if signalled {
                // The details are of no use: several children's ends are one signal.
                while rustix::io::read(&self.signals, &mut [0u8; 128]).is_ok() {}
                self.reap()?;
            }
            if asked && !self.hear()? {
                return Ok(());
            }
        }
    }

    /// `false`: pid 1 is gone.
    fn hear(&mut self) -> Result<bool, Errno> {
        let mut packet = [0u8; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| recvmsg(self.socket, &mut parts, &mut ancillary, flags))?;
        let descriptors: Vec<OwnedFd> = ancillary
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .collect();
        if received.bytes == 0 {
            return Ok(false);
        }
        match Request::from_bytes(&packet[..received.bytes]) {
            Some(Request::Forget { generation }) => self.forget(generation),
            Some(Request::Signal {
                generation,
                id,
                signal,
            }) => self.signal(generation, id, signal),
            Some(Request::Spawn {
                generation,
                id,
                terminal,
            }) => self.start(generation, id, |socket, signals| {
                child::program(descriptors, terminal, &[socket, signals])
            })?,
            Some(Request::Connect {
                generation,
                id,
                address,
            }) => self.start(generation, id, |socket, signals| {
                child::connection(descriptors, &address, &[socket, signals])
            })?,
            None => return Err(Errno::PROTO),
        }
        Ok(true)
    }

    fn start(
        &mut self,
        generation: u64,
        id: u64,
        become_it: impl FnOnce(RawFd, RawFd),
    ) -> Result<(), Errno> {
        if generation <= self.forgotten {
            return Ok(());
        }
        // SAFETY: this process has one thread; the child runs on a copy of everything.
        let pid = unsafe { libc::fork() };
        let answer = match pid {
            0 => {
                become_it(self.socket.as_raw_fd(), self.signals.as_raw_fd());
                // SAFETY: ends the child at once, without what its parent would run at its end.
                unsafe { libc::_exit(127) }
            }
            -1 => Answer::NotForked {
                generation,
                id,
                errno: std::io::Error::last_os_error()
                    .raw_os_error()
                    .unwrap_or(libc::EAGAIN),
            },
            pid => {
                self.children.push(Child {
                    generation,
                    id,
                    pid,
                });
                Answer::Forked {
                    generation,
                    id,
                    pid,
                }
            }
        };
        self.tell(answer)
    }

    fn signal(&self, generation: u64, id: u64, signal: i32) {
        let wanted = |child: &&Child| child.generation == generation && child.id == id;
        if let Some(child) = self.children.iter().find(wanted) {
            kill(child.pid, signal);
        }
    }

    fn forget(&mut self, generation: u64) {
        self.forgotten = self.forgotten.max(generation);
        for child in &self.children {
            if child.generation <= generation {
                kill(child.pid, libc::SIGKILL);
            }
        }
    }

    fn reap(&mut self) -> Result<(), Errno> {
        loop {
            let mut status = 0;
            // SAFETY: an all-zero rusage is valid storage; wait4 writes to both.
            let (pid, usage) = unsafe {
                let mut usage: libc::rusage = std::mem::zeroed();
                (
                    libc::wait4(-1, &mut status, libc::WNOHANG, &mut usage),
                    usage,
                )
            };
            if pid <= 0 {
                return Ok(());
            }
            let Some(index) = self.children.iter().position(|child| child.pid == pid) else {
                continue;
            };
            let Child { generation, id, .. } = self.children.swap_remove(index);
            let ms = |time: libc::timeval| time.tv_sec as u64 * 1000 + time.tv_usec as u64 / 1000;
            self.tell(Answer::Ended {
                generation,
                id,
                status,
                cpu_ms: ms(usage.ru_utime) + ms(usage.ru_stime),
                peak_memory_bytes: usage.ru_maxrss as u64 * 1024,
            })?;
        }
    }

    /// Where no agent listens the packets wait, and the last of them for the next agent.
    fn tell(&self, answer: Answer) -> Result<(), Errno> {
        // SAFETY: only borrowed for this write.
        let socket = unsafe { BorrowedFd::borrow_raw(self.socket.as_raw_fd()) };
        retry_on_intr(|| rustix::io::write(socket, &answer.to_bytes())).map(drop)
    }
}

/// The process group, whose leader has not been reaped, so that the number is still its own; and the leader, which
/// may have gone into another group.
fn kill(leader: i32, signal: i32) {
    // SAFETY: takes numbers. What is gone already cannot be signalled, and need not.
    unsafe {
        libc::kill(-leader, signal);
        if signal == libc::SIGKILL {
            libc::kill(leader, signal);
        }
    }
}
