//! A started sandbox, seen from outside. Dropping it ends it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use glovebox_seccomp::{Filter, FilterOptions};
use glovebox_wire::{Device, Plan};
use rustix::pipe::{pipe_with, PipeFlags};
use rustix::process::Pid;

use crate::door::Inlet;
use crate::explain::why_namespaces_are_refused;
use crate::fault::{say, Fault, Outcome, Step};
use crate::follow::{Following, Parts};
use crate::init::{self, Drawing};
use crate::kernel::{fork_into, pidfd_signal, reap, write_file, Side, Usage};
use crate::limits::Held;
use crate::link::{self, Go, Outer};
use crate::mounts::MountTable;
use crate::news::{self, Teller};
use crate::outlet;
use crate::owner::Owner;
use crate::relay::Relay;
use crate::report::Report;
use crate::source;
use crate::supply::{self, Supplier};
use crate::watch::Watch;
use crate::who::Who;

/// The network namespace, which takes the kernel longer than all of these, is made by the program's process beside the
/// building of the tree; the cgroup namespace when it is in the cgroups that become its root. Pid 1 follows it into both.
const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// What the launcher keeps of the plan once pid 1 has its copy.
pub struct Terms {
    pub plan: Plan,
    pub who: Who,
    pub landlock_abi: u32,
    /// One of the inherited standard streams is a file of the host's.
    pub streams_are_files: bool,
}

pub struct Sandbox<'a> {
    terms: &'a Terms,
    report: &'a Arc<Report>,
    link: Outer,
    /// The pid namespace's first process: when it has ended, so has everything else.
    init: Init,
    /// After pid 1, so that its cgroups are empty when they are removed.
    limits: Held,
    /// What the program's process was given.
    filter: Filter,
    /// For agents, where there is a channel.
    teller: Option<Teller>,
    /// Where there is an egress.
    relay: Option<Relay>,
}

impl<'a> Sandbox<'a> {
    /// Clones pid 1 into its namespaces, where it builds the tree and forks the program. All that those two can begin
    /// without is done beside them: the longest way to the start is theirs.
    /// Returns the pipe that hangs up when the program is executed.
    pub fn start(
        terms: &'a Terms,
        mut drawing: Drawing,
        report: &'a Arc<Report>,
    ) -> Outcome<(Sandbox<'a>, OwnedFd)> {
        let (link, inner) = link::pair()?;
        let (hangup, hangup_inside) =
            pipe_with(PipeFlags::CLOEXEC).step("start", || "make a pipe".into())?;
        let (teller, hearer) = match &drawing.listener {
            Some(_) => {
                let (teller, hearer) = news::pair()?;
                (Some(teller), Some(hearer))
            }
            None => (None, None),
        };
        let (outlet, intake) = match &terms.plan.egress {
            Some(egress) => {
                let (outlet, intake) = outlet::pair(egress)?;
                (Some(outlet), Some((egress, intake)))
            }
            None => (None, None),
        };
        let supplier = match terms.who.by_root {
            true => {
                let (supplier, supplies) = supply::pair()?;
                drawing.supplies = Some(supplies);
                Some(supplier)
            }
            false => None,
        };
        // SAFETY: this process has one thread so far.
        let side = unsafe { fork_into(NAMESPACES as u64) };
        match side.map_err(why_namespaces_are_refused)? {
            Side::Child => {
                drop((link, hangup, teller, intake, supplier));
                drawing.outlet = outlet;
                let listener = drawing.listener.take();
                let inlet = listener
                    .zip(hearer)
                    .map(|(listener, news)| Inlet { listener, news });
                init::run(terms, drawing, inlet, inner, hangup_inside)
            }
            Side::Parent { child, pidfd } => {
                // From here on dropped by whatever fails, and with it all that was started.
                let init = Init {
                    pid: child,
                    pidfd,
                    is_reaped: false,
                };
                // Whoever connects from now on is let in by pid 1, or by nobody.
                drop((inner, hangup_inside, hearer, drawing, outlet));
                write_id_maps(child, &terms.who)?;
                link.tell(Go::Build)?;
                let table = supply_sources(terms, supplier)?;
                // Beside the building of the tree, and while this process still has one thread.
                let relay = match intake {
                    Some((egress, intake)) => Some(Relay::start(egress, intake)?),
                    None => None,
                };
                // Before the filter, which the program's process wants later.
                let limits = Held::prepare(&terms.plan, &table)?;
                link.send_bounds(&limits)?;
                let options = FilterOptions {
                    record_opens: terms.plan.mode.records_opens(),
                    memory_accounted: limits.memory_accounted(),
                    affinity_pinned: limits.affinity_pinned(),
                    kvm: terms.plan.devices.contains(&Device::Kvm),
                };
                let filter = Filter::compile(&options);
                link.send_filter(&filter)?;
                let sandbox = Sandbox {
                    terms,
                    report,
                    link,
                    limits,
                    filter,
                    teller,
                    init,
                    relay,
                };
                Ok((sandbox, hangup))
            }
        }
    }

    /// Follows the program to its end and returns the exit code that stands for its own.
    pub fn follow(mut self, owner: &mut Owner, signals: &OwnedFd, hangup: OwnedFd) -> Outcome<i32> {
        let watch = Watch::new(owner, signals, &self.link, &self.init.pidfd, hangup);
        let following = Following::new(
            Parts {
                terms: self.terms,
                report: self.report,
                link: &self.link,
                init: &self.init,
                relay: self.relay.as_ref(),
            },
            &mut self.limits,
            self.filter.sha256(),
            self.teller.take(),
            watch,
        )?;
        let course = following.until_the_end()?;
        let (_, usage) = self.init.reap()?;
        if let Some(relay) = self.relay.take() {
            relay.finish();
        }
        course.tell(self.terms, self.report, &mut self.limits, usage)
    }
}

/// Pid 1, which takes everything in its namespace with it.
pub struct Init {
    pub pid: Pid,
    pidfd: OwnedFd,
    is_reaped: bool,
}

impl Init {
    pub fn kill(&self) {
        // It may have ended already; its own exit is what is waited for.
        let _sent = pidfd_signal(&self.pidfd, libc::SIGKILL);
    }

    /// Returns when nothing of the sandbox runs any more: the kernel lets pid 1 go last.
    fn reap(&mut self) -> Outcome<(i32, Usage)> {
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

/// Opens for pid 1 what only root can open, and may; returns the host's mount table. An ordinary user's pid 1 opens it itself.
fn supply_sources(terms: &Terms, supplier: Option<Supplier>) -> Outcome<MountTable> {
    let mounts = &terms.plan.mounts;
    let table = MountTable::read()?;
    source::check_all(mounts, &table)?;
    if let Some(supplier) = supplier {
        supplier.send(&source::open_all_outside(mounts, &terms.who, &table)?)?;
    }
    Ok(table)
}

/// One id inside, one outside (user_namespaces(7)). An ordinary user may map its group only where
/// nobody inside can drop groups, by which files can be opened that a group is kept from.
fn write_id_maps(child: Pid, who: &Who) -> Outcome<()> {
    let write = |name: &str, content: &str| {
        let path = format!("/proc/{}/{name}", child.as_raw_nonzero());
        write_file(&path, content).map_err(|errno| {
            Fault::host(
                "namespaces",
                format!("{name} of the new user namespace: {}", say(errno)),
            )
        })
    };
    if !who.by_root {
        write("setgroups", "deny")?;
    }
    write("gid_map", &who.gid_map())?;
    write("uid_map", &who.uid_map())
}
