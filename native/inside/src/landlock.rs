//! Landlock: a second opinion on files behind the mount tree, and the enforcement of the `exec` list.
//!
//! Best effort by ABI: the mount tree and the empty network namespace hold their controls without it.
//! Rights and when they came: linux/landlock.h and Documentation/userspace-api/landlock.rst.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use glovebox_wire::{Access, Plan};
use rustix::fs::{fstat, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

use crate::fault::{Fault, Outcome, Step};
use crate::kernel::checked;
use crate::layout::OWN_DIRECTORIES;
use crate::mounts::is_at_or_below;
use crate::tree::devices;

const STAGE: &str = "landlock";

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
const MAKE_FIFO: u64 = 1 << 10;
const MAKE_SYM: u64 = 1 << 12;
/// All of ABI 1, among them the making of device nodes, which no rule ever grants.
const ABI_1: u64 = (1 << 13) - 1;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// What can be granted on something that is not a directory.
const ON_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

/// Which Unix sockets can be connected to, since ABI 9.
const RESOLVE_UNIX: u64 = 1 << 16;

const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 1 << 1;
const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
const SCOPE_SIGNAL: u64 = 1 << 1;

const READ: u64 = READ_FILE | READ_DIR;
const CHANGE: u64 =
    WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE;
/// Not in the host's directories: a program of the host's that opens one talks to the sandbox, or hangs.
const MEETING_POINTS: u64 = MAKE_SOCK | MAKE_FIFO;

#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

/// The ABI of this kernel, 0 when Landlock is absent or switched off.
pub fn abi() -> u32 {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: with this flag the kernel wants no attributes and returns its ABI.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<RulesetAttr>(),
            0,
            CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(abi).unwrap_or(0)
}

/// The ABI that a sandbox gets. With ABI 1 no file could be renamed into another directory, whatever
/// the rules; so it is used only where the `exec` list cannot do without.
pub fn abi_for(plan: &Plan, kernel: u32) -> u32 {
    if kernel == 1 && plan.exec.is_none() {
        return 0;
    }
    kernel
}

/// A path inside, and what may be done below it.
#[derive(Debug, PartialEq, Eq)]
struct Rule<'a> {
    path: &'a str,
    access: u64,
}

/// Makes the rules for paths of the tree below `root`, which is about to become this process's root.
pub fn make_ruleset(plan: &Plan, abi: u32, root: BorrowedFd<'_>) -> Outcome<OwnedFd> {
    let handled = rights_of(abi);
    let ruleset = create(&RulesetAttr {
        handled_access_fs: handled,
        // Connections to the sandbox's own loopback are made by the supervisor, outside this domain.
        handled_access_net: if abi >= 4 { CONNECT_TCP } else { 0 },
        scoped: if abi >= 6 {
            SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL
        } else {
            0
        },
    })
    .step(STAGE, || "create a ruleset".into())?;
    for rule in without_repetitions(rules(plan)) {
        let object = glovebox_lookup::open(
            root,
            rule.path,
            OFlags::PATH,
            // Links mean what they will mean inside.
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
        .map_err(|errno| missing(&rule, errno))?;
        let stat = fstat(&object).step(STAGE, || format!("stat {}", rule.path))?;
        let of_type = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => u64::MAX,
            _ => ON_FILES,
        };
        let allowed = rule.access & handled & of_type;
        add(&ruleset, &object, allowed).step(STAGE, || format!("allow {}", rule.path))?;
    }
    Ok(ruleset)
}

/// For the relay, which is outside: no file at all, no socket but the host's, no listening, nobody else's processes.
pub fn confine_relay(abi: u32, socket: &str) -> Result<()> {
    let resolve = if abi >= 9 { RESOLVE_UNIX } else { 0 };
    let ruleset = create(&RulesetAttr {
        handled_access_fs: rights_of(abi) | resolve,
        handled_access_net: if abi >= 4 { BIND_TCP } else { 0 },
        scoped: if abi >= 6 {
            SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL
        } else {
            0
        },
    })?;
    if resolve != 0 {
        let object = rustix::fs::open(socket, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        add(&ruleset, object, resolve)?;
    }
    restrict_self(&ruleset)
}

/// Puts the rules into force for this thread, which must have set no_new_privs.
pub fn restrict_self(ruleset: &OwnedFd) -> Result<()> {
    // SAFETY: takes a descriptor and flags only.
    checked(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) })
        .map(drop)
}

fn rights_of(abi: u32) -> u64 {
    let since = |first: u32, right: u64| if abi >= first { right } else { 0 };
    ABI_1 | since(2, REFER) | since(3, TRUNCATE) | since(5, IOCTL_DEV)
}

fn rules(plan: &Plan) -> Vec<Rule<'_>> {
    let mut rules = vec![
        // Names of the skeleton; it would be odd if `ls /` failed.
        Rule {
            path: "/",
            access: READ_DIR,
        },
        Rule {
            path: "/proc",
            access: READ,
        },
        Rule {
            path: "/dev",
            access: READ | WRITE_FILE,
        },
        Rule {
            path: "/dev/pts",
            access: READ | WRITE_FILE | IOCTL_DEV,
        },
        Rule {
            path: "/etc",
            access: READ,
        },
    ];
    for own in &OWN_DIRECTORIES {
        // Rights hold for all that is below, so where a directory of the host's is, there are none.
        let holds_the_hosts = plan.mounts.iter().any(|mount| {
            mount.access == Access::Write && is_at_or_below(&mount.target, own.target)
        });
        let meeting = if holds_the_hosts { 0 } else { MEETING_POINTS };
        rules.push(Rule {
            path: own.target,
            access: READ | CHANGE | meeting,
        });
    }
    // What has a device is a monitor of ours that runs machines, in a jail of its own: Firecracker is spoken with by sockets that it
    // makes, in a directory of this machine alone.
    let meeting = if plan.devices.is_empty() {
        0
    } else {
        MAKE_SOCK
    };
    for mount in &plan.mounts {
        let change = match mount.access {
            Access::Read => 0,
            Access::Write => CHANGE | meeting,
        };
        let execute = if mount.exec && plan.exec.is_none() {
            EXECUTE
        } else {
            0
        };
        rules.push(Rule {
            path: &mount.target,
            access: READ | change | execute,
        });
    }
    for device in &plan.devices {
        rules.push(Rule {
            path: devices::path_of(*device),
            access: READ_FILE | WRITE_FILE | IOCTL_DEV,
        });
    }
    for path in plan.exec.iter().flatten() {
        rules.push(Rule {
            path,
            access: EXECUTE | READ_FILE,
        });
    }
    rules
}

/// Rights hold for all that is below, so a rule that grants no more than one above it is left out: each costs four calls.
fn without_repetitions(rules: Vec<Rule<'_>>) -> Vec<Rule<'_>> {
    let mut kept: Vec<Rule<'_>> = Vec::with_capacity(rules.len());
    for rule in rules {
        let is_granted = kept
            .iter()
            .any(|above| is_at_or_below(rule.path, above.path) && rule.access & !above.access == 0);
        if !is_granted {
            kept.push(rule);
        }
    }
    kept
}

fn missing(rule: &Rule<'_>, errno: Errno) -> Fault {
    if rule.access & EXECUTE != 0 && matches!(errno, Errno::NOENT | Errno::NOTDIR) {
        return Fault::plan(format!("exec {}: is not visible inside", rule.path))
            .fix("mount it, or leave it out of exec");
    }
    Fault::call(STAGE, &format!("open {}", rule.path), errno)
}

fn create(attr: &RulesetAttr) -> Result<OwnedFd> {
    // SAFETY: `attr` is a landlock_ruleset_attr of the size given; an older kernel accepts the longer
    // structure as long as what it does not know is zero.
    let fd = checked(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            attr as *const RulesetAttr,
            std::mem::size_of::<RulesetAttr>(),
            0,
        )
    })?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn add(ruleset: &OwnedFd, object: impl AsFd, allowed_access: u64) -> Result<()> {
    const RULE_PATH_BENEATH: i32 = 1;
    let attr = PathBeneathAttr {
        allowed_access,
        parent_fd: object.as_fd().as_raw_fd(),
    };
    // SAFETY: `attr` is a landlock_path_beneath_attr, packed as the kernel has it.
    checked(unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            RULE_PATH_BENEATH,
            std::ptr::addr_of!(attr),
            0,
        )
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = include_str!("../../wire/fixtures/plan-full.json");
        Plan::parse(text.as_bytes()).expect("the fixture is a plan")
    }

    fn access(plan: &Plan, path: &str) -> u64 {
        rules(plan)
            .iter()
            .filter(|rule| rule.path == path)
            .fold(0, |access, rule| access | rule.access)
    }

    #[test]
    fn with_an_exec_list_nothing_else_may_be_executed() {
        let plan = plan();
        assert_eq!(access(&plan, "/usr") & EXECUTE, 0);
        assert_eq!(access(&plan, "/usr/bin/node"), EXECUTE | READ_FILE);
    }

    #[test]
    fn a_rule_is_left_out_only_below_one_that_grants_as_much() {
        let rule = |path, access| Rule { path, access };
        let kept = without_repetitions(vec![
            rule("/", READ_DIR),
            rule("/etc", READ),
            rule("/etc/ssl", READ),
            rule("/etc/tools", READ | EXECUTE),
            rule("/etcetera", READ),
        ]);
        let paths: Vec<&str> = kept.iter().map(|rule| rule.path).collect();
        assert_eq!(paths, ["/", "/etc", "/etc/tools", "/etcetera"]);
    }

    #[test]
    fn without_a_list_mounts_with_exec_may_be_executed() {
        let plan = Plan {
            exec: None,
            ..plan()
        };
        assert_eq!(access(&plan, "/usr"), READ | EXECUTE);
        assert_eq!(access(&plan, "/etc/ssl/certs"), READ);
        assert_eq!(access(&plan, "/workspace"), READ | CHANGE | MAKE_SOCK);
        assert_eq!(access(&plan, "/etc/ssl/certs") & MAKE_SOCK, 0);
    }

    #[test]
    fn a_device_can_be_spoken_to_where_the_plan_has_it_and_no_other() {
        let mut plan = plan();
        let all = READ_FILE | WRITE_FILE | IOCTL_DEV;
        assert_eq!(access(&plan, "/dev/kvm"), all);
        plan.devices.clear();
        assert_eq!(access(&plan, "/dev/kvm"), 0);
        assert_eq!(access(&plan, "/dev") & IOCTL_DEV, 0);
    }

    #[test]
    fn sockets_are_made_in_own_directories_only_and_devices_nowhere() {
        let plan = Plan {
            devices: Vec::new(),
            ..plan()
        };
        assert_eq!(access(&plan, "/workspace") & MEETING_POINTS, 0);
        assert_eq!(access(&plan, "/tmp") & MEETING_POINTS, MEETING_POINTS);
        let granted = rules(&plan).iter().fold(0, |all, rule| all | rule.access);
        let make_char_and_block = 1 << 6 | 1 << 11;
        assert_eq!(granted & make_char_and_block, 0);
    }

    #[test]
    fn no_sockets_are_made_below_tmp_when_a_directory_of_the_hosts_is_there() {
        let mut plan = plan();
        plan.mounts[3].target = "/tmp/work".to_owned();
        assert_eq!(access(&plan, "/tmp") & MEETING_POINTS, 0);
        assert_eq!(access(&plan, "/run") & MEETING_POINTS, MEETING_POINTS);
    }

    #[test]
    fn abi_1_is_used_for_an_exec_list_only() {
        let with_list = plan();
        let without = Plan {
            exec: None,
            ..plan()
        };
        assert_eq!(abi_for(&with_list, 1), 1);
        assert_eq!(abi_for(&without, 1), 0);
        assert_eq!(abi_for(&without, 4), 4);
    }
}
