//! From a sandbox that is being built to one in which nothing runs any more.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glovebox_channel::Figures;
use glovebox_limits::{Notice, Watchdog};
use glovebox_wire::{Command, Enforcement, FailureCode, LimitHit, LimitKind, Started, Status};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{pidfd_getfd, pidfd_open, Pid, PidfdFlags, PidfdGetfdFlags};

use crate::course::{Course, Program};
use crate::fault::{say, Fault, Outcome, Step};
use crate::kernel::let_go_of_stdio;
use crate::limits::{Held, LOOK_EVERY};
use crate::link::{Go, Outer, Ready, Word};
use crate::news::Teller;
use crate::receipt::{self, Findings};
use crate::relay::Relay;
use crate::report::{NobodyReads, Report};
use crate::sandbox::{Init, Terms};
use crate::supervise::Supervision;
use crate::terminal::Bridge;
use crate::watch::{Event, Waker, Watch};

pub struct Following<'s> {
    terms: &'s Terms,
    report: &'s Arc<Report>,
    link: &'s Outer,
    init: &'s Init,
    /// Until it is ready.
    relay: Option<&'s Relay>,
    limits: &'s mut Held,
    /// With what is enforced, until it is told.
    news: Option<(Teller, Vec<Enforcement>)>,
    watch: Watch<'s>,
    watchdog: Option<Watchdog>,
    /// The line that tells what is enforced, ready to be written.
    receipt: Vec<u8>,
    course: Course,
    is_built: bool,
    /// The receipt is written.
    is_told: bool,
    /// The owner has nothing more to see to.
    is_cleared: bool,
    /// It was told to execute, after the receipt.
    is_released: bool,
    owner_is_gone: bool,
}

/// What of a sandbox stays as it is while it is followed.
pub struct Parts<'s> {
    pub terms: &'s Terms,
    pub report: &'s Arc<Report>,
    pub link: &'s Outer,
    pub init: &'s Init,
    /// Where there is an egress.
    pub relay: Option<&'s Relay>,
}

/// When what is not needed for the start is done: a short program has ended by then.
const SETTLED: Duration = Duration::from_millis(10);

impl<'s> Following<'s> {
    /// While pid 1 builds the tree there is time for what will be needed when it is done.
    pub fn new(
        parts: Parts<'s>,
        limits: &'s mut Held,
        filter: String,
        teller: Option<Teller>,
        mut watch: Watch<'s>,
    ) -> Outcome<Following<'s>> {
        let Parts {
            terms,
            report,
            link,
            init,
            relay,
        } = parts;
        let receipt = receipt::make(&Findings {
            terms,
            filter,
            limits: limits.enforcements.clone(),
        });
        receipt::check(&receipt, &terms.plan)?;
        let supervision = Supervision::prepare(&terms.plan, report)?;
        let failed = rustix::io::fcntl_dupfd_cloexec(supervision.failed(), 3)
            .step("start", || "copy a descriptor".into())?;
        watch.add(failed, PollFlags::IN, Waker::Supervisor);
        if let Some(relay) = relay {
            watch.add(relay.line()?, PollFlags::IN, Waker::Relay);
        }
        Ok(Following {
            terms,
            report,
            link,
            init,
            relay,
            limits,
            news: teller.map(|teller| (teller, receipt.enforcements.clone())),
            watch,
            watchdog: None,
            receipt: Status::Receipt(receipt).to_line(),
            course: Course::new(supervision),
            is_built: false,
            is_told: false,
            is_cleared: !terms.plan.hold,
            is_released: false,
            owner_is_gone: false,
        })
    }

    /// Returns when pid 1 has ended. An error means that the program never ran, or that nobody
    /// can follow it any more; whoever holds the sandbox ends it then.
    pub fn until_the_end(mut self) -> Outcome<Course> {
        loop {
            match self.watch.next()? {
                Event::Said(word) => self.hear(word)?,
                Event::Executed => self.note_start()?,
                Event::Command(Command::Signal(signal)) => self.course.signal(signal),
                Event::Command(Command::Go) => {
                    self.is_cleared = true;
                    self.let_go_when_built()?;
                }
                Event::Signal(signal @ (libc::SIGINT | libc::SIGQUIT)) => {
                    self.course.signal(signal)
                }
                Event::Signal(libc::SIGWINCH) => self.resize(),
                Event::OwnerGone => {
                    self.owner_is_gone = true;
                    self.init.kill();
                }
                Event::Command(Command::Stop) | Event::Signal(_) => self.init.kill(),
                Event::TimeOver => {
                    self.init.kill();
                    self.course.timed_out = true;
                }
                Event::Woken(Waker::Supervisor) => return Err(self.supervisor_failed()),
                Event::Woken(Waker::Mounts) => return Err(self.masks_are_gone()),
                Event::Woken(Waker::Relay) => self.hear_the_relay()?,
                Event::Woken(Waker::Limits) => self.read_limits()?,
                Event::Tick => self.look_at_memory(),
                Event::Settled => self.settle()?,
                Event::Ended => return Ok(self.close_terminal()),
            }
        }
    }

    fn hear(&mut self, word: Word) -> Outcome<()> {
        match word {
            Word::Failed(line) => Err(Fault::told(&line)),
            Word::Ready(ready) => {
                self.take_over(&ready)
                    .map_err(|fault| self.or_what_was_told(fault))?;
                self.let_go_when_built()
            }
            Word::Built => {
                self.is_built = true;
                self.let_go_when_built()
            }
            Word::NotExecuted { errno, exists } => {
                Err(not_executed(&self.terms.plan.command.path, errno, exists))
            }
            Word::Ended(status) => {
                self.course.end(status, self.limits);
                Ok(())
            }
        }
    }

    /// The program's process has restricted itself: takes what will be needed out of its descriptors.
    fn take_over(&mut self, ready: &Ready) -> Outcome<()> {
        let pid = Pid::from_raw(ready.pid)
            .ok_or_else(|| Fault::call("start", "the program's pid", Errno::SRCH))?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())
            .step("start", || "open the program's pidfd".into())?;
        // The program cannot send it: sending is one of the calls that already wait for an answer.
        let listener =
            pidfd_getfd(&pidfd, ready.listener, PidfdGetfdFlags::empty()).map_err(no_listener)?;
        let take = |number: Option<i32>| match number {
            None => Ok(None),
            Some(number) => pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty()).map(Some),
        };
        let root = take(ready.root).step("limits", || "take the root".into())?;
        let diagnosis = take(ready.diagnosis).step("limits", || "take a socket".into())?;
        if let Some(number) = ready.terminal {
            let master = pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty())
                .step("terminal", || "take the terminal's master".into())?;
            self.course.terminal = Some(Bridge::start(master)?);
        }
        self.course
            .supervision
            .engage(listener, ready.pid, ready.device)?;
        self.course.program = Some(Program {
            pid: ready.pid,
            pidfd,
        });
        self.watchdog = self.limits.watchdog(root, diagnosis)?;
        Ok(())
    }

    /// Pid 1 may have failed meanwhile, and taken the program's process with it: then what it told is the reason.
    fn or_what_was_told(&self, fault: Fault) -> Fault {
        let mut waiting = [PollFd::new(self.link, PollFlags::IN)];
        // Not waited for: a fault for another reason leaves nothing to hear, and pid 1 alive.
        while matches!(poll(&mut waiting, Some(&Timespec::default())), Ok(1..)) {
            match self.link.hear() {
                Ok(Some(Word::Failed(line))) => return Fault::told(&line),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        fault
    }

    /// Only before the program runs: afterwards nobody could do anything about a relay that has ended, which is seen by the
    /// host, and by programs as connections that are refused.
    fn hear_the_relay(&mut self) -> Outcome<()> {
        self.watch.remove(Waker::Relay);
        if let Some(relay) = self.relay.take() {
            relay.hear()?;
        }
        self.let_go_when_built()
    }

    /// Nothing is left to do inside but execve: tells what is enforced, and says go when the owner has.
    fn let_go_when_built(&mut self) -> Outcome<()> {
        let is_made = self.is_built && self.relay.is_none();
        let Some(program) = self.course.program.as_ref().filter(|_| is_made) else {
            return Ok(());
        };
        if !self.is_told {
            // Not before: it tells of every change, and the old root's going is one.
            if !self.terms.plan.deny.is_empty() || self.terms.plan.has_nested_mounts() {
                let table = open_mount_table(program.pid)?;
                self.watch.add(table, PollFlags::PRI, Waker::Mounts);
            }
            self.write_line(&self.receipt)?;
            self.is_told = true;
        }
        if !self.is_cleared || self.is_released {
            return Ok(());
        }
        self.is_released = true;
        self.link.tell(Go::Execute)
    }

    /// The program runs. What is not needed before that is done here, beside it.
    fn note_start(&mut self) -> Outcome<()> {
        let Some(program) = self.course.program.as_ref().filter(|_| self.is_released) else {
            // Its process died before it could execute anything, or pid 1 did: that end is the next event.
            return Ok(());
        };
        let pid = program.pid;
        self.course.started = Some(Instant::now());
        if self.course.terminal.is_none() {
            let_go_of_stdio().step("start", || "let go of the streams".into())?;
        }
        if let Some(time) = self.terms.plan.limits.time {
            self.watch
                .start_timer(Duration::from_millis(time.count()))?;
        }
        self.tell(&Status::Started(Started {
            pid,
            init_pid: self.init.pid.as_raw_nonzero().get(),
        }))?;
        if self.watchdog.is_some() {
            self.watch.start_ticks(LOOK_EVERY)?;
        }
        self.watch.settle_after(SETTLED)
    }

    fn settle(&mut self) -> Outcome<()> {
        if let Some((teller, enforcements)) = self.news.take() {
            let (bounds, _) = self.limits.bounds();
            let figures = Figures {
                denials: self.course.supervision.denials()?,
                ..self.limits.figures()
            };
            teller.tell(&enforcements, &bounds, &figures)?;
        }
        for (descriptor, flags) in self.limits.watches()? {
            self.watch.add(descriptor, flags, Waker::Limits);
        }
        self.read_limits()?;
        self.limits.reap_stale();
        Ok(())
    }

    fn read_limits(&mut self) -> Outcome<()> {
        for notice in self.limits.notices()? {
            match notice {
                // Where the kernel has killed one process only, the rest goes too: half a sandbox
                // is nothing that anybody asked for.
                Notice::OutOfMemory => {
                    self.init.kill();
                    self.course.out_of_memory = true;
                }
                Notice::TooManyProcesses => self.tell_pids()?,
            }
        }
        Ok(())
    }

    fn tell_pids(&mut self) -> Outcome<()> {
        if std::mem::replace(&mut self.course.told_pids, true) {
            return Ok(());
        }
        self.tell(&self.terms.pids_hit())
    }

    fn look_at_memory(&mut self) {
        // An error means that nobody knows how much it holds: no better than too much.
        let exceeded = self
            .watchdog
            .as_mut()
            .is_some_and(|watchdog| watchdog.exceeded().unwrap_or(true));
        if exceeded {
            self.init.kill();
            self.course.out_of_memory = true;
        }
    }

    fn resize(&self) {
        if let Some(terminal) = &self.course.terminal {
            terminal.resize();
        }
    }

    /// The last words are shown, where somebody is there to see them, and the owner's terminal is its own.
    fn close_terminal(mut self) -> Course {
        if let Some(mut terminal) = self.course.terminal.take() {
            if !self.owner_is_gone {
                terminal.drain();
            }
        }
        self.course
    }

    fn supervisor_failed(&mut self) -> Fault {
        self.init.kill();
        match self.course.supervision.finish() {
            Err(fault) => fault,
            Ok(()) => Fault::new(
                FailureCode::Internal,
                "supervisor",
                "ended without a reason",
            ),
        }
    }

    /// When the host replaces an object that is a mount point here, the kernel takes the mount off it
    /// (rename(2), unlink(2) of a mount point of another namespace), and a denied file would be bare.
    fn masks_are_gone(&self) -> Fault {
        self.init.kill();
        Fault::new(
            FailureCode::Start,
            "mount tree",
            "a denied or mounted path was replaced on the host, which uncovers what is there now; the sandbox was ended",
        )
        .fix("start it again")
    }

    fn tell(&self, status: &Status) -> Outcome<()> {
        self.write_line(&status.to_line())
    }

    fn write_line(&self, line: &[u8]) -> Outcome<()> {
        self.report.write_line(line).map_err(|NobodyReads| {
            Fault::new(FailureCode::Start, "start", "nobody reads the status")
        })
    }
}

impl Terms {
    pub fn pids_hit(&self) -> Status {
        Status::Limit(LimitHit {
            limit: LimitKind::Pids,
            detail: format!(
                "the sandbox wanted more than {} processes and threads, and was refused",
                self.plan.limits.pids.count()
            ),
        })
    }
}

fn no_listener(errno: Errno) -> Fault {
    Fault::host(
        "supervisor",
        format!("the filter's listener cannot be taken: {}", say(errno)),
    )
    .fix("allow ptrace of one's own children (kernel.yama.ptrace_scope below 3)")
}

/// Changes of the sandbox's mounts make this ready for POLLPRI (proc(5), mounts).
fn open_mount_table(pid: i32) -> Outcome<OwnedFd> {
    let path = format!("/proc/{pid}/mountinfo");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    open(path.as_str(), flags, Mode::empty()).step("mount tree", || format!("open {path}"))
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
