//! Compiles rules to classic BPF (seccomp(2), and `Documentation/networking/filter.rst` of the kernel).
//!
//! Every block ends in a return on each of its paths and jumps only forwards within itself, so
//! blocks are composed by writing them one after another. The search for the system call number
//! uses loads, comparisons and masks only: that is what the kernel can evaluate beforehand, and
//! with it a call that is allowed whatever its arguments costs one bit test instead of a run of
//! the program (`seccomp_is_const_allow`).

use std::collections::BTreeMap;

use libc::{
    sock_filter, BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD,
    BPF_RET, BPF_W,
};

use crate::rule::{Pointer, Rule, Switch};

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

/// Sorted starts of ranges of equal rules; the first starts at zero.
fn ranges<'a>(table: &'a BTreeMap<u32, Rule>, gap: &'a Rule) -> Vec<(u32, &'a Rule)> {
    let mut ranges: Vec<(u32, &Rule)> = Vec::with_capacity(table.len() * 2 + 1);
    let mut push = |start: u32, rule: &'a Rule| match ranges.last() {
        Some((_, last)) if *last == rule => {}
        _ => ranges.push((start, rule)),
    };
    let mut next = 0u32;
    let mut full = false;
    for (&value, rule) in table {
        if value > next {
            push(next, gap);
        }
        push(value, rule);
        match value.checked_add(1) {
            Some(n) => next = n,
            None => full = true,
        }
    }
    if !full {
        push(next, gap);
    }
    ranges
}

/// A balanced search for the accumulator's value.
fn search(ranges: &[(u32, &Rule)]) -> Block {
    match ranges {
        [] => vec![ret(&Rule::Kill)],
        [(_, rule)] => block(rule),
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            branch(BPF_JGE, high[0].0, search(high), search(low))
        }
    }
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

/// Few values are compared one by one, so that those with the same outcome share its block; more are halved first.
/// Installing a program costs 0.1 us an instruction.
fn match_values(cases: &[(u32, &Rule)], otherwise: &Rule) -> Block {
    const ONE_BY_ONE: usize = 12;
    if cases.len() > ONE_BY_ONE {
        let (low, high) = cases.split_at(cases.len() / 2);
        return branch(
            BPF_JGE,
            high[0].0,
            match_values(high, otherwise),
            match_values(low, otherwise),
        );
    }
    let mut outcomes: Vec<&Rule> = Vec::new();
    for (_, rule) in cases {
        if !outcomes.contains(rule) {
            outcomes.push(rule);
        }
    }
    // Behind the comparisons: the block of `otherwise`, then that of each outcome.
    let mut blocks = block(otherwise);
    let mut starts = Vec::with_capacity(outcomes.len());
    for rule in &outcomes {
        starts.push(blocks.len());
        blocks.extend(block(rule));
    }
    let mut out = Block::with_capacity(cases.len() + blocks.len());
    for (at, (value, rule)) in cases.iter().enumerate() {
        let start = outcomes
            .iter()
            .position(|outcome| outcome == rule)
            .map_or(0, |i| starts[i]);
        let over = u8::try_from(cases.len() - at - 1 + start)
            .expect("a dozen short blocks lie within a conditional jump");
        out.push(jump(BPF_JEQ, *value, over, 0));
    }
    out.extend(blocks);
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
