//! The limits of one sandbox, from before its first process to after its last.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::group::{make_directories, Group, Notice, Watch};
use crate::hierarchy::{Hierarchy, Version};
use crate::identity::Identity;
use crate::place::{Place, Places};
use crate::request::{Asked, Control, Request, Unenforceable};
use crate::second::{self, InChild};
use crate::{stale, v1, v2};

#[derive(Debug)]
pub struct Limits {
    identity: Identity,
    groups: Vec<Group>,
    held: Vec<Held>,
    in_child: InChild,
    hierarchies: Vec<Hierarchy>,
    watches: Vec<Watch>,
    seen: Seen,
}

#[derive(Debug)]
struct Held {
    control: Control,
    words: String,
    /// Which of `groups` holds it; `None` is the second mechanism.
    group: Option<usize>,
}

/// What the counters stood at when they were last asked.
#[derive(Debug, Default)]
struct Seen {
    out_of_memory: bool,
    refused: u64,
}

/// What the sandbox used. `None` where nothing counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub peak_memory_bytes: Option<u64>,
    pub cpu_ms: Option<u64>,
}

impl Limits {
    /// Makes what holds each limit of `request`, or says which one nothing can hold.
    pub fn prepare(request: &Request) -> Result<Self, Unenforceable> {
        Self::prepare_on(request, None)
    }

    /// The same for who has read /proc/self/mountinfo already, which takes the kernel 60 µs.
    pub fn prepare_on(request: &Request, mountinfo: Option<&str>) -> Result<Self, Unenforceable> {
        let identity =
            Identity::own().map_err(|error| refused(Control::Memory, error.to_string()))?;
        let mut limits = Self {
            identity,
            groups: Vec::new(),
            held: Vec::new(),
            in_child: InChild::default(),
            hierarchies: Vec::new(),
            watches: Vec::new(),
            seen: Seen::default(),
        };
        let wanted = request.asked();
        let mut places = Places::find(&wanted, mountinfo);
        for asked in wanted {
            if let Err(mut failure) = limits.hold(asked, &mut places) {
                if let Err(error) = limits.destroy() {
                    failure.why = format!("{}; {error}", failure.why);
                }
                return Err(failure);
            }
        }
        limits.hierarchies = places.map_or_else(|_| Vec::new(), |places| places.hierarchies);
        Ok(limits)
    }

    fn hold(
        &mut self,
        asked: Asked,
        places: &mut Result<Places, String>,
    ) -> Result<(), Unenforceable> {
        let control = asked.amount.control();
        let place = match places {
            Ok(places) => places.of(control),
            Err(why) => Err(why.clone()),
        };
        let held = match place.and_then(|place| self.hold_by_cgroup(asked, &place)) {
            Ok((words, group)) => Held {
                control,
                words: words.to_owned(),
                group: Some(group),
            },
            Err(no_cgroup) => match second::hold(asked, &mut self.in_child) {
                Ok(words) => Held {
                    control,
                    words,
                    group: None,
                },
                Err(no_second) => {
                    return Err(refused(control, format!("{no_second}, and {no_cgroup}")))
                }
            },
        };
        self.held.push(held);
        Ok(())
    }

    fn hold_by_cgroup(
        &mut self,
        asked: Asked,
        place: &Place,
    ) -> Result<(&'static str, usize), String> {
        let at = match self
            .groups
            .iter()
            .position(|group| group.path.starts_with(&place.base))
        {
            Some(at) => at,
            None => {
                let told =
                    |error| format!("no cgroup can be made in {}: {error}", place.base.display());
                self.groups.push(self.create(place).map_err(told)?);
                self.groups.len() - 1
            }
        };
        let group = &self.groups[at];
        let configured = match group.version {
            Version::One => v1::configure(group, asked),
            Version::Two => v2::configure(group, asked),
        };
        configured
            .map(|words| (words, at))
            .map_err(|error| error.to_string())
    }

    fn create(&self, place: &Place) -> io::Result<Group> {
        let mut count = 0;
        loop {
            match Group::create(
                place.base.join(self.identity.directory(count)),
                place.version,
            ) {
                // Another sandbox of this process.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
                // The first sandbox since the machine started; only root comes here.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !place.base.exists() => {
                    make_directories(&place.base)?
                }
                done => return done,
            }
        }
    }

    /// With what a control is held, for the receipt; `None` if it was not asked for.
    pub fn mechanism(&self, control: Control) -> Option<&str> {
        self.held
            .iter()
            .find(|held| held.control == control)
            .map(|held| held.words.as_str())
    }

    /// Whether a cgroup counts all memory, shared memory included.
    pub fn memory_accounted(&self) -> bool {
        self.group_of(Control::Memory).is_some()
    }

    /// Whether the CPU limit is an affinity, which the sandbox must then be kept from changing.
    pub fn affinity_pinned(&self) -> bool {
        self.in_child.affinity.is_some()
    }

    /// What the program's process has to apply to itself before its `execve`.
    pub fn in_child(&self) -> &InChild {
        &self.in_child
    }

    /// What each of the sandbox's first processes has to [`crate::join`], and may be handed for that.
    pub fn entries(&self) -> Vec<BorrowedFd<'_>> {
        self.groups.iter().map(Group::entry).collect()
    }

    /// Moves another process. It waits for the kernel, up to some 20 ms: prefer [`crate::join`].
    pub fn attach(&self, pid: u32) -> io::Result<()> {
        self.groups.iter().try_for_each(|group| group.attach(pid))
    }

    /// Descriptors that become ready when a limit was reached. Made on the first call, after the start
    /// that they would delay; ask [`Limits::notices`] once after that for what came earlier, and at the end:
    /// kernels from 6.11 on count a refused process in version 1 but do not announce it.
    pub fn watches(&mut self) -> io::Result<&[Watch]> {
        if self.watches.is_empty() {
            let mut made = Vec::new();
            if let Some(group) = self.group_of(Control::Memory) {
                made.extend(match group.version {
                    Version::One => Some(group.watch_out_of_memory()?),
                    Version::Two => group.watch_file("memory.events")?,
                });
            }
            if let Some(group) = self.group_of(Control::Pids) {
                made.extend(group.watch_file("pids.events")?);
            }
            self.watches = made;
        }
        Ok(&self.watches)
    }

    /// What happened since the last time. Version 1 kills one process where version 2 ends the whole
    /// sandbox: whoever gets [`Notice::OutOfMemory`] should end it.
    pub fn notices(&mut self) -> io::Result<Vec<Notice>> {
        let mut announced = false;
        for watch in &self.watches {
            match &watch.file {
                // The next change is one since this read.
                Some(_) => {
                    let mut text = [0; 4096];
                    rustix::io::pread(&watch.fd, &mut text, 0)?;
                }
                None => match rustix::io::read(&watch.fd, &mut [0; 8]) {
                    Ok(_) => announced = true,
                    Err(Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
        let mut notices = Vec::new();
        let out_of_memory = announced || self.kernel_killed()?;
        if out_of_memory && !self.seen.out_of_memory {
            notices.push(Notice::OutOfMemory);
        }
        let refused = self.counter(Control::Pids, "pids.events", "max")?;
        if refused > self.seen.refused {
            notices.push(Notice::TooManyProcesses);
        }
        self.seen = Seen {
            out_of_memory: out_of_memory || self.seen.out_of_memory,
            refused,
        };
        Ok(notices)
    }

    /// Whether the sandbox ran out of the memory that it may use.
    pub fn out_of_memory(&mut self) -> io::Result<bool> {
        self.notices()?;
        Ok(self.seen.out_of_memory)
    }

    fn kernel_killed(&self) -> io::Result<bool> {
        let file = match self.group_of(Control::Memory).map(|group| group.version) {
            Some(Version::One) => "memory.oom_control",
            Some(Version::Two) => "memory.events",
            None => return Ok(false),
        };
        Ok(self.counter(Control::Memory, file, "oom_kill")? > 0)
    }

    fn counter(&self, control: Control, file: &str, name: &str) -> io::Result<u64> {
        let text = self
            .group_of(control)
            .map_or(Ok(None), |group| group.read(file))?;
        Ok(text.map_or(0, |text| v1::counter(&text, name)))
    }

    pub fn usage(&self) -> io::Result<Usage> {
        let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<u64>().ok());
        let mut usage = Usage::default();
        if let Some(group) = self.group_of(Control::Memory) {
            usage.peak_memory_bytes = match group.version {
                Version::One => number(group.read("memory.max_usage_in_bytes")?),
                Version::Two => number(group.read("memory.peak")?),
            };
        }
        if let Some(group) = self.group_of(Control::Cpus) {
            usage.cpu_ms = match group.version {
                Version::Two => group
                    .read("cpu.stat")?
                    .map(|text| v1::counter(&text, "usage_usec") / 1000),
                Version::One if v1::accounts_cpu(&self.hierarchies, &group.path) => {
                    number(group.read("cpuacct.usage")?).map(|nanoseconds| nanoseconds / 1_000_000)
                }
                Version::One => None,
            };
        }
        Ok(usage)
    }

    fn group_of(&self, control: Control) -> Option<&Group> {
        let held = self.held.iter().find(|held| held.control == control)?;
        held.group.map(|at| &self.groups[at])
    }

    /// The directories that were made, for whoever looks after them.
    pub fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        self.groups.iter().map(|group| &group.path)
    }

    /// Removes what earlier owners left beside ours. Not part of `prepare`, which is on the way to the start.
    pub fn reap_stale(&self) -> io::Result<usize> {
        let mut reaped = 0;
        for base in self.groups.iter().filter_map(|group| group.path.parent()) {
            reaped += stale::reap(base, &self.identity)?;
        }
        Ok(reaped)
    }

    /// Kills what is left of the sandbox and removes its cgroups. All are tried; the first error is told.
    pub fn destroy(self) -> io::Result<()> {
        let results: Vec<io::Result<()>> = self.groups.iter().map(Group::destroy).collect();
        results.into_iter().collect()
    }
}

fn refused(control: Control, why: String) -> Unenforceable {
    let user = rustix::process::geteuid().as_raw();
    let fix = if user == 0 {
        format!(
            "mount the {} cgroup controller where root can write it",
            control.controller()
        )
    } else {
        format!("sudo glovebox doctor --fix --user {user}")
    };
    Unenforceable { control, why, fix }
}
