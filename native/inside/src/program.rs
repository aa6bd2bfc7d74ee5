//! The last steps before the program itself: what it keeps, and what it loses for ever.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use glovebox_channel::seed::{self, Sprout};
use glovebox_wire::{FailureCode, Program};
use rustix::fs::{access, openat2, Access, Mode, OFlags, ResolveFlags, CWD};
use rustix::io::Errno;
use rustix::net::{netlink, socket_with, AddressFamily, SocketFlags, SocketType};
use rustix::process::{fchdir, setsid, umask};
use rustix::thread::{
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs, CapabilitiesSecureBits, CapabilitySet,
    CapabilitySets,
};

use crate::fault::{say, Fault, Outcome, Step};
use crate::handover::{Inside, Taker};
use crate::init::take_identity;
use crate::kernel::{self, close_on_exec_from, execve, reset_signals, PointerList};
use crate::landlock;
use crate::link::{Go, Inner};
use crate::outlet::Outlet;
use crate::sandbox::Terms;
use crate::{loopback, rlimits, terminal};

/// All that the child needs, made before it exists.
pub struct Prepared {
    path: CString,
    argv: PointerList,
    env: PointerList,
    cwd: CString,
    rlimits: rlimits::Set,
}

impl Prepared {
    pub fn new(program: &Program, rlimits: rlimits::Set) -> Outcome<Prepared> {
        let strings = |list: &[String]| list.iter().map(|text| c_string(text)).collect();
        let env: Outcome<Vec<CString>> = program
            .env
            .iter()
            .map(|(name, value)| c_string(&format!("{name}={value}")))
            .collect();
        let argv: Outcome<Vec<CString>> = strings(&program.argv);
        Ok(Prepared {
            path: c_string(&program.path)?,
            argv: PointerList::new(argv?),
            env: PointerList::new(env?),
            cwd: c_string(&program.cwd)?,
            rlimits,
        })
    }

    pub fn cwd(&self) -> &CStr {
        &self.cwd
    }
}

fn c_string(text: &str) -> Outcome<CString> {
    CString::new(text).map_err(|_| Fault::plan("a NUL in the command"))
}

/// Gives up everything and becomes the program. Returns only when that failed, which it has told.
pub fn become_program(
    terms: &Terms,
    prepared: &Prepared,
    taker: &Taker,
    link: &Inner,
    seed: Option<OwnedFd>,
    outlet: Option<Outlet>,
) {
    // All kept open until the execve, by which time the launcher has copies of its own.
    let given_up = match give_up(terms, prepared, taker, link, seed, outlet) {
        Ok(Some(given_up)) => given_up,
        Ok(None) => return,
        Err(fault) => return link.fail(fault),
    };
    link.ready(&given_up);
    if link.wait_for(Go::Execute).is_err() {
        return;
    }
    if let Some(Err(errno)) = given_up.seed.map(Sprout::wait) {
        return link.fail(Fault::call("channel", "wait for the seed", errno));
    }
    let errno = execve(&prepared.path, &prepared.argv, &prepared.env);
    // ENOENT is also said when the program is there and its interpreter is not.
    let exists = access(prepared.path.as_c_str(), Access::EXISTS).is_ok();
    link.not_executed(errno.raw_os_error(), exists);
}

/// What the launcher takes out of our descriptors before we execute.
pub struct GivenUp {
    pub listener: OwnedFd,
    pub inside: Inside,
    /// For a watchdog, where one is needed: a socket that tells what sockets hold.
    pub diagnosis: Option<OwnedFd>,
    pub watched: bool,
    pub seed: Option<Sprout>,
}

fn give_up(
    terms: &Terms,
    prepared: &Prepared,
    taker: &Taker,
    link: &Inner,
    seed: Option<OwnedFd>,
    outlet: Option<Outlet>,
) -> Outcome<Option<GivenUp>> {
    kernel::unshare_network_namespace().step("namespaces", || "make a network namespace".into())?;
    if !taker.hear_of_ids()? {
        return Ok(None);
    }
    take_identity(&terms.who, &terms.plan)?;
    loopback::bring_up()?;
    if let Some(outlet) = outlet {
        outlet.open()?;
    }
    // A session of its own: no controlling terminal of the owner's, no signals to its process group.
    setsid().step("program", || "start a session".into())?;
    kernel::reset_personality();
    reset_signals().step("program", || "reset signals".into())?;
    prepared.rlimits.apply()?;
    let bounds = link.take_bounds()?;
    bounds.bind()?;
    kernel::unshare_cgroup_namespace().step("namespaces", || "make a cgroup namespace".into())?;
    if !taker.tell(&bounds.borrowed())? {
        return Ok(None);
    }
    let diagnosis = match bounds.watched {
        true => open_diagnosis(),
        false => None,
    };
    // Nothing that anybody leaked to us is leaked on. What we still need goes at the execve itself.
    close_on_exec_from(3).step("program", || "close descriptors".into())?;
    drop_capabilities().step("program", || "drop capabilities".into())?;
    set_no_new_privs(true).step("program", || "set no_new_privs".into())?;
    // Compiling it takes the kernel longer than anything else here. What follows it is what it allows
    // to every program, and opens no file, which in the modes that record opens would wait for an answer.
    let listener = link.take_filter()?.install().map_err(|error| {
        Fault::new(
            FailureCode::HostCannot,
            "seccomp",
            format!("install the filter: {error}"),
        )
        .fix("a kernel from 5.13 on with CONFIG_SECCOMP_FILTER")
    })?;
    let Some(inside) = taker.take()? else {
        return Ok(None);
    };
    if let Some(master) = &inside.terminal {
        terminal::take(master)?;
    }
    // Shared with pid 1, which needed none while it made directories.
    umask(Mode::from_raw_mode(0o022));
    if let Some(ruleset) = &inside.ruleset {
        landlock::restrict_self(ruleset).step("landlock", || "restrict".into())?;
    }
    // As confined as we are by now, for all programs that are started further.
    let seed = match seed {
        Some(socket) => Some(seed::fork(socket).step("channel", || "fork the seed".into())?),
        None => None,
    };
    Ok(Some(GivenUp {
        listener,
        inside,
        diagnosis,
        watched: bounds.watched,
        seed,
    }))
}

/// A kernel without sock_diag(7) cannot be asked; the watchdog counts sockets there.
fn open_diagnosis() -> Option<OwnedFd> {
    let diagnosis = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    );
    diagnosis.ok()
}

/// Makes a directory the working one: for pid 1, with which the program shares it. By no magic link:
/// `/proc/self/fd/N` still leads to descriptors that are only closed by the execve.
pub fn enter(cwd: &CStr) -> Outcome<()> {
    let enter = || {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fchdir(openat2(
            CWD,
            cwd,
            flags,
            Mode::empty(),
            ResolveFlags::NO_MAGICLINKS,
        )?)
    };
    enter().map_err(|errno| cannot_enter(cwd, errno))
}

fn cannot_enter(cwd: &CStr, errno: Errno) -> Fault {
    Fault::plan(format!(
        "{}: cannot be the working directory inside: {}",
        cwd.to_string_lossy(),
        say(errno)
    ))
}

/// From here on there is no way back to any: not by exec (bounding set, no ambient ones), and not by
/// being root (securebits, locked).
pub fn drop_capabilities() -> rustix::io::Result<()> {
    for number in 0..64 {
        let Some(capability) = 1u64
            .checked_shl(number)
            .map(CapabilitySet::from_bits_retain)
        else {
            break;
        };
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Past the kernel's last capability.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED,
    )?;
    let_go_of_capabilities()
}

/// For pid 1, which executes nothing: only an exec gives capabilities to who has none.
pub fn let_go_of_capabilities() -> rustix::io::Result<()> {
    clear_ambient_capability_set()?;
    set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        },
    )
}
