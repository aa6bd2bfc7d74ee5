//! Pid 1 of the sandbox: builds the tree, forks the program, reaps, and takes everything down with it.

use std::os::fd::{AsRawFd, OwnedFd};

use glovebox_wire::Plan;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fs::Mode;
use rustix::io::{fcntl_dupfd_cloexec, Errno};
use rustix::process::{
    set_dumpable_behavior, set_parent_process_death_signal, umask, wait, DumpableBehavior, Gid,
    Pid, Signal, Uid, WaitOptions,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::agent::Keeper;
use crate::door::Inlet;
use crate::fault::{Outcome, Step};
use crate::handover::{self, Inside};
use crate::kernel::{
    self, close_from_but, exit_now, fork_into, next_signal, signal_descriptor, Side,
};
use crate::link::{Go, Inner};
use crate::outlet::Outlet;
use crate::program::{become_program, enter, let_go_of_capabilities, Prepared};
use crate::sandbox::Terms;
use crate::source::open_all_inside;
use crate::supply::Supplies;
use crate::who::Who;
use crate::{bounds, landlock, terminal, title, tree};

/// What pid 1 works from; made by the launcher before the clone, so that little is looked up inside.
pub struct Drawing {
    /// Where root started us, by which the plan's mounts come; taken by pid 1 alone.
    pub supplies: Option<Supplies>,
    pub prepared: Prepared,
    /// Where the plan has a channel; taken by pid 1 alone.
    pub listener: Option<OwnedFd>,
    /// Where the plan has an egress; taken by the program's process alone.
    pub outlet: Option<Outlet>,
}

/// Never returns: the process, and with it the pid namespace, ends here.
pub fn run(
    terms: &Terms,
    drawing: Drawing,
    inlet: Option<Inlet>,
    link: Inner,
    hangup: OwnedFd,
) -> ! {
    match start(terms, drawing, inlet, &link, hangup) {
        Ok((program, keeper)) => keep_house(program, keeper, link),
        Err(fault) => link.fail(fault),
    }
    exit_now(1)
}

/// Returns the program's pid as seen here, and what answers the channel.
fn start<'a>(
    terms: &'a Terms,
    drawing: Drawing,
    inlet: Option<Inlet>,
    link: &Inner,
    hangup: OwnedFd,
) -> Outcome<(Pid, Option<Keeper<'a>>)> {
    let Terms {
        plan,
        who,
        landlock_abi,
        ..
    } = terms;
    let Drawing {
        supplies,
        prepared,
        listener: _,
        outlet,
    } = drawing;
    title::hide();
    title::forget_environment();
    kernel::leave_session_keyring();
    let (giver, taker) = handover::pair()?;
    let (planted, seed) = match inlet {
        Some(_) => {
            let (planted, seed) =
                glovebox_channel::seed::pair().step("channel", || "make a socket pair".into())?;
            (Some(planted), Some(seed))
        }
        None => (None, None),
    };
    // The program's process has much to do that needs no tree, and its network namespace, which takes the kernel longest,
    // not even ids: so it begins before anything else. It shares our root and working directory, and so is in the new tree
    // when we are.
    // SAFETY: this process has one thread.
    let side = unsafe { fork_into(libc::CLONE_FS as u64) };
    let (program, pidfd) = match side.step("start", || "fork the program".into())? {
        Side::Parent { child, pidfd } => (child, pidfd),
        Side::Child => {
            drop((giver, supplies));
            become_program(terms, &prepared, &taker, link, planted, outlet);
            // `hangup` closes with an execve that works, or here.
            drop(hangup);
            exit_now(127)
        }
    };
    drop((taker, hangup, planted, outlet));
    link.wait_for(Go::Build)?;
    giver.tell_of_ids()?;
    take_identity(who, plan)?;
    // The kernel clears this at a change of ids, so it comes after; the launcher's death before it is
    // seen at the next wait for what it sends us or the program's process.
    set_parent_process_death_signal(Some(Signal::KILL))
        .step("start", || "tie to the launcher".into())?;
    umask(Mode::empty());
    lower_namespace_limits();
    rustix::system::sethostname(plan.id.as_bytes())
        .step("namespaces", || "set the hostname".into())?;
    let tree = tree::build(plan, who, || match &supplies {
        Some(supplies) => supplies.take(plan.mounts.len()),
        None => open_all_inside(&plan.mounts),
    })?;
    drop(supplies);
    let inside = Inside {
        device: tree.device()?,
        ruleset: match *landlock_abi {
            0 => None,
            abi => Some(landlock::make_ruleset(plan, abi, tree.root())?),
        },
        terminal: match plan.command.terminal {
            true => Some(terminal::make(tree.root())?),
            false => None,
        },
        root: Some(
            fcntl_dupfd_cloexec(tree.root(), 3).step("start", || "copy a descriptor".into())?,
        ),
    };
    // It goes on, and the launcher takes over, while the old root goes, for which the kernel waits until every processor has
    // noticed. By no path: what it still has to do before its execve needs descriptors only.
    giver.give(&inside)?;
    tree.become_root()?;
    let Some(entries) = giver.hear()? else {
        // It has failed, and told why. With it goes the sandbox.
        return Ok((program, None));
    };
    let keeper = inlet
        .zip(seed)
        .map(|(inlet, seed)| Keeper::new(terms, inlet, seed, inside.ruleset));
    bounds::join(&entries)?;
    kernel::follow_into_namespaces(&pidfd)
        .step("namespaces", || "enter the program's namespaces".into())?;
    drop((entries, pidfd));
    // We need none any more, and what is entered next must be entered by the program's own right.
    let_go_of_capabilities().step("start", || "drop capabilities".into())?;
    enter(prepared.cwd())?;
    // Not even the program, which has the same user id, may look into or trace us: before the word by which it may begin.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step("start", || "hide".into())?;
    link.built();
    Ok((program, keeper))
}

/// Leaves the launcher's ids behind, in pid 1 and in the program's process, once the id maps are written. The capabilities in
/// the new user namespace stay, since none of the ids is its root (capabilities(7), "Effect of user ID changes").
pub fn take_identity(who: &Who, plan: &Plan) -> Outcome<()> {
    let change = || {
        let (uid, gid) = (Uid::from_raw(who.inside_uid), Gid::from_raw(who.inside_gid));
        // With a device there is one group at most, that of the device (jail.rs).
        if who.by_root && plan.devices.is_empty() {
            set_thread_groups(&[])?;
        }
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        // The change made us undumpable, and /proc/self root's; the program's own pid is handed to the
        // launcher through it. Pid 1 itself becomes undumpable for good once the program is forked.
        set_dumpable_behavior(DumpableBehavior::Dumpable)
    };
    change().step("namespaces", || "take the sandbox's ids".into())
}

/// What the kernel counts per user namespace (namespaces(7), inotify(7)). The first is a layer behind
/// the system call filter. The others are counted for whoever started the sandbox too, all of whose
/// programs would go without when a sandbox took them all.
const NAMESPACE_LIMITS: [(&str, &str); 3] = [
    ("max_user_namespaces", "0"),
    ("max_inotify_instances", "64"),
    ("max_inotify_watches", "32768"),
];

/// Not where /proc/sys is read-only, as in containers, whose engine has to set them.
fn lower_namespace_limits() -> bool {
    NAMESPACE_LIMITS
        .iter()
        .all(|(name, value)| kernel::write_file(&format!("/proc/sys/user/{name}"), value).is_ok())
}

/// Reaps whatever is orphaned in the namespace until the program has ended or the launcher is gone.
/// Returning ends pid 1, at which the kernel kills all that is left.
fn keep_house(program: Pid, mut keeper: Option<Keeper<'_>>, link: Inner) {
    let mut kept = keeper.as_ref().map_or_else(Vec::new, Keeper::descriptors);
    kept.push(link_number(&link));
    // SAFETY: everything else that owns a descriptor here is not used any more.
    if unsafe { close_from_but(0, &kept) }.is_err() {
        return;
    }
    let Ok(children) = signal_descriptor(&[libc::SIGCHLD]) else {
        return;
    };
    loop {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == program {
                link.ended(status.as_raw());
                return;
            }
            if let Some(keeper) = &mut keeper {
                keeper.note_end(pid);
            }
        }
        let mut descriptors = vec![
            PollFd::new(&children, PollFlags::IN),
            // Only a hang-up: the launcher is gone. What it says from now on is for the program.
            PollFd::new(&link, PollFlags::empty()),
        ];
        let door = keeper.as_ref().and_then(Keeper::awaited);
        descriptors.extend(door.map(|door| PollFd::new(door, PollFlags::IN)));
        match poll(&mut descriptors, None) {
            Err(Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if !descriptors[1].revents().is_empty() {
            return;
        }
        let is_called = descriptors
            .get(2)
            .is_some_and(|door| !door.revents().is_empty());
        while next_signal(&children).is_some() {}
        if let (Some(keeper), true) = (&mut keeper, is_called) {
            keeper.answer();
        }
    }
}

fn link_number(link: &Inner) -> i32 {
    use std::os::fd::AsFd;
    link.as_fd().as_raw_fd()
}
