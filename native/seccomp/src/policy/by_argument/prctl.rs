//! Options of `prctl` and `arch_prctl`. Others get EINVAL, as on a kernel that does not know them.

use libc::*;

use crate::rule::{on, Rule};

pub fn rule() -> Rule {
    on(0).case(ALLOWED.iter().map(|&o| o as u32).collect::<Vec<_>>(), Rule::Allow).otherwise(Rule::Errno(EINVAL))
}

/// All of them concern the caller alone. PR_SET_SECCOMP cannot make a listener; PR_SET_PTRACER
/// (crash reporters) opens what `ptrace` is refused for anyway.
const ALLOWED: &[c_int] = &[
    PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE, PR_GET_DUMPABLE,
    PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_GET_SECCOMP,
    PR_SET_KEEPCAPS, PR_GET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_GET_SECUREBITS,
    PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_GET_TIMING, PR_GET_TSC, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE,
    52, 53, // PR_GET and PR_SET_SPECULATION_CTRL, which the libc crate names on x86 only
    PR_GET_TID_ADDRESS, PR_MCE_KILL_GET,
    PR_SET_VMA, PR_SET_PTRACER, PR_SET_MDWE, PR_GET_MDWE,
    50, 51, 54, 55, 56, // Arm: PR_SVE_SET_VL, PR_SVE_GET_VL, PR_PAC_RESET_KEYS, PR_SET and GET_TAGGED_ADDR_CTRL
];

/// Thread pointers, extended processor state, shadow stacks, masked pointers.
#[cfg(target_arch = "x86_64")]
pub fn arch_rule() -> Rule {
    const ALLOWED: &[u32] = &[
        0x1001, 0x1002, 0x1003, 0x1004, // ARCH_SET_GS, SET_FS, GET_FS, GET_GS
        0x1011, // ARCH_GET_CPUID
        0x1021, 0x1022, 0x1023, // ARCH_GET_XCOMP_SUPP, GET_XCOMP_PERM, REQ_XCOMP_PERM
        0x3001, // CET status, asked by older C libraries
        0x4001, 0x4002, 0x4003, // ARCH_GET_UNTAG_MASK, ENABLE_TAGGED_ADDR, GET_MAX_TAG_BITS
        0x5001, 0x5002, 0x5003, 0x5005, // ARCH_SHSTK_ENABLE, DISABLE, LOCK, STATUS
    ];
    on(0).case(ALLOWED, Rule::Allow).otherwise(Rule::Errno(EINVAL))
}
