//! Memory, CPUs and processes: what the plan asks for, what holds it, and its end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use glovebox_channel::Figures;
use glovebox_limits::{InChild, Limit, Limits, Notice, Request, Unenforceable, Watchdog};
use glovebox_wire::{Control, Enforcement, Plan};
use rustix::event::PollFlags;
use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;

use crate::bounds::{failed, Bounds};
use crate::fault::{Fault, Outcome};
use crate::mounts::MountTable;

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
    pub fn prepare(plan: &Plan, mounts: &MountTable) -> Outcome<Held> {
        let mut request = request_of(plan);
        let mut refusals: Vec<Unenforceable> = Vec::new();
        let limits = loop {
            match Limits::prepare_on(&request, Some(mounts.text())) {
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

    /// What the sandbox's first processes have to do about it, as one message with descriptors.
    pub fn bounds(&self) -> (Vec<u8>, Vec<BorrowedFd<'_>>) {
        let none = InChild::default();
        let limits = self.limits.as_ref();
        let in_child = limits.map_or(&none, Limits::in_child);
        (
            Bounds::to_bytes(in_child, self.watched.is_some()),
            limits.map_or_else(Vec::new, Limits::entries),
        )
    }

    /// Open files of the cgroups, for who cannot see them. What is missing is not known.
    pub fn figures(&self) -> Figures {
        let directories: Vec<_> = match &self.limits {
            Some(limits) => limits.directories().collect(),
            None => Vec::new(),
        };
        let file = |names: &[&str]| {
            let paths = directories
                .iter()
                .flat_map(|directory| names.iter().map(|name| directory.join(name)));
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            paths
                .into_iter()
                .find_map(|path| open(path, flags, Mode::empty()).ok())
        };
        Figures {
            memory: file(&["memory.current", "memory.usage_in_bytes"]),
            memory_limit: file(&["memory.max", "memory.limit_in_bytes"]),
            cpu: file(&["cpuacct.usage", "cpu.stat"]),
            processes: file(&["pids.current"]),
            processes_limit: file(&["pids.max"]),
            cpu_pressure: file(&["cpu.pressure"]),
            memory_pressure: file(&["memory.pressure"]),
            io_pressure: file(&["io.pressure"]),
            ..Figures::default()
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

/// Pid 1 is ours, and with a channel the seed and the agent: none of those that were asked for.
fn ours_in(plan: &Plan) -> u64 {
    match plan.channel {
        None => 1,
        Some(_) => u64::from(crate::agent::OURS),
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
        pids: Some(whole(limits.pids, ours_in(plan))),
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
