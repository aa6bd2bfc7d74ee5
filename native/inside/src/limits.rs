//! Memory, CPUs and processes: what the plan asks for, what holds it, and its end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use glovebox_limits::{Limit, Limits, Notice, Request, Unenforceable, Watchdog};
use glovebox_wire::{Control, Enforcement, Plan};
use rustix::event::PollFlags;
use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{netlink, socket_with, AddressFamily, SocketFlags, SocketType};

use crate::fault::{Fault, Outcome, Step};
use crate::handover::Inside;

const STAGE: &str = "limits";

/// How often a watchdog looks: what passes the limit is ended within 100 ms.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The limits of one sandbox. Dropping them removes their cgroups and what is left in them.
pub struct Held {
    limits: Option<Limits>,
    pub enforcements: [Enforcement; 3],
    /// Bytes that a watchdog has to look after, where no cgroup does.
    watched: Option<u64>,
    has_reaped: bool,
}

impl Held {
    /// Prepares all that can be had. What cannot is an error, unless the user accepted that.
    pub fn prepare(plan: &Plan) -> Outcome<Held> {
        let mut request = request_of(plan);
        let mut refusals: Vec<Unenforceable> = Vec::new();
        let limits = loop {
            match Limits::prepare(&request) {
                Ok(limits) => break limits,
                Err(refusal) if plan.accepts_without(ours(refusal.control)) => {
                    leave_out(&mut request, refusal.control);
                    refusals.push(refusal);
                }
                Err(refusal) => {
                    let name = refusal.control.word();
                    return Err(Fault::host(
                        STAGE,
                        format!("{name} cannot be limited here: {}", refusal.why),
                    )
                    .fix(refusal.fix));
                }
            }
        };
        let enforcements = [Control::Memory, Control::Cpus, Control::Pids]
            .map(|control| enforcement(control, &limits, &refusals));
        let watched = request.memory.map(|limit| limit.value);
        Ok(Held {
            watched: watched.filter(|_| !limits.memory_accounted()),
            enforcements,
            has_reaped: false,
            limits: Some(limits),
        })
    }

    pub fn memory_accounted(&self) -> bool {
        self.limits.as_ref().is_some_and(Limits::memory_accounted)
    }

    pub fn affinity_pinned(&self) -> bool {
        self.limits.as_ref().is_some_and(Limits::affinity_pinned)
    }

    /// The cgroup that pid 1 is to be cloned into, where one holds everything (version 2).
    pub fn clone_into(&self) -> Option<BorrowedFd<'_>> {
        self.limits.as_ref().and_then(Limits::clone_into)
    }

    /// For pid 1, before anything else: from here on all that the sandbox does is counted.
    pub fn join(&self) -> Outcome<()> {
        match self.clone_into() {
            Some(_) => Ok(()),
            None => self.each(|limits| limits.join(), "join the cgroups"),
        }
    }

    /// For the program, before its filter.
    pub fn bind(&self) -> Outcome<()> {
        self.each(|limits| limits.in_child().apply(), "apply the limits")
    }

    fn each(&self, act: impl Fn(&Limits) -> std::io::Result<()>, what: &str) -> Outcome<()> {
        match &self.limits {
            Some(limits) => act(limits).map_err(|error| failed(what, &error)),
            None => Ok(()),
        }
    }

    /// Off the way to the start: removes what launchers that were killed left behind.
    pub fn reap_stale(&mut self) {
        if std::mem::replace(&mut self.has_reaped, true) {
            return;
        }
        if let Some(limits) = &self.limits {
            // What another launcher is just removing is not ours to worry about.
            let _reaped = limits.reap_stale();
        }
    }

    /// Copies of the descriptors to poll for [`Held::notices`].
    pub fn watches(&mut self) -> Outcome<Vec<(OwnedFd, PollFlags)>> {
        let Some(limits) = &mut self.limits else {
            return Ok(Vec::new());
        };
        let watches = limits
            .watches()
            .map_err(|error| failed("watch the cgroups", &error))?;
        watches
            .iter()
            .map(|watch| {
                let copy = rustix::io::fcntl_dupfd_cloexec(watch, 3);
                let copy = copy.map_err(|errno| Fault::call(STAGE, "copy a descriptor", errno))?;
                Ok((copy, watch.events()))
            })
            .collect()
    }

    /// What happened since the last time. A cgroup that cannot be read limits nothing we know of.
    pub fn notices(&mut self) -> Outcome<Vec<Notice>> {
        match &mut self.limits {
            Some(limits) => limits
                .notices()
                .map_err(|error| failed("read the cgroups", &error)),
            None => Ok(Vec::new()),
        }
    }

    /// For pid 1, in the new tree: what a watchdog will look at, where one is needed. Not looked up by
    /// the program's pid, whose first thread may end at once and take the way to its root along.
    pub fn for_watchdog(&self) -> Outcome<Inside> {
        if self.watched.is_none() {
            return Ok(Inside::default());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open("/", flags, Mode::empty()).step(STAGE, || "open /".into())?;
        // A kernel without sock_diag(7) cannot be asked; the watchdog counts sockets there.
        let diagnosis = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        );
        Ok(Inside {
            root: Some(root),
            diagnosis: diagnosis.ok(),
            ..Inside::default()
        })
    }

    /// A watchdog, where one is needed, over what was taken out of the program's descriptors.
    pub fn watchdog(
        &self,
        root: Option<OwnedFd>,
        diagnosis: Option<OwnedFd>,
    ) -> Outcome<Option<Watchdog>> {
        match (self.watched, root) {
            (Some(limit), Some(root)) => Watchdog::over(&root, diagnosis, limit)
                .map(Some)
                .map_err(|error| failed("watch the memory", &error)),
            (Some(_), None) => Err(Fault::call(STAGE, "watch the memory", Errno::BADF)),
            (None, _) => Ok(None),
        }
    }

    pub fn usage(&self) -> glovebox_limits::Usage {
        // Only told, never decided on.
        let usage = self.limits.as_ref().map(Limits::usage);
        usage.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(limits) = self.limits.take() {
            // A directory that could not be removed is found by name at the next start.
            let _destroyed = limits.destroy();
        }
    }
}

fn request_of(plan: &Plan) -> Request {
    let limits = &plan.limits;
    let whole = |limit: glovebox_wire::Limit, more: u64| Limit {
        value: limit.count().saturating_add(more),
        explicit: limit.explicit,
    };
    Request {
        memory: Some(whole(limits.memory, 0)),
        cpus: Some(Limit {
            value: limits.cpus.value,
            explicit: limits.cpus.explicit,
        }),
        // Pid 1 is ours, and not one of those that were asked for.
        pids: Some(whole(limits.pids, 1)),
    }
}

fn leave_out(request: &mut Request, control: glovebox_limits::Control) {
    match control {
        glovebox_limits::Control::Memory => request.memory = None,
        glovebox_limits::Control::Cpus => request.cpus = None,
        glovebox_limits::Control::Pids => request.pids = None,
    }
}

fn ours(control: glovebox_limits::Control) -> Control {
    match control {
        glovebox_limits::Control::Memory => Control::Memory,
        glovebox_limits::Control::Cpus => Control::Cpus,
        glovebox_limits::Control::Pids => Control::Pids,
    }
}

fn theirs(control: Control) -> glovebox_limits::Control {
    match control {
        Control::Cpus => glovebox_limits::Control::Cpus,
        Control::Pids => glovebox_limits::Control::Pids,
        _ => glovebox_limits::Control::Memory,
    }
}

fn enforcement(control: Control, limits: &Limits, refusals: &[Unenforceable]) -> Enforcement {
    let refusal = refusals
        .iter()
        .find(|refusal| ours(refusal.control) == control);
    let mechanism = match refusal {
        Some(refusal) => refusal.why.clone(),
        None => limits
            .mechanism(theirs(control))
            .unwrap_or("not asked for")
            .to_owned(),
    };
    Enforcement {
        control,
        enforced: refusal.is_none(),
        mechanism,
        layers: Vec::new(),
        fix: refusal.map(|refusal| refusal.fix.clone()),
    }
}

fn failed(what: &str, error: &std::io::Error) -> Fault {
    Fault::new(
        glovebox_wire::FailureCode::Start,
        STAGE,
        format!("{what}: {error}"),
    )
}
