//! Everything that the launcher waits for, as one stream of events.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use glovebox_wire::Command;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::time::{
    timerfd_create, timerfd_settime, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags,
    Timespec,
};

use crate::fault::{Outcome, Step};
use crate::kernel::next_signal;
use crate::link::{Outer, Word};
use crate::owner::{Owner, Word as OwnersWord};

#[derive(Debug)]
pub enum Event {
    /// From inside.
    Said(Word),
    /// The program's execve worked: its copy of the hang-up pipe is closed.
    Executed,
    /// Pid 1 has ended, and with it all in its namespace.
    Ended,
    /// The owner commands.
    Command(Command),
    /// The owner is gone.
    OwnerGone,
    Signal(i32),
    /// `time` is over.
    TimeOver,
    /// A descriptor that was added is ready.
    Woken(Waker),
    /// The interval between two ticks has passed.
    Tick,
    /// The program has run for a while.
    Settled,
}

/// What a further descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waker {
    /// A limit was reached.
    Limits,
    /// The supervisor has failed.
    Supervisor,
    /// The sandbox's mounts changed.
    Mounts,
    /// The relay is ready, or has failed.
    Relay,
}

pub struct Watch<'a> {
    owner: &'a mut Owner,
    signals: &'a OwnedFd,
    link: &'a Outer,
    init: &'a OwnedFd,
    hangup: Option<OwnedFd>,
    timer: Option<OwnedFd>,
    ticker: Option<OwnedFd>,
    settling: Option<OwnedFd>,
    wakers: Vec<(OwnedFd, PollFlags, Waker)>,
    pending: VecDeque<Event>,
    link_is_open: bool,
    owner_is_there: bool,
}

impl<'a> Watch<'a> {
    pub fn new(
        owner: &'a mut Owner,
        signals: &'a OwnedFd,
        link: &'a Outer,
        init: &'a OwnedFd,
        hangup: OwnedFd,
    ) -> Watch<'a> {
        let mut watch = Watch {
            owner,
            signals,
            link,
            init,
            hangup: Some(hangup),
            timer: None,
            ticker: None,
            settling: None,
            wakers: Vec::new(),
            pending: VecDeque::new(),
            link_is_open: true,
            owner_is_there: true,
        };
        for word in watch.owner.words_so_far() {
            watch.take(word);
        }
        watch
    }

    fn take(&mut self, word: OwnersWord) {
        self.pending.push_back(match word {
            OwnersWord::Do(command) => Event::Command(command),
            OwnersWord::Gone => {
                self.owner_is_there = false;
                Event::OwnerGone
            }
        });
    }

    pub fn add(&mut self, descriptor: OwnedFd, flags: PollFlags, waker: Waker) {
        self.wakers.push((descriptor, flags, waker));
    }

    pub fn remove(&mut self, waker: Waker) {
        self.wakers.retain(|(_, _, kept)| *kept != waker);
    }

    pub fn start_timer(&mut self, time: Duration) -> Outcome<()> {
        self.timer = Some(timer(time, Duration::ZERO)?);
        Ok(())
    }

    /// Asks for one [`Event::Settled`].
    pub fn settle_after(&mut self, time: Duration) -> Outcome<()> {
        self.settling = Some(timer(time, Duration::ZERO)?);
        Ok(())
    }

    pub fn start_ticks(&mut self, every: Duration) -> Outcome<()> {
        self.ticker = Some(timer(every, every)?);
        Ok(())
    }

    pub fn next(&mut self) -> Outcome<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            self.wait().step("internal", || "poll".into())?;
        }
    }

    /// Fills `pending`. What was said comes before what ended, because it was said before; there may
    /// be more of it, so an end that was seen waits for the next round.
    fn wait(&mut self) -> Result<(), Errno> {
        let Ready {
            said,
            executed,
            ended,
            owner,
            signal,
            time,
            tick,
            settled,
            woken,
        } = self.poll()?;
        // First: some of these are told by one poll only, and must not be lost in what follows.
        self.pending.extend(woken.into_iter().map(Event::Woken));
        if signal {
            self.pending
                .extend(next_signal(self.signals).map(Event::Signal));
        }
        if owner {
            for word in self.owner.words() {
                self.take(word);
            }
        }
        if time {
            self.timer = None;
            self.pending.push_back(Event::TimeOver);
        }
        if tick {
            self.take_tick()?;
            self.pending.push_back(Event::Tick);
        }
        if settled {
            self.settling = None;
            self.pending.push_back(Event::Settled);
        }
        if said {
            match self.link.hear()? {
                Some(word) => self.pending.push_back(Event::Said(word)),
                None => self.link_is_open = false,
            }
        } else if executed {
            self.hangup = None;
            self.pending.push_back(Event::Executed);
        } else if ended {
            self.pending.push_back(Event::Ended);
        }
        Ok(())
    }

    /// A timer stays readable until it is read.
    fn take_tick(&self) -> Result<(), Errno> {
        match &self.ticker {
            Some(ticker) => rustix::io::read(ticker, &mut [0u8; 8]).map(drop),
            None => Ok(()),
        }
    }

    fn poll(&self) -> Result<Ready, Errno> {
        let readable = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        // The order matters: poll(2) looks at one after the other, and whoever hangs up has said
        // before what it had to say. So a hang-up that is seen means that its words are seen too.
        let mut descriptors = Vec::with_capacity(8);
        let mut roles = Vec::with_capacity(8);
        let mut add = |descriptor, role| {
            descriptors.push(descriptor);
            roles.push(role);
        };
        if let Some(hangup) = &self.hangup {
            add(readable(hangup.as_fd()), Role::Hangup);
        }
        add(readable(self.init.as_fd()), Role::Init);
        if self.link_is_open {
            add(readable(self.link.as_fd()), Role::Link);
        }
        if self.owner_is_there {
            add(readable(self.owner.as_fd()), Role::Owner);
        }
        add(readable(self.signals.as_fd()), Role::Signals);
        if let Some(timer) = &self.timer {
            add(readable(timer.as_fd()), Role::Timer);
        }
        if let Some(ticker) = &self.ticker {
            add(readable(ticker.as_fd()), Role::Ticker);
        }
        if let Some(settling) = &self.settling {
            add(readable(settling.as_fd()), Role::Settling);
        }
        for (descriptor, flags, waker) in &self.wakers {
            let descriptor = PollFd::from_borrowed_fd(descriptor.as_fd(), *flags);
            add(descriptor, Role::Waker(*waker));
        }
        while let Err(errno) = poll(&mut descriptors, None) {
            if errno != Errno::INTR {
                return Err(errno);
            }
        }
        let mut ready = Ready::default();
        for (descriptor, role) in descriptors.iter().zip(roles) {
            if descriptor.revents().is_empty() {
                continue;
            }
            match role {
                Role::Hangup => ready.executed = true,
                Role::Init => ready.ended = true,
                Role::Link => ready.said = true,
                Role::Owner => ready.owner = true,
                Role::Signals => ready.signal = true,
                Role::Timer => ready.time = true,
                Role::Ticker => ready.tick = true,
                Role::Settling => ready.settled = true,
                Role::Waker(waker) => ready.woken.push(waker),
            }
        }
        Ok(ready)
    }
}

fn timer(first: Duration, then: Duration) -> Outcome<OwnedFd> {
    let spec = |time: Duration| Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()) as _,
    };
    let start = || {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let times = Itimerspec {
            it_interval: spec(then),
            it_value: spec(first),
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
        Ok(timer)
    };
    start().step("limits", || "start a timer".into())
}

enum Role {
    Hangup,
    Init,
    Link,
    Owner,
    Signals,
    Timer,
    Ticker,
    Settling,
    Waker(Waker),
}

#[derive(Default)]
struct Ready {
    said: bool,
    executed: bool,
    ended: bool,
    owner: bool,
    signal: bool,
    time: bool,
    tick: bool,
    settled: bool,
    woken: Vec<Waker>,
}
