//! A started sandbox, seen from outside. Dropping it ends it.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use glovebox_wire::{
    Command, Control, Enforcement, Exit, FailureCode, LimitHit, LimitKind, Plan, Started, Status,
};
use rustix::io::Errno;
use rustix::pipe::{pipe_with, PipeFlags};
use rustix::process::{pidfd_open, Pid, PidfdFlags};

use crate::explain::why_namespaces_are_refused;
use crate::fault::{say, Fault, Outcome, Step};
use crate::init::{self, Blueprint};
use crate::kernel::{fork_into, pidfd_signal, reap, Side};
use crate::link::{self, Go, Outer, Ready, Word};
use crate::owner::Owner;
use crate::receipt::{self, Findings};
use crate::report::{NobodyReads, Report};
use crate::watch::{Event, Watch};
use crate::who::Who;

const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// What the launcher keeps of the plan once pid 1 has its copy.
pub struct Terms {
    pub plan: Plan,
    pub who: Who,
    pub landlock_abi: u32,
    /// SHA-256 of the system call filter.
    pub filter: String,
}

pub struct Sandbox<'a> {
    terms: &'a Terms,
    report: &'a Report,
    link: Outer,
    /// The pid namespace's first process: when it has ended, so has everything else.
    init: Init,
}

/// What has happened so far to a program.
#[derive(Default)]
struct Course {
    program: Option<Program>,
    /// When its execve had worked.
    started: Option<Instant>,
    /// Status of wait(2), as pid 1 saw it.
    ended: Option<i32>,
    timed_out: bool,
}

struct Program {
    pid: i32,
    pidfd: OwnedFd,
}

impl<'a> Sandbox<'a> {
    /// Clones pid 1 into its namespaces, where it builds the tree and forks the program. Returns the
    /// pipe that hangs up when the program is executed.
    pub fn start(
        terms: &'a Terms,
        blueprint: Blueprint<'_>,
        report: &'a Report,
    ) -> Outcome<(Sandbox<'a>, OwnedFd)> {
        let (link, inner) = link::pair()?;
        let (hangup, hangup_inside) =
            pipe_with(PipeFlags::CLOEXEC).step("start", || "make a pipe".into())?;
        // SAFETY: this process has one thread so far.
        let side = unsafe { fork_into(NAMESPACES as u64, None) };
        match side.map_err(why_namespaces_are_refused)? {
            Side::Child => {
                drop((link, hangup));
                init::run(blueprint, inner, hangup_inside)
            }
            Side::Parent { child, pidfd } => {
                let sandbox = Sandbox {
                    terms,
                    report,
                    link,
                    init: Init {
                        pid: child,
                        pidfd,
                        is_reaped: false,
                    },
                };
                write_id_maps(child, &terms.who)?;
                sandbox.tell_inside(Go::Build)?;
                sandbox.tell_inside(Go::Fork)?;
                Ok((sandbox, hangup))
            }
        }
    }

    /// Follows the program to its end and returns the exit code that stands for its own.
    pub fn follow(mut self, owner: &mut Owner, signals: &OwnedFd, hangup: OwnedFd) -> Outcome<i32> {
        let course = self.watch_over(owner, signals, hangup)?;
        let (_, usage) = self.init.reap()?;
        let Some(started) = course.started else {
            return Err(Fault::new(
                FailureCode::Start,
                "start",
                "the sandbox was ended before the program ran",
            ));
        };
        let exit = course.exit(started.elapsed(), usage.cpu_ms);
        if course.timed_out {
            self.tell_time_is_over();
        }
        // Where nobody reads any more, the exit code is all that can be said.
        let _told = self.report.write(&Status::Exit(exit));
        Ok(exit
            .code
            .unwrap_or_else(|| 128 + exit.signal.unwrap_or(libc::SIGKILL)))
    }

    fn watch_over(&self, owner: &mut Owner, signals: &OwnedFd, hangup: OwnedFd) -> Outcome<Course> {
        let mut course = Course::default();
        let mut watch = Watch::new(owner, signals, &self.link, &self.init.pidfd, hangup);
        loop {
            match watch.next()? {
                Event::Said(Word::Failed(line)) => return Err(Fault::told(&line)),
                Event::Said(Word::Ready(ready)) => course.program = Some(self.let_go(&ready)?),
                Event::Said(Word::NotExecuted { errno, exists }) => {
                    return Err(not_executed(&self.terms.plan.command.path, errno, exists))
                }
                Event::Said(Word::Ended(status)) => course.ended = Some(status),
                Event::Executed => self.note_start(&mut course, &mut watch)?,
                Event::Command(Command::Signal(signal)) => course.signal(signal),
                Event::Signal(signal @ (libc::SIGINT | libc::SIGQUIT)) => course.signal(signal),
                Event::Signal(libc::SIGWINCH) => {}
                Event::Command(Command::Stop) | Event::OwnerGone | Event::Signal(_) => {
                    self.init.kill();
                }
                Event::TimeOver => {
                    course.timed_out = true;
                    self.init.kill();
                }
                Event::Ended => return Ok(course),
            }
        }
    }

    /// Nothing is left to do inside but execve: tells what is enforced, and says go.
    fn let_go(&self, ready: &Ready) -> Outcome<Program> {
        let pid = Pid::from_raw(ready.pid)
            .ok_or_else(|| Fault::call("start", "the program's pid", Errno::SRCH))?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())
            .step("start", || "open the program's pidfd".into())?;
        let receipt = receipt::make(&Findings {
            plan: &self.terms.plan,
            who: &self.terms.who,
            landlock_abi: self.terms.landlock_abi,
            filter: &self.terms.filter,
            limits: not_limited(),
        });
        receipt::check(&receipt, &self.terms.plan)?;
        self.tell(&Status::Receipt(receipt))?;
        self.tell_inside(Go::Execute)?;
        Ok(Program {
            pid: ready.pid,
            pidfd,
        })
    }

    fn note_start(&self, course: &mut Course, watch: &mut Watch<'_>) -> Outcome<()> {
        let Some(program) = &course.program else {
            // Pid 1 died before there was a program; its end is the next event.
            return Ok(());
        };
        course.started = Some(Instant::now());
        if let Some(time) = self.terms.plan.limits.time {
            watch.start_timer(Duration::from_millis(time.count()))?;
        }
        self.tell(&Status::Started(Started {
            pid: program.pid,
            init_pid: self.init.pid.as_raw_nonzero().get(),
        }))
    }

    fn tell_time_is_over(&self) {
        let time = self.terms.plan.limits.time.map_or(0, |limit| limit.count());
        let _told = self.report.write(&Status::Limit(LimitHit {
            limit: LimitKind::Time,
            detail: format!("the program ran longer than {time} ms"),
        }));
    }

    fn tell(&self, status: &Status) -> Outcome<()> {
        self.report.write(status).map_err(|NobodyReads| {
            Fault::new(FailureCode::Start, "start", "nobody reads the status")
        })
    }

    fn tell_inside(&self, go: Go) -> Outcome<()> {
        match self.link.say(go) {
            // Pid 1 is gone: what it said before is still to be read, and then its end.
            Ok(()) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Fault::call("start", "talk to pid 1", errno)),
        }
    }
}

impl Course {
    fn signal(&self, signal: i32) {
        if let Some(program) = &self.program {
            // One that has just ended cannot be told, and need not.
            let _sent = pidfd_signal(&program.pidfd, signal);
        }
    }

    fn exit(&self, wall: Duration, cpu_ms: u64) -> Exit {
        // Pid 1 that was killed could not say how the program ended: with it, by SIGKILL.
        let status = self.ended.unwrap_or(libc::SIGKILL);
        let exited = libc::WIFEXITED(status);
        Exit {
            code: exited.then(|| libc::WEXITSTATUS(status)),
            signal: (!exited).then(|| libc::WTERMSIG(status)),
            out_of_memory: false,
            timed_out: self.timed_out,
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            cpu_ms,
            peak_memory_bytes: None,
        }
    }
}

/// Pid 1, which takes everything in its namespace with it.
struct Init {
    pid: Pid,
    pidfd: OwnedFd,
    is_reaped: bool,
}

impl Init {
    fn kill(&self) {
        // It may have ended already; its own exit is what is waited for.
        let _sent = pidfd_signal(&self.pidfd, libc::SIGKILL);
    }

    /// Returns when nothing of the sandbox runs any more: the kernel lets pid 1 go last.
    fn reap(&mut self) -> Outcome<(i32, crate::kernel::Usage)> {
        self.is_reaped = true;
        reap(self.pid).step("start", || "wait for pid 1".into())
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            let _status = reap(self.pid);
        }
    }
}

/// One id inside, one outside (user_namespaces(7)). An ordinary user may map its group only where
/// nobody inside can drop groups, by which files can be opened that a group is kept from.
fn write_id_maps(child: Pid, who: &Who) -> Outcome<()> {
    let write = |name: &str, content: &str| {
        std::fs::write(format!("/proc/{}/{name}", child.as_raw_nonzero()), content).map_err(
            |error| {
                Fault::host(
                    "namespaces",
                    format!("{name} of the new user namespace: {error}"),
                )
            },
        )
    };
    if !who.by_root {
        write("setgroups", "deny")?;
    }
    write("gid_map", &who.gid_map())?;
    write("uid_map", &who.uid_map())
}

fn not_executed(path: &str, errno: i32, exists: bool) -> Fault {
    let errno = Errno::from_raw_os_error(errno);
    let (code, message) = match errno {
        Errno::NOENT | Errno::NOTDIR if exists => (
            FailureCode::NotFound,
            format!("{path}: the interpreter or loader that it names is not visible inside"),
        ),
        Errno::NOENT | Errno::NOTDIR => (
            FailureCode::NotFound,
            format!("{path}: no such program inside"),
        ),
        _ => (
            FailureCode::NotExecutable,
            format!("{path}: cannot be executed inside: {}", say(errno)),
        ),
    };
    Fault::new(code, "exec", message)
}

fn not_limited() -> [Enforcement; 3] {
    [Control::Memory, Control::Cpus, Control::Pids].map(|control| Enforcement {
        control,
        enforced: false,
        mechanism: "this build has no limits yet".to_owned(),
        layers: Vec::new(),
        fix: None,
    })
}
