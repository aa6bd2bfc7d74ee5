//! Compiles rules to classic BPF (seccomp(2), and `Documentation/networking/filter.rst` of the kernel).
//!
//! Every block ends in a return on each of its paths and jumps only forwards within itself, so
//! blocks are composed by writing them one after another. The search for the system call number
//! uses loads, comparisons and masks only: that is what the kernel can evaluate beforehand, and
//! with it a call that is allowed whatever its arguments costs one bit test instead of a run of
//! the program (`seccomp_is_const_allow`).

mod search;

use std::collections::BTreeMap;

use libc::{
    sock_filter, BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W,
};

use crate::rule::{Pointer, Rule, Switch};
use search::{match_values, ranges, search};

/// Offsets in `struct seccomp_data`.
const NR: u32 = 0;
const ARCH: u32 = 4;
const ARGS: u32 = 16;

#[cfg(target_arch = "x86_64")]
pub const AUDIT_ARCH: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
pub const AUDIT_ARCH: u32 = 0xC000_00B7;

/// x32 calls come with the architecture of x86-64 and this bit in their number. Numbers on other
/// architectures never reach it either, nor does the -1 of a tracer that skips a call.
pub const X32_BIT: u32 = 0x4000_0000;

type Block = Vec<sock_filter>;

/// The whole program: the architecture, then the table, then `unknown` for numbers outside of it.
pub fn compile(mut table: BTreeMap<u32, Rule>, unknown: &Rule) -> Block {
    let mut program = vec![
        load(ARCH),
        jump(BPF_JEQ, AUDIT_ARCH, 1, 0),
        ret(&Rule::Kill),
        load(NR),
    ];
    table.insert(X32_BIT, Rule::Kill);
    let mut ranges = ranges(&table, unknown);
    // The range behind X32_BIT runs to the end of the numbers.
    ranges.retain(|(start, _)| *start <= X32_BIT);
    program.extend(search(&ranges));
    program
}

fn block(rule: &Rule) -> Block {
    match rule {
        Rule::Switch(switch) => switch_block(switch),
        Rule::Pointer(pointer) => pointer_block(pointer),
        simple => vec![ret(simple)],
    }
}

fn switch_block(switch: &Switch) -> Block {
    let mut cases: Vec<(u32, &Rule)> = Vec::new();
    for (values, rule) in &switch.cases {
        for &value in values {
            if cases.iter().all(|(seen, _)| *seen != value) {
                cases.push((value, rule));
            }
        }
    }
    cases.sort_by_key(|(value, _)| *value);
    let mut out = vec![load(low_half(switch.arg))];
    if switch.mask != u32::MAX {
        out.push(statement(BPF_ALU | BPF_AND | BPF_K, switch.mask));
    }
    out.extend(match_values(&cases, &switch.otherwise));
    out
}

fn pointer_block(pointer: &Pointer) -> Block {
    let (null, set) = (block(&pointer.null), block(&pointer.set));
    // `set` is reached from both halves, so it is written twice: both are one or a few returns.
    let mut high_half = vec![load(low_half(pointer.arg) + 4)];
    high_half.extend(branch(BPF_JEQ, 0, null, set.clone()));
    let mut out = vec![load(low_half(pointer.arg))];
    out.extend(branch(BPF_JEQ, 0, high_half, set));
    out
}

/// `yes` if the comparison of the accumulator with `k` holds, else `no`.
fn branch(comparison: u32, k: u32, yes: Block, no: Block) -> Block {
    let mut out = Vec::with_capacity(yes.len() + no.len() + 2);
    match u8::try_from(no.len()) {
        Ok(over_no) => out.push(jump(comparison, k, over_no, 0)),
        // Conditional jumps reach 255 instructions, unconditional ones have 32 bits.
        Err(_) => {
            out.push(jump(comparison, k, 0, 1));
            out.push(statement(BPF_JMP | BPF_JA, no.len() as u32));
        }
    }
    out.extend(no);
    out.extend(yes);
    out
}

fn low_half(arg: u8) -> u32 {
    ARGS + 8 * u32::from(arg)
}

fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

fn jump(comparison: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: (BPF_JMP | comparison | BPF_K) as u16,
        jt,
        jf,
        k,
    }
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

/// The return of a rule that does not look at arguments; anything else would be a mistake in this
/// file and ends the process.
fn ret(rule: &Rule) -> sock_filter {
    statement(BPF_RET | BPF_K, action(rule))
}

pub fn action(rule: &Rule) -> u32 {
    match rule {
        Rule::Allow => libc::SECCOMP_RET_ALLOW,
        Rule::Errno(errno) => libc::SECCOMP_RET_ERRNO | (*errno as u32 & libc::SECCOMP_RET_DATA),
        Rule::Notify => libc::SECCOMP_RET_USER_NOTIF,
        Rule::Kill | Rule::Switch(_) | Rule::Pointer(_) => libc::SECCOMP_RET_KILL_PROCESS,
    }
}
