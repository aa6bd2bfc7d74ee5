//! Calls whose arguments decide, and calls that the supervisor sees.

use libc::*;

use super::{numbers, Table};
use crate::rule::{on, on_pointer, without_bits, Rule};
use crate::FilterOptions;

#[rustfmt::skip] // tables, several names to a line
mod ioctl;
#[rustfmt::skip]
mod kvm;
#[rustfmt::skip]
mod prctl;
mod sockets;

pub fn add(table: &mut Table, options: &FilterOptions) {
    sockets::add(table);
    table.rule(SYS_ioctl, ioctl::rule(options));
    table.rule(SYS_prctl, prctl::rule());
    #[cfg(target_arch = "x86_64")]
    table.rule(SYS_arch_prctl, prctl::arch_rule());

    table.all(&[SYS_execve, SYS_execveat], &Rule::Notify);
    table.rule(
        SYS_clone,
        without_bits(0, NEW_NAMESPACES, Rule::Allow, refuse()),
    );
    table.rule(SYS_fcntl, fcntl_rule(options));
    table.rule(SYS_openat, open_rule(options, 2, 3));
    table.rule(SYS_mknodat, mknod_rule(2));
    table.rule(SYS_fchmod, mode_rule(1, Rule::Allow));
    table.rule(SYS_fchmodat, mode_rule(2, Rule::Allow));
    table.rule(numbers::FCHMODAT2, mode_rule(2, Rule::Allow));
    table.rule(
        numbers::SETRLIMIT,
        on(0).case([CORE], refuse()).otherwise(Rule::Allow),
    );
    table.rule(SYS_prlimit64, prlimit_rule());
    table.rule(
        SYS_personality,
        on(0)
            .case(
                [PER_LINUX, ADDR_NO_RANDOMIZE, PERSONALITY_QUERY],
                Rule::Allow,
            )
            .otherwise(refuse()),
    );
    table.rule(SYS_seccomp, seccomp_rule());
    table.rule(SYS_memfd_create, memfd_rule(options));
}

/// The parts of `clone` flags that make a namespace. CLONE_NEWTIME lies in the bits of the exit
/// signal, where `clone` does not see it.
const NEW_NAMESPACES: u32 = (CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET) as u32;

const PER_LINUX: u32 = 0;
const ADDR_NO_RANDOMIZE: u32 = 0x0004_0000;
const PERSONALITY_QUERY: u32 = u32::MAX;

/// Not O_TMPFILE itself, which includes O_DIRECTORY.
const TMPFILE_BIT: u32 = 0o20_000_000;

const SET_ID_BITS: u32 = S_ISUID | S_ISGID;

pub fn refuse() -> Rule {
    Rule::Errno(EPERM)
}

const CORE: u32 = RLIMIT_CORE;

/// Limits only go down, and RLIMIT_CORE not even that: at 1 it keeps a core handler of the host from
/// being started with the sandbox's memory, and at 0 it would not (core(5), "Piping core dumps").
fn prlimit_rule() -> Rule {
    let core = on_pointer(2, Rule::Allow, refuse());
    on(1).case([CORE], core).otherwise(Rule::Allow)
}

/// A lease makes the next open of the file, by anybody on the host, wait for us; F_NOTIFY is its
/// neighbour, which inotify replaced. Larger pipes are memory that only a cgroup counts.
fn fcntl_rule(options: &FilterOptions) -> Rule {
    let mut refused = vec![F_SETLEASE as u32, F_NOTIFY as u32];
    if !options.memory_accounted {
        refused.push(F_SETPIPE_SZ as u32);
    }
    on(1).case(refused, refuse()).otherwise(Rule::Allow)
}

/// Files that run with their owner's rights: `nosuid` makes them harmless inside, but a directory
/// shared with the host would show them to other users there.
pub fn mode_rule(mode: u8, then: Rule) -> Rule {
    without_bits(mode, SET_ID_BITS, then, refuse())
}

/// The mode counts only for a new file: without these flags the argument is whatever was in the register.
pub fn open_rule(options: &FilterOptions, flags: u8, mode: u8) -> Rule {
    let open = opened(options);
    without_bits(
        flags,
        O_CREAT as u32 | TMPFILE_BIT,
        open.clone(),
        mode_rule(mode, open),
    )
}

pub fn opened(options: &FilterOptions) -> Rule {
    if options.record_opens {
        Rule::Notify
    } else {
        Rule::Allow
    }
}

/// Regular files, FIFOs and sockets; no devices.
pub fn mknod_rule(mode: u8) -> Rule {
    let kinds = [0, S_IFREG, S_IFIFO, S_IFSOCK];
    on(mode)
        .mask(S_IFMT | SET_ID_BITS)
        .case(kinds, Rule::Allow)
        .otherwise(refuse())
}

/// Nested filters only take away. A nested listener would see calls before the supervisor does.
fn seccomp_rule() -> Rule {
    let listener = SECCOMP_FILTER_FLAG_NEW_LISTENER as u32;
    on(0)
        .case(
            [
                SECCOMP_SET_MODE_STRICT,
                SECCOMP_GET_ACTION_AVAIL,
                SECCOMP_GET_NOTIF_SIZES,
            ],
            Rule::Allow,
        )
        .case(
            [SECCOMP_SET_MODE_FILTER],
            without_bits(1, listener, Rule::Allow, refuse()),
        )
        .otherwise(Rule::Errno(EINVAL))
}

/// A memory file is on no mount, so that nothing could keep it from being executed: the supervisor
/// makes it instead, sealed against execution. Without a cgroup nobody would count its pages.
fn memfd_rule(options: &FilterOptions) -> Rule {
    if options.memory_accounted {
        Rule::Notify
    } else {
        Rule::Errno(ENOSYS)
    }
}

/// `sendto` without an address, the everyday `send`, does not bother the supervisor.
fn when_addressed(address: u8) -> Rule {
    on_pointer(address, Rule::Allow, Rule::Notify)
}
